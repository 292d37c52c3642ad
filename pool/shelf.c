/*
 * The protocol of the shared shelf: take, give, release, leave. Any thread. Under a shard's
 * lock lists and counts change and nothing else happens: streams are closed, waiters told and
 * other shards looked into after it was dropped. See docs/pool.md.
 */
#include "pool/shelf.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pool/shelf_inside.h"

struct shelf *
shelf_new(const struct pool_limits *limits,
          void (*on_evicted)(void *arg, struct upstream *upstream), void *arg)
{
    struct shelf *shelf = xcalloc(1, sizeof(*shelf));

    shelf->limits = limits;
    shelf->on_evicted = on_evicted;
    shelf->arg = arg;
    for (size_t i = 0; i < SHELF_SHARDS; i++)
        shard_init(&shelf->shards[i]);
    return shelf;
}

void
shelf_free(struct shelf *shelf)
{
    if (shelf == NULL)
        return;
    assert(atomic_load(&shelf->total) == 0 && atomic_load(&shelf->waiting) == 0);
    for (size_t i = 0; i < SHELF_SHARDS; i++)
        shard_fini(&shelf->shards[i]);
    free(shelf);
}

/* By the top bits of the hash, since the map of buckets goes by the lowest ones. */
static struct shard *
shard_of(struct shelf *shelf, const struct pool_key *key)
{
    return &shelf->shards[key->hash >> 58];
}

static uint64_t
fresh_us(const struct shelf *shelf)
{
    return (uint64_t)limit_of(&shelf->limits->fresh_for_unsafe_ms) * 1000;
}

/* Under the lock, whenever a bucket's queue or its open count changed. */
static void
note_starving(struct shelf *shelf, struct bucket *bucket)
{
    int change = bucket_note_starving(bucket, limit_of(&shelf->limits->max_per_host));

    if (change > 0)
        atomic_fetch_add(&shelf->starving, 1);
    else if (change < 0)
        atomic_fetch_sub(&shelf->starving, 1);
}

/* Under the lock. The share of the total is the caller's to pass on or to give back. */
static void
free_slot(struct shelf *shelf, struct bucket *bucket)
{
    assert(bucket->open > 0);
    bucket->open--;
    note_starving(shelf, bucket);
    bucket_drop(bucket);
}

/* Under the lock: takes the waiter off its list, nothing granted. */
static void
unwait(struct shelf *shelf, struct shelf_waiter *waiter)
{
    if (waiter->state == WAITER_QUEUED)
        atomic_fetch_sub(&shelf->waiting, 1);
    bucket_unwait(waiter);
    note_starving(shelf, waiter->bucket);
}

/* Under the lock; after it, the waiter is to be told. */
static void
grant(struct shelf *shelf, struct shelf_waiter *waiter, struct upstream *stream,
      struct bucket *slot)
{
    unwait(shelf, waiter);
    waiter->state = WAITER_GRANTED;
    waiter->gift = (struct shelf_gift){stream, slot};
}

static void
evict(struct shelf *shelf, struct upstream *upstream)
{
    upstream->bucket = NULL;
    shelf->on_evicted(shelf->arg, upstream);
}

/* The shard that shows the least of these values, or NULL where none shows one. */
static struct shard *
least_shard(struct shelf *shelf, enum shown which)
{
    struct shard *least = NULL;
    uint64_t least_value = SHOWN_NONE;

    for (size_t i = 0; i < SHELF_SHARDS; i++) {
        uint64_t value = atomic_load(&shelf->shards[i].shown[which]);

        if (value < least_value) {
            least_value = value;
            least = &shelf->shards[i];
        }
    }
    return least;
}

/*
 * Evicts the least recently used stream of all; its share of the total is the caller's now.
 * Only one lock at a time: between choosing a shard and locking it another thread may have
 * taken what lay there.
 */
static bool
evict_oldest(struct shelf *shelf)
{
    for (unsigned tries = 0; tries < SHELF_SHARDS; tries++) {
        struct shard *shard = least_shard(shelf, SHOWN_USED_US);
        struct upstream *oldest;

        if (shard == NULL)
            return false;
        pthread_mutex_lock(&shard->lock);
        oldest = TAILQ_FIRST(&shard->parked);
        if (oldest != NULL) {
            bucket_unpark(oldest);
            free_slot(shelf, oldest->bucket);
        }
        pthread_mutex_unlock(&shard->lock);
        if (oldest != NULL) {
            evict(shelf, oldest);
            return true;
        }
    }
    return false;
}

/* A share of the total: a free one, or that of a stream evicted for it. */
static bool
obtain_share(struct shelf *shelf)
{
    for (;;) {
        if (limit_reserve(&shelf->total, &shelf->limits->max_total))
            return true;
        if (!evict_oldest(shelf))
            return false;
        if (atomic_load(&shelf->total) <= limit_of(&shelf->limits->max_total))
            return true;
        /* The limit was lowered: this one is not replaced. */
        atomic_fetch_sub(&shelf->total, 1);
    }
}

