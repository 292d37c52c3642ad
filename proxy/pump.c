/*
 * Moving bodies. Both directions read at most once per call and event, so that one fast
 * connection cannot starve the others of its worker; the sockets' events are level-triggered,
 * and who has more is woken again.
 *
 *     client ──client_read──► body_step ──gather──► origin's socket ──► to_origin: what is left
 *
 *     client ◄─client_write── gather ◄── body_step ◄── one read of the origin
 */
#include "proxy/pump.h"

#include "base/log.h"
#include "proxy/client_pace.h"
#include "proxy/gather.h"

/* From this size on it pays to read past the bufferevent, whose reads end at 4 KiB. */
#define PUMP_DIRECT_LEAST ((uint64_t)64 * 1024)

static void
lose_origin(struct exchange *exchange)
{
    exchange->has_lost_origin = true;
    exchange->loss = MISS_CLOSED;
    buf_reset(&exchange->to_origin);
}

/* Keeps what the socket did not take of the parts, whose first bytes it took. */
static enum err
keep_rest(struct buf *to_origin, const struct iovec *parts, int count, size_t sent)
{
    enum err err = ERR_OK;

    for (int i = 0; i < count && err == ERR_OK; i++) {
        size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;

        sent -= skip;
        err = buf_append(to_origin, (const char *)parts[i].iov_base + skip,
                         parts[i].iov_len - skip);
    }
    return err;
}

/* Writes pending bytes and then the parts; says how much the socket took of all of it. */
static enum err
write_up(struct exchange *exchange, const struct iovec *parts, int count, size_t *sent)
{
    struct slice pending = buf_bytes(&exchange->to_origin);
    struct iovec all[GATHER_PARTS + 1];

    if (!(exchange->ready & WATCH_WRITE))
        return ERR_AGAIN;
    if (pending.size == 0)
        return stream_write(lease_stream(exchange->lease), parts, count, sent);
    all[0] = (struct iovec){(char *)pending.data, pending.size};
    for (int i = 0; i < count; i++)
        all[i + 1] = parts[i];
    return stream_write(lease_stream(exchange->lease), all, count + 1, sent);
}

/* Sends what is pending and then the parts; what the socket does not take becomes pending. */
static void
send_up(void *arg, const struct iovec *parts, int count)
{
    struct exchange *exchange = arg;
    struct buf *to_origin = &exchange->to_origin;
    size_t had = buf_size(to_origin);
    size_t sent = 0;
    enum err err;

    if (exchange->has_lost_origin)
        return;
    err = write_up(exchange, parts, count, &sent);
    if (err != ERR_OK && err != ERR_AGAIN) {
        lose_origin(exchange);
        return;
    }
    exchange->sent_bytes += sent;
    exchange->sent_here += sent;
    worker_count(exchange->worker, PROXY_STAT_TO_ORIGINS, sent);
    lease_count(exchange->lease, sent, 0);
    buf_consume(to_origin, sent < had ? sent : had);
    /* The cap holds a head, a replay and twice what one read gives: to pass it is our mistake.
     */
    if (keep_rest(to_origin, parts, count, sent < had ? 0 : sent - had) != ERR_OK) {
        log_event(LOG_LEVEL_ERROR, "origin buffer overflow", "host=%s", exchange->key.host);
        lose_origin(exchange);
        return;
    }
    if (buf_size(to_origin) > 0)
        exchange->ready &= ~WATCH_WRITE;
    else
        buf_reset(to_origin);
}

/* A length was checked before anything was sent; chunks tell theirs only one by one. */
static bool
is_too_large(struct exchange *exchange, size_t more)
{
    uint64_t most = exchange->config->http_max_body;

    exchange->content_bytes += more;
    return exchange->request_body.kind == BODY_CHUNKED && most > 0 &&
           exchange->content_bytes > most;
}

