/*
 * A lease that dials, and what becomes of it when the dial ends: it may have found another
 * connection meanwhile, or be gone. The lane's thread.
 */
#include <assert.h>

#include "pool/dial.h"
#include "pool/lease_inside.h"

/* A tunnel's dial ends with its lease, so that what it brings is always wanted. */
static void
on_tunnel_end(const struct dial_end *end)
{
    if (end->upstream != NULL && end->lease != NULL) {
        stat_add(&end->lane->stats[POOL_STAT_TUNNELS], 1);
        ledger_add(&end->upstream->host->ledger, LEDGER_TUNNELS, 1);
        lease_hold(end->lease, end->upstream);
        return;
    }
    upstream_close(end->upstream, end->lane->pool->table);
    atomic_fetch_sub(&end->lane->pool->tunnels, 1);
    if (end->lease != NULL)
        lease_fail(end->lease, end->err);
}

/* The dial's own lease, if it still waits, is served first: one dial, one lease. */
static void
on_slot_dialed(const struct dial_end *end)
{
    struct shelf *shelf = end->lane->pool->shelf;
    struct shelf_waiter *waiter = end->lease != NULL ? &end->lease->waiter : NULL;

    if (end->upstream != NULL) {
        stat_add(&end->lane->stats[POOL_STAT_OPENED], 1);
        ledger_add(&end->upstream->host->ledger, LEDGER_OPENED, 1);
        /* As others are to see it, should nobody wait for it any more. */
        tuple_set_state(end->upstream->row, TUPLE_PARKED);
        atomic_store_explicit(&end->upstream->row->parked_us, end->upstream->used_us,
                              memory_order_relaxed);
        if (shelf_dialed(shelf, waiter, end->upstream)) {
            assert(end->lease != NULL);
            lease_hold(end->lease, end->upstream);
        }
        return;
    }
    if (waiter != NULL && shelf_leave(shelf, waiter))
        lease_fail(end->lease, end->err);
    shelf_undial(shelf, end->slot);
}

static void
on_dial_end(const struct dial_end *end)
{
    if (end->lease != NULL) {
        end->lease->dial = NULL;
        end->lease->is_held_down = end->is_held_down;
    }
    if (end->is_held_down)
        stat_add(&end->lane->stats[POOL_STAT_HELD_DOWN], 1);
    if (end->err != ERR_OK && end->err != ERR_CANCELLED)
        stat_add(&end->lane->stats[POOL_STAT_DIAL_FAILED], 1);
    if (end->slot == NULL)
        on_tunnel_end(end);
    else
        on_slot_dialed(end);
    if (end->lease != NULL)
        lease_tell(end->lease);
}

/* A new connection is asked for: why? */
static void
count_miss(struct lease *lease)
{
    struct ledger *ledger = &dial_host(lease->dial)->ledger;
    enum miss miss = ledger_count_miss(ledger, lease->miss);

    stat_add(&lease->lane->stats[POOL_STAT_MISSES + (miss - MISS_COLD)], 1);
    lease->miss = MISS_NONE;
}

void
lease_dial(struct lease *lease)
{
    const struct dial_request request = {
        .lane = lease->lane,
        .lease = lease,
        .slot = lease->slot,
        .key = &lease->key,
        .tls = lease->tls,
        .is_retry = lease->is_retry,
        .rule = lease->rule,
        .rule_arg = lease->rule_arg,
        .client = &lease->waiter.waiting.client,
        .on_end = on_dial_end,
    };

    lease->slot = NULL;
    lease->dial = dial_new(&request);
    if (!lease->is_tunnel)
        count_miss(lease);
    dial_run(lease->dial);
}

void
lease_tunnel(struct lease *lease)
{
    struct pool *pool = lease->lane->pool;

    lease->is_tunnel = true;
    if (limit_reserve(&pool->tunnels, &pool->limits.max_tunnels))
        lease_dial(lease);
    else
        lease_fail(lease, ERR_TUNNELS_FULL);
}