/*
 * Gives a share of the total, which the caller reserved, to the oldest starving waiter of a
 * shard. self is not told but JOINED at once. NULL: nobody starves there any more.
 */
static struct shelf_waiter *
grant_starving(struct shelf *shelf, struct shard *shard, struct shelf_waiter *self)
{
    struct shelf_waiter *waiter = NULL;
    struct bucket *bucket;

    pthread_mutex_lock(&shard->lock);
    bucket = TAILQ_FIRST(&shard->starving);
    if (bucket != NULL) {
        waiter = TAILQ_FIRST(&bucket->queued);
        bucket->open++;
        grant(shelf, waiter, NULL, bucket);
        if (waiter == self)
            bucket_wait(bucket, self, WAITER_JOINED);
    }
    pthread_mutex_unlock(&shard->lock);
    return waiter;
}

/*
 * Serves those who wait for the total only, oldest first, as far as it has room or something
 * parked can make room. Whoever changes one side calls this after it: a waiter after it is
 * counted as starving, others after the total fell or a stream was parked. Both sides are
 * sequentially consistent, so one of them sees the other. True if self was served.
 */
static bool
shelf_feed(struct shelf *shelf, struct shelf_waiter *self)
{
    bool is_served = false;

    while (atomic_load(&shelf->starving) > 0) {
        struct shard *shard = least_shard(shelf, SHOWN_RANK);
        struct shelf_waiter *waiter;

        if (shard == NULL)
            break;
        if (!obtain_share(shelf))
            break;
        waiter = grant_starving(shelf, shard, self);
        if (waiter == NULL)
            atomic_fetch_sub(&shelf->total, 1);
        else if (waiter == self)
            is_served = true;
        else
            waiter->on_granted(waiter);
    }
    return is_served;
}

static void
release_total(struct shelf *shelf)
{
    atomic_fetch_sub(&shelf->total, 1);
    shelf_feed(shelf, NULL);
}

/*
 * Under the lock: a slot for a newcomer, or NULL at a cap. At the host's own cap what is parked
 * (it did not suit, or it would have been taken) makes room: *evicted.
 */
static struct bucket *
take_slot(struct shelf *shelf, struct bucket *bucket, struct upstream **evicted)
{
    if (bucket->open >= limit_of(&shelf->limits->max_per_host)) {
        *evicted = TAILQ_LAST(&bucket->parked, upstream_list);
        if (*evicted == NULL)
            return NULL;
        bucket_unpark(*evicted);
        return bucket;
    }
    if (!limit_reserve(&shelf->total, &shelf->limits->max_total))
        return NULL;
    bucket->open++;
    return bucket;
}

/* Under the lock. Once the waiter is on a list, its gift is others' to write: hence got. */
static enum shelf_got
take_locked(struct shelf *shelf, struct bucket *bucket, struct shelf_waiter *waiter,
            struct shelf_gift *got, struct upstream **evicted)
{
    got->stream = bucket_pick(bucket, waiter->want, fresh_us(shelf), clock_now_us());
    if (got->stream != NULL) {
        bucket_unpark(got->stream);
        return SHELF_GOT_STREAM;
    }
    if (waiter->rank == 0)
        waiter->rank = atomic_fetch_add(&shelf->last_rank, 1) + 1;
    if (!waiter->has_slot && TAILQ_EMPTY(&bucket->queued))
        got->slot = take_slot(shelf, bucket, evicted);
    if (waiter->has_slot || got->slot != NULL) {
        bucket_wait(bucket, waiter, WAITER_JOINED);
        return SHELF_GOT_SLOT;
    }
    bucket_wait(bucket, waiter, WAITER_QUEUED);
    atomic_fetch_add(&shelf->waiting, 1);
    note_starving(shelf, bucket);
    return SHELF_GOT_QUEUE;
}

enum shelf_got
shelf_take(struct shelf *shelf, const struct pool_key *key, struct shelf_waiter *waiter,
           struct shelf_gift *got)
{
    struct shard *shard = shard_of(shelf, key);
    struct upstream *evicted = NULL;
    enum shelf_got result;

    *got = (struct shelf_gift){NULL, NULL};
    pthread_mutex_lock(&shard->lock);
    result = take_locked(shelf, bucket_obtain(shard, key), waiter, got, &evicted);
    pthread_mutex_unlock(&shard->lock);
    if (evicted != NULL)
        evict(shelf, evicted);
    if (result != SHELF_GOT_QUEUE)
        return result;
    if (shelf_feed(shelf, waiter)) {
        got->slot = waiter->bucket;
        return SHELF_GOT_SLOT;
    }
    if (atomic_load(&shelf->waiting) > limit_of(&shelf->limits->max_waiting) &&
        shelf_leave(shelf, waiter))
        return SHELF_GOT_FULL;
    return SHELF_GOT_QUEUE;
}