/* Bytes from the client: through the body's framing, to the origin. */
static enum flow
carry_up(struct exchange *exchange, struct slice bytes)
{
    struct body *body = &exchange->request_body;
    struct slice rest = bytes;
    struct gather gather;
    enum parse parse = PARSE_MORE;

    gather_init(&gather, body->kind == BODY_CHUNKED, send_up, exchange);
    while (rest.size > 0 && parse == PARSE_MORE) {
        struct slice data = {0};
        size_t used = 0;

        parse = body_step(body, rest, &used, &data);
        if (is_too_large(exchange, data.size))
            return FLOW_TOO_LARGE;
        gather_body(&gather, data);
        /* Only such a connection can be dead already, and have to be replaced. */
        if (exchange->is_replayable && exchange->facts.may_be_stale &&
            buf_append_slice(&exchange->replay, data) != ERR_OK)
            exchange->is_replayable = false;
        rest = (struct slice){rest.data + used, rest.size - used};
    }
    if (parse == PARSE_DONE && gather.is_chunked)
        gather_raw(&gather, EMIT_LAST_CHUNK);
    gather_flush(&gather);
    client_consume(exchange->client, bytes.size - rest.size);
    return parse == PARSE_REFUSE ? FLOW_BROKEN : FLOW_WAIT;
}

/* Should the rest of the request's body be read past the bufferevent? */
static bool
is_long(const struct body *body)
{
    return body->kind == BODY_CHUNKED || body->kind == BODY_UNTIL_CLOSE ||
           (body->kind == BODY_LENGTH && body->left >= PUMP_DIRECT_LEAST);
}

static enum flow
client_ended(struct exchange *exchange, enum err err)
{
    if (err == ERR_CLOSED && exchange->request_body.kind == BODY_UNTIL_CLOSE) {
        exchange->request_body.is_done = true;
        return FLOW_WAIT;
    }
    return FLOW_CLIENT_LOST;
}

enum flow
pump_up(struct exchange *exchange)
{
    struct body *body = &exchange->request_body;
    struct slice bytes;
    enum flow flow = FLOW_WAIT;
    enum err err = ERR_OK;

    /* As long as the origin takes it, all that has been read moves on. */
    while (!body->is_done && flow == FLOW_WAIT && err == ERR_OK &&
           (exchange->ready & WATCH_WRITE) && !exchange->has_lost_origin) {
        err = client_read(exchange->client, &bytes);
        if (err == ERR_OK)
            flow = carry_up(exchange, bytes);
        else if (err != ERR_AGAIN)
            flow = client_ended(exchange, err);
    }
    if (buf_size(&exchange->to_origin) > 0 && (exchange->ready & WATCH_WRITE))
        send_up(exchange, NULL, 0);
    if (flow != FLOW_WAIT)
        return flow;
    if (exchange->has_lost_origin)
        return FLOW_ORIGIN_LOST;
    if (body->is_done) {
        /* From here on only the bufferevent would tell that the client has left. */
        if (body->kind != BODY_UNTIL_CLOSE)
            client_read_directly(exchange->client, false);
        return buf_size(&exchange->to_origin) == 0 ? FLOW_DONE : FLOW_WAIT;
    }
    if (is_long(body))
        client_read_directly(exchange->client, true);
    return FLOW_WAIT;
}

enum err
pump_read_origin(struct exchange *exchange, struct slice *bytes)
{
    struct worker *worker = exchange->worker;
    size_t room;
    size_t got;
    enum err err;

    if (!(exchange->ready & WATCH_READ) || client_is_full(exchange->client))
        return ERR_AGAIN;
    room = client_room(exchange->client, LIMIT_DOWN);
    if (room == 0)
        return ERR_AGAIN;
    exchange->ready &= ~WATCH_READ;
    err = stream_read(lease_stream(exchange->lease), worker->scratch, room, &got);
    if (err != ERR_OK)
        return err;
    exchange->received_bytes += got;
    exchange->received_here += got;
    worker_count(worker, PROXY_STAT_FROM_ORIGINS, got);
    lease_count(exchange->lease, 0, got);
    if (stream_has_more(lease_stream(exchange->lease)))
        exchange->ready |= WATCH_READ;
    *bytes = (struct slice){worker->scratch, got};
    return ERR_OK;
}

