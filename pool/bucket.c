/*
 * The shelf's lists: who is parked, who waits, in which order. Under the shard's lock.
 */
#include "pool/bucket.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

static void
show(struct shard *shard, enum shown which, uint64_t value)
{
    /* Sequentially consistent, and a store only where something changed: see shelf_feed(). */
    if (atomic_load_explicit(&shard->shown[which], memory_order_relaxed) != value)
        atomic_store(&shard->shown[which], value);
}

static void
count_to(_Atomic size_t *shown, size_t value)
{
    atomic_store_explicit(shown, value, memory_order_relaxed);
}

void
shard_init(struct shard *shard, _Atomic unsigned *parked_total)
{
    shard->parked_total = parked_total;
    pthread_mutex_init(&shard->lock, NULL);
    TAILQ_INIT(&shard->parked);
    TAILQ_INIT(&shard->starving);
    for (int i = 0; i < SHOWN_COUNT; i++)
        atomic_init(&shard->shown[i], SHOWN_NONE);
}

void
shard_fini(struct shard *shard)
{
    assert(shard->buckets.size == 0 && TAILQ_EMPTY(&shard->parked));
    map_fini(&shard->buckets);
    pthread_mutex_destroy(&shard->lock);
}

static bool
has_key(const struct map_node *node, const void *key)
{
    return pool_key_equal(&MAP_OWNER(node, struct bucket, node)->key, key);
}

struct bucket *
bucket_obtain(struct shard *shard, const struct pool_key *key)
{
    struct map_node *node = map_find(&shard->buckets, key->hash, has_key, key);
    struct bucket *bucket;

    if (node != NULL)
        return MAP_OWNER(node, struct bucket, node);
    bucket = xcalloc(1, sizeof(*bucket));
    bucket->shard = shard;
    bucket->key = *key;
    bucket->node.hash = key->hash;
    TAILQ_INIT(&bucket->parked);
    TAILQ_INIT(&bucket->queued);
    TAILQ_INIT(&bucket->joined);
    map_insert(&shard->buckets, &bucket->node);
    count_to(&shard->bucket_count, shard->buckets.size);
    return bucket;
}

void
bucket_drop(struct bucket *bucket)
{
    struct shard *shard = bucket->shard;

    if (bucket->open > 0 || !TAILQ_EMPTY(&bucket->queued))
        return;
    assert(TAILQ_EMPTY(&bucket->parked) && TAILQ_EMPTY(&bucket->joined));
    assert(bucket->dialing == 0 && !bucket->is_starving);
    map_remove(&shard->buckets, &bucket->node);
    count_to(&shard->bucket_count, shard->buckets.size);
    free(bucket);
}

static void
show_oldest(struct shard *shard)
{
    struct upstream *oldest = TAILQ_FIRST(&shard->parked);

    show(shard, SHOWN_USED_US, oldest != NULL ? oldest->used_us : SHOWN_NONE);
}

void
bucket_park(struct bucket *bucket, struct upstream *upstream)
{
    struct shard *shard = bucket->shard;
    struct upstream *after = TAILQ_FIRST(&bucket->parked);
    struct upstream *before = TAILQ_LAST(&shard->parked, upstream_list);

    /* By last use. Only what is given back unused has to look further than the first one. */
    while (after != NULL && after->used_us > upstream->used_us)
        after = TAILQ_NEXT(after, in_bucket);
    if (after != NULL)
        TAILQ_INSERT_BEFORE(after, upstream, in_bucket);
    else
        TAILQ_INSERT_TAIL(&bucket->parked, upstream, in_bucket);
    while (before != NULL && before->used_us > upstream->used_us)
        before = TAILQ_PREV(before, upstream_list, in_shard);
    if (before != NULL)
        TAILQ_INSERT_AFTER(&shard->parked, before, upstream, in_shard);
    else
        TAILQ_INSERT_HEAD(&shard->parked, upstream, in_shard);
    upstream->was_parked = true;
    bucket->parked_count++;
    count_to(&shard->parked_count, shard->parked_count + 1);
    atomic_fetch_add_explicit(shard->parked_total, 1, memory_order_relaxed);
    show_oldest(shard);
}

void
bucket_unpark(struct upstream *upstream)
{
    struct bucket *bucket = upstream->bucket;
    struct shard *shard = bucket->shard;

    TAILQ_REMOVE(&bucket->parked, upstream, in_bucket);
    TAILQ_REMOVE(&shard->parked, upstream, in_shard);
    bucket->parked_count--;
    count_to(&shard->parked_count, shard->parked_count - 1);
    atomic_fetch_sub_explicit(shard->parked_total, 1, memory_order_relaxed);
    show_oldest(shard);
}

static bool
may_have(enum shelf_want want, const struct upstream *upstream,
         const struct pool_limits *limits, uint64_t now_us)
{
    switch (want) {
    case SHELF_ANY:
        return true;
    case SHELF_YOUNG:
        return now_us <=
               upstream->used_us + (uint64_t)limit_of(&limits->fresh_for_unsafe_ms) * 1000;
    case SHELF_FRESH:
        return upstream->uses == 0 && !upstream->was_parked;
    case SHELF_SLOT:
        break;
    }
    return false;
}

