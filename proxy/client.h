#ifndef CARPOOL_PROXY_CLIENT_H
#define CARPOOL_PROXY_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include <event2/bufferevent.h>
#include <event2/event_struct.h>

#include "base/address.h"
#include "base/slice.h"
#include "base/watch.h"
#include "proxy/pin.h"
#include "proxy/worker_own.h"

struct client_limits;
struct exchange;

/*
 * An accepted connection: a bufferevent that stays with its worker for life. It holds one
 * exchange at a time; what a client sends ahead (pipelining) waits in the bufferevent's input,
 * whose size is bounded by a read watermark.
 *
 * Reading: through the bufferevent by default; for long bodies and tunnels directly from the
 * socket, past libevent's 4 KiB reads (client_read_directly). Writing: straight to the socket
 * while nothing is queued; only what it does not take is queued in the bufferevent.
 */
struct client {
    TAILQ_ENTRY(client) link;
    TAILQ_ENTRY(client) rest_link; /* while it has no exchange and nothing to flush */
    struct grave grave;
    struct worker *worker;
    struct bufferevent *bev;
    int fd;
    struct address peer;
    struct address local;
    struct exchange *exchange;    /* NULL between requests */
    struct client_limits *limits; /* NULL: none; see proxy/client_limits.h */
    struct pin_list pins;
    unsigned pin_count;
    struct watch direct; /* open while reading directly */
    struct slice lent;   /* what client_read() gave and client_consume() has not taken */
    struct event timer;
    uint64_t timer_ms;    /* when the timer will fire; 0: not armed */
    uint64_t deadline_ms; /* when something must have happened; 0: no deadline */
    size_t uncounted;     /* queued, and not yet in the counters */
    size_t unread;        /* when client_is_reading() was last asked */
    uint64_t resting_ms;  /* since when it rests; 0: it does not */
    unsigned served;      /* exchanges that ended */
    bool is_loopback;
    bool has_ended; /* the client sent its end: nothing more can be read */
    bool is_gone;   /* the connection is broken */
    bool is_closing;
    bool is_direct_ready;
    bool is_lent_from_scratch;
};

/* Books one of proxy.max_clients for a client that is about to come. False: all are taken. */
bool client_book(struct worker *worker);

/* Nobody came: others may have it. */
void client_unbook(struct worker *worker);

/*
 * Takes a just accepted, non-blocking socket over, and what was booked for it; closes it at
 * once where its address has far too many already.
 */
void client_open(struct worker *worker, int fd, const struct sockaddr *from);

/*
 * All that was read and not yet consumed, in one piece; at most `most` bytes of it. Borrowed
 * until the next call about this client's input.
 */
struct slice client_input(struct client *client, size_t most);

/*
 * Some bytes to be read: from the input, or directly. ERR_AGAIN: none now; ERR_CLOSED: the
 * client's end; ERR_RESET: the connection is broken. To be followed by client_consume().
 */
enum err client_read(struct client *client, struct slice *bytes);

/* Takes the first bytes of what was lent; the rest is read again next time. */
void client_consume(struct client *client, size_t size);

/* Reads past the bufferevent from now on, or through it again. Plain sockets only. */
void client_read_directly(struct client *client, bool is_direct);

/* Pauses and resumes direct reading: back-pressure. */
void client_want_read(struct client *client, bool wants);

/* Sends all of it, now or later. A failure shows as is_gone. */
void client_write(struct client *client, const struct iovec *parts, int count);

/* Bytes queued that the socket did not take. While there are any, their source should pause. */
size_t client_queued(const struct client *client);

static inline bool
client_is_full(const struct client *client)
{
    return client_queued(client) > 0;
}

/*
 * Has the client taken anything since this was last asked? For deadlines, while there is
 * something queued: a slow reader is not a stalled one.
 */
bool client_is_reading(struct client *client);

/* Tells the client that nothing more comes; what is queued must be flushed. */
void client_finish(struct client *client);

/*
 * The exchange must show progress within this time, not counting what we hold it back for
 * (limit.bandwidth_*); 0: no deadline.
 */
void client_set_deadline(struct client *client, unsigned within_ms);

/* The exchange is over and the connection stays: on to the next request. */
void client_next(struct client *client);

/*
 * The exchange is over and so is the connection: flush, say the end, let the client read it
 * (lingering close, RFC 9112 §9.6), then close.
 */
void client_close(struct client *client);

/* Closes at once with a reset: what was sent is incomplete, and the client must see that. */
void client_abort(struct client *client);

/*
 * Closes the worker's client that has rested longest, if it has for a second: its place or its
 * descriptor is needed. False if there is none.
 */
bool client_evict(struct worker *worker);

/* Could client_evict() do it now? */
bool client_is_evictable(struct worker *worker);

/* The worker drains: ends the connection if nothing runs on it. */
void client_drain(struct client *client);

/* The worker stops: ends the connection whatever runs on it. */
void client_stop(struct client *client);

#endif
