/*
 * Accepting clients. The worker's thread.
 */
#include "proxy/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/listener.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/spare.h"
#include "proxy/answer.h"
#include "proxy/client.h"

#define LISTEN_PAUSE_MS 100
#define LISTEN_TELL_MS 10000

/* So many in a row, then a turn of the loop: a flood must leave time for those who are in. */
#define LISTEN_PER_TURN 64
/* A queue that others keep filling is taken so far when the listener ends. */
#define LISTEN_LAST 4096

struct listener {
    TAILQ_ENTRY(listener) link;
    struct worker *worker;
    struct evconnlistener *accepting;
    struct event *resume;
    struct spare spare; /* to say no with, when there are no descriptors */
    unsigned accepted;  /* since it last stopped */
    uint64_t told_ms;   /* when the log last heard of a pause */
};

static void
stop_for(struct listener *listener, unsigned ms)
{
    const struct timeval pause = loop_delay_ms(ms);

    evconnlistener_disable(listener->accepting);
    evtimer_add(listener->resume, &pause);
}

/* A full table stays full for a while: that is one piece of news, not ten a second. */
static void
tell(struct listener *listener, const char *news, const char *why)
{
    uint64_t now_ms = clock_now_ms();

    if (listener->told_ms != 0 && now_ms - listener->told_ms < LISTEN_TELL_MS)
        return;
    listener->told_ms = now_ms;
    log_event(LOG_LEVEL_WARN, news, "why=%s", why);
}

static void
listen_pause(struct listener *listener, const char *why)
{
    tell(listener, "accepting paused", why);
    stop_for(listener, LISTEN_PAUSE_MS);
}

/* The table is full. Whoever comes waits in the kernel's queue, until somebody who rests goes.
 */
static void
pause_for_room(struct listener *listener)
{
    worker_ask_room(listener->worker);
    listen_pause(listener, "max_clients");
}

/* Is the table of clients full? */
static bool
is_full(const struct listener *listener)
{
    return atomic_load_explicit(listener->worker->all_clients, memory_order_relaxed) >=
           listener->worker->epoch->config->proxy_max_clients;
}

/* So full that whoever comes has to wait in the kernel's queue? */
static bool
is_crowded(const struct listener *listener)
{
    return is_full(listener) && !client_is_evictable(listener->worker);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;

    (void)fd;
    (void)what;
    listener->accepted = 0;
    spare_hold(&listener->spare);
    if (is_crowded(listener))
        pause_for_room(listener);
    else
        evconnlistener_enable(listener->accepting);
}

static void
on_accept(struct evconnlistener *accepting, evutil_socket_t fd, struct sockaddr *from, int size,
          void *arg)
{
    struct listener *listener = arg;

    (void)accepting;
    (void)size;
    if (is_full(listener))
        (void)client_evict(listener->worker);
    client_open(listener->worker, fd, from);
    if (is_crowded(listener))
        pause_for_room(listener);
    else if (++listener->accepted >= LISTEN_PER_TURN)
        stop_for(listener, 0);
}

/* Whoever came is told that there are no descriptors, by means of the last one. */
static bool
turn_away(struct listener *listener)
{
    int fd = -1;

    if (!spare_give_up(&listener->spare))
        return false;
    fd = accept4(evconnlistener_get_fd(listener->accepting), NULL, NULL,
                 SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd != -1) {
        stat_add(&listener->worker->stats.reasons[REASON_NO_DESCRIPTORS], 1);
        answer_turn_away(fd, listener->worker->epoch->config, REASON_NO_DESCRIPTORS);
        tell(listener, "client turned away", err_word(ERR_NO_DESCRIPTORS));
    }
    spare_hold(&listener->spare);
    return fd != -1;
}

/*
 * Out of descriptors, what is worth least goes: a parked connection, then a client that rests.
 * The listener is readable still and tries again at once.
 */
static void
on_accept_error(struct evconnlistener *accepting, void *arg)
{
    struct listener *listener = arg;
    struct worker *worker = listener->worker;
    enum err err = err_from_errno(errno);

    (void)accepting;
    if (err == ERR_NO_DESCRIPTORS &&
        (pool_evict(worker->pool) || client_evict(worker) || turn_away(listener)))
        return;
    listen_pause(listener, err_word(err));
}

void
listen_start(struct worker *worker, int fd)
{
    struct listener *listener = xcalloc(1, sizeof(*listener));

    listener->worker = worker;
    /* Backlog 0: the socket listens already. */
    listener->accepting =
        evconnlistener_new(worker->base, on_accept, listener,
                           LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    listener->resume = evtimer_new(worker->base, on_resume, listener);
    if (listener->accepting == NULL || listener->resume == NULL)
        abort(); /* only for want of memory */
    spare_init(&listener->spare);
    evconnlistener_set_error_cb(listener->accepting, on_accept_error);
    TAILQ_INSERT_TAIL(&worker->listeners, listener, link);
}

/* With SO_REUSEPORT, closing a listener resets what its queue holds: take all of it first. */
static void
accept_queued(struct listener *listener)
{
    int listening = evconnlistener_get_fd(listener->accepting);

    for (unsigned i = 0; i < LISTEN_LAST; i++) {
        struct sockaddr_storage from;
        socklen_t size = sizeof(from);
        int fd =
            accept4(listening, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd != -1)
            client_open(listener->worker, fd, (struct sockaddr *)&from);
        else if (errno != EINTR && errno != ECONNABORTED)
            break;
    }
}

void
listen_end(struct listener *listener)
{
    accept_queued(listener);
    TAILQ_REMOVE(&listener->worker->listeners, listener, link);
    event_free(listener->resume);
    spare_fini(&listener->spare);
    evconnlistener_free(listener->accepting);
    free(listener);
}
