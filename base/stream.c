/*
 * Reading, writing and probing a connected socket. Called by the stream's one owner.
 */
#include "base/stream.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/stream_tls.h"

enum err
stream_read(struct stream *stream, void *to, size_t size, size_t *got)
{
    ssize_t count;

    if (stream->tls != NULL)
        return stream_tls_read(stream, to, size, got);
    do
        count = recv(stream->fd, to, size, MSG_DONTWAIT);
    while (count == -1 && errno == EINTR);
    if (count == -1)
        return err_from_errno(errno);
    if (count == 0 && size > 0)
        return ERR_CLOSED;
    *got = (size_t)count;
    return ERR_OK;
}

enum err
stream_write(struct stream *stream, const struct iovec *parts, int count, size_t *sent)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    ssize_t taken;

    if (stream->tls != NULL)
        return stream_tls_write(stream, parts, count, sent);
    do
        taken = sendmsg(stream->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (taken == -1 && errno == EINTR);
    if (taken == -1)
        return err_from_errno(errno);
    *sent = (size_t)taken;
    return ERR_OK;
}

bool
stream_has_more(const struct stream *stream)
{
    return stream->tls != NULL && stream_tls_has_more(stream);
}

uint64_t
stream_wire_sent(const struct stream *stream)
{
    return stream->tls != NULL ? stream_tls_sent(stream) : 0;
}

bool
stream_is_stuck(const struct stream *stream)
{
    return stream->tls != NULL && stream_tls_wants_write(stream);
}

bool
stream_must_read(const struct stream *stream)
{
    return stream->tls != NULL && stream_tls_must_read(stream);
}

size_t
stream_unacknowledged(const struct stream *stream)
{
    int count = 0;

    /* It fails on what is no socket of TCP, of which nothing is known. */
    if (ioctl(stream->fd, SIOCOUTQ, &count) == -1)
        return 0;
    return (size_t)count;
}

void
stream_acknowledge(const struct stream *stream)
{
    int on = 1;

    /* It fails on what is no socket of TCP, which has nothing to acknowledge. */
    (void)setsockopt(stream->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

enum err
stream_finish(struct stream *stream)
{
    if (stream->tls != NULL)
        return stream_tls_finish(stream);
    return shutdown(stream->fd, SHUT_WR) == -1 ? err_from_errno(errno) : ERR_OK;
}

enum pulse
stream_pulse(const struct stream *stream)
{
    char byte;
    ssize_t count;

    if (stream->tls != NULL)
        return stream_tls_pulse(stream);
    do
        count = recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    while (count == -1 && errno == EINTR);
    if (count == -1)
        return errno == EAGAIN ? PULSE_QUIET : PULSE_GONE;
    return count == 0 ? PULSE_GONE : PULSE_NOISY;
}

bool
stream_has_ended(const struct stream *stream)
{
    struct pollfd end = {.fd = stream->fd, .events = POLLRDHUP};

    return poll(&end, 1, 0) == 1;
}

bool
stream_end_age(const struct stream *stream, unsigned *age_ms)
{
    struct tcp_info info;
    socklen_t size = sizeof(info);

    if (getsockopt(stream->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == -1 ||
        size <= offsetof(struct tcp_info, tcpi_last_ack_recv) ||
        info.tcpi_state != TCP_CLOSE_WAIT)
        return false;
    /* A FIN acknowledges, too, and nothing comes behind one. */
    *age_ms = info.tcpi_last_ack_recv;
    return true;
}

void
stream_close(struct stream *stream)
{
    if (stream->fd == -1)
        return;
    if (stream->tls != NULL)
        stream_tls_free(stream);
    close(stream->fd);
    stream->fd = -1;
}
