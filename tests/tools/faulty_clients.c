/*
 * faulty's clients: each asks for one thing after the other, on a connection that it keeps, and
 * looks whether the answer is its own.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/tools/faulty.h"
#include "tests/tools/tool.h"

#define BODY_MOST 150000 /* more than http.max_replay holds */
#define REQUEST_SIZE (2 * BODY_MOST)
#define ANSWER_SIZE 8192
#define PATIENCE_MS 30000

struct client {
    struct spot spot;
    struct faulty *faulty;
    bool is_asking;
    unsigned number;
    char *request; /* REQUEST_SIZE */
    size_t size;
    size_t sent;
    size_t pause_at;    /* there it thinks for a while */
    uint64_t pauses_ms; /* until then */
    uint64_t asked_ms;
    char answer[ANSWER_SIZE];
    size_t received;
    char expected[FAULTY_TOLD_SIZE];
    char expected_early[FAULTY_TOLD_SIZE]; /* where the origin waits for no body */
};

/* ---- what is asked ---- */

static void
choose(struct faulty *faulty, struct request *request)
{
    static const enum method methods[] = {METHOD_GET,  METHOD_GET,    METHOD_GET,
                                          METHOD_PUT,  METHOD_PUT,    METHOD_DELETE,
                                          METHOD_POST, METHOD_DELETE, METHOD_POST};
    static const unsigned scales[] = {100, 100, 3000, 3000, 30000, BODY_MOST};

    request->method = methods[faulty_roll(faulty, sizeof(methods) / sizeof(*methods))];
    if (request->method == METHOD_GET && faulty_roll(faulty, 8) > 0)
        return;
    request->body = faulty_roll(faulty, 3);
    if (request->body != BODY_NONE)
        request->body_size = 1 + faulty_roll(faulty, scales[faulty_roll(faulty, 6)]);
}

/* Writes the body behind the head, in chunks or as it is. */
static void
write_body(struct client *client, const struct request *request)
{
    uint32_t hash = FAULTY_HASH;
    unsigned written = 0;

    while (written < request->body_size) {
        unsigned size = request->body_size - written;
        char *to;

        if (request->body == BODY_CHUNKED) {
            if (size > 1000)
                size = 1000;
            client->size += (size_t)sprintf(client->request + client->size, "%x\r\n", size);
        }
        to = client->request + client->size;
        for (unsigned i = 0; i < size; i++)
            to[i] = (char)(' ' + (client->number * 7 + (written + i) * 31) % 95);
        hash = faulty_hash(hash, to, size);
        client->size += size;
        written += size;
        if (request->body == BODY_CHUNKED)
            client->size += (size_t)sprintf(client->request + client->size, "\r\n");
    }
    if (request->body == BODY_CHUNKED)
        client->size += (size_t)sprintf(client->request + client->size, "0\r\n\r\n");
    faulty_tell(client->expected, request->method, client->number, written, hash);
    faulty_tell(client->expected_early, request->method, client->number, FAULTY_UNREAD,
                FAULTY_HASH);
}

static void
compose(struct client *client, const struct request *request)
{
    unsigned port = client->faulty->ports[faulty_roll(client->faulty, FAULTY_PORTS)];
    int size =
        sprintf(client->request, "%s http://127.0.0.1:%u/%u HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n",
                faulty_methods[request->method], port, client->number, port);

    if (request->body == BODY_LENGTH)
        size += sprintf(client->request + size, "Content-Length: %u\r\n", request->body_size);
    if (request->body == BODY_CHUNKED)
        size += sprintf(client->request + size, "Transfer-Encoding: chunked\r\n");
    size += sprintf(client->request + size, "\r\n");
    client->size = (size_t)size;
    write_body(client, request);
}

/* ---- connections ---- */

static void
leave(struct client *client)
{
    close(client->spot.fd);
    client->spot.fd = -1;
}

static void on_client_ready(struct spot *spot);
static void on_client_tick(struct spot *spot, uint64_t now_ms);

/* A listener on loopback connects at once, whether or not it accepts. */
static void
enter(struct client *client)
{
    const struct sockaddr *proxy = (const struct sockaddr *)&client->faulty->proxy;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd == -1 || connect(fd, proxy, sizeof(client->faulty->proxy)) == -1 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
        err(2, "connect");
    client->spot = (struct spot){fd, on_client_ready, on_client_tick};
    faulty_watch(client->faulty, &client->spot, EPOLLIN | EPOLLOUT | EPOLLET);
}

/* ---- one request after the other ---- */

static void
ask(struct client *client)
{
    struct faulty *faulty = client->faulty;
    struct request *request;

    client->is_asking = faulty->begun < faulty->count;
    if (!client->is_asking) {
        if (client->spot.fd != -1)
            leave(client);
        return;
    }
    client->number = faulty->begun++;
    request = &faulty->requests[client->number];
    choose(faulty, request);
    compose(client, request);
    client->sent = 0;
    client->received = 0;
    client->asked_ms = tool_now_ms();
    client->pause_at = client->size;
    client->pauses_ms = 0;
    if (faulty_roll(faulty, 4) == 0)
        client->pause_at = faulty_roll(faulty, (unsigned)client->size);
    if (client->spot.fd == -1)
        enter(client);
}

