/*
 * Many clients of a proxy at once that go from host to host, for tests. Host n is the address
 * 127.2.0.0 + n, at one port of an origin that listens on all of them and answers each request
 * with the address that was asked and its path, so an answer from the wrong host or for another
 * client is seen. One thread, one epoll loop, libc only.
 *
 *     walk PROXY_IPV4:PORT ORIGIN_PORT HOSTS CLIENTS REQUESTS SECONDS [chance] [once] [https]
 *
 * REQUESTS are shared by all clients: whoever is free asks the next host in turn or, with
 * "chance", one by dice that fall alike in each run. With "once" each request comes on a client
 * connection of its own; with "https" they are for https:// URLs, in plain text to the proxy
 * nevertheless. Prints "answered=N failed=M ms=T", the first few failures on stderr,
 * and ends with 0 if nothing failed within SECONDS.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/tools/tool.h"
#include "tests/unit/dice.h"

#define EVENTS 256
#define REQUEST_SIZE 256
#define ANSWER_SIZE 2048
#define COMPLAINTS 10
#define FIRST_HOST 0x7f020000u
#define FIRST_CLIENT 0x7f010000u /* each connection from an address of its own: ports last */

struct client {
    int fd; /* -1: not connected */
    char host[INET_ADDRSTRLEN];
    char path[32];
    size_t sent;
    char answer[ANSWER_SIZE];
    size_t received;
};

struct crowd {
    struct sockaddr_in proxy;
    unsigned port; /* of the origin */
    unsigned hosts;
    unsigned count;
    unsigned requests;
    uint64_t deadline_ms;
    bool is_by_chance;
    bool is_once;
    bool is_https;
    struct dice dice;
    int epoll;
    struct client *clients;
    unsigned connections;
    unsigned asked;
    unsigned answered;
    unsigned failed;
};

static void
watch(struct crowd *crowd, struct client *client, int operation, unsigned events)
{
    struct epoll_event event = {.events = events, .data.ptr = client};

    if (epoll_ctl(crowd->epoll, operation, client->fd, &event) == -1)
        errx(2, "epoll_ctl: %s", strerror(errno));
}

static void
client_connect(struct crowd *crowd, struct client *client)
{
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr =
                                   htonl(FIRST_CLIENT + 1 + crowd->connections++ % 65000u)};
    int on = 1;

    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd == -1)
        errx(2, "socket: %s", strerror(errno));
    setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (bind(client->fd, (struct sockaddr *)&from, sizeof(from)) == -1)
        errx(2, "bind: %s", strerror(errno));
    if (connect(client->fd, (struct sockaddr *)&crowd->proxy, sizeof(crowd->proxy)) == -1 &&
        errno != EINPROGRESS)
        errx(2, "connect: %s", strerror(errno));
    watch(crowd, client, EPOLL_CTL_ADD, EPOLLOUT);
}

static void
client_close(struct client *client)
{
    close(client->fd);
    client->fd = -1;
}

/* The next request that nobody asked yet is this client's, if there is one. */
static void
client_go_on(struct crowd *crowd, struct client *client)
{
    unsigned number = crowd->asked;
    unsigned host =
        crowd->is_by_chance ? dice_draw(&crowd->dice, crowd->hosts) : number % crowd->hosts;
    struct in_addr address = {.s_addr = htonl(FIRST_HOST + host)};

    if (crowd->is_once && client->fd != -1)
        client_close(client);
    if (number == crowd->requests)
        return;
    crowd->asked++;
    inet_ntop(AF_INET, &address, client->host, sizeof(client->host));
    snprintf(client->path, sizeof(client->path), "/at/%u", number);
    client->sent = 0;
    client->received = 0;
    if (client->fd == -1)
        client_connect(crowd, client);
    else
        watch(crowd, client, EPOLL_CTL_MOD, EPOLLOUT);
}

static void __attribute__((format(printf, 3, 4)))
client_fail(struct crowd *crowd, struct client *client, const char *format, ...)
{
    va_list args;

    if (crowd->failed++ < COMPLAINTS) {
        fprintf(stderr, "%s%s: ", client->host, client->path);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputc('\n', stderr);
    }
    client_close(client);
    client_go_on(crowd, client);
}

