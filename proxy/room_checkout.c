/*
 * CHECKOUT: gets an upstream connection from the pool: a parked one, the next that comes free,
 * or a new one.
 */
#include <stdio.h>

#include "proxy/answer.h"
#include "proxy/exchange.h"
#include "proxy/hop.h"
#include "proxy/policy/acl.h"
#include "proxy/policy/limit_table.h"

static void
on_lease(void *arg)
{
    exchange_run(arg);
}

static void
on_origin_ready(void *arg, unsigned what)
{
    struct exchange *exchange = arg;

    exchange->ready |= what;
    /* TLS may have to write before it can read on. */
    if (exchange->lease != NULL && stream_is_stuck(lease_stream(exchange->lease)))
        exchange->ready |= WATCH_READ;
    exchange_run(exchange);
}

/* The rules are asked of every address that is dialed and of every connection reused. */
enum err
exchange_may_reach(const void *arg, const struct address *address, bool is_by_dns)
{
    const struct exchange *exchange = arg;
    struct rules_question question = exchange_question(exchange);

    question.address = address;
    return acl_reaches(exchange->config, &question, &exchange->worker->own, is_by_dns);
}

/*
 * Which connection will do? What can be sent again may meet a dead one; what must not be sent
 * twice takes one that was alive a moment ago; what may but cannot be, because the body is too
 * long to hold, takes a new one, so that reuse never makes it fail.
 */
static enum lease_want
wanted(const struct exchange *exchange)
{
    if (exchange_wants_tunnel(exchange))
        return LEASE_TUNNEL;
    if (exchange->is_retry)
        return LEASE_RETRY;
    if (exchange->is_replayable)
        return LEASE_ANY;
    return method_is_idempotent(exchange->head.method) ? LEASE_FRESH : LEASE_YOUNG;
}

static void
ask(struct exchange *exchange)
{
    unsigned char name[LIMIT_NAME_SIZE];
    const struct lease_request request = {
        .key = &exchange->key,
        .tls = exchange->tls,
        .want = wanted(exchange),
        .rule = exchange_may_reach,
        .rule_arg = exchange,
        .client = &exchange->client->peer,
        .quota_name = limit_client_name(&exchange->client->peer,
                                        exchange->config->limit_ipv6_prefix, name),
        .on_lease = on_lease,
        .arg = exchange,
    };

    exchange->lease = lease_checkout(exchange->worker->lane, &request);
}

/* The request's head as the origin will see it, and on a retry the body that was sent before.
 */
static enum err
prepare(struct exchange *exchange)
{
    char for_entry[HOP_FOR_SIZE];
    struct emit_hop hop;
    enum err err;

    buf_reset(&exchange->to_origin);
    if (exchange->target.form == TARGET_AUTHORITY)
        return ERR_OK;
    hop = hop_for_origin(exchange, for_entry);
    err = emit_request_from(&exchange->to_origin, &exchange->head, &exchange->target,
                            &exchange->request_body, &hop);
    if (err == ERR_OK)
        err = buf_append_slice(&exchange->to_origin, buf_bytes(&exchange->replay));
    return err;
}

static enum step
checkout_failed(struct exchange *exchange)
{
    enum err err = lease_error(exchange->lease);
    char why[ANSWER_DETAIL_SIZE / 2];

    exchange->lease_err = err;
    exchange->is_held_down = lease_is_held_down(exchange->lease);
    snprintf(why, sizeof(why), "%s%s", err_text(err),
             exchange->is_held_down ? ", a moment ago: not tried again yet (pool.holddown)"
                                    : "");
    return exchange_fail_origin(exchange, reason_of_err(err), why);
}

static enum step
checkout_done(struct exchange *exchange)
{
    bool is_tunnel = exchange->target.form == TARGET_AUTHORITY;

    exchange->facts = *lease_facts(exchange->lease);
    exchange->has_facts = true;
    exchange->ready = WATCH_WRITE;
    exchange->loss = MISS_UNFINISHED;
    exchange->sent_here = 0;
    exchange->wire_before = stream_wire_sent(lease_stream(exchange->lease));
    exchange->received_here = 0;
    watch_open(&exchange->watch, exchange->worker->base, lease_stream(exchange->lease)->fd,
               on_origin_ready, exchange);
    /* What was not dialed for us was probed when it was taken. */
    if (!is_tunnel && !exchange->facts.may_be_stale &&
        lease_probe(exchange->lease) == PULSE_NOISY)
        return exchange_fail_origin(exchange, REASON_ORIGIN_BROKEN,
                                    "it spoke before it was asked");
    if (!pin_for_request(exchange))
        return exchange_fail_origin(exchange, REASON_PINS_FULL, NULL);
    if (prepare(exchange) != ERR_OK)
        return exchange_fail(exchange, REASON_HEAD_TOO_LARGE, NULL);
    return exchange_enter(exchange, is_tunnel ? ROOM_TUNNEL : ROOM_FORWARD);
}

enum step
room_checkout(struct exchange *exchange)
{
    bool is_tunnel = exchange->target.form == TARGET_AUTHORITY;

    if (exchange->client->is_gone)
        return exchange_end(exchange, REASON_CLIENT_GONE, FATE_ABORT);
    if (exchange->lease == NULL && !is_tunnel && !pin_take(exchange)) {
        /* As a client without a proxy would see it: its connection is gone, and its login. */
        exchange->keeps_client = false;
        return exchange_fail_origin(exchange, REASON_ORIGIN_CLOSED,
                                    "the login has to begin anew");
    }
    if (exchange->lease == NULL)
        ask(exchange);
    switch (lease_state(exchange->lease)) {
    case LEASE_WAITING:
        return STEP_WAIT;
    case LEASE_FAILED:
        return checkout_failed(exchange);
    case LEASE_HELD:
        break;
    }
    return checkout_done(exchange);
}
