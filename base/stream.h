#ifndef CARPOOL_BASE_STREAM_H
#define CARPOOL_BASE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

/*
 * A connected, non-blocking socket, plain or with TLS, without any events: it can travel
 * between threads, because nothing of it is registered anywhere. Its events, while it is in
 * use, are a struct watch.
 */
struct stream {
    int fd;
    struct ssl_st *tls; /* NULL: plain; see base/stream_tls.h */
};

/* What is to be seen on a stream that should be silent. */
enum pulse {
    PULSE_QUIET,  /* alive, nothing to read: fit for the next request */
    PULSE_NOISY,  /* bytes that nobody asked for */
    PULSE_UNSURE, /* a part of something in TLS, or too many tickets: perhaps such bytes */
    PULSE_GONE,   /* closed or broken */
};

/* What the kernel knows of the way to the far side. */
struct stream_path {
    uint32_t rtt_us;     /* smoothed */
    uint32_t rtt_min_us; /* 0: the kernel does not say */
    uint32_t cwnd;       /* congestion window, in segments */
    uint32_t resent;     /* segments that had to be sent again, since connect() */
};

/*
 * Reads what is there. ERR_AGAIN: nothing; ERR_CLOSED: the far side's end. With TLS that is
 * what close_notify says; an end without one is ERR_TLS_CUT, as anybody could have made it.
 */
enum err stream_read(struct stream *stream, void *to, size_t size, size_t *got);

/* Writes what the socket takes; *sent may be less than asked. ERR_AGAIN: nothing was taken. */
enum err stream_write(struct stream *stream, const struct iovec *parts, int count,
                      size_t *sent);

/*
 * Has bytes, or its end, that no event will announce, since they left the socket already: with
 * TLS, the rest of a record of which only a part was asked for, or a close_notify.
 */
bool stream_has_more(const struct stream *stream);

/* What TLS has put on the wire so far, in bytes; 0 for a plain stream, which does not count. */
uint64_t stream_wire_sent(const struct stream *stream);

/* Waits for the socket to take something before it can go on, whatever its owner wants. */
bool stream_is_stuck(const struct stream *stream);

/*
 * Cannot write before more was read, however ready the socket is: TLS is in the middle of a
 * message of its own.
 */
bool stream_must_read(const struct stream *stream);

/* Bytes that were written and that the far side has not acknowledged yet. */
size_t stream_unacknowledged(const struct stream *stream);

/*
 * Acknowledges at once what was read, instead of with the next bytes we send. Until then the
 * far side's kernel may hold back more (Nagle), and send it just when we have written again.
 */
void stream_acknowledge(const struct stream *stream);

/* False, and path untouched, for what is no connected socket of TCP. One system call. */
bool stream_measure(const struct stream *stream, struct stream_path *path);

/*
 * Tells the far side that no more comes; what it sends can still be read. ERR_AGAIN: the socket
 * has no room for it, or stream_must_read(); so this has to be called again. Not after ERR_OK.
 */
enum err stream_finish(struct stream *stream);

/* Looks without taking anything that was sent for us. Any thread that owns the stream. */
enum pulse stream_pulse(const struct stream *stream);

/* Has the far side ended or reset the connection, whatever is left to read? */
bool stream_has_ended(const struct stream *stream);

/*
 * How long ago the far side ended the connection, in milliseconds by the kernel's clock. False:
 * it did not end it, or broke it off (RST), of which the kernel keeps no time.
 */
bool stream_end_age(const struct stream *stream, unsigned *age_ms);

/* Closes the socket; the stream is empty (fd -1) afterwards. Empty streams are fine. */
void stream_close(struct stream *stream);

#endif
