#ifndef CARPOOL_POOL_WAITING_H
#define CARPOOL_POOL_WAITING_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "pool/key.h"

struct pool;

/*
 * Who waits for a connection, for those who look on: at a cap of the shelf, or at that of its
 * client (quota.h).
 */
struct waiting {
    struct address client; /* AF_UNSPEC: unknown */
    uint64_t since_us;
};

/* A copy: such a lease has no connection, so it has no 4-tuple. */
struct waiting_view {
    struct address client;
    char host[POOL_HOST_SIZE];
    uint16_t port;
    uint64_t waited_ms;
};

/* Those of a moment. Whoever has a lock on a queue notes them; no more than there is room for.
 */
struct waiting_list {
    struct waiting_view *views;
    size_t room;
    size_t count;
    uint64_t now_us;
};

/* Notes one who waits for this key. */
void waiting_note(struct waiting_list *list, const struct pool_key *key,
                  const struct waiting *waiting);

/*
 * Calls visit with each lease that waits, without a lock; one that begins to meanwhile, or
 * gets on from its client's cap to the shelf's, may be missing. Any thread.
 */
void pool_each_waiting(struct pool *pool,
                       void (*visit)(const struct waiting_view *view, void *arg), void *arg);

#endif
