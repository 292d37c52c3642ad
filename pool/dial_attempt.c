/*
 * One non-blocking connect(): the socket, its row in the table, its outcome. Its lane's thread.
 */
#include "pool/dial_attempt.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Loopback knows a trap: connecting to a port of the ephemeral range where nobody listens, the
 * kernel may choose that very port for our end, and the socket is connected to itself.
 */
static bool
is_own_end(int fd, const struct address *remote)
{
    struct address local;

    return address_of_local(fd, &local) == ERR_OK && address_equal(&local, remote);
}

static void
on_writable(void *arg, unsigned what)
{
    struct attempt *attempt = arg;
    int number = 0;
    socklen_t size = sizeof(number);
    enum err err = ERR_OK;

    (void)what;
    watch_want(&attempt->watch, 0);
    if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &number, &size) == -1)
        number = errno;
    if (number != 0)
        err = err_from_errno(number);
    else if (is_own_end(attempt->fd, &attempt->address))
        err = ERR_REFUSED;
    attempt->on_end(attempt, err);
}

/*
 * EADDRNOTAVAIL means that every local port for this destination is taken, or that there is no
 * local address to reach it from (IPv6 switched off). A datagram socket tells them apart: it
 * needs the address too, but none of the ports.
 */
static enum err
no_local_end(const struct address *address)
{
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    enum err err = ERR_NO_PORTS;

    if (fd == -1)
        return err;
    if (connect(fd, &address->any, address_size(address)) == -1)
        err = ERR_UNREACHABLE;
    close(fd);
    return err;
}

/*
 * How a path that died without a word is noticed: by probes while nothing is under way, by
 * TCP_USER_TIMEOUT while something is. The latter counts a closed window, too (tcp(7)), so that
 * a far side which lives but reads nothing for so long is cut off. A tunnel's may do that as
 * long as timeout.tunnel_idle lets it.
 */
static void
set_up(const struct attempt *attempt, int fd, const struct pool_limits *limits)
{
    const struct keepalive keepalive = {
        .idle_ms = limit_of(&limits->keepalive_idle_ms),
        .interval_ms = limit_of(&limits->keepalive_interval_ms),
        .probes = limit_of(&limits->keepalive_probes),
    };
    unsigned user_timeout_ms = limit_of(&limits->user_timeout_ms);
    int one = 1;

    /* None of these is worth failing for. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    keepalive_set(fd, &keepalive);
    if (!attempt->is_tunnel && user_timeout_ms > 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms,
                         sizeof(user_timeout_ms));
}

/*
 * To the source that the key names. Its port is chosen by connect(), for this destination: one
 * chosen here would be taken from all of them, of which there are some 28,000 together.
 */
static enum err
bind_source(int fd, const struct pool_key *key, const struct address *to)
{
    struct address source;
    int on = 1;

    if (!pool_key_has_source(key))
        return ERR_OK;
    if (!pool_key_source(key, to->any.sa_family, &source))
        return ERR_SOURCE_FAMILY;
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (bind(fd, &source.any, address_size(&source)) == 0)
        return ERR_OK;
    return errno == EADDRNOTAVAIL ? ERR_NO_SOURCE : err_from_errno(errno);
}

/*
 * With Fast Open (RFC 7413) connect() says yes before anybody was asked, where this host gave
 * us a cookie before: the SYN goes out with the first bytes written. They may come twice
 * (§6.1), which does no harm to a TLS handshake and could to a request: so it is for TLS only.
 */
static void
open_fast(int fd, const struct pool_key *key, const struct pool_limits *limits)
{
    int on = 1;

    /* A kernel without it connects as ever. */
    if (key->tls != 0 && limit_of(&limits->fast_open))
        (void)setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on));
}

static enum err
connect_socket(int fd, const struct address *address)
{
    if (connect(fd, &address->any, address_size(address)) == 0 || errno == EINPROGRESS ||
        errno == EINTR)
        return ERR_OK;
    if (errno == EADDRNOTAVAIL)
        return no_local_end(address);
    return errno == EAGAIN ? ERR_IO : err_from_errno(errno);
}

static int
open_socket(const struct address *address)
{
    return socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/*
 * Out of descriptors, parked connections are worth less than one that is needed now. What is
 * dialed for the shelf comes back to it, so even the last one goes; a tunnel never does.
 */
static bool
evict_for(const struct attempt *attempt, struct shelf *shelf)
{
    if (errno != EMFILE && errno != ENFILE)
        return false;
    return attempt->is_tunnel ? shelf_thin(shelf) : shelf_evict(shelf);
}

enum err
attempt_start(struct attempt *attempt, struct lane *lane, const struct pool_key *key)
{
    struct address local;
    enum err err;
    int fd = open_socket(&attempt->address);

    attempt->fd = -1;
    if (fd == -1 && evict_for(attempt, lane->pool->shelf))
        fd = open_socket(&attempt->address);
    if (fd == -1)
        return err_from_errno(errno);
    set_up(attempt, fd, &lane->pool->limits);
    open_fast(fd, key, &lane->pool->limits);
    err = bind_source(fd, key, &attempt->address);
    if (err == ERR_OK)
        err = connect_socket(fd, &attempt->address);
    if (err == ERR_OK)
        err = address_of_local(fd, &local);
    if (err != ERR_OK) {
        close(fd);
        return err;
    }
    attempt->fd = fd;
    attempt->row = tuple_insert(lane->pool->table, key, &local, &attempt->address);
    watch_open(&attempt->watch, lane->base, fd, on_writable, attempt);
    watch_want(&attempt->watch, WATCH_WRITE);
    return ERR_OK;
}

void
attempt_stop(struct attempt *attempt, struct lane *lane)
{
    watch_shut(&attempt->watch);
    tuple_remove(lane->pool->table, attempt->row);
    attempt->row = NULL;
    if (attempt->fd != -1)
        close(attempt->fd);
    attempt->fd = -1;
}

bool
attempts_had(const struct attempt_list *attempts, const struct address *address)
{
    const struct attempt *attempt;

    TAILQ_FOREACH (attempt, attempts, entry)
        if (address_equal_ip(&attempt->address, address))
            return true;
    return false;
}

/*
 * What failed here and now (no descriptors, no ports) an operator must know; a refusal says
 * more than a silence, and that more than a family without a route, which dual-stack hosts
 * meet all the time. A family that the source lacks is no more than that, once another was
 * tried.
 */
static int
weight(enum err err)
{
    static const struct {
        enum err err;
        int weight;
    } weights[] = {
        {ERR_OK, -1},      {ERR_IO, 0},      {ERR_UNREACHABLE, 1}, {ERR_SOURCE_FAMILY, 1},
        {ERR_TIMEOUT, 2},  {ERR_REFUSED, 3}, {ERR_RESET, 3},       {ERR_NO_DESCRIPTORS, 5},
        {ERR_NO_PORTS, 5},
    };

    for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++)
        if (weights[i].err == err)
            return weights[i].weight;
    return 4;
}

enum err
attempt_reason(enum err before, enum err now)
{
    return weight(now) >= weight(before) ? now : before;
}
