#ifndef CARPOOL_DNS_ANSWER_H
#define CARPOOL_DNS_ANSWER_H

#include <stddef.h>

#include "dns/resolver.h"

/* A list of its own, copied from addresses; the caller owns its one reference. */
struct answer *answer_new(const struct address *addresses, size_t count);

/* From now on it may be kept for so long. Before it is shared. */
void answer_keep(struct answer *answer, uint64_t ttl_ms);

#endif
