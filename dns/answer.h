#ifndef CARPOOL_DNS_ANSWER_H
#define CARPOOL_DNS_ANSWER_H

#include <stddef.h>

#include "dns/resolver.h"

/* A list of its own, copied from addresses; the caller owns its one reference. */
struct answer *answer_new(const struct address *addresses, size_t count);

#endif