/*
 * Under the lock: who gets a slot that this bucket no longer needs, or NULL where the limits
 * were lowered or somebody of another host has starved for longer.
 */
static struct shelf_waiter *
slot_taker(struct shelf *shelf, struct bucket *bucket)
{
    struct shelf_waiter *oldest = TAILQ_FIRST(&bucket->queued);
    struct shard *starving;

    if (oldest == NULL || bucket->open > limit_of(&shelf->limits->max_per_host) ||
        atomic_load(&shelf->total) > limit_of(&shelf->limits->max_total))
        return NULL;
    if (atomic_load(&shelf->starving) == 0)
        return oldest;
    starving = least_shard(shelf, SHOWN_RANK);
    if (starving != NULL && atomic_load(&starving->shown[SHOWN_RANK]) < oldest->rank)
        return NULL;
    return oldest;
}

/* Under the lock: parks it, or returns who must go instead: it, or the bucket's oldest. */
static struct upstream *
park(struct shelf *shelf, struct bucket *bucket, struct upstream *upstream)
{
    struct upstream *oldest;

    if (!TAILQ_EMPTY(&bucket->queued) || bucket->open > limit_of(&shelf->limits->max_per_host))
        return upstream;
    bucket_park(bucket, upstream);
    if (bucket->parked_count <= limit_of(&shelf->limits->max_parked_per_host))
        return NULL;
    oldest = TAILQ_LAST(&bucket->parked, upstream_list);
    bucket_unpark(oldest);
    return oldest;
}

void
shelf_give(struct shelf *shelf, struct upstream *upstream)
{
    struct bucket *bucket = upstream->bucket;
    struct shard *shard = bucket->shard;
    struct upstream *evicted = NULL;
    struct shelf_waiter *taker;
    uint64_t now_us = clock_now_us();

    pthread_mutex_lock(&shard->lock);
    taker = bucket_taker(bucket, upstream, fresh_us(shelf), now_us);
    if (taker != NULL) {
        grant(shelf, taker, upstream, NULL);
    } else if ((taker = slot_taker(shelf, bucket)) != NULL) {
        /* Nobody may have the stream, but somebody waits for its slot. */
        evicted = upstream;
        grant(shelf, taker, NULL, bucket);
    } else {
        evicted = park(shelf, bucket, upstream);
        if (evicted != NULL)
            free_slot(shelf, bucket);
    }
    pthread_mutex_unlock(&shard->lock);
    if (evicted != NULL)
        evict(shelf, evicted);
    if (taker != NULL)
        taker->on_granted(taker);
    else if (evicted != NULL)
        release_total(shelf);
    else
        shelf_feed(shelf, NULL);
}

void
shelf_release(struct shelf *shelf, struct bucket *slot)
{
    struct shard *shard = slot->shard;
    struct shelf_waiter *taker;

    pthread_mutex_lock(&shard->lock);
    taker = slot_taker(shelf, slot);
    if (taker != NULL)
        grant(shelf, taker, NULL, slot);
    else
        free_slot(shelf, slot);
    pthread_mutex_unlock(&shard->lock);
    if (taker != NULL)
        taker->on_granted(taker);
    else
        release_total(shelf);
}

bool
shelf_leave(struct shelf *shelf, struct shelf_waiter *waiter)
{
    struct shard *shard = waiter->shard;
    bool is_granted;

    /* It never had to wait. */
    if (shard == NULL)
        return true;
    pthread_mutex_lock(&shard->lock);
    is_granted = waiter->state == WAITER_GRANTED;
    if (waiter->state == WAITER_QUEUED || waiter->state == WAITER_JOINED) {
        unwait(shelf, waiter);
        bucket_drop(waiter->bucket);
    }
    pthread_mutex_unlock(&shard->lock);
    return !is_granted;
}

bool
shelf_evict(struct shelf *shelf)
{
    if (!evict_oldest(shelf))
        return false;
    release_total(shelf);
    return true;
}

static void
refresh_bucket(struct map_node *node, void *shelf)
{
    note_starving(shelf, MAP_OWNER(node, struct bucket, node));
}

void
shelf_refresh(struct shelf *shelf)
{
    for (size_t i = 0; i < SHELF_SHARDS; i++) {
        struct shard *shard = &shelf->shards[i];

        pthread_mutex_lock(&shard->lock);
        map_each(&shard->buckets, refresh_bucket, shelf);
        pthread_mutex_unlock(&shard->lock);
    }
    shelf_feed(shelf, NULL);
}
