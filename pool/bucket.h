#ifndef CARPOOL_POOL_BUCKET_H
#define CARPOOL_POOL_BUCKET_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/map.h"
#include "pool/key.h"
#include "pool/limits.h"
#include "pool/shelf.h"
#include "pool/upstream.h"

/*
 * The lists of the shelf, without its protocol. Everything here is called under the shard's
 * lock and calls nobody.
 *
 *     shard ─► buckets ─► bucket ─► parked    newest use first
 *           │                   ├─► queued    oldest first: want a stream or a slot
 *           │                   └─► joined    oldest first: dial, and take a stream meanwhile
 *           ├─► parked    least recently used first, over all its buckets
 *           └─► starving  buckets under their own caps whose queue waits for the total, oldest
 */
TAILQ_HEAD(waiter_list, shelf_waiter);
TAILQ_HEAD(bucket_list, bucket);

struct bucket {
    struct map_node node;
    struct shard *shard;
    unsigned open;    /* slots: parked + leased + dialing */
    unsigned dialing; /* of these, without a stream yet: a dial is under way or about to be */
    unsigned parked_count;
    struct upstream_list parked;
    struct waiter_list queued;
    struct waiter_list joined;
    bool is_starving;
    uint64_t starving_rank; /* of its oldest queued waiter */
    TAILQ_ENTRY(bucket) in_starving;
    struct pool_key key;
};

/* What a shard shows to those who choose one: written under its lock, read without it. */
enum shown {
    SHOWN_USED_US, /* last use of the least recently used parked stream */
    SHOWN_RANK,    /* of the bucket that has starved longest */
    SHOWN_COUNT
};
#define SHOWN_NONE UINT64_MAX

struct shard {
    pthread_mutex_t lock;
    struct map buckets;
    struct upstream_list parked;
    struct bucket_list starving;
    _Atomic uint64_t shown[SHOWN_COUNT];
    _Atomic size_t parked_count;
    _Atomic size_t bucket_count;
    _Atomic unsigned *parked_total; /* of all shards */
};

void shard_init(struct shard *shard, _Atomic unsigned *parked_total);
void shard_fini(struct shard *shard);

/* The key's bucket, made if need be; bucket_drop() it when it may be empty. */
struct bucket *bucket_obtain(struct shard *shard, const struct pool_key *key);

/* Frees a bucket that counts nothing and for which nobody waits. */
void bucket_drop(struct bucket *bucket);

void bucket_park(struct bucket *bucket, struct upstream *upstream);
void bucket_unpark(struct upstream *upstream);

/*
 * The newest parked one that may answer this want and is not retired, or NULL. Notes whether
 * one was passed over because it is.
 */
struct upstream *bucket_pick(struct bucket *bucket, enum shelf_want want,
                             const struct pool_limits *limits, uint64_t now_us,
                             bool *is_retired);

/* The oldest waiter that may have this stream, or NULL. */
struct shelf_waiter *bucket_taker(struct bucket *bucket, const struct upstream *upstream,
                                  const struct pool_limits *limits, uint64_t now_us);

/* Puts a waiter into the queue or among the joined, at its rank. */
void bucket_wait(struct bucket *bucket, struct shelf_waiter *waiter, enum waiter_state state);
void bucket_unwait(struct shelf_waiter *waiter);

/* Do the bucket's own caps allow one more dial? What is parked there can make room for it. */
bool bucket_may_dial(const struct bucket *bucket, const struct pool_limits *limits);

/*
 * Notes whether the bucket's queue now waits for the total only. Returns by how much the
 * number of starving buckets changed: -1, 0 or 1.
 */
int bucket_note_starving(struct bucket *bucket, const struct pool_limits *limits);

/* Do the bucket's counts equal its lists, and is it known whether its queue starves? */
bool bucket_is_sound(const struct bucket *bucket, const struct pool_limits *limits);

#endif
