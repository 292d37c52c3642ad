/*
 * Checkout as one call: the shelf's protocol seen from a worker. A lease belongs to its lane's
 * thread; the shelf's waiter inside it is touched by others only while it waits, and then only
 * under the shard's lock. What others give comes by mail.
 */
#include "pool/lease.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "pool/dial.h"
#include "pool/follow.h"
#include "pool/lane.h"
#include "pool/lease_inside.h"
#include "pool/share.h"
#include "pool/tls.h"

/* ---- endings ---- */

void
lease_free(struct lease *lease)
{
    assert(lease->dial == NULL && lease->slot == NULL && lease->upstream == NULL);
    event_del(&lease->queue_timer);
    tls_profile_unref(lease->tls);
    quota_leave(lease->lane->pool->quotas, &lease->pass);
    lane_leave(lease->lane);
    free(lease);
}

/* The wait is over, whatever came of it: nothing that it started is needed any more. */
static void
lease_settle(struct lease *lease, enum lease_state state)
{
    struct bucket *slot = lease->slot;
    struct dial *dial = lease->dial;

    if (lease->ask != NULL)
        resolver_cancel(&lease->ask);
    lease->state = state;
    lease->slot = NULL;
    lease->dial = NULL;
    event_del(&lease->queue_timer);
    if (dial != NULL)
        dial_detach(dial);
    if (slot != NULL)
        shelf_undial(lease->lane->pool->shelf, slot);
}

void
lease_fail(struct lease *lease, enum err err)
{
    lease->err = err;
    lease_settle(lease, LEASE_FAILED);
}

void
lease_hold(struct lease *lease, struct upstream *upstream)
{
    lease->upstream = upstream;
    lease_begin_use(lease);
    lease_settle(lease, LEASE_HELD);
}

void
lease_tell(struct lease *lease)
{
    if (lease->state != LEASE_WAITING && !lease->is_inside)
        lease->on_lease(lease->arg);
}

/* ---- take ---- */

/* Is a stream too old, dead or in doubt? MISS_NONE: none of these. */
static enum miss
find_fault(struct lease *lease, struct upstream *upstream)
{
    struct lane *lane = lease->lane;
    uint64_t now_us = clock_now_us();
    enum miss fault = upstream_spent_by(upstream, &lane->pool->limits, now_us);

    if (fault != MISS_NONE)
        return fault;
    if (upstream_is_retired(upstream, &lane->pool->limits, now_us))
        return MISS_EXPIRED_IDLE;
    if (follow_has_left(lane, &lease->key, upstream, now_us))
        return MISS_MOVED;
    if (pool_probe(lane->pool, &lease->key, &upstream->stream) != PULSE_QUIET) {
        stat_add(&lane->stats[POOL_STAT_PROBE_FAILED], 1);
        ledger_add(&upstream->host->ledger, LEDGER_FOUND_DEAD, 1);
        pool_note_end(lane->pool, upstream);
        return MISS_PROBE;
    }
    if (upstream->uses > 0 && !pool_may_reuse(lane->pool, &lease->key))
        return MISS_QUARANTINED;
    return MISS_NONE;
}

/* Is the stream fit for this lease? If not it went where it belongs. */
static bool
lease_try(struct lease *lease, struct upstream *upstream)
{
    struct lane *lane = lease->lane;

    upstream->loss = find_fault(lease, upstream);
    if (upstream->loss != MISS_NONE) {
        lease->miss = upstream->loss;
        lane_discard(lane, upstream);
        return false;
    }
    if (lease->rule(lease->rule_arg, &upstream->row->remote,
                    upstream->is_by_dns || lease->is_by_dns) != ERR_OK) {
        /* Good for others. From now on only a dial of its own, so that this ends. */
        lease->miss = MISS_REFUSED;
        lease->waiter.want = SHELF_SLOT;
        shelf_give(lane->pool->shelf, upstream);
        return false;
    }
    lease_hold(lease, upstream);
    return true;
}

/* What the lease itself went through says more than what the shelf saw of others. */
static void
note_lack(struct lease *lease, const struct shelf_gift *got)
{
    if (lease->miss != MISS_NONE)
        return;
    if (got->is_retired)
        lease->miss = MISS_EXPIRED_IDLE;
    else if (got->is_unsuited)
        lease->miss =
            lease->waiter.want == SHELF_YOUNG ? MISS_NON_IDEMPOTENT : MISS_UNREPEATABLE;
    else if (got->is_busy)
        lease->miss = MISS_BUSY;
}

