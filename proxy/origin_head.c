/*
 * The head of an origin's answer: read, understood, and passed on. Any number of interim heads
 * come before it; instead of it may come a switch of protocols. The worker's thread.
 */
#include "proxy/origin_head.h"

#include "proxy/hop.h"
#include "proxy/http/fields.h"
#include "proxy/http/upgrade.h"

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
    framing->name = slice_of(exchange->hop_name);
    framing->received = time(NULL);
}

/* What of the head speaks against using the connection again; MISS_NONE: nothing. */
static enum miss
find_objection(const struct exchange *exchange, const struct head *head,
               const struct keep_alive *announced)
{
    if (!fields_keep_alive(head, false))
        return head->minor == 0 ? MISS_HTTP_10 : MISS_SAID_CLOSE;
    if (announced->has_timeout && announced->timeout_s == 0)
        return MISS_SAID_CLOSE;
    if (exchange->answer_body.kind == BODY_UNTIL_CLOSE)
        return MISS_UNTIL_CLOSE;
    return hop_is_last_use(exchange) ? MISS_EXPIRED_USES : MISS_NONE;
}

/* What the head says about using the connection again. */
static void
note_terms(struct exchange *exchange, const struct head *head)
{
    struct keep_alive announced = fields_parse_keep_alive(head);
    uint64_t timeout_ms = (uint64_t)announced.timeout_s * 1000;
    enum miss objection = find_objection(exchange, head, &announced);

    exchange->is_parkable = objection == MISS_NONE;
    if (objection != MISS_NONE)
        exchange->loss = objection;
    exchange->terms.idle_timeout_ms = timeout_ms < UINT32_MAX ? (unsigned)timeout_ms : 0;
    exchange->terms.has_uses_left = announced.has_max;
    exchange->terms.uses_left = announced.max;
}

static enum flow
begin_answer(struct exchange *exchange, const struct head *head, struct slice body_bytes)
{
    struct buf out;
    enum flow flow = FLOW_BROKEN;

    if (body_of_response(head, exchange->head.method, &exchange->answer_body,
                         &exchange->answer_refusal) != PARSE_DONE)
        return FLOW_BROKEN;
    choose_framing(exchange, head);
    note_terms(exchange, head);
    pin_for_answer(exchange, head);
    buf_init(&out, emit_room(head));
    if (emit_response(&out, head, &exchange->framing) == ERR_OK) {
        exchange->status = head->status;
        exchange->has_answer = true;
        flow = pump_answer(exchange, buf_bytes(&out), body_bytes);
    }
    buf_reset(&out);
    return flow;
}

/* A 1xx head as the client gets it. */
static enum err
render_interim(const struct exchange *exchange, struct buf *out, const struct head *head)
{
    enum err err;

    buf_init(out, emit_room(head));
    err = emit_interim(out, head, slice_of(exchange->hop_name));
    if (err != ERR_OK)
        buf_reset(out);
    return err;
}

/* The origin switches protocols: to what was asked for, and with nothing else left to say. */
static enum flow
switch_protocols(struct exchange *exchange, const struct head *head, struct slice early)
{
    struct buf out;

    if (!exchange->wants_upgrade || !upgrade_is_agreed(&exchange->head, head) ||
        buf_size(&exchange->to_origin) > 0 || render_interim(exchange, &out, head) != ERR_OK)
        return FLOW_BROKEN;
    exchange_open_tunnel(exchange, head->status, buf_bytes(&out), early);
    buf_reset(&out);
    return FLOW_WAIT;
}

static enum flow
pass_interim(struct exchange *exchange, const struct head *head)
{
    struct buf out;
    struct iovec part;

    /* They cost us and the client: somewhere it must end. */
    if (++exchange->interim_count > exchange->config->http_max_interim)
        return FLOW_BROKEN;
    /* HTTP/1.0 knows no interim answers (RFC 9110 §15.2). */
    if (exchange->head.minor == 0)
        return FLOW_WAIT;
    if (render_interim(exchange, &out, head) != ERR_OK)
        return FLOW_BROKEN;
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

/* An interim answer has no body; one that is announced would surely follow (RFC 9110 §8.6). */
static bool
announces_body(const struct exchange *exchange, const struct head *interim)
{
    struct body none;
    enum refusal refusal;

    return body_of_response(interim, exchange->head.method, &none, &refusal) != PARSE_DONE;
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
        if (parse == PARSE_REFUSE) {
            exchange->answer_refusal = head.refusal;
            return FLOW_BROKEN;
        }
        if (is_too_old(exchange, &head)) {
            exchange->is_answer_old = true;
            return FLOW_ORIGIN_LOST;
        }
        rest = (struct slice){bytes->data + head.size, bytes->size - head.size};
        if (head.status < 200 && announces_body(exchange, &head))
            return FLOW_BROKEN;
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

/* The request's bytes as TCP counts them: with TLS it sees records. */
static uint64_t
sent_on_wire(const struct exchange *exchange)
{
    uint64_t wire = stream_wire_sent(lease_stream(exchange->lease));

    return wire > 0 ? wire - exchange->wire_before : exchange->sent_here;
}

/*
 * An answer acknowledges the request that it answers. What comes while not a byte of the
 * request is acknowledged was on its way before, belongs to somebody else's request or to none,
 * and was too late for the probe (RFC 9112 §9.2).
 */
static bool
is_before_request(struct exchange *exchange, size_t got)
{
    return exchange->received_here == got &&
           stream_unacknowledged(lease_stream(exchange->lease)) >= sent_on_wire(exchange);
}

/*
 * With TLS 1.3 we are done with the handshake before the origin has seen all of it: what it has
 * against our certificate, or against having none, comes behind it (RFC 8446 §4.4.2.4).
 */
static bool
is_refusal(const struct exchange *exchange, enum err err)
{
    return err == ERR_TLS_ALERT && exchange->received_here == 0 &&
           !exchange->facts.may_be_stale;
}

enum flow
origin_head_read(struct exchange *exchange)
{
    struct buf *held = &exchange->answer_head;
    struct slice bytes;
    size_t had = buf_size(held);
    enum flow flow;
    enum err err = pump_read_origin(exchange, &bytes);

    if (err == ERR_AGAIN)
        return FLOW_WAIT;
    if (err != ERR_OK) {
        if (is_refusal(exchange, err))
            exchange->lease_err = err;
        return FLOW_ORIGIN_LOST;
    }
    if (is_before_request(exchange, bytes.size)) {
        lease_note_stray(exchange->lease);
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
