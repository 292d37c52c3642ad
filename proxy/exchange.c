/*
 * The driver: takes an exchange through its rooms and sees to its end. The worker's thread.
 */
#include "proxy/exchange.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/access_line.h"
#include "proxy/answer.h"
#include "proxy/client_limits.h"
#include "proxy/login.h"

/*
 * Pending bytes to an origin: a head, a body that is sent again, and what one read of a body
 * gives, with chunk framing.
 */
#define TO_ORIGIN_MORE (2 * WORKER_SCRATCH_SIZE)

struct room_row {
    const char *name;
    enum step (*enter)(struct exchange *exchange);
    enum step (*late)(struct exchange *exchange); /* NULL where there is no deadline */
    size_t timeout; /* offset of the deadline in the config; 0: none is set on entering */
};

static const struct room_row rooms[ROOM_COUNT] = {
    [ROOM_HEAD] = {"head", room_head, room_head_late, offsetof(struct config, timeout_head)},
    /* Its deadline is set where it has to wait. */
    [ROOM_ADMIT] = {"admit", room_admit, login_late, 0},
    [ROOM_ROUTE] = {"route", room_route, NULL, 0},
    /* The wait in the queue and the dial have deadlines of their own, kept by the lease. */
    [ROOM_CHECKOUT] = {"checkout", room_checkout, NULL, 0},
    [ROOM_FORWARD] = {"forward", room_forward, room_forward_late,
                      offsetof(struct config, timeout_body_stall)},
    [ROOM_TUNNEL] = {"tunnel", room_tunnel, room_tunnel_late,
                     offsetof(struct config, timeout_tunnel_idle)},
    [ROOM_PARK] = {"park", room_park, NULL, 0},
};

static void
set_room(struct exchange *exchange, enum room room)
{
    const struct room_row *row = &rooms[room];
    unsigned within_ms = 0;

    exchange->room = room;
    if (row->timeout != 0)
        within_ms =
            *(const unsigned *)(const void *)((const char *)exchange->config + row->timeout);
    client_set_deadline(exchange->client, within_ms);
    log_event(LOG_LEVEL_DEBUG, "exchange enters", "room=%s client=%p", row->name,
              (void *)exchange->client);
}

struct exchange *
exchange_new(struct client *client)
{
    struct worker *worker = client->worker;
    struct exchange *exchange = xcalloc(1, sizeof(*exchange));

    exchange->worker = worker;
    exchange->client = client;
    exchange->epoch = worker_epoch_ref(worker);
    exchange->config = exchange->epoch->config;
    exchange->started_us = clock_now_us();
    worker_count(worker, PROXY_STAT_EXCHANGES, 1);
    buf_init(&exchange->to_origin, exchange->config->http_max_head +
                                       exchange->config->http_max_replay + TO_ORIGIN_MORE);
    buf_init(&exchange->replay, exchange->config->http_max_replay);
    buf_init(&exchange->answer_head, exchange->config->http_max_head + WORKER_SCRATCH_SIZE);
    set_room(exchange, ROOM_HEAD);
    return exchange;
}

static void
exchange_bury(struct grave *grave)
{
    struct exchange *exchange =
        (struct exchange *)(void *)((char *)grave - offsetof(struct exchange, grave));

    buf_reset(&exchange->to_origin);
    buf_reset(&exchange->replay);
    buf_reset(&exchange->answer_head);
    free(exchange->head_memory);
    free(exchange->user_name);
    worker_epoch_unref(exchange->epoch);
    free(exchange);
}

void
exchange_drop_origin(struct exchange *exchange)
{
    watch_shut(&exchange->watch);
    exchange->ready = 0;
    if (exchange->lease == NULL)
        return;
    /* What was in use is in doubt and never goes back; what was only waited for may. */
    if (lease_state(exchange->lease) == LEASE_HELD) {
        lease_note_loss(exchange->lease, exchange->loss);
        lease_discard(&exchange->lease);
    } else {
        lease_cancel(&exchange->lease);
    }
}

