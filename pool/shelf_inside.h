#ifndef CARPOOL_POOL_SHELF_INSIDE_H
#define CARPOOL_POOL_SHELF_INSIDE_H

#include <stdatomic.h>
#include <stdint.h>

#include "pool/bucket.h"
#include "pool/shelf.h"

/* The shelf itself: for shelf.c, which runs the protocol, and shelf_look.c, which looks on. */
struct shelf {
    const struct pool_limits *limits;
    void (*on_evicted)(void *arg, struct upstream *upstream);
    void *arg;
    _Atomic unsigned total;    /* slots reserved, over all buckets */
    _Atomic unsigned waiting;  /* QUEUED waiters */
    _Atomic unsigned starving; /* buckets; see bucket_note_starving() */
    _Atomic uint64_t last_rank;
    struct shard shards[SHELF_SHARDS];
};

#endif
