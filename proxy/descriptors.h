#ifndef CARPOOL_PROXY_DESCRIPTORS_H
#define CARPOOL_PROXY_DESCRIPTORS_H

#include <stddef.h>

#include "proxy/config.h"

/* As many descriptors as the system allows: the soft limit is raised to the hard one. */
void descriptors_raise(void);

/*
 * Lowers proxy.max_clients, pool.max_total and pool.max_tunnels to what the limit of open files
 * lets in, pool.max_parked to pool.descriptor_share of it, and logs it: of what `workers`
 * threads leave, clients get at least half, since a request needs one descriptor on either
 * side; parked connections give theirs away when they are needed. Nothing is ever allocated by
 * that limit. Before the config is shared.
 */
void descriptors_fit(struct config *config, size_t workers);

#endif
