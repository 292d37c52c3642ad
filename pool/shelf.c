/*
 * The protocol of the shared shelf: take, give, dialed, release, leave. Any thread. Under a
 * shard's lock lists and counts change and nothing else happens: streams are closed, waiters
 * told and other shards looked into after it was dropped. See docs/pool.md.
 */
#include "pool/shelf.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "pool/shelf_inside.h"

/* Ranks below it are theirs who were served a dead stream: they come before all others. */
#define RANK_FIRST (UINT64_C(1) << 63)

struct shelf *
shelf_new(const struct pool_limits *limits,
          void (*on_evicted)(void *arg, struct upstream *upstream), void *arg)
{
    struct shelf *shelf = xcalloc(1, sizeof(*shelf));

    shelf->limits = limits;
    shelf->on_evicted = on_evicted;
    shelf->arg = arg;
    atomic_init(&shelf->last_rank, RANK_FIRST);
    pthread_mutex_init(&shelf->thin_lock, NULL);
    for (size_t i = 0; i < SHELF_SHARDS; i++)
        shard_init(&shelf->shards[i], &shelf->parked);
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
    pthread_mutex_destroy(&shelf->thin_lock);
    free(shelf);
}

static struct shard *
shard_of(struct shelf *shelf, const struct pool_key *key)
{
    return &shelf->shards[hash_shard(key->hash, SHELF_SHARDS)];
}

void
shelf_note_starving(struct shelf *shelf, struct bucket *bucket)
{
    int change = bucket_note_starving(bucket, shelf->limits);

    if (change > 0)
        atomic_fetch_add(&shelf->starving, 1);
    else if (change < 0)
        atomic_fetch_sub(&shelf->starving, 1);
}

void
shelf_free_slot(struct shelf *shelf, struct bucket *bucket)
{
    assert(bucket->open > 0);
    bucket->open--;
    shelf_note_starving(shelf, bucket);
    bucket_drop(bucket);
}

/* Under the lock: takes the waiter off its list, nothing granted. */
static void
unwait(struct shelf *shelf, struct shelf_waiter *waiter)
{
    if (waiter->state == WAITER_QUEUED)
        atomic_fetch_sub(&shelf->waiting, 1);
    bucket_unwait(waiter);
    shelf_note_starving(shelf, waiter->bucket);
}

void
shelf_grant(struct shelf *shelf, struct shelf_waiter *waiter, struct upstream *stream,
            struct bucket *slot)
{
    if (slot != NULL)
        slot->dialing++;
    unwait(shelf, waiter);
    waiter->state = WAITER_GRANTED;
    waiter->gift = (struct shelf_gift){.stream = stream, .slot = slot};
}

/*
 * Under the lock: a slot for a newcomer, or NULL at a cap. If one of the bucket's own makes
 * room for it, it takes over its share of the total.
 */
static struct bucket *
take_slot(struct shelf *shelf, struct bucket *bucket, struct upstream **evicted)
{
    if (!bucket_may_dial(bucket, shelf->limits))
        return NULL;
    shelf_make_room(shelf, bucket, evicted);
    if (*evicted == NULL && !limit_reserve(&shelf->total, &shelf->limits->max_total))
        return NULL;
    bucket->open++;
    bucket->dialing++;
    return bucket;
}

/* Under the lock. */
static void
queue(struct shelf *shelf, struct bucket *bucket, struct shelf_waiter *waiter)
{
    bucket_wait(bucket, waiter, WAITER_QUEUED);
    atomic_fetch_add(&shelf->waiting, 1);
    shelf_note_starving(shelf, bucket);
}

