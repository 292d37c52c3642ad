/*
 * Many clients of a proxy at once, for tests: all of them are connected before the first one
 * asks. Each asks for a URL of its own and must get that URL's path back as the body (what
 * stands behind a blank is padding), so an answer that reaches the wrong client is seen. One
 * thread, one poll loop.
 *
 *     crowd PROXY_IPV4:PORT URL CLIENTS ROUNDS SECONDS [leave]
 *
 * Client 7 asks for URL/7-0, URL/7-1 … on one connection, as many as ROUNDS says. With "leave"
 * each sends its first request and hangs up. Prints "answered=N failed=M ms=T", the first few
 * failures on stderr, and ends with 0 if nothing failed within SECONDS.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/tools/tool.h"

#define ANSWER_SIZE 4096
#define REQUEST_SIZE 1024
#define COMPLAINTS 10

enum state { STATE_CONNECTING, STATE_READY, STATE_ASKING, STATE_READING, STATE_OVER };

struct client {
    enum state state;
    unsigned round;
    char request[REQUEST_SIZE];
    size_t request_size;
    size_t sent;
    char answer[ANSWER_SIZE];
    size_t received;
};

struct crowd {
    struct sockaddr_in proxy;
    const char *url;
    unsigned count;
    unsigned rounds;
    bool leaves;
    uint64_t deadline_ms;
    struct client *clients;
    struct pollfd *polls; /* of the same index */
    unsigned waiting;     /* not connected yet; nobody asks before this is 0 */
    unsigned over;
    unsigned answered;
    unsigned failed;
};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
    va_list args;

    fputs("crowd: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

static void
client_end(struct crowd *crowd, unsigned i)
{
    close(crowd->polls[i].fd);
    crowd->polls[i].fd = -1;
    crowd->clients[i].state = STATE_OVER;
    crowd->over++;
}

static void __attribute__((format(printf, 3, 4)))
client_fail(struct crowd *crowd, unsigned i, const char *format, ...)
{
    va_list args;

    if (crowd->failed++ < COMPLAINTS) {
        fprintf(stderr, "client %u round %u: ", i, crowd->clients[i].round);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputc('\n', stderr);
    }
    client_end(crowd, i);
}

/* The path of the URL that client i asks for in this round; what the origin echoes. */
static const char *
url_path(const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host != NULL ? strchr(host + 3, '/') : NULL;

    if (path == NULL)
        die("%s has no path", url);
    return path;
}

static void
client_ask(struct crowd *crowd, unsigned i)
{
    struct client *client = &crowd->clients[i];
    const char *host = strstr(crowd->url, "://") + 3;
    int size = snprintf(client->request, sizeof(client->request),
                        "GET %s/%u-%u HTTP/1.1\r\nHost: %.*s\r\n\r\n", crowd->url, i,
                        client->round, (int)(url_path(crowd->url) - host), host);

    if (size < 0 || (size_t)size >= sizeof(client->request))
        die("the URL is too long");
    client->request_size = (size_t)size;
    client->sent = 0;
    client->received = 0;
    client->state = STATE_ASKING;
    crowd->polls[i].events = POLLOUT;
}

static void
client_connect(struct crowd *crowd, unsigned i)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd == -1)
        die("socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&crowd->proxy, sizeof(crowd->proxy)) == -1 &&
        errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    crowd->polls[i].fd = fd;
    crowd->polls[i].events = POLLOUT;
}

static void
on_connected(struct crowd *crowd, unsigned i)
{
    int error = 0;
    socklen_t size = sizeof(error);

    getsockopt(crowd->polls[i].fd, SOL_SOCKET, SO_ERROR, &error, &size);
    crowd->waiting--;
    crowd->clients[i].state = STATE_READY;
    crowd->polls[i].events = 0;
    if (error != 0)
        client_fail(crowd, i, "connect: %s", strerror(error));
}

static void
on_writable(struct crowd *crowd, unsigned i)
{
    struct client *client = &crowd->clients[i];
    ssize_t n = send(crowd->polls[i].fd, client->request + client->sent,
                     client->request_size - client->sent, MSG_NOSIGNAL);

    if (n == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n == -1) {
        client_fail(crowd, i, "send: %s", strerror(errno));
        return;
    }
    client->sent += (size_t)n;
    if (client->sent < client->request_size)
        return;
    if (crowd->leaves) {
        client_end(crowd, i);
        return;
    }
    client->state = STATE_READING;
    crowd->polls[i].events = POLLIN;
}

/* The path that was asked for, alone or with padding behind a blank. */
static bool
is_path(const char *body, const char *path)
{
    size_t size = strlen(path);

    return strncmp(body, path, size) == 0 && (body[size] == '\0' || body[size] == ' ');
}