static void
on_writable(struct crowd *crowd, struct client *client)
{
    char request[REQUEST_SIZE];
    int size = snprintf(request, sizeof(request),
                        "GET http%s://%s:%u%s HTTP/1.1\r\nHost: %s:%u\r\n\r\n",
                        crowd->is_https ? "s" : "", client->host, crowd->port, client->path,
                        client->host, crowd->port);
    ssize_t n =
        send(client->fd, request + client->sent, (size_t)size - client->sent, MSG_NOSIGNAL);

    if (n == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == -1) {
        client_fail(crowd, client, "send: %s", strerror(errno));
        return;
    }
    client->sent += (size_t)n;
    if (client->sent == (size_t)size)
        watch(crowd, client, EPOLL_CTL_MOD, EPOLLIN);
}

/* A whole answer: a head with its Content-Length, and as much body. */
static bool
is_complete(const struct client *client)
{
    const char *end = strstr(client->answer, "\r\n\r\n");
    const char *length = strcasestr(client->answer, "\r\nContent-Length:");

    if (end == NULL || length == NULL || length > end)
        return false;
    return strlen(end + 4) >= strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
}

static void
on_answer(struct crowd *crowd, struct client *client)
{
    const char *body = strstr(client->answer, "\r\n\r\n") + 4;
    char expected[sizeof(client->host) + sizeof(client->path)];

    snprintf(expected, sizeof(expected), "%s%s", client->host, client->path);
    if (strncmp(client->answer, "HTTP/1.1 200 ", 13) != 0 || strcmp(body, expected) != 0) {
        client_fail(crowd, client, "got %.12s and %.200s", client->answer, body);
        return;
    }
    crowd->answered++;
    client_go_on(crowd, client);
}

static void
on_readable(struct crowd *crowd, struct client *client)
{
    ssize_t n = recv(client->fd, client->answer + client->received,
                     sizeof(client->answer) - 1 - client->received, 0);

    if (n == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_fail(crowd, client, "after %zu bytes of the answer: %s", client->received,
                    n == 0 ? "closed" : strerror(errno));
        return;
    }
    client->received += (size_t)n;
    client->answer[client->received] = '\0';
    if (is_complete(client))
        on_answer(crowd, client);
    else if (client->received == sizeof(client->answer) - 1)
        client_fail(crowd, client, "the answer is too large");
}

static void
crowd_run(struct crowd *crowd)
{
    struct epoll_event events[EVENTS];

    for (unsigned i = 0; i < crowd->count; i++) {
        crowd->clients[i].fd = -1;
        client_go_on(crowd, &crowd->clients[i]);
    }
    while (crowd->answered + crowd->failed < crowd->requests) {
        uint64_t now_ms = tool_now_ms();
        int ready;

        if (now_ms >= crowd->deadline_ms)
            return;
        ready =
            epoll_wait(crowd->epoll, events, EVENTS, (int)(crowd->deadline_ms - now_ms) + 1);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;

            if (client->sent > 0 && (events[i].events & EPOLLIN) != 0)
                on_readable(crowd, client);
            else
                on_writable(crowd, client);
        }
    }
}

static void
options_parse(struct crowd *crowd, char **options)
{
    for (; *options != NULL; options++) {
        if (strcmp(*options, "chance") == 0)
            crowd->is_by_chance = true;
        else if (strcmp(*options, "once") == 0)
            crowd->is_once = true;
        else if (strcmp(*options, "https") == 0)
            crowd->is_https = true;
        else
            errx(2, "expected chance, once or https, got %s", *options);
    }
}

int
main(int argc, char **argv)
{
    struct crowd crowd = {.dice = dice_of(1)};
    uint64_t start_ms = tool_now_ms();

    if (argc < 7)
        errx(2, "usage: walk PROXY_IPV4:PORT ORIGIN_PORT HOSTS CLIENTS REQUESTS SECONDS "
                "[chance] [once] [https]");
    crowd.proxy = tool_address(argv[1], false);
    crowd.port = tool_number(argv[2]);
    crowd.hosts = tool_number(argv[3]);
    crowd.count = tool_number(argv[4]);
    crowd.requests = tool_number(argv[5]);
    crowd.deadline_ms = start_ms + (uint64_t)tool_number(argv[6]) * 1000;
    options_parse(&crowd, argv + 7);
    tool_raise_descriptors(crowd.count);
    crowd.epoll = epoll_create1(EPOLL_CLOEXEC);
    crowd.clients = calloc(crowd.count, sizeof(*crowd.clients));
    if (crowd.epoll == -1 || crowd.clients == NULL)
        errx(2, "no memory");
    crowd_run(&crowd);
    printf("answered=%u failed=%u ms=%llu\n", crowd.answered, crowd.failed,
           (unsigned long long)(tool_now_ms() - start_ms));
    free(crowd.clients);
    return crowd.answered == crowd.requests ? 0 : 1;
}
