#ifndef CARPOOL_POOL_JANITOR_H
#define CARPOOL_POOL_JANITOR_H

#include "pool/pool.h"

/* The clock's work on the shelf; see pool_sweep(). Any thread, one at a time. */
void janitor_sweep(struct pool *pool);

/* What an operator wants closed; see pool_close_parked() and pool_close_id(). Any thread. */
uint64_t janitor_close_host(struct pool *pool, const char *host, uint16_t port);
bool janitor_close_id(struct pool *pool, uint64_t id);

#endif
