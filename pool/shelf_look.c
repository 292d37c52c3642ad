/*
 * Looking over the shelf: what the janitor, operators, the gauges and the tests see of it. Any
 * thread; one shard's lock at a time.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "pool/hosts.h"
#include "pool/shelf.h"
#include "pool/shelf_inside.h"

/* Under the lock. One in some that are retired stays. */
static bool
is_over(struct upstream *upstream, const struct pool_limits *limits, uint64_t now_us)
{
    if (upstream_is_spent(upstream, limits, now_us))
        return true;
    if (upstream->is_scout || !upstream_is_retired(upstream, limits, now_us))
        return false;
    upstream->is_scout = habit_sends_scout(&upstream->host->habit);
    return !upstream->is_scout;
}

/* Under the lock: off the shelf and into a list of the caller's; its slot stays with it. */
static void
pull(struct shelf *shelf, struct upstream *upstream, struct upstream_list *list)
{
    bucket_unpark(upstream);
    shelf_note_starving(shelf, upstream->bucket);
    TAILQ_INSERT_TAIL(list, upstream, in_shard);
}

size_t
shelf_look(struct shelf *shelf, unsigned index, struct upstream_list *spent,
           struct shelf_entry *entries, size_t room)
{
    struct shard *shard = &shelf->shards[index];
    uint64_t now_us = clock_now_us();
    struct upstream *upstream;
    struct upstream *next;
    size_t count = 0;

    pthread_mutex_lock(&shard->lock);
    for (upstream = TAILQ_FIRST(&shard->parked); upstream != NULL; upstream = next) {
        next = TAILQ_NEXT(upstream, in_shard);
        if (is_over(upstream, shelf->limits, now_us))
            pull(shelf, upstream, spent);
        else if (count < room)
            entries[count++] = (struct shelf_entry){upstream->id, upstream->stream.fd};
    }
    pthread_mutex_unlock(&shard->lock);
    return count;
}

void
shelf_pull(struct shelf *shelf, unsigned index, shelf_match *match, const void *arg,
           struct upstream_list *pulled)
{
    struct shard *shard = &shelf->shards[index];
    struct upstream *upstream;
    struct upstream *next;

    pthread_mutex_lock(&shard->lock);
    for (upstream = TAILQ_FIRST(&shard->parked); upstream != NULL; upstream = next) {
        next = TAILQ_NEXT(upstream, in_shard);
        if (match(upstream, arg))
            pull(shelf, upstream, pulled);
    }
    pthread_mutex_unlock(&shard->lock);
}

static void
note_queue(struct map_node *node, void *list)
{
    const struct bucket *bucket = MAP_OWNER(node, struct bucket, node);
    const struct shelf_waiter *waiter;

    TAILQ_FOREACH (waiter, &bucket->queued, entry)
        waiting_note(list, &bucket->key, &waiter->waiting);
}

void
shelf_look_at_queues(struct shelf *shelf, struct waiting_list *list)
{
    for (size_t i = 0; i < SHELF_SHARDS; i++) {
        struct shard *shard = &shelf->shards[i];

        pthread_mutex_lock(&shard->lock);
        map_each(&shard->buckets, note_queue, list);
        pthread_mutex_unlock(&shard->lock);
    }
}

size_t
shelf_parked_in(const struct shelf *shelf, unsigned index)
{
    return atomic_load_explicit(&shelf->shards[index].parked_count, memory_order_relaxed);
}

void
shelf_count(struct shelf *shelf, struct shelf_counts *counts)
{
    *counts = (struct shelf_counts){.open = atomic_load(&shelf->total),
                                    .parked = atomic_load(&shelf->parked),
                                    .waiting = atomic_load(&shelf->waiting)};
    for (unsigned i = 0; i < SHELF_SHARDS; i++) {
        counts->buckets +=
            atomic_load_explicit(&shelf->shards[i].bucket_count, memory_order_relaxed);
    }
}

/* What shelf_is_sound() sums up. */
struct audit {
    const struct pool_limits *limits;
    struct shelf_counts counts;
    bool is_sound;
};

static void
audit_bucket(struct map_node *node, void *arg)
{
    const struct bucket *bucket = MAP_OWNER(node, struct bucket, node);
    const struct shelf_waiter *waiter;
    struct audit *audit = arg;

    audit->counts.open += bucket->open;
    audit->counts.parked += bucket->parked_count;
    audit->counts.buckets++;
    TAILQ_FOREACH (waiter, &bucket->queued, entry)
        audit->counts.waiting++;
    audit->is_sound = audit->is_sound && bucket_is_sound(bucket, audit->limits);
}

static void
audit(struct shelf *shelf, struct audit *audit)
{
    *audit = (struct audit){.limits = shelf->limits, .is_sound = true};
    for (size_t i = 0; i < SHELF_SHARDS; i++) {
        struct shard *shard = &shelf->shards[i];

        pthread_mutex_lock(&shard->lock);
        map_each(&shard->buckets, audit_bucket, audit);
        pthread_mutex_unlock(&shard->lock);
    }
}

bool
shelf_buckets_are_sound(struct shelf *shelf)
{
    struct audit seen;

    audit(shelf, &seen);
    return seen.is_sound;
}

bool
shelf_is_sound(struct shelf *shelf)
{
    struct shelf_counts shown;
    struct audit seen;

    audit(shelf, &seen);
    shelf_count(shelf, &shown);
    /* Nobody starves beside free room or a stream that could be evicted. */
    if (atomic_load(&shelf->starving) > 0 &&
        (shown.parked > 0 || shown.open < limit_of(&shelf->limits->max_total)))
        return false;
    return seen.is_sound && seen.counts.open == shown.open &&
           seen.counts.parked == shown.parked && seen.counts.waiting == shown.waiting &&
           seen.counts.buckets == shown.buckets;
}
