/*
 * FORWARD: the request goes up, the answer comes down, each at its own pace: an origin may
 * answer before it has read the whole request.
 */
#include "proxy/exchange.h"
#include "proxy/http/fields.h"
#include "proxy/http/upgrade.h"
#include "proxy/pump.h"

/* How the answer's body is framed towards the client (RFC 9112 §6). */
static void
choose_framing(struct exchange *exchange, const struct head *head)
{
    const struct body *body = &exchange->answer_body;
    struct emit_framing *framing = &exchange->framing;
    bool is_old_client = exchange->head.minor == 0;

    framing->kind = body->kind;
    framing->length = body->length;
    if (body->kind == BODY_CHUNKED || body->kind == BODY_UNTIL_CLOSE)
        framing->kind = is_old_client ? BODY_UNTIL_CLOSE : BODY_CHUNKED;
    framing->copies_length = body->kind == BODY_NONE &&
                             (exchange->head.method == METHOD_HEAD || head->status == 304);
    framing->is_old_client = is_old_client;
    /* A request whose body is still on its way may be cut off: what follows it is in doubt. */
    exchange->keeps_client = exchange->keeps_client && framing->kind != BODY_UNTIL_CLOSE &&
                             exchange->request_body.is_done && !exchange->worker->is_draining;
    framing->keeps_alive = exchange->keeps_client;
}

/* What the head says about using the connection again. */
static void
note_terms(struct exchange *exchange, const struct head *head)
{
    struct keep_alive announced = fields_parse_keep_alive(head);
    uint64_t timeout_ms = (uint64_t)announced.timeout_s * 1000;

    exchange->is_parkable =
        fields_keep_alive(head, false) && exchange->answer_body.kind != BODY_UNTIL_CLOSE;
    if (announced.has_timeout && announced.timeout_s == 0)
        exchange->is_parkable = false;
    exchange->terms.idle_timeout_ms = timeout_ms < UINT32_MAX ? (unsigned)timeout_ms : 0;
    exchange->terms.has_uses_left = announced.has_max;
    exchange->terms.uses_left = announced.max;
}

static enum flow
begin_answer(struct exchange *exchange, const struct head *head, struct slice body_bytes)
{
    struct buf out;
    enum refusal refusal = REFUSAL_NONE;
    enum flow flow = FLOW_BROKEN;

    if (body_of_response(head, exchange->head.method, &exchange->answer_body, &refusal) !=
        PARSE_DONE)
        return FLOW_BROKEN;
    choose_framing(exchange, head);
    note_terms(exchange, head);
    buf_init(&out, emit_room(head));
    if (emit_response(&out, head, &exchange->framing) == ERR_OK) {
        exchange->status = head->status;
        exchange->has_answer = true;
        flow = pump_answer(exchange, buf_bytes(&out), body_bytes);
    }
    buf_reset(&out);
    return flow;
}

/* The origin switches protocols: to what was asked for, and with nothing else left to say. */
static enum flow
switch_protocols(struct exchange *exchange, const struct head *head, struct slice early)
{
    struct buf out;

    if (!exchange->wants_upgrade || !upgrade_is_agreed(&exchange->head, head) ||
        buf_size(&exchange->to_origin) > 0)
        return FLOW_BROKEN;
    buf_init(&out, emit_room(head));
    if (emit_interim(&out, head) != ERR_OK) {
        buf_reset(&out);
        return FLOW_BROKEN;
    }
    exchange_open_tunnel(exchange, head->status, buf_bytes(&out), early);
    buf_reset(&out);
    return FLOW_WAIT;
}

/* Passes a 1xx on. */
static enum flow
pass_interim(struct exchange *exchange, const struct head *head)
{
    struct buf out;
    struct iovec part;

    /* HTTP/1.0 knows no interim answers (RFC 9110 §15.2). */
    if (exchange->head.minor == 0)
        return FLOW_WAIT;
    buf_init(&out, emit_room(head));
    if (emit_interim(&out, head) != ERR_OK) {
        buf_reset(&out);
        return FLOW_BROKEN;
    }
    part = (struct iovec){(char *)buf_bytes(&out).data, buf_size(&out)};
    client_write(exchange->client, &part, 1);
    buf_reset(&out);
    return FLOW_WAIT;
}

/*
 * A 408 on a connection that lay idle is older than our request: the origin was tired of
 * waiting (RFC 9110 §15.5.9). On a new connection it would be an answer.
 */
static bool
is_too_old(const struct exchange *exchange, const struct head *head)
{
    return head->status == 408 && exchange->facts.may_be_stale && exchange->is_replayable &&
           !exchange->is_retry && !fields_keep_alive(head, false);
}

