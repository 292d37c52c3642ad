#ifndef CARPOOL_POOL_FOLLOW_H
#define CARPOOL_POOL_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/key.h"
#include "pool/lane.h"
#include "pool/upstream.h"

/*
 * Does the host's name lead elsewhere by now than to where this connection goes? Asked of the
 * cache of names when the time of the answer that led there is over. A name that nobody knows
 * any more is asked for meanwhile, and the connection is used once more. Never where no name
 * server had led there, nor without pool.follow_dns. The lane's thread.
 */
bool follow_has_left(struct lane *lane, const struct pool_key *key, struct upstream *upstream,
                     uint64_t now_us);

#endif
