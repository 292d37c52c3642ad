#ifndef CARPOOL_POOL_LANE_H
#define CARPOOL_POOL_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "base/stats.h"
#include "pool/limits.h"
#include "pool/pool.h"
#include "pool/shelf.h"
#include "pool/tuple_table.h"
#include "pool/upstream.h"

struct dial;

/* The inside of the pool, for dial, lease, janitor and pool.c. */
struct pool {
    struct pool_limits limits;
    struct shelf *shelf;
    struct tuple_table *table;
    _Atomic unsigned tunnels;
    _Atomic unsigned pinned;
    stat_counter stats[POOL_STAT_COUNT]; /* what no lane did; written by any thread */
};

/* Belongs to its base's thread. */
struct lane {
    struct pool *pool;
    struct event_base *base;
    struct mailbox *mailbox;
    struct resolver *resolver;
    stat_counter *stats;
    LIST_HEAD(, dial) dials;
    unsigned lease_count; /* cancelled ones whose letter was not read yet included */
    bool is_freed;        /* goes with its last lease */
};

/* A lease begins or ends. The lane may be gone after the end. */
void lane_enter(struct lane *lane);
void lane_leave(struct lane *lane);

/* Closes an upstream that holds a slot and releases the slot. Not under a lock. */
void lane_discard(struct lane *lane, struct upstream *upstream);
void pool_discard(struct pool *pool, struct upstream *upstream);

#endif