/* Under the lock. Once the waiter is on a list, its gift is others' to write: hence got. */
static enum shelf_got
take_locked(struct shelf *shelf, struct bucket *bucket, struct shelf_waiter *waiter,
            struct shelf_gift *got, struct upstream **evicted)
{
    /* What is retired the janitor closes, or sees how it ends. */
    got->stream =
        bucket_pick(bucket, waiter->want, shelf->limits, clock_now_us(), &got->is_retired);
    if (got->stream != NULL) {
        bucket_unpark(got->stream);
        shelf_note_starving(shelf, bucket);
        return SHELF_GOT_STREAM;
    }
    got->is_unsuited = bucket->parked_count > 0 && !got->is_retired;
    got->is_busy = bucket->open > bucket->parked_count + waiter->has_slot;
    if (waiter->rank == 0)
        waiter->rank = atomic_fetch_add(&shelf->last_rank, 1) + 1;
    if (!waiter->has_slot && TAILQ_EMPTY(&bucket->queued))
        got->slot = take_slot(shelf, bucket, evicted);
    if (waiter->has_slot || got->slot != NULL) {
        bucket_wait(bucket, waiter, WAITER_JOINED);
        return SHELF_GOT_SLOT;
    }
    queue(shelf, bucket, waiter);
    return SHELF_GOT_QUEUE;
}

enum shelf_got
shelf_take(struct shelf *shelf, const struct pool_key *key, struct shelf_waiter *waiter,
           struct shelf_gift *got)
{
    struct shard *shard = shard_of(shelf, key);
    struct upstream *evicted = NULL;
    enum shelf_got result;