/* Heads from these bytes: any number of interim ones, then the answer's. Says what was used. */
static enum flow
read_heads(struct exchange *exchange, struct slice *bytes)
{
    const struct config *config = exchange->config;
    const struct head_limits limits = {config->http_max_line, config->http_max_head};

    while (bytes->size > 0) {
        struct head head = {.fields = exchange->worker->fields,
                            .field_capacity = exchange->worker->field_capacity};
        enum parse parse = head_parse_response(*bytes, &limits, &head);
        struct slice rest;
        enum flow flow;

        if (parse == PARSE_MORE)
            return FLOW_WAIT;
        if (parse == PARSE_REFUSE)
            return FLOW_BROKEN;
        if (is_too_old(exchange, &head)) {
            exchange->is_answer_old = true;
            return FLOW_ORIGIN_LOST;
        }
        rest = (struct slice){bytes->data + head.size, bytes->size - head.size};
        if (head.status >= 200 || head.status == 101) {
            bytes->size = 0;
            return head.status == 101 ? switch_protocols(exchange, &head, rest)
                                      : begin_answer(exchange, &head, rest);
        }
        flow = pass_interim(exchange, &head);
        if (flow != FLOW_WAIT)
            return flow;
        *bytes = rest;
    }
    return FLOW_WAIT;
}

/*
 * An answer acknowledges the request that it answers. What comes on a reused connection while
 * not a byte of the request is acknowledged was on its way before, belongs to somebody else's
 * request or to none, and was too late for the probe (RFC 9112 §9.2).
 */
static bool
is_before_request(struct exchange *exchange, size_t got)
{
    return exchange->facts.may_be_stale && exchange->received_bytes == got &&
           stream_unacknowledged(lease_stream(exchange->lease)) >= exchange->sent_bytes;
}

static enum flow
read_answer_head(struct exchange *exchange)
{
    struct buf *held = &exchange->answer_head;
    struct slice bytes;
    size_t had = buf_size(held);
    enum flow flow;
    enum err err = pump_read_origin(exchange, &bytes);

    if (err == ERR_AGAIN)
        return FLOW_WAIT;
    if (err != ERR_OK)
        return FLOW_ORIGIN_LOST;
    if (is_before_request(exchange, bytes.size)) {
        exchange->is_answer_old = true;
        return FLOW_ORIGIN_LOST;
    }
    if (had == 0) {
        flow = read_heads(exchange, &bytes);
        if (flow == FLOW_WAIT && buf_append_slice(held, bytes) != ERR_OK)
            return FLOW_BROKEN;
        return flow;
    }
    if (buf_append_slice(held, bytes) != ERR_OK)
        return FLOW_BROKEN;
    bytes = buf_bytes(held);
    flow = read_heads(exchange, &bytes);
    if (exchange->has_answer)
        buf_reset(held);
    else
        buf_consume(held, buf_size(held) - bytes.size);
    return flow;
}

/*
 * Nothing came back on a connection that had served before: the origin closed it while it was
 * parked, and has not seen this request. Then it is sent once more, on a new connection; if it
 * must not be repeated, only where not a byte of it was taken (RFC 9110 §9.2.2).
 */
static bool
may_retry(const struct exchange *exchange)
{
    return exchange->facts.may_be_stale && !exchange->is_retry && !exchange->has_answer &&
           (exchange->received_bytes == 0 || exchange->is_answer_old) &&
           (exchange->is_replayable ||
            (!exchange->has_sent && exchange->request_body.kind == BODY_NONE));
}

static enum step
origin_lost(struct exchange *exchange)
{
    if (may_retry(exchange)) {
        watch_shut(&exchange->watch);
        lease_renew(exchange->lease);
        exchange->is_retry = true;
        exchange->has_lost_origin = false;
        exchange->phase = PHASE_SENDING;
        buf_reset(&exchange->answer_head);
        worker_count(exchange->worker, PROXY_STAT_RETRIES, 1);
        return exchange_enter(exchange, ROOM_CHECKOUT);
    }
    if (exchange->has_answer)
        return exchange_fail(exchange, REASON_ORIGIN_CUT, NULL);
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
    return exchange_fail_origin(
        exchange, exchange->has_answer ? REASON_ORIGIN_CUT : REASON_ORIGIN_BROKEN, NULL);
}

/* The client's side of the request failed: in its framing, or by its early end. */
static enum step
up_failed(struct exchange *exchange, enum flow up)
{
    exchange->keeps_client = false;
    if (up == FLOW_BROKEN)
        return exchange_fail(exchange, REASON_FRAMING, NULL);
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
    if (up == FLOW_BROKEN || up == FLOW_CLIENT_LOST)
        return up_failed(exchange, up);
    /* A connection that takes no more may still hold an answer: it is read to the end. */
    if (up == FLOW_ORIGIN_LOST)
        exchange->ready |= WATCH_READ;
    down = exchange->has_answer ? pump_down(exchange) : read_answer_head(exchange);
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
