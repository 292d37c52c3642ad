/*
 * What is done with a connection that a lease holds, and its way back. The lane's thread.
 */
#include <assert.h>

#include "base/clock.h"
#include "pool/follow.h"
#include "pool/lease_inside.h"

/* A request has got its connection: what its host counts. */
static void
count_request(struct lease *lease)
{
    struct ledger *ledger = &lease->upstream->host->ledger;

    if (!lease->is_retry)
        ledger_add(ledger, LEDGER_REQUESTS, 1);
    lease->is_retry = false;
    if (!lease->facts.is_reused)
        return;
    stat_add(&lease->lane->stats[POOL_STAT_REUSED], 1);
    ledger_add(ledger, LEDGER_REUSED, 1);
    lease->saving = ledger_weigh(ledger);
}

/* The use is over, and the connection was good for it: what it saved is saved. */
static void
count_saving(struct lease *lease)
{
    stat_counter *stats = lease->lane->stats;

    ledger_credit(&lease->upstream->host->ledger, &lease->saving);
    stat_add(&stats[POOL_STAT_SAVED_CONNECT], lease->saving.connect_us);
    stat_add(&stats[POOL_STAT_SAVED_DNS], lease->saving.dns_us);
    stat_add(&stats[POOL_STAT_SAVED_SHAKE], lease->saving.shake_us);
    lease->saving = (struct saving){0};
}

/* The path changes slowly: a busy connection is not asked after each use. */
#define MEASURE_EVERY_US 1000000u

static void
measure(struct upstream *upstream, uint64_t now_us)
{
    struct stream_path path;

    if (upstream->measured_us != 0 && now_us - upstream->measured_us < MEASURE_EVERY_US)
        return;
    upstream->measured_us = now_us;
    if (stream_measure(&upstream->stream, &path))
        tuple_set_path(upstream->row, &path);
}

void
lease_begin_use(struct lease *lease)
{
    struct upstream *upstream = lease->upstream;
    struct lease_facts *facts = &lease->facts;
    struct tuple_row *row = upstream->row;
    uint64_t now_us = clock_now_us();

    facts->is_reused = upstream->uses > 0;
    facts->may_be_stale = facts->is_reused || upstream->was_parked;
    facts->idle_ms = facts->may_be_stale ? (unsigned)((now_us - upstream->used_us) / 1000) : 0;
    facts->dns_ms = facts->may_be_stale ? 0 : upstream->dns_ms;
    facts->connect_ms = facts->may_be_stale ? 0 : upstream->connect_ms;
    facts->tls = upstream->tls.version;
    facts->cipher = upstream->tls.cipher;
    facts->tls_ms = facts->may_be_stale ? 0 : (unsigned)(upstream->tls.shake_us / 1000);
    facts->is_resumed = !facts->may_be_stale && upstream->tls.is_resumed;
    if (!lease->is_tunnel)
        count_request(lease);
    facts->uses = ++upstream->uses;
    facts->id = upstream->id;
    facts->local = row->local;
    facts->remote = row->remote;
    if (upstream->uses == 1)
        measure(upstream, now_us);
    tuple_add(&row->uses, 1);
    tuple_set_client(lease->lane->pool->table, row, &lease->waiter.waiting.client);
    tuple_set_state(row, lease->is_tunnel ? TUPLE_TUNNEL : TUPLE_LEASED);
}

enum lease_state
lease_state(const struct lease *lease)
{
    return lease->state;
}

enum err
lease_error(const struct lease *lease)
{
    return lease->err;
}

bool
lease_is_held_down(const struct lease *lease)
{
    return lease->state == LEASE_FAILED && lease->is_held_down;
}

bool
lease_is_dialing(const struct lease *lease)
{
    return lease->state == LEASE_WAITING && (lease->dial != NULL || lease->ask != NULL);
}

struct stream *
lease_stream(struct lease *lease)
{
    return &lease->upstream->stream;
}

const struct lease_facts *
lease_facts(const struct lease *lease)
{
    return &lease->facts;
}

void
lease_count(struct lease *lease, uint64_t sent_bytes, uint64_t received_bytes)
{
    struct tuple_row *row = lease->upstream->row;

    if (sent_bytes > 0)
        tuple_add(&row->sent_bytes, sent_bytes);
    if (received_bytes > 0)
        tuple_add(&row->received_bytes, received_bytes);
}

/*
 * A bit before the origin's own time, since its close and our request may cross on the way: a
 * second before, or at half of what is shorter than two.
 */
static unsigned
announced_limit(unsigned timeout_ms)
{
    return timeout_ms >= 2000 ? timeout_ms - 1000 : timeout_ms / 2;
}

/* Ends a use. May there be another one? */
static bool
may_serve_again(struct lease *lease, const struct park_terms *terms)
{
    struct upstream *upstream = lease->upstream;
    uint64_t now_us = clock_now_us();

    assert(lease->state == LEASE_HELD);
    count_saving(lease);
    if (terms->idle_timeout_ms != 0)
        upstream->idle_limit_ms = announced_limit(terms->idle_timeout_ms);
    upstream->is_used_up = terms->has_uses_left && terms->uses_left == 0;
    upstream->used_us = now_us;
    upstream->is_scout = false;
    atomic_store_explicit(&upstream->row->parked_us, now_us, memory_order_relaxed);
    upstream->loss = upstream_spent_by(upstream, &lease->lane->pool->limits, now_us);
    if (upstream->loss != MISS_NONE)
        return false;
    measure(upstream, now_us);
    /* A stray must come now, where the probe or the janitor sees it, not behind a request. */
    stream_acknowledge(&upstream->stream);
    if (pool_probe(lease->lane->pool, &lease->key, &upstream->stream) == PULSE_QUIET)
        return true;
    upstream->loss = stream_has_ended(&upstream->stream) ? MISS_CLOSED : MISS_BROKEN;
    return false;
}

