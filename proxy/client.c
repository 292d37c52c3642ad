/*
 * Client connections from accept to close: what wakes them, how long they wait, how they end.
 * The worker's thread.
 */
#include "proxy/client.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "base/clock.h"
#include "base/keepalive.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/stream.h"
#include "proxy/client_inside.h"
#include "proxy/client_pace.h"
#include "proxy/exchange.h"
#include "proxy/policy/limit_table.h"

/* What a client may send ahead: a whole head, and a bit more to see that one is too large. */
#define CLIENT_INPUT_MORE ((size_t)4 * 1024)
/* Who is to have one answer and no more, and is silent, gets this long to send its request. */
#define CLIENT_GRACE_MS 1000

/* Who says nothing for this long, when others have no place, makes room. */
#define CLIENT_REST_LEAST_MS 1000

static void
rest_end(struct client *client)
{
    if (client->resting_ms != 0)
        TAILQ_REMOVE(&client->worker->resting, client, rest_link);
    client->resting_ms = 0;
}

static void
rest_begin(struct client *client)
{
    rest_end(client);
    client->resting_ms = clock_now_ms();
    TAILQ_INSERT_TAIL(&client->worker->resting, client, rest_link);
}

static void
client_bury(struct grave *grave)
{
    free((char *)grave - offsetof(struct client, grave));
}

bool
client_book(struct worker *worker)
{
    return limit_count(worker->all_clients, worker->epoch->config->proxy_max_clients);
}

void
client_unbook(struct worker *worker)
{
    atomic_fetch_sub_explicit(worker->all_clients, 1, memory_order_relaxed);
}

static void
client_free(struct client *client)
{
    struct worker *worker = client->worker;

    assert(client->exchange == NULL);
    pin_end_all(client);
    client_count_queue(client);
    client_limits_close(client);
    rest_end(client);
    TAILQ_REMOVE(&worker->clients, client, link);
    stat_sub(&worker->stats.proxy[PROXY_STAT_CLIENTS], 1);
    client_unbook(worker);
    watch_shut(&client->direct);
    evtimer_del(&client->timer);
    bufferevent_setcb(client->bev, NULL, NULL, NULL, NULL);
    bufferevent_free(client->bev);
    worker_bury(worker, &client->grave, client_bury);
}

/*
 * Is there something of a request? Empty lines before one are no part of it (RFC 9112 §2.2):
 * old clients send one behind a body, and it must not start the clock of the next head.
 */
static bool
has_request(struct client *client)
{
    struct evbuffer *input = bufferevent_get_input(client->bev);
    char line[2];

    while (evbuffer_copyout(input, line, sizeof(line)) == sizeof(line) && line[0] == '\r' &&
           line[1] == '\n')
        evbuffer_drain(input, sizeof(line));
    return evbuffer_get_length(input) > 0;
}

/* Is there room for another request and its answer? Both lines are asked, to wait in both. */
static bool
may_begin(struct client *client)
{
    size_t up = client_room(client, LIMIT_UP);
    size_t down = client_room(client, LIMIT_DOWN);

    return up > 0 && down > 0;
}

void
client_wake(struct client *client)
{
    if (client->is_closing) {
        if (client->is_gone || client->has_ended)
            client_free(client);
        return;
    }
    if (client->exchange == NULL) {
        if (client->is_gone) {
            client_free(client);
            return;
        }
        /* Who does not take the last answer gets no further one: on_write() goes on. */
        if (client_is_full(client))
            return;
        /* An end behind complete requests is no abort: they are answered first. */
        if (!has_request(client)) {
            if (client->has_ended)
                client_free(client);
            return;
        }
        rest_end(client);
        if (!may_begin(client))
            return;
        client->exchange = exchange_new(client);
    }
    exchange_run(client->exchange);
}

