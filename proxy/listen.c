/*
 * Accepting clients. The worker's thread.
 */
#include "proxy/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/spare.h"
#include "proxy/answer.h"
#include "proxy/client.h"
#include "proxy/farewell.h"

#define LISTEN_PAUSE_MS 100
#define LISTEN_TELL_MS 10000

/*
 * Where the table is full, who has waited for this in the kernel's queue is told so; nobody
 * waits for twice this. It is longer than a client must rest to make room: that comes first.
 */
#define LISTEN_QUEUE_MS 1500

/* So many in a row, then a turn of the loop: a flood must leave time for those who are in. */
#define LISTEN_PER_TURN 64
/* A queue that others keep filling is taken so far when the listener ends. */
#define LISTEN_LAST 4096

enum news { NEWS_PAUSED, NEWS_TURNED_AWAY, NEWS_COUNT };

struct listener {
    TAILQ_ENTRY(listener) link;
    struct worker *worker;
    int fd;
    struct event *readable; /* somebody is in the queue */
    struct event *resume;   /* while it does not look at the queue */
    struct spare spare;     /* to say no with, when there are no descriptors */
    struct farewell farewell;
    uint64_t marked_ms;
    unsigned marked;   /* of those in the queue, they were there at marked_ms: the first */
    uint64_t asked_ms; /* when other workers were last asked for room */
    uint64_t told_ms[NEWS_COUNT]; /* when the log last heard of it */
};

/* A full table stays full for a while: that is one piece of news, not ten a second. */
static void
tell(struct listener *listener, enum news news, const char *why)
{
    static const char *const words[NEWS_COUNT] = {
        [NEWS_PAUSED] = "accepting paused",
        [NEWS_TURNED_AWAY] = "client turned away",
    };
    uint64_t now_ms = clock_now_ms();

    if (listener->told_ms[news] != 0 && now_ms - listener->told_ms[news] < LISTEN_TELL_MS)
        return;
    listener->told_ms[news] = now_ms;
    log_event(LOG_LEVEL_WARN, words[news], "why=%s", why);
}

static void
listen_pause(struct listener *listener, const char *why)
{
    const struct timeval pause = loop_delay_ms(LISTEN_PAUSE_MS);

    tell(listener, NEWS_PAUSED, why);
    event_del(listener->readable);
    evtimer_add(listener->resume, &pause);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;

    (void)fd;
    (void)what;
    spare_hold(&listener->spare);
    event_add(listener->readable, NULL);
}

/* Lets other workers make room, where they are not asked anyway. */
static void
ask_room(struct listener *listener)
{
    uint64_t now_ms = clock_now_ms();

    if (listener->asked_ms != 0 && now_ms - listener->asked_ms < LISTEN_PAUSE_MS)
        return;
    listener->asked_ms = now_ms;
    worker_ask_room(listener->worker);
}

/* How many wait in the kernel's queue: of a listening socket, that is what stands there. */
static unsigned
queue_length(const struct listener *listener)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);

    (void)getsockopt(listener->fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info.tcpi_unacked;
}

/*
 * The table is full. Whoever comes waits in the kernel's queue until somebody leaves, or rests
 * for long enough. False: the first in the queue has waited for its time.
 */
static bool
wait_for_room(struct listener *listener)
{
    uint64_t now_ms = clock_now_ms();

    if (listener->marked == 0) {
        listener->marked = queue_length(listener);
        listener->marked_ms = now_ms;
    }
    if (listener->marked == 0)
        return true;
    ask_room(listener);
    if (now_ms - listener->marked_ms >= LISTEN_QUEUE_MS)
        return false;
    listen_pause(listener, "max_clients");
    return true;
}

/* The first in the queue; -1 and errno if there is none, or no descriptor for it. */
static int
accept_one(struct listener *listener, struct sockaddr_storage *from)
{
    socklen_t size = sizeof(*from);
    int fd =
        accept4(listener->fd, (struct sockaddr *)from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd != -1 && listener->marked > 0)
        listener->marked--;
    return fd;
}

