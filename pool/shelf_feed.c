/*
 * What concerns all shards: the cap of the total, those who starve for it, and who is evicted.
 * Any thread; one shard's lock at a time.
 */
#include <pthread.h>

#include "pool/shelf_inside.h"

void
shelf_close(struct shelf *shelf, struct upstream *upstream)
{
    upstream->bucket = NULL;
    shelf->on_evicted(shelf->arg, upstream);
}

struct shard *
shelf_least(struct shelf *shelf, enum shown which)
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
 * Takes the least recently used stream of all out; its share of the total is the caller's now.
 * Only one shard's lock at a time: between choosing a shard and locking it another thread may
 * have taken what lay there.
 */
static struct upstream *
pull_oldest(struct shelf *shelf)
{
    for (unsigned tries = 0; tries < SHELF_SHARDS; tries++) {
        struct shard *shard = shelf_least(shelf, SHOWN_USED_US);
        struct upstream *oldest;

        if (shard == NULL)
            return NULL;
        pthread_mutex_lock(&shard->lock);
        oldest = TAILQ_FIRST(&shard->parked);
        if (oldest != NULL) {
            bucket_unpark(oldest);
            shelf_free_slot(shelf, oldest->bucket);
        }
        pthread_mutex_unlock(&shard->lock);
        if (oldest != NULL)
            return oldest;
    }
    return NULL;
}

/* Likewise, and closes it. */
static bool
evict_oldest(struct shelf *shelf)
{
    struct upstream *oldest = pull_oldest(shelf);

    if (oldest == NULL)
        return false;
    shelf_close(shelf, oldest);
    return true;
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

void
shelf_make_room(struct shelf *shelf, struct bucket *bucket, struct upstream **evicted)
{
    if (bucket->open < limit_of(&shelf->limits->max_per_host))
        return;
    *evicted = TAILQ_LAST(&bucket->parked, upstream_list);
    if (*evicted == NULL)
        return;
    bucket_unpark(*evicted);
    bucket->open--;
}

/*
 * Gives a share of the total, which the caller reserved, to the oldest starving waiter of a
 * shard, if that still has this rank: what was evicted for the share may have been its own, and
 * elsewhere somebody may wait who came before the next one here. self is not told but JOINED at
 * once. NULL: nobody was served. What was evicted for it has a share of its own, which is to be
 * given back.
 */
static struct shelf_waiter *
grant_starving(struct shelf *shelf, struct shard *shard, uint64_t rank,
               struct shelf_waiter *self, struct upstream **evicted)
{
    struct shelf_waiter *waiter = NULL;
    struct bucket *bucket;

    pthread_mutex_lock(&shard->lock);
    bucket = TAILQ_FIRST(&shard->starving);
    if (bucket != NULL && bucket->starving_rank > rank)
        bucket = NULL;
    if (bucket != NULL) {
        shelf_make_room(shelf, bucket, evicted);
        shelf_note_starving(shelf, bucket);
    }
    if (bucket != NULL && bucket->open < limit_of(&shelf->limits->max_per_host)) {
        waiter = TAILQ_FIRST(&bucket->queued);
        bucket->open++;
        shelf_grant(shelf, waiter, NULL, bucket);
        if (waiter == self)
            bucket_wait(bucket, self, WAITER_JOINED);
    }
    pthread_mutex_unlock(&shard->lock);
    return waiter;
}

bool
shelf_feed(struct shelf *shelf, struct shelf_waiter *self)
{
    bool is_served = false;

    while (atomic_load(&shelf->starving) > 0) {
        struct shard *shard = shelf_least(shelf, SHOWN_RANK);
        struct upstream *evicted = NULL;
        struct shelf_waiter *waiter;
        uint64_t rank;

        if (shard == NULL)
            break;
        rank = atomic_load(&shard->shown[SHOWN_RANK]);
        if (!obtain_share(shelf))
            break;
        waiter = grant_starving(shelf, shard, rank, self, &evicted);
        if (evicted != NULL) {
            shelf_close(shelf, evicted);
            atomic_fetch_sub(&shelf->total, 1);
        }
        if (waiter == NULL)
            atomic_fetch_sub(&shelf->total, 1);
        else if (waiter == self)
            is_served = true;
        else
            waiter->on_granted(waiter);
    }
    return is_served;
}

void
shelf_release_total(struct shelf *shelf)
{
    atomic_fetch_sub(&shelf->total, 1);
    shelf_feed(shelf, NULL);
}

bool
shelf_evict(struct shelf *shelf)
{
    if (!evict_oldest(shelf))
        return false;
    shelf_release_total(shelf);
    return true;
}

static bool
can_be_thinner(const struct shelf *shelf)
{
    return limit_of(&shelf->parked) > (limit_of(&shelf->total) + 7) / 8;
}

bool
shelf_thin(struct shelf *shelf)
{
    struct upstream *oldest = NULL;

    /* Two who look at one time would take the last two. */
    pthread_mutex_lock(&shelf->thin_lock);
    if (can_be_thinner(shelf))
        oldest = pull_oldest(shelf);
    pthread_mutex_unlock(&shelf->thin_lock);
    if (oldest == NULL)
        return false;
    shelf_close(shelf, oldest);
    shelf_release_total(shelf);
    return true;
}

static bool
has_too_many_parked(const struct shelf *shelf)
{
    return limit_of(&shelf->parked) > limit_of(&shelf->limits->max_parked);
}

void
shelf_trim(struct shelf *shelf)
{
    if (has_too_many_parked(shelf))
        shelf_evict(shelf);
}

static void
refresh_bucket(struct map_node *node, void *shelf)
{
    shelf_note_starving(shelf, MAP_OWNER(node, struct bucket, node));
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
    while (has_too_many_parked(shelf) && shelf_evict(shelf))
        continue;
    shelf_feed(shelf, NULL);
}
