/*
 * The pool as a whole and its lanes: what is made, configured, counted and freed.
 */
#include "pool/pool.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/dial.h"
#include "pool/janitor.h"
#include "pool/lane.h"
#include "pool/tuple.h"

static void
close_counted(struct pool *pool, struct upstream *upstream)
{
    upstream_close(upstream, pool->table);
    /* Not stat_add(): any thread comes here. */
    atomic_fetch_add_explicit(&pool->stats[POOL_STAT_CLOSED], 1, memory_order_relaxed);
}

static void
on_evicted(void *pool, struct upstream *upstream)
{
    upstream->loss = MISS_EVICTED;
    close_counted(pool, upstream);
}

struct pool *
pool_new(const struct pool_settings *settings)
{
    struct pool *pool = xcalloc(1, sizeof(*pool));

    limits_set(&pool->limits, settings);
    pool->shelf = shelf_new(&pool->limits, on_evicted, pool);
    pool->table = tuple_table_new();
    pool->hosts = hosts_new(&pool->limits);
    pool->quarantine = quarantine_new();
    pool->holddown = holddown_new();
    pool->quotas = quotas_new(&pool->limits);
    return pool;
}

void
pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    pool_clear(pool);
    assert(shelf_is_sound(pool->shelf));
    assert(atomic_load(&pool->tunnels) == 0 && atomic_load(&pool->pinned) == 0);
    shelf_free(pool->shelf);
    tuple_table_free(pool->table);
    hosts_free(pool->hosts);
    quarantine_free(pool->quarantine);
    holddown_free(pool->holddown);
    quotas_free(pool->quotas);
    free(pool);
}

void
pool_configure(struct pool *pool, const struct pool_settings *settings)
{
    limits_set(&pool->limits, settings);
    shelf_refresh(pool->shelf);
    quotas_refresh(pool->quotas);
}

void
pool_sweep(struct pool *pool)
{
    janitor_sweep(pool);
}

bool
pool_thin(struct pool *pool)
{
    return shelf_thin(pool->shelf);
}

void
pool_clear(struct pool *pool)
{
    struct shelf_counts counts;

    /* At most what lies there now: others may go on parking meanwhile. */
    shelf_count(pool->shelf, &counts);
    while (counts.parked-- > 0 && shelf_evict(pool->shelf))
        continue;
}

uint64_t
pool_close_parked(struct pool *pool, const char *host, uint16_t port)
{
    return janitor_close_host(pool, host, port);
}

bool
pool_close_id(struct pool *pool, uint64_t id)
{
    return janitor_close_id(pool, id);
}

const stat_counter *
pool_stats(const struct pool *pool)
{
    return pool->stats;
}

void
pool_gauges(struct pool *pool, struct pool_gauges *gauges)
{
    struct shelf_counts counts;

    shelf_count(pool->shelf, &counts);
    *gauges = (struct pool_gauges){
        .open = counts.open,
        .parked = counts.parked,
        .waiting = counts.waiting + quotas_waiting(pool->quotas),
        .tunnels = atomic_load_explicit(&pool->tunnels, memory_order_relaxed),
        .pinned = atomic_load_explicit(&pool->pinned, memory_order_relaxed),
        .hosts = counts.buckets,
        .remembered = hosts_size(pool->hosts),
        .quarantined = quarantine_size(pool->quarantine),
        .held_down = holddown_size(pool->holddown),
    };
}

bool
pool_is_own(struct pool *pool, const struct address *accepted_local,
            const struct address *accepted_peer)
{
    return tuple_holds(pool->table, accepted_peer, accepted_local);
}

void
pool_each_connection(struct pool *pool, void (*visit)(const struct tuple_view *view, void *arg),
                     void *arg)
{
    tuple_each(pool->table, visit, arg);
}

size_t
pool_hosts(struct pool *pool, enum host_order order, struct host_row *rows, size_t capacity,
           struct host_sums *sums)
{
    struct ledger_figures *total = &sums->total;
    size_t count = host_rows_first(pool->hosts, order, rows, capacity, sums);

