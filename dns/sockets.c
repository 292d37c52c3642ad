/*
 * The socket calls that c-ares makes. Any thread.
 *
 * What c-ares 1.18 gets wrong by itself: a refused UDP packet leaves an error on the socket. If
 * the next packet is sent before that error is read, send() reports it, c-ares takes it as the
 * new packet's fate, and the first one's query, whose error is now used up, waits for its whole
 * timeout. A and AAAA leave back to back, so with a dead first server every name would be late.
 */
#include "dns/sockets.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/spare.h"

/* Room for a burst of answers while the worker is busy; the kernel gives what its limit allows.
 */
#define RECEIVE_BYTES 524288

static ares_socket_t
on_open(int family, int type, int protocol, void *arg)
{
    int bytes = RECEIVE_BYTES;
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

    /* c-ares would take it as the servers' refusal and fail the name. */
    if (fd == -1 && err_from_errno(errno) == ERR_NO_DESCRIPTORS && spare_give_up(arg))
        fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd != -1 && type == SOCK_DGRAM)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    return fd;
}

static int
on_close(ares_socket_t fd, void *arg)
{
    int result = close(fd);

    spare_hold(arg);
    return result;
}

static int
on_connect(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t size, void *arg)
{
    (void)arg;
    return connect(fd, to, size);
}

static ares_ssize_t
/* NOLINTNEXTLINE(readability-function-size): c-ares has as many parameters */
on_receive(ares_socket_t fd, void *bytes, size_t size, int flags, struct sockaddr *from,
           ares_socklen_t *from_size, void *arg)
{
    (void)arg;
    return recvfrom(fd, bytes, size, flags, from, from_size);
}

static ares_ssize_t
on_send(ares_socket_t fd, const struct iovec *parts, int count, void *arg)
{
    struct msghdr message;
    ssize_t sent;

    (void)arg;
    memset(&message, 0, sizeof(message));
    message.msg_iov = (struct iovec *)parts; /* sendmsg() only reads it */
    message.msg_iovlen = (size_t)count;
    sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    /* The refusal was of an earlier packet. This one's own makes the socket readable, and then
     * c-ares moves all queries to the next server. */
    if (sent == -1 && errno == ECONNREFUSED)
        sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    return sent;
}

const struct ares_socket_functions sockets_functions = {
    .asocket = on_open,
    .aclose = on_close,
    .aconnect = on_connect,
    .arecvfrom = on_receive,
    .asendv = on_send,
};
