#ifndef CARPOOL_POOL_SHELF_INSIDE_H
#define CARPOOL_POOL_SHELF_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "pool/bucket.h"
#include "pool/shelf.h"

/*
 * The shelf itself: for shelf.c, which runs the protocol in one bucket, shelf_feed.c, which
 * looks after what all buckets share, and shelf_look.c, which looks on.
 */
struct shelf {
    const struct pool_limits *limits;
    void (*on_evicted)(void *arg, struct upstream *upstream);
    void *arg;
    _Atomic unsigned total;    /* slots reserved, over all buckets */
    _Atomic unsigned parked;   /* in all shards */
    _Atomic unsigned waiting;  /* QUEUED waiters */
    _Atomic unsigned starving; /* buckets; see bucket_note_starving() */
    _Atomic uint64_t last_rank;
    _Atomic uint64_t last_redial_rank;
    pthread_mutex_t thin_lock; /* comes before a shard's */
    struct shard shards[SHELF_SHARDS];
};

/* ---- under the shard's lock ---- */

/* Whenever a bucket's queue or one of its counts changed. */
void shelf_note_starving(struct shelf *shelf, struct bucket *bucket);

/* The share of the total is the caller's, to pass on or to give back. */
void shelf_free_slot(struct shelf *shelf, struct bucket *bucket);

/* At the host's cap what is parked, which suits nobody who waits, makes room: *evicted. */
void shelf_make_room(struct shelf *shelf, struct bucket *bucket, struct upstream **evicted);

/* The stream or the slot; who gets a slot dials. After the lock the waiter is to be told. */
void shelf_grant(struct shelf *shelf, struct shelf_waiter *waiter, struct upstream *stream,
                 struct bucket *slot);

/* ---- without a lock ---- */

/* The shard that shows the least of these values, or NULL where none shows one. */
struct shard *shelf_least(struct shelf *shelf, enum shown which);

/* Closes what was evicted; who has its slot and its share of the total now is the caller's. */
void shelf_close(struct shelf *shelf, struct upstream *upstream);

/*
 * Serves those who wait for the total only, oldest first, as far as it has room or something
 * parked can make room. Whoever changes one side calls this after it: a waiter after it is
 * counted as starving, others after the total fell, a stream was parked or a dial ended. Both
 * sides are sequentially consistent, so one of them sees the other. True if self was served.
 */
bool shelf_feed(struct shelf *shelf, struct shelf_waiter *self);

/* Are more parked than may be? Then the least recently used one goes. */
void shelf_trim(struct shelf *shelf);

/* Gives a share of the total back. */
void shelf_release_total(struct shelf *shelf);

#endif