static void
send_down(void *arg, const struct iovec *parts, int count)
{
    struct exchange *exchange = arg;

    for (int i = 0; i < count; i++)
        exchange->answer_bytes += parts[i].iov_len;
    client_write(exchange->client, parts, count);
}

enum flow
pump_answer(struct exchange *exchange, struct slice head, struct slice bytes)
{
    struct body *body = &exchange->answer_body;
    bool was_done = body->is_done;
    struct gather gather;
    enum parse parse = PARSE_MORE;

    gather_init(&gather, exchange->framing.kind == BODY_CHUNKED, send_down, exchange);
    gather_raw(&gather, head);
    while (bytes.size > 0 && parse == PARSE_MORE && !body->is_done) {
        struct slice data = {0};
        size_t used = 0;

        parse = body_step(body, bytes, &used, &data);
        gather_body(&gather, data);
        bytes = (struct slice){bytes.data + used, bytes.size - used};
    }
    if (parse == PARSE_DONE && !was_done && gather.is_chunked)
        gather_raw(&gather, EMIT_LAST_CHUNK);
    /* Bytes behind the end of an answer belong to nobody: the connection is not used again. */
    if (bytes.size > 0 && exchange->is_parkable) {
        exchange->is_parkable = false;
        exchange->loss = MISS_BROKEN;
        lease_note_stray(exchange->lease);
    }
    if (body->is_done)
        exchange_give_back(exchange);
    gather_flush(&gather);
    if (parse == PARSE_REFUSE)
        return FLOW_BROKEN;
    return body->is_done ? FLOW_DONE : FLOW_WAIT;
}

/* The origin's end: of the body, where only that ends it; of a body too soon otherwise. */
static enum flow
origin_ended(struct exchange *exchange, enum err err)
{
    struct gather gather;

    exchange->is_parkable = false;
    /* Where a write has met the reset already, reading finds what looks like a proper end. */
    if (err != ERR_CLOSED || exchange->has_lost_origin ||
        exchange->answer_body.kind != BODY_UNTIL_CLOSE)
        return FLOW_ORIGIN_LOST;
    exchange->answer_body.is_done = true;
    gather_init(&gather, exchange->framing.kind == BODY_CHUNKED, send_down, exchange);
    if (gather.is_chunked)
        gather_raw(&gather, EMIT_LAST_CHUNK);
    gather_flush(&gather);
    return FLOW_DONE;
}

enum flow
pump_down(struct exchange *exchange)
{
    struct slice bytes;
    enum err err;

    if (exchange->answer_body.is_done)
        return FLOW_DONE;
    err = pump_read_origin(exchange, &bytes);
    if (err == ERR_AGAIN)
        return FLOW_WAIT;
    if (err != ERR_OK)
        return origin_ended(exchange, err);
    return pump_answer(exchange, (struct slice){0}, bytes);
}

void
pump_watch(struct exchange *exchange)
{
    const struct stream *stream = lease_stream(exchange->lease);
    bool is_pending = buf_size(&exchange->to_origin) > 0;
    bool owes_end =
        exchange->is_tunnel && exchange->request_body.is_done && !exchange->has_finished_up;
    bool wants_more = !exchange->answer_body.is_done && !client_is_full(exchange->client) &&
                      !client_waits(exchange->client, LIMIT_DOWN);
    /* To read on; a stream whose last write failed looks stuck as well, and is always ready. */
    bool must_write = wants_more && stream_is_stuck(stream);
    bool can_write = (is_pending || owes_end) && !stream_must_read(stream);

    watch_want(&exchange->watch,
               (wants_more ? WATCH_READ : 0) | (can_write || must_write ? WATCH_WRITE : 0));
    /* What left the socket already, no event announces. */
    if (wants_more && stream_has_more(stream))
        watch_kick(&exchange->watch);
    client_want_read(exchange->client, !is_pending && !exchange->request_body.is_done &&
                                           !exchange->has_lost_origin);
}
