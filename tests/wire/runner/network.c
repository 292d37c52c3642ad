/* A network namespace of the conversation's own. Nothing in it reaches any other machine. */
#include "tests/wire/runner/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void
add_address(struct world *world, int fd, unsigned number, const char *text)
{
    struct ifreq request = {.ifr_flags = 0};
    struct sockaddr_in address = {.sin_family = AF_INET};

    snprintf(request.ifr_name, sizeof(request.ifr_name), "lo:%u", number);
    if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
        world_fail(world, "%s is not an IPv4 address", text);
    memcpy(&request.ifr_addr, &address, sizeof(address));
    if (ioctl(fd, SIOCSIFADDR, &request) == -1)
        world_fail(world, "lo cannot have %s: %s", text, strerror(errno));
    address.sin_addr.s_addr = htonl(INADDR_NONE);
    memcpy(&request.ifr_netmask, &address, sizeof(address));
    ioctl(fd, SIOCSIFNETMASK, &request);
}

static _Noreturn void
skip(struct world *world, const char *why)
{
    world_complain(world, "skipped: %s: %s", why, strerror(errno));
    world_clean(world);
    exit(EXIT_SKIPPED);
}

static bool
has_ipv6(void)
{
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_bound;

    if (fd == -1)
        return false;
    is_bound = bind(fd, (struct sockaddr *)&loopback, sizeof(loopback)) == 0;
    close(fd);
    return is_bound;
}

void
network_check(struct world *world)
{
    for (size_t i = 0; i < world->script.count; i++) {
        world->now = &world->script.statements[i];
        for (size_t word = 1; word < world->now->word_count; word++)
            if (strncmp(world->now->words[word], "[::1]", 5) == 0 && !has_ipv6())
                skip(world, "no IPv6 here");
    }
}

void
network_enter(struct world *world)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd;

    if (unshare(CLONE_NEWNET) == -1 && unshare(CLONE_NEWUSER | CLONE_NEWNET) == -1)
        skip(world, "no network namespace to be had");
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ioctl(fd, SIOCGIFFLAGS, &request);
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    if (ioctl(fd, SIOCSIFFLAGS, &request) == -1)
        world_fail(world, "lo does not come up: %s", strerror(errno));
    for (size_t i = 1; i < world->now->word_count; i++)
        add_address(world, fd, (unsigned)i, world->now->words[i]);
    close(fd);
}
