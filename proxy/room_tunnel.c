/*
 * TUNNEL: bytes both ways, after CONNECT or a switch of protocols, until both sides are done.
 * Half-closes are carried over in each direction (RFC 9110 §9.3.6).
 */
#include "proxy/exchange.h"
#include "proxy/pump.h"

#define TUNNEL_OPEN SLICE("HTTP/1.1 200 Connection established\r\n\r\n")

void
exchange_open_tunnel(struct exchange *exchange, unsigned status, struct slice head,
                     struct slice early)
{
    exchange->keeps_client = false;
    body_until_close(&exchange->request_body);
    body_until_close(&exchange->answer_body);
    exchange->framing.kind = BODY_UNTIL_CLOSE;
    exchange->status = status;
    exchange->has_answer = true;
    exchange->is_tunnel = true;
    worker_count(exchange->worker, PROXY_STAT_TUNNELS, 1);
    client_read_directly(exchange->client, true);
    pump_answer(exchange, head, early);
}

/* With TLS the end is a message, which cannot always be said at once: pump_watch() waits. */
static void
carry_end_up(struct exchange *exchange)
{
    if (!(exchange->ready & WATCH_WRITE))
        return;
    if (stream_finish(lease_stream(exchange->lease)) == ERR_AGAIN)
        exchange->ready &= ~WATCH_WRITE;
    else
        /* A failure means that the far side is gone, which reading will tell. */
        exchange->has_finished_up = true;
}

/* Passes each side's end on as soon as everything before it has been. */
static void
carry_ends(struct exchange *exchange, enum flow up, enum flow down)
{
    if (up == FLOW_DONE && !exchange->has_finished_up)
        carry_end_up(exchange);
    if (down == FLOW_DONE && !exchange->has_finished_down &&
        !client_is_full(exchange->client)) {
        exchange->has_finished_down = true;
        client_finish(exchange->client);
    }
}

enum step
room_tunnel(struct exchange *exchange)
{
    uint64_t moved;
    enum flow up;
    enum flow down;

    if (!exchange->has_answer)
        exchange_open_tunnel(exchange, 200, TUNNEL_OPEN, (struct slice){0});
    if (exchange->client->is_gone)
        return exchange_end(exchange, REASON_CLIENT_GONE, FATE_ABORT);
    up = pump_up(exchange);
    down = pump_down(exchange);
    if (up == FLOW_CLIENT_LOST || exchange->client->is_gone)
        return exchange_end(exchange, REASON_CLIENT_GONE, FATE_ABORT);
    if (up == FLOW_ORIGIN_LOST || down == FLOW_ORIGIN_LOST)
        return exchange_end(exchange, REASON_ORIGIN_CUT, FATE_ABORT);
    carry_ends(exchange, up, down);
    if (exchange->has_finished_up && exchange->has_finished_down)
        return exchange_end(exchange, REASON_TUNNEL_DONE, FATE_CLOSE);
    moved = exchange->sent_bytes + exchange->received_bytes;
    if (moved != exchange->moved_bytes) {
        exchange->moved_bytes = moved;
        client_set_deadline(exchange->client, exchange->config->timeout_tunnel_idle);
    }
    pump_watch(exchange);
    return STEP_WAIT;
}

enum step
room_tunnel_late(struct exchange *exchange)
{
    return exchange_end(exchange, REASON_TUNNEL_IDLE, FATE_CLOSE);
}
