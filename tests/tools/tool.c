/*
 * What the programs that tests start have in common.
 */
#include "tests/tools/tool.h"

#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t
tool_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct sockaddr_in
tool_address(const char *text, bool may_be_any)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[64];
    unsigned port;

    if (sscanf(text, "%63[0-9.]:%u", host, &port) != 2 || (port == 0 && !may_be_any) ||
        port > UINT16_MAX || inet_pton(AF_INET, host, &address.sin_addr) != 1)
        errx(2, "expected IPV4:PORT, got %s", text);
    address.sin_port = htons((uint16_t)port);
    return address;
}

int
tool_listen(struct sockaddr_in *address, int backlog)
{
    socklen_t size = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
        bind(fd, (struct sockaddr *)address, size) == -1 || listen(fd, backlog) == -1 ||
        getsockname(fd, (struct sockaddr *)address, &size) == -1)
        err(2, "listen");
    return fd;
}

void
tool_say_ready(const struct sockaddr_in *address)
{
    printf("ready %s:%u\n", inet_ntoa(address->sin_addr), ntohs(address->sin_port));
    fflush(stdout);
}

unsigned
tool_number(const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (*end != '\0' || number == 0 || number > 1000000)
        errx(2, "expected a number from 1 to 1000000, got %s", text);
    return (unsigned)number;
}

void
tool_raise_descriptors(unsigned count)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < count + 16)
        errx(2, "%u connections need a higher limit of open files than %llu", count,
             (unsigned long long)limit.rlim_cur);
}

void
tool_reset(int fd)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
}