/* It waits no more. False: it was granted something that it has not heard of yet. */
static bool
lease_leave(struct lease *lease)
{
    struct pool *pool = lease->lane->pool;

    if (lease->is_held_back)
        return quota_cancel(pool->quotas, &lease->pass);
    return shelf_leave(pool->shelf, &lease->waiter);
}

static void
on_queue_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct lease *lease = arg;

    (void)fd;
    (void)what;
    if (lease->ask != NULL) {
        lease_fail(lease, ERR_DNS_TIMEOUT);
        lease_tell(lease);
        return;
    }
    /* Too late for the deadline: a grant is in the mail. */
    if (!lease_leave(lease))
        return;
    stat_add(&lease->lane->stats[POOL_STAT_QUEUE_TIMEOUT], 1);
    lease_fail(lease, ERR_QUEUE_TIMEOUT);
    lease_tell(lease);
}

/* In the queue, once more or for the first time; the deadline counts from the first. */
static void
lease_queue(struct lease *lease)
{
    unsigned ms = limit_of(&lease->lane->pool->limits.queue_timeout_ms);
    struct timeval delay = loop_delay_ms(ms);

    if (!lease->facts.is_queued)
        stat_add(&lease->lane->stats[POOL_STAT_QUEUED], 1);
    lease->facts.is_queued = true;
    if (!event_pending(&lease->queue_timer, EV_TIMEOUT, NULL))
        event_add(&lease->queue_timer, &delay);
}

/* Takes what the shelf has until something fits, a dial is under way or the lease waits. */
static void
lease_seek(struct lease *lease)
{
    struct shelf_gift got;

    for (;;) {
        lease->waiter.has_slot = lease->slot != NULL || lease->dial != NULL;
        switch (shelf_take(lease->lane->pool->shelf, &lease->key, &lease->waiter, &got)) {
        case SHELF_GOT_STREAM:
            if (lease_try(lease, got.stream))
                return;
            continue;
        case SHELF_GOT_SLOT:
            if (got.slot != NULL)
                lease->slot = got.slot;
            event_del(&lease->queue_timer);
            note_lack(lease, &got);
            if (lease->dial == NULL)
                lease_dial(lease);
            return;
        case SHELF_GOT_QUEUE:
            lease_queue(lease);
            return;
        case SHELF_GOT_FULL:
            lease_fail(lease, ERR_QUEUE_FULL);
            return;
        }
    }
}

/* The host's address is known, and so is the key, or there is none. */
static void
on_shared(struct lease *lease, enum err err)
{
    lease->is_inside = true;
    if (err == ERR_OK)
        lease_seek(lease);
    else
        lease_fail(lease, err);
    lease->is_inside = false;
    lease_tell(lease);
}

/* To the shelf, as soon as it is known under which key. */
static void
lease_begin(struct lease *lease)
{
    if (share_begin(lease, on_shared) != ERR_AGAIN)
        lease_seek(lease);
}

/* ---- the client's quota ---- */

static void
on_entered(struct quota_pass *pass)
{
    struct lease *lease = (struct lease *)(void *)((char *)pass - offsetof(struct lease, pass));

    mailbox_post(lease->lane->mailbox, &lease->letter);
}

static void
lease_enter(struct lease *lease, struct slice quota_name)
{
    switch (quota_enter(lease->lane->pool->quotas, &lease->key, quota_name, &lease->pass)) {
    case QUOTA_ENTERED:
        lease_begin(lease);
        return;
    case QUOTA_WAITS:
        lease->is_held_back = true;
        lease_queue(lease);
        return;
    case QUOTA_FULL:
        lease_fail(lease, ERR_QUEUE_FULL);
        return;
    }
}

/* ---- on_mail ---- */

/* Any thread, once per grant. */
static void
on_granted(struct shelf_waiter *waiter)
{
    struct lease *lease = (struct lease *)(void *)waiter;

    mailbox_post(lease->lane->mailbox, &lease->letter);
}

