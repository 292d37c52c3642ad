#ifndef CARPOOL_POOL_LANE_H
#define CARPOOL_POOL_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "base/stats.h"
#include "pool/holddown.h"
#include "pool/hosts.h"
#include "pool/limits.h"
#include "pool/pool.h"
#include "pool/quarantine.h"
#include "pool/quota.h"
#include "pool/shelf.h"
#include "pool/tuple_table.h"
#include "pool/upstream.h"

struct dial;

/* The inside of the pool, for dial, lease, janitor and pool.c. */
struct pool {
    struct pool_limits limits;
    struct shelf *shelf;
    struct tuple_table *table;
    struct hosts *hosts;
    struct times connect_times; /* of new connections to whatever host */
    struct times dns_times;
    struct times full_times; /* TLS handshakes, of either kind */
    struct times resumed_times;
    struct quarantine *quarantine;
    struct quotas *quotas;
    _Atomic uint64_t swept_us; /* what was parked then was seen alive after that */
    struct holddown *holddown;
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

/*
 * The pulse of a stream that should be silent. Bytes that nobody asked for put its host into
 * quarantine, unless they are its last word (a 408, RFC 9110 §15.5.9): with its end behind them
 * they cannot become somebody's answer. Any thread that owns it.
 */
enum pulse pool_probe(struct pool *pool, const struct pool_key *key,
                      const struct stream *stream);

/* Such bytes came from this connection, if it did not end behind them. Any thread. */
void pool_note_stray(struct pool *pool, const struct pool_key *key,
                     const struct stream *stream);

/*
 * A parked connection is no longer quiet: if its origin has ended it, that teaches the host's
 * habit. Its owner, before it is closed. Any thread.
 */
void pool_note_end(struct pool *pool, const struct upstream *upstream);

/* May connections to this host be used more than once? Any thread. */
bool pool_may_reuse(struct pool *pool, const struct pool_key *key);

#endif
