/*
 * A worker: builds its event base and what hangs on it, runs the loop, takes orders from the
 * main thread by mail. Functions of worker.h are the main thread's, those of worker_own.h and
 * the static ones the worker's own.
 */
#include "proxy/worker.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "proxy/client.h"
#include "proxy/client_limits.h"
#include "proxy/listen.h"
#include "proxy/worker_own.h"

enum order_kind { ORDER_RELOAD, ORDER_MAKE_ROOM, ORDER_DRAIN, ORDER_STOP, ORDER_END };

/* Clients let go for one who asks, and asks again a moment later. */
#define ROOM_AT_ONCE 16

/* What the main thread wants of a worker. Freed by the worker that read it. */
struct order {
    struct letter letter;
    struct worker *worker;
    enum order_kind kind;
    struct config *config;
};

static void
bury_dead(struct worker *worker)
{
    while (worker->graves != NULL) {
        struct grave *grave = worker->graves;

        worker->graves = grave->next;
        grave->bury(grave);
    }
}

void
worker_bury(struct worker *worker, struct grave *grave, void (*bury)(struct grave *grave))
{
    grave->bury = bury;
    grave->next = worker->graves;
    worker->graves = grave;
}

static struct epoch *
epoch_new(struct config *config)
{
    struct epoch *epoch = xcalloc(1, sizeof(*epoch));

    config_ref(config);
    epoch->config = config;
    epoch->users = 1;
    return epoch;
}

struct epoch *
worker_epoch_ref(struct worker *worker)
{
    worker->epoch->users++;
    return worker->epoch;
}

void
worker_epoch_unref(struct epoch *epoch)
{
    if (--epoch->users > 0)
        return;
    config_unref(epoch->config);
    free(epoch);
}

void
worker_resolver_settings(const struct config *config, struct resolver_settings *settings)
{
    *settings = (struct resolver_settings){
        .family = (enum dns_family)config->dns_family,
        .timeout_ms = config->dns_timeout,
        .tries = config->dns_tries,
        .min_ttl_ms = config->dns_min_ttl,
        .max_ttl_ms = config->dns_max_ttl,
        .negative_ttl_ms = config->dns_negative_ttl,
        .max_negative_ttl_ms = config->dns_max_negative_ttl,
        .serve_stale_ms = config->dns_serve_stale,
        .cache_size = config->dns_cache_size,
        .max_inflight = config->dns_max_inflight,
    };
    slice_copy(slice_of(config->dns_servers), settings->servers, sizeof(settings->servers));
    slice_copy(slice_of(config->dns_hosts_file), settings->hosts_file,
               sizeof(settings->hosts_file));
}

static void
size_fields(struct worker *worker)
{
    free(worker->fields);
    worker->field_capacity = worker->epoch->config->http_max_fields;
    worker->fields = xcalloc(worker->field_capacity, sizeof(struct field));
}

/* Old exchanges keep their epoch; a field array that is in use lives only within one room. */
static void
take_config(struct worker *worker, struct config *config)
{
    struct epoch *before = worker->epoch;
    struct resolver_settings settings;
    struct client *client;
    enum err err;

    worker->epoch = epoch_new(config);
    TAILQ_FOREACH (client, &worker->clients, link)
        client_limits_reload(client, before->config);
    worker_epoch_unref(before);
    size_fields(worker);
    worker_resolver_settings(config, &settings);
    err = resolver_reload(worker->resolver, &settings);
    if (err != ERR_OK)
        log_event(LOG_LEVEL_ERROR, "resolver keeps its old settings", "err=%s", err_word(err));
}

static void
end_listening(struct worker *worker)
{
    while (!TAILQ_EMPTY(&worker->listeners))
        listen_end(TAILQ_FIRST(&worker->listeners));
}

static void
drain(struct worker *worker)
{
    struct client *client = TAILQ_FIRST(&worker->clients);

    worker->is_draining = true;
    end_listening(worker);
    while (client != NULL) {
        struct client *next = TAILQ_NEXT(client, link);

        client_drain(client);
        client = next;
    }
}

static void
stop(struct worker *worker)
{
    worker->is_draining = true;
    worker->is_stopping = true;
    end_listening(worker);
    while (!TAILQ_EMPTY(&worker->clients))
        client_stop(TAILQ_FIRST(&worker->clients));
}

static void
make_room(struct worker *worker)
{
    unsigned share = worker->epoch->config->proxy_max_clients / (unsigned)worker->worker_count;
    uint64_t clients = stat_read(&worker->stats.proxy[PROXY_STAT_CLIENTS]);

    for (unsigned i = 0; i < ROOM_AT_ONCE && clients > share && client_evict(worker); i++)
        clients--;
}

static void
on_order(struct letter *letter)
{
    struct order *order = (struct order *)letter;

    switch (order->kind) {
    case ORDER_RELOAD:
        take_config(order->worker, order->config);
        config_unref(order->config);
        break;
    case ORDER_MAKE_ROOM:
        make_room(order->worker);
        break;
    case ORDER_DRAIN:
        drain(order->worker);
        break;
    case ORDER_STOP:
        stop(order->worker);
        break;
    case ORDER_END:
        order->worker->is_ended = true;
        break;
    }
    free(order);
}

