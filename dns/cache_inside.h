#ifndef CARPOOL_DNS_CACHE_INSIDE_H
#define CARPOOL_DNS_CACHE_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "dns/cache.h"

/* The cache itself: for cache.c, which runs the protocol, and cache_look.c, which looks on. */

TAILQ_HEAD(claim_list, cache_claim);

struct cache_entry {
    struct map_node node;
    TAILQ_ENTRY(cache_entry) link; /* in the order of use */
    struct claim_list claims;
    struct cache_claim *runner; /* of claims; NULL: nobody asks */
    struct answer *partial;
    bool is_mapped; /* false: evicted or cleared; goes with its last claim */
    bool is_known;
    unsigned round; /* settled so many times */
    uint64_t fresh_us;
    uint64_t stale_us; /* until when the answer may stand in for a failure */
    uint64_t due_us;   /* from when on it is asked anew ahead of its end */
    struct answer *answer;
    enum err err;
    enum err last_err;
    unsigned latency_ms;
    size_t name_size;
    char name[];
};

struct cache {
    pthread_mutex_t lock;
    struct map names;
    TAILQ_HEAD(cache_order, cache_entry) order; /* most recently used first */
    size_t at_most;
    uint64_t stale_for_us;
    _Atomic unsigned inflight;
    _Atomic unsigned max_inflight;
};

#endif
