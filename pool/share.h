#ifndef CARPOOL_POOL_SHARE_H
#define CARPOOL_POOL_SHARE_H

#include "base/err.h"
#include "pool/lease_inside.h"

/*
 * pool.share_by_address: hosts of plain http that lead to one address and port share their
 * connections. A lease looks its host up before it takes; of the addresses that its rule allows
 * the least one is the key's, so that the order in which name servers give them splits nothing.
 */

/*
 * Makes the lease's key that of an address, if it is to be. ERR_AGAIN: the name is asked for,
 * and on_shared follows from the loop, with why not if it has no address, unless the queue
 * timer of connect_timeout_ms comes first. Otherwise the lease may take: under its host's own
 * key where the name led nowhere, which its dial will tell.
 */
enum err share_begin(struct lease *lease, void (*on_shared)(struct lease *lease, enum err err));

#endif