/* Takes the socket over: whoever came is told why there is no place. */
static void
turn_away(struct listener *listener, int fd, enum reason reason, const char *why)
{
    const struct config *config = listener->worker->epoch->config;

    stat_add(&listener->worker->stats.reasons[reason], 1);
    answer_turn_away(fd, config, reason);
    farewell_add(&listener->farewell, fd,
                 reason == REASON_NO_DESCRIPTORS ? 0 : config->timeout_linger);
    tell(listener, NEWS_TURNED_AWAY, why);
}

/*
 * Accepts whoever is first in the queue, and takes them in: where nothing is booked, in the
 * place of one that rests. Where there is none, they are told. False, with errno: nobody came
 * in.
 */
static bool
accept_next(struct listener *listener, bool is_booked)
{
    struct worker *worker = listener->worker;
    struct sockaddr_storage from;
    int fd = accept_one(listener, &from);

    if (fd == -1 && is_booked)
        client_unbook(worker);
    if (fd == -1)
        return false;
    if (is_booked || (client_evict(worker) && client_book(worker)))
        client_open(worker, fd, (const struct sockaddr *)&from);
    else
        turn_away(listener, fd, REASON_CLIENTS_FULL, "max_clients");
    return true;
}

/* Whoever came is told that there are no descriptors, by means of the last one. */
static bool
turn_away_by_spare(struct listener *listener)
{
    struct sockaddr_storage from;
    int fd;

    if (!spare_give_up(&listener->spare))
        return false;
    fd = accept_one(listener, &from);
    if (fd != -1)
        turn_away(listener, fd, REASON_NO_DESCRIPTORS, err_word(ERR_NO_DESCRIPTORS));
    spare_hold(&listener->spare);
    return fd != -1;
}

/*
 * Nobody was accepted. May more be? Out of descriptors, what is worth least goes: who
 * was told to go and may still be reading it, a parked connection, then a client that rests.
 */
static bool
goes_on_after(struct listener *listener, int number)
{
    struct worker *worker = listener->worker;
    enum err err = err_from_errno(number);

    if (number == EAGAIN) {
        listener->marked = 0;
        return false;
    }
    if (number == EINTR || number == ECONNABORTED)
        return true;
    if (err == ERR_NO_DESCRIPTORS &&
        (farewell_cut(&listener->farewell) || pool_thin(worker->pool) || client_evict(worker) ||
         turn_away_by_spare(listener)))
        return true;
    listen_pause(listener, err_word(err));
    return false;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;

    (void)fd;
    (void)what;
    for (unsigned i = 0; i < LISTEN_PER_TURN; i++) {
        bool is_booked = client_book(listener->worker);

        if (!is_booked && !client_is_evictable(listener->worker) && wait_for_room(listener))
            return;
        if (!accept_next(listener, is_booked) && !goes_on_after(listener, errno))
            return;
    }
}

void
listen_start(struct worker *worker, int fd)
{
    struct listener *listener = xcalloc(1, sizeof(*listener));

    listener->worker = worker;
    listener->fd = fd;
    listener->readable =
        event_new(worker->base, fd, EV_READ | EV_PERSIST, on_readable, listener);
    listener->resume = evtimer_new(worker->base, on_resume, listener);
    if (listener->readable == NULL || listener->resume == NULL)
        abort(); /* only for want of memory */
    spare_init(&listener->spare);
    farewell_init(&listener->farewell, worker->base);
    event_add(listener->readable, NULL);
    TAILQ_INSERT_TAIL(&worker->listeners, listener, link);
}

/* With SO_REUSEPORT, closing a listener resets what its queue holds: take all of it first. */
static void
accept_queued(struct listener *listener)
{
    for (unsigned i = 0; i < LISTEN_LAST; i++)
        if (!accept_next(listener, client_book(listener->worker)) && errno != EINTR &&
            errno != ECONNABORTED)
            break;
}

void
listen_end(struct listener *listener)
{
    accept_queued(listener);
    TAILQ_REMOVE(&listener->worker->listeners, listener, link);
    event_free(listener->readable);
    event_free(listener->resume);
    spare_fini(&listener->spare);
    farewell_fini(&listener->farewell);
    close(listener->fd);
    free(listener);
}