/* The lease was cancelled before it read what it was given. */
static void
lease_return(struct lease *lease)
{
    struct shelf *shelf = lease->lane->pool->shelf;

    if (lease->is_held_back) {
        lease_free(lease);
        return;
    }
    if (lease->waiter.gift.stream != NULL)
        shelf_give(shelf, lease->waiter.gift.stream);
    else
        shelf_undial(shelf, lease->waiter.gift.slot);
    lease_free(lease);
}

static void
on_mail(struct letter *letter)
{
    struct lease *lease =
        (struct lease *)(void *)((char *)letter - offsetof(struct lease, letter));
    struct upstream *stream = lease->waiter.gift.stream;

    if (lease->is_cancelled) {
        lease_return(lease);
        return;
    }
    lease->is_inside = true;
    if (lease->is_held_back) {
        lease->is_held_back = false;
        lease_begin(lease);
    } else {
        if (stream == NULL)
            lease->slot = lease->waiter.gift.slot;
        if (stream == NULL || !lease_try(lease, stream))
            lease_seek(lease);
    }
    lease->is_inside = false;
    lease_tell(lease);
}

/* ---- the borrower's calls ---- */

static enum shelf_want
shelf_want_of(enum lease_want want)
{
    switch (want) {
    case LEASE_ANY:
        return SHELF_ANY;
    case LEASE_YOUNG:
        return SHELF_YOUNG;
    case LEASE_FRESH:
    case LEASE_RETRY:
        return SHELF_FRESH;
    case LEASE_TUNNEL:
        break;
    }
    return SHELF_SLOT;
}

struct lease *
lease_checkout(struct lane *lane, const struct lease_request *request)
{
    struct lease *lease = xcalloc(1, sizeof(*lease));

    lane_enter(lane);
    lease->lane = lane;
    lease->key = *request->key;
    lease->tls = request->tls;
    if (lease->tls != NULL)
        tls_profile_ref(lease->tls);
    lease->rule = request->rule;
    lease->rule_arg = request->rule_arg;
    lease->on_lease = request->on_lease;
    lease->arg = request->arg;
    lease->is_retry = request->want == LEASE_RETRY;
    lease->waiter.want = shelf_want_of(request->want);
    lease->waiter.on_granted = on_granted;
    lease->waiter.waiting.client = *request->client;
    lease->waiter.waiting.since_us = clock_now_us();
    lease->pass.on_entered = on_entered;
    lease->pass.waiting = &lease->waiter.waiting;
    lease->letter.on_mail = on_mail;
    evtimer_assign(&lease->queue_timer, lane->base, on_queue_timeout, lease);
    lease->is_inside = true;
    if (request->want == LEASE_TUNNEL)
        lease_tunnel(lease);
    else
        lease_enter(lease, request->quota_name);
    lease->is_inside = false;
    return lease;
}

void
lease_renew(struct lease *lease)
{
    struct upstream *upstream = lease->upstream;
    struct bucket *slot = upstream->bucket;

    assert(lease->state == LEASE_HELD && !lease->is_tunnel && !lease->is_pinned);
    lease->upstream = NULL;
    if (upstream->loss == MISS_NONE)
        upstream->loss = MISS_CLOSED;
    lease->miss = upstream->loss;
    upstream_close(upstream, lease->lane->pool->table);
    stat_add(&lease->lane->stats[POOL_STAT_CLOSED], 1);
    lease->saving = (struct saving){0}; /* none: it had to be sent twice */
    lease->state = LEASE_WAITING;
    lease->is_retry = true;
    lease->waiter.want = SHELF_FRESH;
    lease->waiter.waiting.since_us = clock_now_us();
    lease->is_inside = true;
    if (shelf_redial(lease->lane->pool->shelf, slot, &lease->waiter)) {
        lease->slot = slot;
        lease_dial(lease);
    } else {
        lease_queue(lease);
    }
    lease->is_inside = false;
}

void
lease_cancel(struct lease **owned)
{
    struct lease *lease = *owned;

    if (lease == NULL)
        return;
    if (lease->state == LEASE_HELD) {
        lease_discard(owned);
        return;
    }
    *owned = NULL;
    /* Leave before the dial is let go: its slot may be the last thing that keeps the bucket. */
    if (lease->state == LEASE_WAITING)
        lease->is_cancelled = !lease_leave(lease);
    lease_settle(lease, LEASE_FAILED);
    if (!lease->is_cancelled)
        lease_free(lease);
}
