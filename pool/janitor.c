/*
 * Looks through the shelf about once a second. A shard is copied under its lock and polled
 * without it, so what a number stands for may have changed meanwhile: only the id says whether
 * a stream still lies there, and only a look at itself whether it is really dead.
 */
#include "pool/janitor.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pool/bucket.h"
#include "pool/hosts.h"
#include "pool/lane.h"

/* Room for what parks between counting and copying; the rest waits for the next sweep. */
#define JANITOR_SLACK 16

static int
compare_ids(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* What a sweep takes out has reached its host's limit, or ours. */
static void
learn_from(struct pool *pool, const struct upstream_list *spent)
{
    uint64_t now_us = clock_now_us();
    struct upstream *upstream;

    TAILQ_FOREACH (upstream, spent, in_shard) {
        struct host *host = upstream->host;

        upstream->loss = upstream_spent_by(upstream, &pool->limits, now_us);
        if (upstream_has_outlived(upstream, &pool->limits, now_us)) {
            habit_note_outlived(&host->habit, now_us);
        } else if (upstream->loss == MISS_NONE) {
            upstream->loss = MISS_EXPIRED_IDLE;
            ledger_add(&host->ledger, LEDGER_RETIRED, 1);
            atomic_fetch_add_explicit(&pool->stats[POOL_STAT_RETIRED], 1, memory_order_relaxed);
        }
    }
}

/* Returns how many there were. loss: why they go; MISS_NONE: each knows its own. */
static uint64_t
discard_all(struct pool *pool, struct upstream_list *list, enum miss loss)
{
    struct upstream *upstream;
    uint64_t count = 0;

    while ((upstream = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, upstream, in_shard);
        if (loss != MISS_NONE)
            upstream->loss = loss;
        pool_discard(pool, upstream);
        count++;
    }
    return count;
}

/* The ids of those with something to read, in ascending order. Returns how many. */
static size_t
find_noisy(const struct shelf_entry *entries, size_t count, uint64_t *ids)
{
    struct pollfd *polls = xcalloc(count, sizeof(*polls));
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        polls[i] = (struct pollfd){.fd = entries[i].fd, .events = POLLIN | POLLRDHUP};
    if (poll(polls, count, 0) > 0)
        for (size_t i = 0; i < count; i++)
            if (polls[i].revents != 0)
                ids[found++] = entries[i].id;
    free(polls);
    qsort(ids, found, sizeof(*ids), compare_ids);
    return found;
}

/* Ids in ascending order. */
struct id_list {
    const uint64_t *ids;
    size_t count;
};

static bool
is_listed(const struct upstream *upstream, const void *arg)
{
    const struct id_list *list = arg;

    return bsearch(&upstream->id, list->ids, list->count, sizeof(*list->ids), compare_ids) !=
           NULL;
}

/* The descriptor may have been another's when it was polled: what is quiet goes back. */
static void
judge_all(struct pool *pool, struct upstream_list *list)
{
    struct upstream *upstream;
    enum pulse pulse;

    while ((upstream = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, upstream, in_shard);
        pulse = pool_probe(pool, &upstream->bucket->key, &upstream->stream);
        /* In doubt the next sweep will know; whoever takes it before that probes it, too. */
        if (pulse == PULSE_QUIET || pulse == PULSE_UNSURE) {
            shelf_give(pool->shelf, upstream);
            continue;
        }
        pool_note_end(pool, upstream);
        upstream->loss = MISS_CLOSED;
        pool_discard(pool, upstream);
    }
}

static void
sweep_shard(struct pool *pool, unsigned index)
{
    size_t room = shelf_parked_in(pool->shelf, index) + JANITOR_SLACK;
    struct shelf_entry *entries = xcalloc(room, sizeof(*entries));
    uint64_t *ids = xcalloc(room, sizeof(*ids));
    struct upstream_list list = TAILQ_HEAD_INITIALIZER(list);
    size_t count;

    count = shelf_look(pool->shelf, index, &list, entries, room);
    learn_from(pool, &list);
    discard_all(pool, &list, MISS_NONE);
    if (count > 0)
        count = find_noisy(entries, count, ids);
    if (count > 0) {
        shelf_pull(pool->shelf, index, is_listed, &(struct id_list){ids, count}, &list);
        judge_all(pool, &list);
    }
    free(ids);
    free(entries);
}

void
janitor_sweep(struct pool *pool)
{
    uint64_t began_us = clock_now_us();

    for (unsigned i = 0; i < SHELF_SHARDS; i++)
        if (shelf_parked_in(pool->shelf, i) > 0)
            sweep_shard(pool, i);
    atomic_store_explicit(&pool->swept_us, began_us, memory_order_relaxed);
}

/* Closes what is parked and matches. Returns how many these were. */
static uint64_t
close_matching(struct pool *pool, shelf_match *match, const void *arg)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < SHELF_SHARDS; i++) {
        struct upstream_list list = TAILQ_HEAD_INITIALIZER(list);

        if (shelf_parked_in(pool->shelf, i) == 0)
            continue;
        shelf_pull(pool->shelf, i, match, arg, &list);
        count += discard_all(pool, &list, MISS_CLEARED);
    }
    return count;
}

/* NULL and 0: any. */
struct host_port {
    const char *host;
    uint16_t port;
};

static bool
is_of_host(const struct upstream *upstream, const void *arg)
{
    const struct pool_key *key = &upstream->bucket->key;
    const struct host_port *wanted = arg;

    return (wanted->host == NULL || strcmp(key->host, wanted->host) == 0) &&
           (wanted->port == 0 || key->port == wanted->port);
}

uint64_t
janitor_close_host(struct pool *pool, const char *host, uint16_t port)
{
    return close_matching(pool, is_of_host, &(struct host_port){host, port});
}

bool
janitor_close_id(struct pool *pool, uint64_t id)
{
    return close_matching(pool, is_listed, &(struct id_list){&id, 1}) > 0;
}
