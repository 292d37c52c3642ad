/*
 * FORWARD: the request goes up, the answer comes down, each at its own pace: an origin may
 * answer before it has read the whole request.
 */
#include "proxy/exchange.h"
#include "proxy/origin_head.h"
#include "proxy/pump.h"

/*
 * Nothing came back on a connection that had served before: the origin closed it while it was
 * parked, and has not seen this request.
 */
static bool
has_met_end(const struct exchange *exchange)
{
    return exchange->facts.may_be_stale && !exchange->has_answer &&
           (exchange->received_here == 0 || exchange->is_answer_old);
}

/*
 * Then it is sent once more, on a new connection; if it must not be repeated, only where not a
 * byte of it was taken (RFC 9110 §9.2.2).
 */
static bool
may_retry(const struct exchange *exchange)
{
    return has_met_end(exchange) && !exchange->is_retry && !exchange->is_mid_handshake &&
           (exchange->is_replayable ||
            (exchange->sent_here == 0 && exchange->request_body.kind == BODY_NONE));
}

static enum step
origin_lost(struct exchange *exchange)
{
    if (has_met_end(exchange))
        lease_note_dead(exchange->lease);
    exchange->loss = MISS_CLOSED;
    if (may_retry(exchange)) {
        watch_shut(&exchange->watch);
        if (exchange->is_pinned)
            exchange_drop_origin(exchange);
        else
            lease_renew(exchange->lease);
        exchange->is_pinned = false;
        exchange->is_retry = true;
        exchange->has_lost_origin = false;
        exchange->phase = PHASE_SENDING;
        buf_reset(&exchange->answer_head);
        worker_count(exchange->worker, PROXY_STAT_RETRIES, 1);
        return exchange_enter(exchange, ROOM_CHECKOUT);
    }
    if (exchange->has_answer)
        return exchange_fail(exchange, REASON_ORIGIN_CUT, NULL);
    if (exchange->lease_err == ERR_TLS_ALERT)
        return exchange_fail_origin(exchange, REASON_TLS_REFUSED, err_text(ERR_TLS_ALERT));
    return exchange_fail_origin(
        exchange, exchange->is_answer_old ? REASON_ORIGIN_BROKEN : REASON_ORIGIN_CLOSED, NULL);
}

static enum step
client_lost(struct exchange *exchange)
{
    exchange_drop_origin(exchange);
    return exchange_end(exchange, REASON_CLIENT_GONE, FATE_ABORT);
}

static enum step
origin_broken(struct exchange *exchange)
{
    exchange->keeps_client = false;
    exchange->loss = MISS_BROKEN;
    return exchange_fail_origin(
        exchange,
        exchange->has_answer ? REASON_ORIGIN_CUT : reason_of_answer(exchange->answer_refusal),
        NULL);
}

/* The client's side of the request failed: in its framing, or by its early end. */
static enum step
up_failed(struct exchange *exchange, enum flow up)
{
    exchange->keeps_client = false;
    if (up == FLOW_BROKEN)
        return exchange_fail(exchange, REASON_FRAMING, NULL);
    if (up == FLOW_TOO_LARGE)
        return exchange_fail(exchange, REASON_BODY_TOO_LARGE, NULL);
    return exchange->client->is_gone ? client_lost(exchange)
                                     : exchange_fail(exchange, REASON_INCOMPLETE, NULL);
}

/* Whose turn it is: bodies may take as long as they move, a head has to come in time. */
static enum forward_phase
phase_of(const struct exchange *exchange, enum flow up)
{
    if (exchange->has_answer)
        return PHASE_ANSWERING;
    return up == FLOW_DONE ? PHASE_WAITING : PHASE_SENDING;
}

static void
note_progress(struct exchange *exchange, enum flow up)
{
    const struct config *config = exchange->config;
    uint64_t moved = exchange->sent_bytes + exchange->received_bytes + exchange->answer_bytes -
                     client_queued(exchange->client);
    enum forward_phase phase = phase_of(exchange, up);

    if (phase == exchange->phase && (phase == PHASE_WAITING || moved == exchange->moved_bytes))
        return;
    exchange->phase = phase;
    exchange->moved_bytes = moved;
    client_set_deadline(exchange->client, phase == PHASE_WAITING ? config->timeout_response
                                                                 : config->timeout_body_stall);
}

enum step
room_forward(struct exchange *exchange)
{
    enum flow up;
    enum flow down;

    if (exchange->client->is_gone)
        return client_lost(exchange);
    up = pump_up(exchange);
    if (up == FLOW_BROKEN || up == FLOW_CLIENT_LOST || up == FLOW_TOO_LARGE)
        return up_failed(exchange, up);
    /* A connection that takes no more may still hold an answer: it is read to the end. */
    if (up == FLOW_ORIGIN_LOST)
        exchange->ready |= WATCH_READ;
    down = exchange->has_answer ? pump_down(exchange) : origin_head_read(exchange);
    if (exchange->client->is_gone)
        return client_lost(exchange);
    if (down == FLOW_ORIGIN_LOST)
        return origin_lost(exchange);
    if (down == FLOW_BROKEN)
        return origin_broken(exchange);
    if (exchange->is_tunnel)
        return exchange_enter(exchange, ROOM_TUNNEL);
    if (down == FLOW_DONE)
        return exchange_enter(exchange, ROOM_PARK);
    note_progress(exchange, up);
    pump_watch(exchange);
    return STEP_WAIT;
}

enum step
room_forward_late(struct exchange *exchange)
{
    bool is_full = client_is_full(exchange->client);

    if (is_full && client_is_reading(exchange->client)) {
        client_set_deadline(exchange->client, exchange->config->timeout_body_stall);
        return STEP_WAIT;
    }
    if (is_full)
        return exchange_fail(exchange, REASON_CLIENT_STALLED, NULL);
    if (exchange->phase == PHASE_SENDING && buf_size(&exchange->to_origin) == 0)
        return exchange_fail(exchange, REASON_BODY_TIMEOUT, NULL);
    if (exchange->has_answer)
        return exchange_fail(exchange, REASON_ORIGIN_STALLED, NULL);
    return exchange_fail_origin(exchange, REASON_RESPONSE_TIMEOUT, NULL);
}