/* A whole answer: a head with its Content-Length, and the path that was asked for. */
static bool
is_complete(struct client *client)
{
    const char *end;
    const char *length;

    client->answer[client->received] = '\0';
    end = strstr(client->answer, "\r\n\r\n");
    length = strcasestr(client->answer, "\r\nContent-Length:");
    if (end == NULL || length == NULL || length > end)
        return false;
    return strlen(end + 4) >= strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
}

static void
on_answer(struct crowd *crowd, unsigned i)
{
    struct client *client = &crowd->clients[i];
    const char *body = strstr(client->answer, "\r\n\r\n") + 4;
    char expected[REQUEST_SIZE];

    snprintf(expected, sizeof(expected), "%s/%u-%u", url_path(crowd->url), i, client->round);
    if (strncmp(client->answer, "HTTP/1.1 200 ", 13) != 0 || !is_path(body, expected)) {
        client_fail(crowd, i, "expected 200 and %s, got %.12s and %.200s", expected,
                    client->answer, body);
        return;
    }
    crowd->answered++;
    client->round++;
    if (client->round < crowd->rounds)
        client_ask(crowd, i);
    else
        client_end(crowd, i);
}

static void
on_readable(struct crowd *crowd, unsigned i)
{
    struct client *client = &crowd->clients[i];
    ssize_t n = recv(crowd->polls[i].fd, client->answer + client->received,
                     sizeof(client->answer) - 1 - client->received, 0);

    if (n == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_fail(crowd, i, "after %zu bytes of the answer: %s", client->received,
                    n == 0 ? "closed" : strerror(errno));
        return;
    }
    client->received += (size_t)n;
    if (is_complete(client))
        on_answer(crowd, i);
    else if (client->received == sizeof(client->answer) - 1)
        client_fail(crowd, i, "the answer is too large");
}

static void
crowd_turn(struct crowd *crowd)
{
    unsigned i;

    if (poll(crowd->polls, crowd->count, 100) == -1 && errno != EINTR)
        die("poll: %s", strerror(errno));
    for (i = 0; i < crowd->count; i++) {
        if (crowd->polls[i].revents == 0)
            continue;
        if (crowd->clients[i].state == STATE_CONNECTING)
            on_connected(crowd, i);
        else if (crowd->clients[i].state == STATE_READY)
            client_fail(crowd, i, "closed before anything was asked");
        else if (crowd->clients[i].state == STATE_ASKING)
            on_writable(crowd, i);
        else if (crowd->clients[i].state == STATE_READING)
            on_readable(crowd, i);
    }
}

static void
crowd_run(struct crowd *crowd)
{
    unsigned i;

    for (i = 0; i < crowd->count; i++)
        client_connect(crowd, i);
    while (crowd->waiting > 0 && tool_now_ms() < crowd->deadline_ms)
        crowd_turn(crowd);
    for (i = 0; i < crowd->count; i++)
        if (crowd->clients[i].state == STATE_READY)
            client_ask(crowd, i);
    while (crowd->over < crowd->count && tool_now_ms() < crowd->deadline_ms)
        crowd_turn(crowd);
    for (i = 0; i < crowd->count; i++)
        if (crowd->clients[i].state != STATE_OVER)
            client_fail(crowd, i, "no answer in time, %zu bytes of it",
                        crowd->clients[i].received);
}

int
main(int argc, char **argv)
{
    struct crowd crowd = {0};
    uint64_t start_ms = tool_now_ms();

    if (argc < 6 || argc > 7 || (argc == 7 && strcmp(argv[6], "leave") != 0))
        die("usage: crowd PROXY_IPV4:PORT URL CLIENTS ROUNDS SECONDS [leave]");
    crowd.proxy = tool_address(argv[1], false);
    crowd.url = argv[2];
    crowd.count = tool_number(argv[3]);
    crowd.rounds = tool_number(argv[4]);
    crowd.deadline_ms = start_ms + (uint64_t)tool_number(argv[5]) * 1000;
    crowd.leaves = argc == 7;
    crowd.waiting = crowd.count;
    url_path(crowd.url);
    tool_raise_descriptors(crowd.count);
    crowd.clients = calloc(crowd.count, sizeof(*crowd.clients));
    crowd.polls = calloc(crowd.count, sizeof(*crowd.polls));
    if (crowd.clients == NULL || crowd.polls == NULL)
        die("no memory");
    crowd_run(&crowd);
    printf("answered=%u failed=%u ms=%llu\n", crowd.answered, crowd.failed,
           (unsigned long long)(tool_now_ms() - start_ms));
    free(crowd.clients);
    free(crowd.polls);
    return crowd.failed == 0 ? 0 : 1;
}