static void
give_order(struct worker *worker, enum order_kind kind, struct config *config)
{
    struct order *order = xcalloc(1, sizeof(*order));

    order->letter.on_mail = on_order;
    order->worker = worker;
    order->kind = kind;
    order->config = config;
    mailbox_post(worker->mailbox, &order->letter);
}

void
worker_ask_room(struct worker *worker)
{
    for (size_t i = 0; i < worker->worker_count; i++)
        if (worker->workers[i] != worker)
            give_order(worker->workers[i], ORDER_MAKE_ROOM, NULL);
}

void
worker_turn(struct worker *worker, int flags)
{
    event_base_loop(worker->base, flags);
    bury_dead(worker);
}

static void *
worker_run(void *arg)
{
    struct worker *worker = arg;

    /* libevent 2.1 has no hook for the end of a turn: so a turn is one call. */
    while (!worker->is_draining || !TAILQ_EMPTY(&worker->clients))
        worker_turn(worker, EVLOOP_ONCE);
    mailbox_post(worker->main, worker->on_done);
    /* Clients of other workers may wait for a name that this one asks for, or for a slot that a
     * dial of this one holds. */
    while (!worker->is_ended)
        worker_turn(worker, EVLOOP_ONCE);
    return NULL;
}

static enum err
worker_build(struct worker *worker, const struct worker_setup *setup)
{
    struct resolver_setup resolver = {.cache = setup->names, .stats = worker->stats.dns};
    struct resolver_settings settings;
    enum err err;

    worker->base = loop_new();
    if (worker->base == NULL)
        return ERR_NO_DESCRIPTORS;
    worker->mailbox = mailbox_new(worker->base);
    if (worker->mailbox == NULL)
        return ERR_NO_DESCRIPTORS;
    worker_resolver_settings(setup->config, &settings);
    resolver.base = worker->base;
    resolver.mailbox = worker->mailbox;
    err = resolver_new(&resolver, &settings, &worker->resolver);
    if (err != ERR_OK)
        return err;
    worker->lane = lane_new(setup->pool, worker->base, worker->mailbox, worker->resolver,
                            worker->stats.pool);
    for (size_t i = 0; i < setup->listener_count; i++)
        listen_start(worker, setup->listeners[i]);
    return ERR_OK;
}

enum err
worker_new(const struct worker_setup *setup, struct worker **made)
{
    struct worker *worker = xcalloc(1, sizeof(*worker));
    enum err err;

    TAILQ_INIT(&worker->clients);
    TAILQ_INIT(&worker->resting);
    TAILQ_INIT(&worker->listeners);
    TAILQ_INIT(&worker->pins);
    worker->pool = setup->pool;
    worker->own = setup->own;
    worker->access_log = setup->access_log;
    worker->auth = setup->auth;
    worker->all_clients = setup->all_clients;
    worker->workers = setup->workers;
    worker->worker_count = setup->worker_count;
    worker->limits = setup->limits;
    worker->main = setup->main;
    worker->on_done = setup->on_done;
    worker->epoch = epoch_new(setup->config);
    worker->scratch = xcalloc(1, WORKER_SCRATCH_SIZE);
    size_fields(worker);
    err = worker_build(worker, setup);
    if (err != ERR_OK) {
        worker_free(worker);
        return err;
    }
    *made = worker;
    return ERR_OK;
}

enum err
worker_start(struct worker *worker)
{
    sigset_t all;
    sigset_t before;
    int number;

    /* Signals are the main thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    number = pthread_create(&worker->thread, NULL, worker_run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number != 0)
        return err_from_errno(number);
    worker->is_started = true;
    return ERR_OK;
}

void
worker_reload(struct worker *worker, struct config *config)
{
    config_ref(config);
    give_order(worker, ORDER_RELOAD, config);
}

void
worker_drain(struct worker *worker)
{
    give_order(worker, ORDER_DRAIN, NULL);
}

void
worker_stop(struct worker *worker)
{
    give_order(worker, ORDER_STOP, NULL);
}

void
worker_end(struct worker *worker)
{
    if (!worker->is_started)
        return;
    give_order(worker, ORDER_END, NULL);
    pthread_join(worker->thread, NULL);
    worker->is_started = false;
}

void
worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    assert(!worker->is_started);
    end_listening(worker);
    assert(TAILQ_EMPTY(&worker->clients));
    /* The letters first: they carry grants to leases that were cancelled, through the lane. */
    mailbox_free(worker->mailbox);
    if (worker->lane != NULL)
        lane_free(worker->lane);
    if (worker->resolver != NULL)
        resolver_free(worker->resolver);
    if (worker->base != NULL) {
        /* Bufferevents are finished by the loop. */
        worker_turn(worker, EVLOOP_NONBLOCK);
        event_base_free(worker->base);
    }
    worker_epoch_unref(worker->epoch);
    free(worker->fields);
    free(worker->scratch);
    free(worker);
}

const struct worker_stats *
worker_stats(const struct worker *worker)
{
    return &worker->stats;
}
