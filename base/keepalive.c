/*
 * TCP keepalive, tcp(7). Any thread.
 */
#include "base/keepalive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static int
seconds(unsigned ms)
{
    return (int)(ms / 1000 + (ms % 1000 != 0));
}

static void
set(int fd, int level, int option, int value)
{
    (void)setsockopt(fd, level, option, &value, sizeof(value));
}

void
keepalive_set(int fd, const struct keepalive *keepalive)
{
    set(fd, SOL_SOCKET, SO_KEEPALIVE, keepalive->idle_ms > 0);
    if (keepalive->idle_ms == 0)
        return;
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds(keepalive->idle_ms));
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds(keepalive->interval_ms));
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, (int)keepalive->probes);
}