/* Nobody wants it any more, but it came over the wire. */
static void
drop_input(struct client *client)
{
    struct evbuffer *input = bufferevent_get_input(client->bev);

    client_charge(client, LIMIT_UP, evbuffer_get_length(input));
    evbuffer_drain(input, SIZE_MAX);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
    struct client *client = arg;

    (void)bev;
    if (client->is_closing) {
        drop_input(client);
        return;
    }
    client_wake(client);
}

/* The output is flushed while closing: say the end, and wait for the client's. */
static void
linger(struct client *client)
{
    unsigned linger_ms = client->worker->epoch->config->timeout_linger;

    client_finish(client);
    if (client->has_ended || client->is_gone || linger_ms == 0) {
        client_free(client);
        return;
    }
    client_set_deadline(client, linger_ms);
    rest_begin(client); /* it has all that it gets, and may make room as well */
}

/* Between two requests: the last answer goes out, then the next request is looked for. */
static void
rest(struct client *client)
{
    const struct config *config = client->worker->epoch->config;

    if (client_is_full(client)) {
        client_set_deadline(client, config->timeout_body_stall);
        return;
    }
    if (has_request(client)) {
        /* It is here already; deferred, so that the stack does not grow. */
        bufferevent_trigger(client->bev, EV_READ, BEV_OPT_DEFER_CALLBACKS);
    } else if (client->has_ended || client->worker->is_draining) {
        client_close(client);
        return;
    } else {
        rest_begin(client);
    }
    client_set_deadline(client, config->timeout_client_idle);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
    struct client *client = arg;

    (void)bev;
    client_count_queue(client);
    if (client->is_closing)
        linger(client);
    else if (client->exchange != NULL)
        exchange_run(client->exchange);
    else
        rest(client);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
    struct client *client = arg;

    (void)bev;
    if (what & BEV_EVENT_EOF)
        client->has_ended = true;
    else
        client->is_gone = true;
    /* An end while the last answer is still being flushed is no reason to cut it. */
    if (client->is_closing && !client->is_gone && client_is_full(client))
        return;
    client_wake(client);
}

static void
arm_timer(struct client *client, uint64_t now_ms)
{
    uint64_t wait_ms = client->deadline_ms > now_ms ? client->deadline_ms - now_ms : 0;
    const struct timeval wait = loop_delay_ms(wait_ms);

    client->timer_ms = client->deadline_ms;
    evtimer_add(&client->timer, &wait);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct client *client = arg;
    uint64_t now_ms = clock_now_ms();

    (void)fd;
    (void)what;
    client->timer_ms = 0;
    if (client->deadline_ms == 0)
        return;
    if (client->deadline_ms > now_ms) {
        arm_timer(client, now_ms);
        return;
    }
    client->deadline_ms = 0;
    if (client->exchange != NULL)
        exchange_late(client->exchange);
    else if (!client_is_full(client))
        client_free(client);
    else if (client_is_reading(client))
        client_set_deadline(client, client->worker->epoch->config->timeout_body_stall);
    else
        client_abort(client);
}

/* Deadlines move with every step, timers only when one comes to lie earlier than it was. */
void
client_set_deadline(struct client *client, unsigned within_ms)
{
    uint64_t now_ms;

    if (within_ms == 0) {
        client->deadline_ms = 0;
        return;
    }
    now_ms = clock_now_ms();
    client->deadline_ms = now_ms + within_ms + client_held_ms(client);
    if (client->timer_ms == 0 || client->timer_ms > client->deadline_ms)
        arm_timer(client, now_ms);
}

/* Learns who it is, and counts it for its address. */
static bool
may_stay(struct client *client, int fd, const struct sockaddr *from)
{
    if (address_from_sockaddr(from, &client->peer) != ERR_OK ||
        address_of_local(fd, &client->local) != ERR_OK)
        return false;
    if (client_limits_open(client))
        return true;
    worker_count(client->worker, PROXY_STAT_CLIENTS_DROPPED, 1);
    return false;
}