/* This request is over, well or not; the connection may go on. */
static void
finish(struct client *client, unsigned status, bool stays)
{
    client->faulty->requests[client->number].status = status;
    client->faulty->over++;
    if (!stays)
        leave(client);
    ask(client);
}

static void
fail(struct client *client, const char *what)
{
    const struct request *request = &client->faulty->requests[client->number];

    faulty_complain(client->faulty, "%s %u (body %d of %u bytes, %zu of %zu sent): %s: %.*s",
                    faulty_methods[request->method], client->number, (int)request->body,
                    request->body_size, client->sent, client->size, what,
                    (int)strcspn(client->answer, "\r"), client->answer);
    finish(client, 0, false);
}

static bool
is_expected(const struct client *client, const char *body)
{
    return strcmp(body, client->expected) == 0 || strcmp(body, client->expected_early) == 0;
}

/* The proxy says that it could not, or passes on the last word of a connection that was idle.
 */
static bool
is_refusal(const struct client *client, unsigned status)
{
    if (client->faulty->requests[client->number].method != METHOD_POST)
        return false;
    return status == 408 ||
           (status == 502 && strcasestr(client->answer, "\r\nProxy-Status: ") != NULL);
}

/* The whole answer is there. */
static void
judge_answer(struct client *client, unsigned status, const char *body)
{
    bool stays = client->sent == client->size &&
                 strcasestr(client->answer, "\r\nConnection: close\r\n") == NULL;

    if (status == 200 && is_expected(client, body)) {
        client->faulty->answered++;
    } else if (is_refusal(client, status)) {
        client->faulty->posts_failed++;
    } else {
        fail(client, status == 200 ? body : "failed");
        return;
    }
    finish(client, status, stays);
}

static void
look(struct client *client)
{
    const char *end;
    const char *length;
    unsigned status;

    client->answer[client->received] = '\0';
    end = strstr(client->answer, "\r\n\r\n");
    if (end == NULL)
        return;
    length = strcasestr(client->answer, "\r\nContent-Length:");
    if (sscanf(client->answer, "HTTP/1.1 %u", &status) != 1 || length == NULL || length > end)
        fail(client, "not an answer");
    else if (client->answer + client->received >= end + 4 + strtoul(length + 17, NULL, 10))
        judge_answer(client, status, end + 4);
}

/* True while there is more to read. */
static bool
listen_to(struct client *client)
{
    ssize_t got = recv(client->spot.fd, client->answer + client->received,
                       ANSWER_SIZE - 1 - client->received, 0);

    if (got == -1 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0 && !client->is_asking) {
        leave(client);
    } else if (got <= 0) {
        fail(client, "the connection ended");
    } else {
        client->received += (size_t)got;
        look(client);
    }
    return client->spot.fd != -1;
}

static void
speak(struct client *client)
{
    while (client->is_asking && client->sent < client->size) {
        bool is_pause = client->pauses_ms == 0 && client->sent >= client->pause_at;
        size_t until = client->pauses_ms == 0 ? client->pause_at : client->size;
        ssize_t sent;

        if (is_pause)
            client->pauses_ms = tool_now_ms() + 1 + faulty_roll(client->faulty, 8);
        if (client->pauses_ms > tool_now_ms())
            return;
        if (until <= client->sent)
            until = client->size;
        sent = send(client->spot.fd, client->request + client->sent, until - client->sent,
                    MSG_NOSIGNAL);
        if (sent == -1)
            return; /* full, or over: reading will tell */
        client->sent += (size_t)sent;
    }
}

static void
on_client_ready(struct spot *spot)
{
    struct client *client = (struct client *)spot;

    while (spot->fd != -1 && listen_to(client))
        ;
    if (spot->fd != -1)
        speak(client);
}

static void
on_client_tick(struct spot *spot, uint64_t now_ms)
{
    struct client *client = (struct client *)spot;

    if (client->is_asking && now_ms - client->asked_ms > PATIENCE_MS)
        fail(client, "no answer");
    else
        speak(client);
}

void
faulty_clients_open(struct faulty *faulty, unsigned count)
{
    faulty->client_count = count;
    faulty->clients = calloc(count, sizeof(*faulty->clients));
    if (faulty->clients == NULL)
        errx(2, "no memory");
    for (unsigned i = 0; i < count; i++) {
        struct client *client = &faulty->clients[i];

        client->faulty = faulty;
        client->spot.fd = -1;
        client->request = malloc(REQUEST_SIZE);
        if (client->request == NULL)
            errx(2, "no memory");
        ask(client);
    }
}

void
faulty_clients_close(struct faulty *faulty)
{
    for (unsigned i = 0; i < faulty->client_count; i++) {
        if (faulty->clients[i].spot.fd != -1)
            leave(&faulty->clients[i]);
        free(faulty->clients[i].request);
    }
    free(faulty->clients);
}