/* The one place where every exchange ends. */
static void
exchange_finish(struct exchange *exchange)
{
    struct client *client = exchange->client;

    exchange_drop_origin(exchange);
    login_end(exchange);
    stat_add(&exchange->worker->stats.reasons[exchange->reason], 1);
    client_limits_end_tunnel(client);
    stat_sub(&exchange->worker->stats.proxy[PROXY_STAT_EXCHANGES], 1);
    if (exchange->is_tunnel)
        stat_sub(&exchange->worker->stats.proxy[PROXY_STAT_TUNNELS], 1);
    access_line_write(exchange);
    worker_bury(exchange->worker, &exchange->grave, exchange_bury);
    switch (exchange->fate) {
    case FATE_KEEP:
        client_next(client);
        break;
    case FATE_CLOSE:
        client_close(client);
        break;
    case FATE_ABORT:
        client_abort(client);
        break;
    }
}

void
exchange_run(struct exchange *exchange)
{
    enum step step;

    /* A write that fails inside a room may call back: note it and go round once more. */
    if (exchange->is_running) {
        exchange->wants_again = true;
        return;
    }
    exchange->is_running = true;
    do {
        exchange->wants_again = false;
        step = rooms[exchange->room].enter(exchange);
    } while (step == STEP_NEXT || (step == STEP_WAIT && exchange->wants_again));
    exchange->is_running = false;
    if (step == STEP_DONE)
        exchange_finish(exchange);
}

void
exchange_late(struct exchange *exchange)
{
    enum step step;

    assert(!exchange->is_running);
    exchange->is_running = true;
    step = rooms[exchange->room].late(exchange);
    exchange->is_running = false;
    if (step == STEP_DONE)
        exchange_finish(exchange);
    else
        exchange_run(exchange);
}

void
exchange_stop(struct exchange *exchange)
{
    assert(!exchange->is_running);
    exchange_end(exchange, REASON_DRAINED, FATE_ABORT);
    exchange_finish(exchange);
}

enum step
exchange_enter(struct exchange *exchange, enum room room)
{
    set_room(exchange, room);
    return STEP_NEXT;
}

enum step
exchange_end(struct exchange *exchange, enum reason reason, enum fate fate)
{
    exchange->reason = reason;
    exchange->fate = fate;
    return STEP_DONE;
}

enum step
exchange_fail(struct exchange *exchange, enum reason reason, const char *detail)
{
    bool shows_cut = exchange->framing.kind != BODY_UNTIL_CLOSE;

    exchange_drop_origin(exchange);
    if (exchange->client->is_gone)
        return exchange_end(exchange, REASON_CLIENT_GONE, FATE_ABORT);
    if (exchange->has_answer || reason_status(reason) == 0)
        return exchange_end(exchange, reason,
                            exchange->has_answer && shows_cut ? FATE_CLOSE : FATE_ABORT);
    answer_send_error(exchange, reason, detail);
    return exchange_end(exchange, reason, exchange->keeps_client ? FATE_KEEP : FATE_CLOSE);
}

enum step
exchange_fail_origin(struct exchange *exchange, enum reason reason, const char *why)
{
    char detail[ANSWER_DETAIL_SIZE];

    snprintf(detail, sizeof(detail), "%s port %u%s%s", exchange->key.host,
             (unsigned)exchange->key.port, why != NULL ? ": " : "", why != NULL ? why : "");
    return exchange_fail(exchange, reason, detail);
}

struct rules_question
exchange_question(const struct exchange *exchange)
{
    return (struct rules_question){
        .listener = &exchange->client->local,
        .client = &exchange->client->peer,
        .user = exchange->user,
        .host = slice_of(exchange->key.host),
        .port = exchange->key.port,
        .method = exchange->head.method_text,
        .scheme = target_scheme(&exchange->target),
    };
}
