#ifndef CARPOOL_POOL_SHELF_H
#define CARPOOL_POOL_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "pool/key.h"
#include "pool/limits.h"
#include "pool/tuple.h"
#include "pool/upstream.h"
#include "pool/waiting.h"

/*
 * The process-wide home of parked streams and of those who wait for one. It knows neither
 * names nor events: it counts, keeps order and hands over. 64 shards by key hash with one
 * plain mutex each; see docs/pool.md. Any thread, unless said otherwise.
 *
 * A *slot* is the right to have one connection open under a key. It is reserved in the key's
 * bucket and in the total. Who is given one holds it for a dial, which counts as under way
 * from then on; shelf_dialed() makes it an upstream's (its bucket pointer), shelf_undial()
 * gives it back without one, and shelf_release() when the upstream was closed.
 */
struct shelf;
struct shard;
struct bucket;

enum shelf_want {
    SHELF_ANY,
    SHELF_YOUNG, /* only what was in use a moment ago, or a slot */
    SHELF_FRESH, /* only what was never used nor parked, or a slot */
    SHELF_SLOT,  /* nobody else's stream at all */
};

/* Guarded by the shard's lock while the waiter is QUEUED or JOINED. */
enum waiter_state {
    WAITER_OUT,
    WAITER_QUEUED,  /* at a cap: takes a stream or a slot */
    WAITER_JOINED,  /* has a slot and dials: takes a stream if one comes first */
    WAITER_GRANTED, /* unlinked, on_granted called or about to be */
};

/* One of the two, owned by whoever gets it. */
struct shelf_gift {
    struct upstream *stream;
    struct bucket *slot;
    /* Of a take without a stream: */
    bool is_retired;  /* what is parked and would suit has only a moment left */
    bool is_unsuited; /* what is parked does not suit the waiter */
    bool is_busy;     /* others have connections under this key, or dial */
};

/*
 * One checkout, embedded in its lease. What stands before the empty line is the lease's to set
 * while it does not wait; the rest is the shelf's.
 */
struct shelf_waiter {
    enum shelf_want want;
    bool has_slot; /* holds a slot already: a dial is under way or will be */
    /* Called once after a grant, by whichever thread gave, without a lock. */
    void (*on_granted)(struct shelf_waiter *waiter);
    struct waiting waiting;

    enum waiter_state state;
    uint64_t rank; /* its place in the order; kept when it has to wait once more */
    struct shard *shard;
    struct bucket *bucket;
    TAILQ_ENTRY(shelf_waiter) entry;

    /* What it was granted. Others write it as soon as the waiter is on a list. */
    struct shelf_gift gift;
};

enum shelf_got {
    SHELF_GOT_STREAM, /* got->stream: to be probed, as nobody looked at it since it parked */
    SHELF_GOT_SLOT,   /* got->slot (NULL if it has one): dial; the waiter is JOINED */
    SHELF_GOT_QUEUE,  /* at a cap: the waiter is QUEUED */
    SHELF_GOT_FULL,   /* at a cap, and too many wait */
};

/*
 * on_evicted is given each stream that had to make room, without a lock, on any thread: it
 * closes it. The stream's slot is already somebody else's.
 */
struct shelf *shelf_new(const struct pool_limits *limits,
                        void (*on_evicted)(void *arg, struct upstream *upstream), void *arg);

/* When nothing is parked, leased, dialing or waiting. */
void shelf_free(struct shelf *shelf);

/* The newest parked stream that the waiter may have, else a slot, else a place in the queue. */
enum shelf_got shelf_take(struct shelf *shelf, const struct pool_key *key,
                          struct shelf_waiter *waiter, struct shelf_gift *got);

/*
 * Puts a live stream where any worker can take it: to the oldest waiter that may have it, else
 * to the parked ones of its bucket. If used_us was not set to now it goes to its place by age.
 */
void shelf_give(struct shelf *shelf, struct upstream *upstream);

/* Gives the slot of a closed stream back: to the oldest who waits for one. */
void shelf_release(struct shelf *shelf, struct bucket *slot);

/*
 * A dial became this stream, and the next one may begin. True: the stream is the waiter's,
 * which has left. False: there was none (NULL) or it was granted something before; the stream
 * was given to others.
 */
bool shelf_dialed(struct shelf *shelf, struct shelf_waiter *waiter, struct upstream *upstream);

/* Gives a slot back whose dial came to nothing, or did not begin. */
void shelf_undial(struct shelf *shelf, struct bucket *slot);

/*
 * A stream was closed because it was dead when it was used again: its slot is to be dialed in
 * once more. True: JOINED, dial. False: so many dial that the slot was given back; the waiter
 * is QUEUED, before all who were never served.
 */
bool shelf_redial(struct shelf *shelf, struct bucket *slot, struct shelf_waiter *waiter);

/*
 * The waiter waits no more. False: it was granted something before this came, and on_granted
 * was or will be called: the gift is the lease's.
 */
bool shelf_leave(struct shelf *shelf, struct shelf_waiter *waiter);

/* Evicts the stream that was used least recently, of all. False if nothing is parked. */
bool shelf_evict(struct shelf *shelf);

/*
 * Likewise, for the descriptor of one who brings no stream back, but only down to one parked in
 * eight open ones: however long a shortage lasts, it leaves some to those who are here already.
 * False: nothing was evicted.
 */
bool shelf_thin(struct shelf *shelf);

/* Limits changed: whoever they let in now gets a slot. */
void shelf_refresh(struct shelf *shelf);

/* For the janitor: shards are visited one after another, 0 to SHELF_SHARDS - 1. */
#define SHELF_SHARDS 64u

struct shelf_entry {
    uint64_t id;
    int fd; /* whoever takes the stream meanwhile may close it and the number be reused */
};

/*
 * Takes out what is spent or retired in a shard (their slots stay with them) and copies the
 * others, at most room of them. Returns how many were copied.
 */
size_t shelf_look(struct shelf *shelf, unsigned index, struct upstream_list *spent,
                  struct shelf_entry *entries, size_t room);

/*
 * Takes out those of a shard that match; their slots stay with them. match is asked under the
 * lock, so it looks at the upstream and at nothing else.
 */
typedef bool shelf_match(const struct upstream *upstream, const void *arg);
void shelf_pull(struct shelf *shelf, unsigned index, shelf_match *match, const void *arg,
                struct upstream_list *pulled);

/* Notes those who queue. */
void shelf_look_at_queues(struct shelf *shelf, struct waiting_list *list);

/* How many are parked in a shard, about now. */
size_t shelf_parked_in(const struct shelf *shelf, unsigned index);

struct shelf_counts {
    uint64_t open;
    uint64_t parked;
    uint64_t waiting;
    uint64_t buckets;
};
void shelf_count(struct shelf *shelf, struct shelf_counts *counts);

/*
 * Do the counts of each bucket equal its lists? True at any time, whatever others do meanwhile,
 * unless the limits are being changed. For tests.
 */
bool shelf_buckets_are_sound(struct shelf *shelf);

/*
 * Do the counts equal the lists, and does nobody wait for what is there? For tests and for
 * asserts at the end: true only means something while no other thread uses the shelf.
 */
bool shelf_is_sound(struct shelf *shelf);

#endif