/* A socket that refuses any of these only costs latency, or is found dead later. */
static void
set_up(int fd, const struct config *config)
{
    const struct keepalive keepalive = {config->tcp_keepalive, config->tcp_keepalive_interval,
                                        config->tcp_keepalive_probes};
    int on = 1;

    /* Heads and small bodies leave at once. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    keepalive_set(fd, &keepalive);
}

void
client_open(struct worker *worker, int fd, const struct sockaddr *from)
{
    struct client *client = xcalloc(1, sizeof(*client));

    client->worker = worker;
    if (!may_stay(client, fd, from)) {
        client_unbook(worker);
        close(fd);
        free(client);
        return;
    }
    set_up(fd, worker->epoch->config);
    client->bev = bufferevent_socket_new(worker->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (client->bev == NULL)
        abort(); /* only for want of memory */
    TAILQ_INIT(&client->pins);
    client->fd = fd;
    client->is_loopback = address_kind(&client->peer) == ADDRESS_LOOPBACK;
    evtimer_assign(&client->timer, worker->base, on_timer, client);
    TAILQ_INSERT_TAIL(&worker->clients, client, link);
    worker_count(worker, PROXY_STAT_CLIENTS_ACCEPTED, 1);
    worker_count(worker, PROXY_STAT_CLIENTS, 1);
    bufferevent_setcb(client->bev, on_read, on_write, on_event, client);
    bufferevent_setwatermark(client->bev, EV_READ, 0,
                             worker->epoch->config->http_max_head + CLIENT_INPUT_MORE);
    bufferevent_enable(client->bev, EV_READ);
    rest_begin(client);
    client_set_deadline(client, worker->is_draining || client_limits_is_surplus(client)
                                    ? CLIENT_GRACE_MS
                                    : worker->epoch->config->timeout_client_idle);
}

void
client_next(struct client *client)
{
    client->exchange = NULL;
    client->served++;
    if (client->is_gone || client->worker->is_stopping) {
        client_abort(client);
        return;
    }
    client_read_directly(client, false);
    rest(client);
}

void
client_close(struct client *client)
{
    rest_end(client);
    client->exchange = NULL;
    client->is_closing = true;
    pin_end_all(client);
    if (client->is_gone || client->worker->is_stopping) {
        client_abort(client);
        return;
    }
    client_read_directly(client, false);
    client_pace_end(client);
    drop_input(client);
    if (client_is_full(client))
        client_set_deadline(client, client->worker->epoch->config->timeout_body_stall);
    else
        linger(client);
}

void
client_abort(struct client *client)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    client->exchange = NULL;
    (void)setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    client_free(client);
}

/* The client that has rested longest, if it has for long enough and still does; or NULL. */
static struct client *
find_rested(struct worker *worker)
{
    struct client *oldest;

    while ((oldest = TAILQ_FIRST(&worker->resting)) != NULL &&
           clock_now_ms() - oldest->resting_ms >= CLIENT_REST_LEAST_MS) {
        const struct stream stream = {.fd = oldest->fd};

        if (stream_pulse(&stream) != PULSE_NOISY)
            return oldest;
        /* Its request or its end is here, and is read in this turn of the loop. */
        rest_end(oldest);
    }
    return NULL;
}

bool
client_is_evictable(struct worker *worker)
{
    return find_rested(worker) != NULL;
}

bool
client_evict(struct worker *worker)
{
    struct client *oldest = find_rested(worker);

    if (oldest == NULL)
        return false;
    client_free(oldest);
    return true;
}

void
client_drain(struct client *client)
{
    struct stream stream = {.fd = client->fd};

    /* Behind an unread answer more requests may lie: rest() sees to them, and to the end. */
    if (client->exchange != NULL || client->is_closing || client_is_full(client))
        return;
    /* Input that no exchange has begun with waits for bandwidth. */
    if (client->served == 0 || has_request(client) || stream_pulse(&stream) == PULSE_NOISY)
        client_set_deadline(client, CLIENT_GRACE_MS);
    else
        client_close(client);
}

void
client_stop(struct client *client)
{
    if (client->exchange != NULL)
        exchange_stop(client->exchange);
    else
        client_abort(client);
}