    total->connect_us = times_median(&pool->connect_times, &total->connect_samples);
    total->dns_us = times_median(&pool->dns_times, &total->dns_samples);
    total->full_us = times_median(&pool->full_times, &total->full_samples);
    total->resumed_us = times_median(&pool->resumed_times, &total->resumed_samples);
    return count;
}

void
pool_note_stray(struct pool *pool, const struct pool_key *key, const struct stream *stream)
{
    unsigned for_ms = limit_of(&pool->limits.quarantine_ms);

    if (stream_has_ended(stream))
        return;
    atomic_fetch_add_explicit(&pool->stats[POOL_STAT_STRAYS], 1, memory_order_relaxed);
    if (for_ms > 0 && quarantine_add(pool->quarantine, key, for_ms))
        log_event(LOG_LEVEL_WARN, "origin sent bytes that nobody asked for",
                  "host=%s port=%u quarantine_ms=%u", key->host, (unsigned)key->port, for_ms);
}

enum pulse
pool_probe(struct pool *pool, const struct pool_key *key, const struct stream *stream)
{
    enum pulse pulse = stream_pulse(stream);

    if (pulse == PULSE_NOISY)
        pool_note_stray(pool, key, stream);
    return pulse;
}

void
pool_note_end(struct pool *pool, const struct upstream *upstream)
{
    /* First, so that it is not later than now, whatever happens in between. */
    uint64_t alive_us = atomic_load_explicit(&pool->swept_us, memory_order_relaxed);
    uint64_t now_us = clock_now_us();
    uint64_t gone_us = now_us;
    unsigned age_ms;

    if (!stream_has_ended(&upstream->stream))
        return;
    if (alive_us < upstream->used_us)
        alive_us = upstream->used_us;
    if (stream_end_age(&upstream->stream, &age_ms)) {
        /* Two clocks, of which one is coarse. */
        if (now_us - alive_us > (uint64_t)age_ms * 1000)
            alive_us = now_us - (uint64_t)age_ms * 1000;
        gone_us = alive_us;
    }
    ledger_add(&upstream->host->ledger, LEDGER_ENDED, 1);
    /* For a first request origins have another patience. */
    if (upstream->uses == 0)
        return;
    habit_note_end(&upstream->host->habit, (unsigned)((alive_us - upstream->used_us) / 1000),
                   (unsigned)((gone_us - upstream->used_us) / 1000), now_us);
}

bool
pool_may_reuse(struct pool *pool, const struct pool_key *key)
{
    return limit_of(&pool->limits.quarantine_ms) == 0 ||
           !quarantine_holds(pool->quarantine, key);
}

void
pool_discard(struct pool *pool, struct upstream *upstream)
{
    struct bucket *slot = upstream->bucket;

    close_counted(pool, upstream);
    shelf_release(pool->shelf, slot);
}

struct lane *
lane_new(struct pool *pool, struct event_base *base, struct mailbox *mailbox,
         struct resolver *resolver, stat_counter *stats)
{
    struct lane *lane = xcalloc(1, sizeof(*lane));

    lane->pool = pool;
    lane->base = base;
    lane->mailbox = mailbox;
    lane->resolver = resolver;
    lane->stats = stats;
    LIST_INIT(&lane->dials);
    return lane;
}

void
lane_free(struct lane *lane)
{
    if (lane == NULL)
        return;
    while (!LIST_EMPTY(&lane->dials))
        dial_abandon(LIST_FIRST(&lane->dials));
    lane->is_freed = true;
    if (lane->lease_count == 0)
        free(lane);
}

void
lane_enter(struct lane *lane)
{
    lane->lease_count++;
}

void
lane_leave(struct lane *lane)
{
    lane->lease_count--;
    if (lane->is_freed && lane->lease_count == 0)
        free(lane);
}

void
lane_discard(struct lane *lane, struct upstream *upstream)
{
    struct bucket *slot = upstream->bucket;

    upstream_close(upstream, lane->pool->table);
    stat_add(&lane->stats[POOL_STAT_CLOSED], 1);
    shelf_release(lane->pool->shelf, slot);
}