/* Ends a use and asks whether the connection is to lie where anybody may take it. */
static bool
may_be_shared(struct lease *lease, const struct park_terms *terms)
{
    if (lease->is_tunnel || lease->is_pinned || !may_serve_again(lease, terms))
        return false;
    if (pool_may_reuse(lease->lane->pool, &lease->key))
        return true;
    lease->upstream->loss = MISS_QUARANTINED;
    return false;
}

void
lease_park(struct lease **owned, const struct park_terms *terms)
{
    struct lease *lease = *owned;
    struct upstream *upstream = lease->upstream;
    struct lane *lane = lease->lane;

    if (!may_be_shared(lease, terms)) {
        lease_discard(owned);
        return;
    }
    *owned = NULL;
    lease->upstream = NULL;
    tuple_set_state(upstream->row, TUPLE_PARKED);
    stat_add(&lane->stats[POOL_STAT_PARKED], 1);
    shelf_give(lane->pool->shelf, upstream);
    lease_free(lease);
}

void
lease_discard(struct lease **owned)
{
    struct lease *lease = *owned;
    struct upstream *upstream = lease->upstream;
    struct pool *pool = lease->lane->pool;

    assert(lease->state == LEASE_HELD);
    /* What met its end with this request spared it nothing. */
    if (upstream->loss != MISS_CLOSED)
        count_saving(lease);
    *owned = NULL;
    lease->upstream = NULL;
    if (lease->is_tunnel || lease->is_pinned) {
        upstream->loss = MISS_NONE; /* others never had it, or lost it when it was pinned */
        upstream_close(upstream, pool->table);
        stat_add(&lease->lane->stats[POOL_STAT_CLOSED], 1);
        atomic_fetch_sub(lease->is_pinned ? &pool->pinned : &pool->tunnels, 1);
    } else {
        if (upstream->loss == MISS_NONE)
            upstream->loss = MISS_UNFINISHED;
        lane_discard(lease->lane, upstream);
    }
    lease_free(lease);
}

void
lease_note_loss(struct lease *lease, enum miss loss)
{
    lease->upstream->loss = loss;
}

enum pulse
lease_probe(const struct lease *lease)
{
    return pool_probe(lease->lane->pool, &lease->key, &lease->upstream->stream);
}

void
lease_note_stray(struct lease *lease)
{
    if (!stream_has_ended(&lease->upstream->stream))
        lease->upstream->loss = MISS_BROKEN;
    pool_note_stray(lease->lane->pool, &lease->key, &lease->upstream->stream);
}

void
lease_note_dead(struct lease *lease)
{
    struct host *host = lease->upstream->host;
    unsigned idle_ms = lease->facts.idle_ms;

    /* What sends strays may be alive. */
    if (!stream_has_ended(&lease->upstream->stream))
        return;
    stat_add(&lease->lane->stats[POOL_STAT_MET_DEAD], 1);
    ledger_add(&host->ledger, LEDGER_MET_DEAD, 1);
    /* It was alive when it was taken: its end and the request crossed. */
    habit_note_end(&host->habit, idle_ms, idle_ms, clock_now_us());
}

enum err
lease_pin(struct lease *lease)
{
    struct pool *pool = lease->lane->pool;
    struct bucket *slot = lease->upstream->bucket;

    assert(lease->state == LEASE_HELD);
    if (lease->is_pinned)
        return ERR_OK;
    if (!limit_reserve(&pool->pinned, &pool->limits.max_pinned))
        return ERR_PINS_FULL;
    stat_add(&lease->lane->stats[POOL_STAT_PINNED], 1);
    lease->is_pinned = true;
    lease->upstream->bucket = NULL;
    /* Its key is of no more interest: nobody else will ever ask for it. */
    lease->upstream->is_astray = false;
    if (lease->is_tunnel) {
        atomic_fetch_sub(&pool->tunnels, 1);
    } else {
        ledger_note_loss(&lease->upstream->host->ledger, MISS_BOUND);
        shelf_release(pool->shelf, slot);
    }
    lease->is_tunnel = false;
    quota_leave(pool->quotas, &lease->pass);
    return ERR_OK;
}

unsigned
lease_rest(struct lease *lease, const struct park_terms *terms)
{
    struct upstream *upstream = lease->upstream;

    assert(lease->is_pinned);
    if (!may_serve_again(lease, terms))
        return 0;
    tuple_set_state(upstream->row, TUPLE_PINNED);
    return upstream_rest_ms(upstream, &lease->lane->pool->limits);
}

enum err
lease_resume(struct lease *lease, lease_rule *rule, const void *rule_arg)
{
    struct upstream *upstream = lease->upstream;
    struct lane *lane = lease->lane;
    uint64_t now_us = clock_now_us();
    enum err err;

    assert(lease->is_pinned);
    if (upstream_is_spent(upstream, &lane->pool->limits, now_us) ||
        follow_has_left(lane, &lease->key, upstream, now_us))
        return ERR_CLOSED;
    if (pool_probe(lane->pool, &lease->key, &upstream->stream) != PULSE_QUIET) {
        stat_add(&lane->stats[POOL_STAT_PROBE_FAILED], 1);
        ledger_add(&upstream->host->ledger, LEDGER_FOUND_DEAD, 1);
        return ERR_CLOSED;
    }
    err = rule(rule_arg, &upstream->row->remote, upstream->is_by_dns || lease->is_by_dns);
    if (err != ERR_OK)
        return err;
    lease->facts.is_queued = false;
    lease_begin_use(lease);
    return ERR_OK;
}
