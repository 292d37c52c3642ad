/*
 * What is done with a connection that a lease holds, and its way back. The lane's thread.
 */
#include <assert.h>

#include "base/clock.h"
#include "pool/lease_inside.h"

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

void
lease_park(struct lease **owned, const struct park_terms *terms)
{
    struct lease *lease = *owned;
    struct upstream *upstream = lease->upstream;
    struct lane *lane = lease->lane;
    uint64_t now_us = clock_now_us();

    assert(lease->state == LEASE_HELD);
    if (terms->idle_timeout_ms != 0)
        upstream->idle_limit_ms = announced_limit(terms->idle_timeout_ms);
    upstream->is_used_up = terms->has_uses_left && terms->uses_left == 0;
    upstream->used_us = now_us;
    if (lease->is_tunnel || upstream_is_spent(upstream, &lane->pool->limits, now_us) ||
        stream_pulse(&upstream->stream) != PULSE_QUIET) {
        lease_discard(owned);
        return;
    }
    *owned = NULL;
    lease->upstream = NULL;
    atomic_store_explicit(&upstream->row->parked_us, now_us, memory_order_relaxed);
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
    *owned = NULL;
    lease->upstream = NULL;
    if (lease->is_tunnel) {
        upstream_close(upstream, pool->table);
        stat_add(&lease->lane->stats[POOL_STAT_CLOSED], 1);
        atomic_fetch_sub(&pool->tunnels, 1);
    } else {
        lane_discard(lease->lane, upstream);
    }
    lease_free(lease);
}