struct upstream *
bucket_pick(struct bucket *bucket, enum shelf_want want, const struct pool_limits *limits,
            uint64_t now_us, bool *is_retired)
{
    struct upstream *upstream;

    *is_retired = false;
    TAILQ_FOREACH (upstream, &bucket->parked, in_bucket) {
        /* Newest first: if this one will not do, none of the others does. */
        if (!may_have(want, upstream, limits, now_us))
            return NULL;
        /* Others may have more time: a shorter way, or not served yet. */
        if (!upstream_is_retired(upstream, limits, now_us))
            return upstream;
        *is_retired = true;
    }
    return NULL;
}

static struct shelf_waiter *
first_taker(struct waiter_list *list, const struct upstream *upstream,
            const struct pool_limits *limits, uint64_t now_us)
{
    struct shelf_waiter *waiter;

    TAILQ_FOREACH (waiter, list, entry)
        if (may_have(waiter->want, upstream, limits, now_us))
            return waiter;
    return NULL;
}

struct shelf_waiter *
bucket_taker(struct bucket *bucket, const struct upstream *upstream,
             const struct pool_limits *limits, uint64_t now_us)
{
    struct shelf_waiter *queued = first_taker(&bucket->queued, upstream, limits, now_us);
    struct shelf_waiter *joined = first_taker(&bucket->joined, upstream, limits, now_us);

    if (queued == NULL || joined == NULL)
        return queued != NULL ? queued : joined;
    return queued->rank < joined->rank ? queued : joined;
}

static struct waiter_list *
list_of(struct bucket *bucket, enum waiter_state state)
{
    return state == WAITER_QUEUED ? &bucket->queued : &bucket->joined;
}

void
bucket_wait(struct bucket *bucket, struct shelf_waiter *waiter, enum waiter_state state)
{
    struct waiter_list *list = list_of(bucket, state);
    struct shelf_waiter *before = TAILQ_LAST(list, waiter_list);

    while (before != NULL && before->rank > waiter->rank)
        before = TAILQ_PREV(before, waiter_list, entry);
    if (before != NULL)
        TAILQ_INSERT_AFTER(list, before, waiter, entry);
    else
        TAILQ_INSERT_HEAD(list, waiter, entry);
    waiter->state = state;
    waiter->bucket = bucket;
    waiter->shard = bucket->shard;
}

void
bucket_unwait(struct shelf_waiter *waiter)
{
    TAILQ_REMOVE(list_of(waiter->bucket, waiter->state), waiter, entry);
    waiter->state = WAITER_OUT;
}

static void
starving_insert(struct bucket *bucket)
{
    struct shard *shard = bucket->shard;
    struct bucket *before = TAILQ_LAST(&shard->starving, bucket_list);

    while (before != NULL && before->starving_rank > bucket->starving_rank)
        before = TAILQ_PREV(before, bucket_list, in_starving);
    if (before != NULL)
        TAILQ_INSERT_AFTER(&shard->starving, before, bucket, in_starving);
    else
        TAILQ_INSERT_HEAD(&shard->starving, bucket, in_starving);
}

bool
bucket_may_dial(const struct bucket *bucket, const struct pool_limits *limits)
{
    return bucket->dialing < limit_of(&limits->max_dials_per_host) &&
           (bucket->open < limit_of(&limits->max_per_host) || bucket->parked_count > 0);
}

int
bucket_note_starving(struct bucket *bucket, const struct pool_limits *limits)
{
    struct shard *shard = bucket->shard;
    struct shelf_waiter *oldest = TAILQ_FIRST(&bucket->queued);
    bool is_starving = oldest != NULL && bucket_may_dial(bucket, limits);
    bool was_starving = bucket->is_starving;

    if (!is_starving && !was_starving)
        return 0;
    if (was_starving)
        TAILQ_REMOVE(&shard->starving, bucket, in_starving);
    bucket->is_starving = is_starving;
    if (is_starving) {
        bucket->starving_rank = oldest->rank;
        starving_insert(bucket);
    }
    bucket = TAILQ_FIRST(&shard->starving);
    show(shard, SHOWN_RANK, bucket != NULL ? bucket->starving_rank : SHOWN_NONE);
    return (int)is_starving - (int)was_starving;
}

static bool
waiters_are_sound(const struct waiter_list *list, enum waiter_state state)
{
    const struct shelf_waiter *waiter;
    uint64_t rank = 0;

    TAILQ_FOREACH (waiter, list, entry) {
        if (waiter->state != state || waiter->rank <= rank)
            return false;
        rank = waiter->rank;
    }
    return true;
}

bool
bucket_is_sound(const struct bucket *bucket, const struct pool_limits *limits)
{
    const struct upstream *upstream;
    uint64_t used_us = UINT64_MAX;
    unsigned parked = 0;

    TAILQ_FOREACH (upstream, &bucket->parked, in_bucket) {
        if (upstream->bucket != bucket || upstream->used_us > used_us)
            return false;
        used_us = upstream->used_us;
        parked++;
    }
    if (parked != bucket->parked_count || parked + bucket->dialing > bucket->open)
        return false;
    if (bucket->is_starving !=
        (!TAILQ_EMPTY(&bucket->queued) && bucket_may_dial(bucket, limits)))
        return false;
    return waiters_are_sound(&bucket->queued, WAITER_QUEUED) &&
           waiters_are_sound(&bucket->joined, WAITER_JOINED);
}