    *got = (struct shelf_gift){.stream = NULL};
    pthread_mutex_lock(&shard->lock);
    result = take_locked(shelf, bucket_obtain(shard, key), waiter, got, &evicted);
    pthread_mutex_unlock(&shard->lock);
    if (evicted != NULL)
        shelf_close(shelf, evicted);
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
 * Under the lock: who gets a slot that this bucket no longer needs, or NULL where so many dial
 * already, the limits were lowered or somebody of another host has starved for longer.
 */
static struct shelf_waiter *
slot_taker(struct shelf *shelf, struct bucket *bucket)
{
    struct shelf_waiter *oldest = TAILQ_FIRST(&bucket->queued);
    struct shard *starving;

    if (oldest == NULL || bucket->open > limit_of(&shelf->limits->max_per_host) ||
        bucket->dialing >= limit_of(&shelf->limits->max_dials_per_host) ||
        atomic_load(&shelf->total) > limit_of(&shelf->limits->max_total))
        return NULL;
    if (atomic_load(&shelf->starving) == 0)
        return oldest;
    starving = shelf_least(shelf, SHOWN_RANK);
    if (starving != NULL && atomic_load(&starving->shown[SHOWN_RANK]) < oldest->rank)
        return NULL;
    return oldest;
}

/* Under the lock: parks it, or returns who must go instead: it, or the bucket's oldest. */
static struct upstream *
park(struct shelf *shelf, struct bucket *bucket, struct upstream *upstream)
{
    struct upstream *oldest;

    /* Whoever queues and may not have it has use for its slot, unless dials are what it lacks.
     */
    if (bucket->open > limit_of(&shelf->limits->max_per_host) ||
        (!TAILQ_EMPTY(&bucket->queued) &&
         bucket->dialing < limit_of(&shelf->limits->max_dials_per_host)))
        return upstream;
    bucket_park(bucket, upstream);
    if (bucket->parked_count <= limit_of(&shelf->limits->max_parked_per_host))
        return NULL;
    oldest = TAILQ_LAST(&bucket->parked, upstream_list);
    bucket_unpark(oldest);
    return oldest;
}

/* What was decided under the lock and is to be done after it. */
struct upshot {
    struct shelf_waiter *taker; /* to be told */
    struct upstream *evicted;   /* to be closed; its slot is the taker's, or free */
};

/* Under the lock. */
static struct upshot
give_locked(struct shelf *shelf, struct bucket *bucket, struct upstream *upstream)
{
    struct upshot upshot = {NULL, NULL};

    upshot.taker = bucket_taker(bucket, upstream, shelf->limits, clock_now_us());
    if (upshot.taker != NULL) {
        shelf_grant(shelf, upshot.taker, upstream, NULL);
    } else if ((upshot.taker = slot_taker(shelf, bucket)) != NULL) {
        /* Nobody may have the stream, but somebody waits for its slot. */
        upshot.evicted = upstream;
        shelf_grant(shelf, upshot.taker, NULL, bucket);
    } else {
        upshot.evicted = park(shelf, bucket, upstream);
        if (upshot.evicted != NULL)
            shelf_free_slot(shelf, bucket);
    }
    return upshot;
}

static void
follow_up(struct shelf *shelf, const struct upshot *upshot)
{
    if (upshot->evicted != NULL)
        shelf_close(shelf, upshot->evicted);
    if (upshot->taker != NULL)
        upshot->taker->on_granted(upshot->taker);
    else if (upshot->evicted != NULL)
        atomic_fetch_sub(&shelf->total, 1);
    shelf_feed(shelf, NULL);
    shelf_trim(shelf);
}

void
shelf_give(struct shelf *shelf, struct upstream *upstream)
{
    struct bucket *bucket = upstream->bucket;
    struct shard *shard = bucket->shard;
    struct upshot upshot;

    pthread_mutex_lock(&shard->lock);
    upshot = give_locked(shelf, bucket, upstream);
    pthread_mutex_unlock(&shard->lock);
    follow_up(shelf, &upshot);
}

/* Under the lock. */
static struct shelf_waiter *
release_locked(struct shelf *shelf, struct bucket *slot)
{
    struct shelf_waiter *taker = slot_taker(shelf, slot);

    if (taker != NULL)
        shelf_grant(shelf, taker, NULL, slot);
    else
        shelf_free_slot(shelf, slot);
    return taker;
}

static void
release(struct shelf *shelf, struct bucket *slot, bool is_dialing)
{
    struct shard *shard = slot->shard;
    struct shelf_waiter *taker;

    pthread_mutex_lock(&shard->lock);
    if (is_dialing)
        slot->dialing--;
    taker = release_locked(shelf, slot);
    pthread_mutex_unlock(&shard->lock);
    if (taker != NULL)
        taker->on_granted(taker);
    else
        shelf_release_total(shelf);
}

void
shelf_release(struct shelf *shelf, struct bucket *slot)
{
    release(shelf, slot, false);
}

void
shelf_undial(struct shelf *shelf, struct bucket *slot)
{
    release(shelf, slot, true);
}

bool
shelf_dialed(struct shelf *shelf, struct shelf_waiter *waiter, struct upstream *upstream)
{
    struct bucket *bucket = upstream->bucket;
    struct shard *shard = bucket->shard;
    struct upshot upshot = {NULL, NULL};
    bool is_theirs;

    pthread_mutex_lock(&shard->lock);
    bucket->dialing--;
    shelf_note_starving(shelf, bucket);
    is_theirs = waiter != NULL && waiter->state == WAITER_JOINED;
    if (is_theirs)
        unwait(shelf, waiter);
    else
        upshot = give_locked(shelf, bucket, upstream);
    pthread_mutex_unlock(&shard->lock);
    follow_up(shelf, &upshot);
    return is_theirs;
}

bool
shelf_redial(struct shelf *shelf, struct bucket *slot, struct shelf_waiter *waiter)
{
    struct shard *shard = slot->shard;
    bool may_dial;

    waiter->rank = atomic_fetch_add(&shelf->last_redial_rank, 1) + 1;
    pthread_mutex_lock(&shard->lock);
    may_dial = slot->dialing < limit_of(&shelf->limits->max_dials_per_host);
    if (may_dial) {
        slot->dialing++;
        bucket_wait(slot, waiter, WAITER_JOINED);
        shelf_note_starving(shelf, slot);
    } else {
        queue(shelf, slot, waiter);
        shelf_free_slot(shelf, slot);
    }
    pthread_mutex_unlock(&shard->lock);
    if (!may_dial)
        shelf_release_total(shelf);
    return may_dial;
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
