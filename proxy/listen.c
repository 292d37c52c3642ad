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
#include "base/mem.h"
#include "proxy/client.h"

#define LISTEN_PAUSE_MS 100
#define LISTEN_TELL_MS 10000

struct listener {
    TAILQ_ENTRY(listener) link;
    struct worker *worker;
    struct evconnlistener *accepting;
    struct event *resume;
    uint64_t told_ms; /* when the log last heard of a pause */
};

static void
listen_pause(struct listener *listener, const char *why)
{
    const struct timeval pause = {.tv_usec = LISTEN_PAUSE_MS * 1000};
    uint64_t now_ms = clock_now_ms();

    /* A full table stays full for a while: that is one piece of news, not ten a second. */
    if (listener->told_ms == 0 || now_ms - listener->told_ms >= LISTEN_TELL_MS) {
        listener->told_ms = now_ms;
        log_event(LOG_LEVEL_WARN, "accepting paused", "why=%s", why);
    }
    evconnlistener_disable(listener->accepting);
    evtimer_add(listener->resume, &pause);
}

/* Is the table of clients full? Whoever does not fit waits in the kernel's queue. */
static bool
is_crowded(const struct listener *listener)
{
    return atomic_load_explicit(listener->worker->all_clients, memory_order_relaxed) >=
           listener->worker->epoch->config->proxy_max_clients;
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;

    (void)fd;
    (void)what;
    if (is_crowded(listener)) {
        listen_pause(listener, "max_clients");
        return;
    }
    evconnlistener_enable(listener->accepting);
}

static void
on_accept(struct evconnlistener *accepting, evutil_socket_t fd, struct sockaddr *from, int size,
          void *arg)
{
    struct listener *listener = arg;

    (void)accepting;
    (void)size;
    client_open(listener->worker, fd, from);
    if (is_crowded(listener))
        listen_pause(listener, "max_clients");
}

static void
on_accept_error(struct evconnlistener *accepting, void *arg)
{
    int number = errno;

    (void)accepting;
    listen_pause(arg, err_word(err_from_errno(number)));
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
    evconnlistener_set_error_cb(listener->accepting, on_accept_error);
    TAILQ_INSERT_TAIL(&worker->listeners, listener, link);
}

/* With SO_REUSEPORT, closing a listener resets what its queue holds: take all of it first. */
static void
accept_queued(struct listener *listener)
{
    int listening = evconnlistener_get_fd(listener->accepting);

    for (;;) {
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
    evconnlistener_free(listener->accepting);
    free(listener);
}
