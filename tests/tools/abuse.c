/*
 * A hostile crowd of clients, for tests: many connections that all misbehave in one way for a
 * given time. One thread, one epoll loop, libc only.
 *
 *     abuse ATTACK PROXY_IPV4:PORT COUNT SECONDS [URL]
 *
 * COUNT connections at once, each from an address of its own below 127.1.0.0. A * in the URL
 * is another number in each request. The program ends when nothing is left to do or after
 * SECONDS, resets what is still open, and prints one line of what it saw:
 *
 *     connected=N refused=N closed=N reset=N open=N sent=BYTES received=BYTES 200=N 503=N …
 *
 * closed and reset count what the proxy ended, open what it still held when the time was up;
 * the last ones are status lines. What the attacks are stands in the table below. Exit status
 * 0; 2 if it could not attack at all.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/tools/tool.h"

#define EVENTS 512
#define REQUEST_SIZE ((size_t)512 * 1024)
#define STATUS_SIZE 13 /* "HTTP/1.1 200 " */
#define STATUS_COUNT 600
#define FIELDS 10000

/* What it does with its side of the connection once the first request is out. */
enum sends {
    SENDS_ONCE,
    SENDS_SLOWLY,   /* filling, a byte at a time */
    SENDS_FAST,     /* filling */
    SENDS_ENDLESSLY /* requests */
};
enum reads { READS_ALL, READS_SLOWLY, READS_NOTHING };

struct attack {
    const char *name;
    const char *help;
    const char *head; /* printf with two %.*s: URL, host; NULL: sends nothing at all */
    enum sends sends;
    enum reads reads;
    bool is_repeated; /* connects again as soon as an answer or the end came */
    bool is_hasty;    /* resets as soon as it has sent what it sends once */
};

#define GET "GET %.*s HTTP/1.1\r\nHost: %.*s\r\n"
#define END "\r\n"

static const struct attack attacks[] = {
    {"idle", "connects and says nothing", NULL, SENDS_ONCE, READS_ALL, false, false},
    {"flood", "connects and resets, again and again", NULL, SENDS_ONCE, READS_ALL, true, true},
    {"ask", "asks and reads the answer, again and again", GET "Connection: close\r\n" END,
     SENDS_ONCE, READS_ALL, true, false},
    {"once", "asks once, then keeps its connection", GET END, SENDS_ONCE, READS_ALL, false,
     false},
    {"leave", "asks and resets, again and again", GET END, SENDS_ONCE, READS_NOTHING, true,
     true},
    {"heads", "a head of one byte at a time", GET "X-Slow: and so on", SENDS_SLOWLY, READS_ALL,
     false, false},
    {"bodies", "a body of one byte at a time",
     "POST %.*s HTTP/1.1\r\nHost: %.*s\r\nContent-Length: 1000000\r\n\r\n", SENDS_SLOWLY,
     READS_ALL, false, false},
    {"uploads", "a body without end, as fast as it is taken",
     "POST %.*s HTTP/1.1\r\nHost: %.*s\r\nContent-Length: 1000000000000\r\n\r\n", SENDS_FAST,
     READS_ALL, false, false},
    {"readers", "asks once, takes one byte of the answer at a time", GET END, SENDS_ONCE,
     READS_SLOWLY, false, false},
    {"deaf", "asks without end and takes no answer", GET END, SENDS_ENDLESSLY, READS_NOTHING,
     false, false},
    {"fields", "a head of 10,000 fields, again and again", GET, SENDS_ONCE, READS_ALL, true,
     false},
    {"tunnels", "opens a tunnel, says nothing in it",
     "CONNECT %.*s HTTP/1.1\r\nHost: %.*s\r\n\r\n", SENDS_ONCE, READS_ALL, false, false},
};

struct peer {
    int fd;          /* -1: over */
    unsigned number; /* of its request */
    bool is_connected;
    bool has_reset; /* an error has been counted */
    size_t sent;    /* of the request */
    size_t size;    /* of the request */
    char status[STATUS_SIZE];
    size_t status_size;
};

struct crowd {
    const struct attack *attack;
    struct sockaddr_in proxy;
    const char *url;
    unsigned count;
    unsigned requests; /* so far: what a * becomes */
    uint64_t deadline_ms;
    int epoll;
    struct peer *peers;
    unsigned over;
    char *request;       /* of the peer that sends just now */
    char filling[65536]; /* behind it */
    unsigned long connected, refused, closed, reset;
    unsigned long long sent, received;
    unsigned long answers[STATUS_COUNT];
};

static bool
has_time(const struct crowd *crowd)
{
    return tool_now_ms() < crowd->deadline_ms;
}

/* ---- what is sent ---- */

static size_t
put_fields(char *to, size_t room)
{
    size_t size = 0;

    for (unsigned i = 0; i < FIELDS; i++)
        size += (size_t)snprintf(to + size, room - size, "X-Field-%u: %u\r\n", i, i);
    return size + (size_t)snprintf(to + size, room - size, END);
}

/* The URL with this request's number in place of its *. */
static void
write_url(const struct crowd *crowd, char *to, size_t room, unsigned number)
{
    const char *star = strchr(crowd->url, '*');

    if (star == NULL)
        snprintf(to, room, "%s", crowd->url);
    else
        snprintf(to, room, "%.*s%u%s", (int)(star - crowd->url), crowd->url, number, star + 1);
}

/* The same bytes each time for one number, so that a peer need not keep its own. */
static size_t
write_request(const struct crowd *crowd, unsigned number)
{
    const struct attack *attack = crowd->attack;
    char url[1024];
    const char *host;
    int size;

    if (attack->head == NULL)
        return 0;
    write_url(crowd, url, sizeof(url), number);
    host = strstr(url, "://");
    host = host == NULL ? url : host + 3;
    size = snprintf(crowd->request, REQUEST_SIZE, attack->head, (int)strlen(url), url,
                    (int)strcspn(host, "/"), host);
    if (strcmp(attack->name, "fields") != 0)
        return (size_t)size;
    return (size_t)size + put_fields(crowd->request + size, REQUEST_SIZE - (size_t)size);
}

/* ---- one connection ---- */

static void
watch(struct crowd *crowd, unsigned i, int operation)
{
    const struct peer *peer = &crowd->peers[i];
    bool writes =
        !peer->is_connected || peer->sent < peer->size || crowd->attack->sends >= SENDS_FAST;
    struct epoll_event event = {.events = (writes ? EPOLLOUT : 0u), .data.u32 = i};

    if (crowd->attack->reads == READS_ALL)
        event.events |= EPOLLIN;
    if (epoll_ctl(crowd->epoll, operation, peer->fd, &event) == -1)
        errx(2, "epoll_ctl: %s", strerror(errno));
}

static void
peer_connect(struct crowd *crowd, unsigned i)
{
    struct peer *peer = &crowd->peers[i];
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(0x7f010000u + i % 65000u + 1)};
    int on = 1;
    int small = 4096;

    *peer = (struct peer){
        .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
        .number = crowd->requests++,
    };
    if (peer->fd == -1)
        errx(2, "socket: %s", strerror(errno));
    setsockopt(peer->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (crowd->attack->reads != READS_ALL)
        setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    if (bind(peer->fd, (struct sockaddr *)&from, sizeof(from)) == -1)
        errx(2, "bind: %s", strerror(errno));
    if (connect(peer->fd, (struct sockaddr *)&crowd->proxy, sizeof(crowd->proxy)) == -1 &&
        errno != EINPROGRESS)
        errx(2, "connect: %s", strerror(errno));
    watch(crowd, i, EPOLL_CTL_ADD);
}

/* Its turn is over: it connects again, or never. */
static void
peer_end(struct crowd *crowd, unsigned i)
{
    struct peer *peer = &crowd->peers[i];

    tool_reset(peer->fd);
    peer->fd = -1;
    if (crowd->attack->is_repeated && has_time(crowd))
        peer_connect(crowd, i);
    else
        crowd->over++;
}

static void
peer_lost(struct crowd *crowd, unsigned i)
{
    if (crowd->peers[i].is_connected)
        crowd->reset++;
    else
        crowd->refused++;
    peer_end(crowd, i);
}

/* The first bytes of an answer are its status line. */
static void
note_status(struct crowd *crowd, struct peer *peer, const char *bytes, size_t size)
{
    size_t take = STATUS_SIZE - peer->status_size;
    unsigned status;

    if (take == 0 || size == 0)
        return;
    take = size < take ? size : take;
    memcpy(peer->status + peer->status_size, bytes, take);
    peer->status_size += take;
    if (peer->status_size < STATUS_SIZE)
        return;
    status = (unsigned)atoi(peer->status + strlen("HTTP/1.1 "));
    crowd->answers[status < STATUS_COUNT ? status : 0]++;
}

static void
peer_read(struct crowd *crowd, unsigned i, size_t most)
{
    struct peer *peer = &crowd->peers[i];
    char bytes[65536];
    ssize_t got = recv(peer->fd, bytes, most < sizeof(bytes) ? most : sizeof(bytes), 0);

    if (got == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got == -1) {
        peer_lost(crowd, i);
        return;
    }
    if (got == 0) {
        crowd->closed++;
        peer_end(crowd, i);
        return;
    }
    crowd->received += (unsigned long long)got;
    note_status(crowd, peer, bytes, (size_t)got);
}

static void
peer_send(struct crowd *crowd, unsigned i, size_t most)
{
    struct peer *peer = &crowd->peers[i];
    const char *bytes = crowd->request + peer->sent;
    size_t size = peer->size - peer->sent;
    ssize_t sent;

    if (peer->sent >= peer->size) {
        bytes = crowd->filling;
        size = sizeof(crowd->filling);
    } else {
        write_request(crowd, peer->number);
    }
    sent = send(peer->fd, bytes, size < most ? size : most, MSG_NOSIGNAL);
    if (sent == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (sent == -1) {
        peer_lost(crowd, i);
        return;
    }
    crowd->sent += (unsigned long long)sent;
    peer->sent += (size_t)sent;
    if (peer->sent < peer->size)
        return;
    if (crowd->attack->sends == SENDS_ENDLESSLY)
        peer->sent = 0;
    else if (crowd->attack->is_hasty)
        peer_end(crowd, i);
    else if (peer->sent < peer->size + (size_t)sent)
        watch(crowd, i, EPOLL_CTL_MOD);
}

static void
peer_up(struct crowd *crowd, unsigned i)
{
    struct peer *peer = &crowd->peers[i];

    peer->is_connected = true;
    crowd->connected++;
    peer->size = write_request(crowd, peer->number);
    if (crowd->attack->is_hasty && peer->size == 0)
        peer_end(crowd, i);
    else
        watch(crowd, i, EPOLL_CTL_MOD);
}

static void
on_event(struct crowd *crowd, const struct epoll_event *event)
{
    unsigned i = event->data.u32;
    struct peer *peer = &crowd->peers[i];

    if (peer->fd == -1)
        return;
    if (!peer->is_connected && (event->events & EPOLLERR) == 0)
        peer_up(crowd, i);
    else if (event->events & EPOLLIN) /* also what came before a reset */
        peer_read(crowd, i, SIZE_MAX);
    else if (event->events & (EPOLLERR | EPOLLHUP))
        peer_lost(crowd, i);
    else if (event->events & EPOLLOUT)
        peer_send(crowd, i, SIZE_MAX);
}

/* What slow peers do ten times a second. */
static void
tick(struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->count; i++) {
        const struct peer *peer = &crowd->peers[i];

        if (peer->fd != -1 && peer->is_connected && crowd->attack->sends == SENDS_SLOWLY &&
            peer->sent >= peer->size)
            peer_send(crowd, i, 1);
        if (peer->fd != -1 && peer->is_connected && crowd->attack->reads == READS_SLOWLY)
            peer_read(crowd, i, 1);
    }
}

/* ---- all of them ---- */

static void
crowd_run(struct crowd *crowd)
{
    struct epoll_event events[EVENTS];
    uint64_t next_ms = tool_now_ms() + TOOL_TICK_MS;

    for (unsigned i = 0; i < crowd->count; i++)
        peer_connect(crowd, i);
    while (crowd->over < crowd->count && has_time(crowd)) {
        uint64_t now = tool_now_ms();
        int wait = next_ms > now ? (int)(next_ms - now) : 0;
        int ready = epoll_wait(crowd->epoll, events, EVENTS, wait);

        for (int i = 0; i < ready; i++)
            on_event(crowd, &events[i]);
        if (tool_now_ms() < next_ms)
            continue;
        tick(crowd);
        next_ms = tool_now_ms() + TOOL_TICK_MS;
    }
}

static void
crowd_tell(const struct crowd *crowd)
{
    printf("connected=%lu refused=%lu closed=%lu reset=%lu open=%u sent=%llu received=%llu",
           crowd->connected, crowd->refused, crowd->closed, crowd->reset,
           crowd->count - crowd->over, crowd->sent, crowd->received);
    for (unsigned i = 0; i < STATUS_COUNT; i++)
        if (crowd->answers[i] > 0)
            printf(" %u=%lu", i, crowd->answers[i]);
    putchar('\n');
}

static const struct attack *
attack_find(const char *name)
{
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
        if (strcmp(attacks[i].name, name) == 0)
            return &attacks[i];
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
        fprintf(stderr, "%-8s %s\n", attacks[i].name, attacks[i].help);
    errx(2, "no such attack: %s", name);
}

int
main(int argc, char **argv)
{
    static struct crowd crowd;

    if (argc < 5 || argc > 6)
        errx(2, "usage: abuse ATTACK PROXY_IPV4:PORT COUNT SECONDS [URL]");
    crowd.attack = attack_find(argv[1]);
    crowd.proxy = tool_address(argv[2], false);
    crowd.count = tool_number(argv[3]);
    crowd.deadline_ms = tool_now_ms() + (uint64_t)tool_number(argv[4]) * 1000;
    memset(crowd.filling, 'x', sizeof(crowd.filling));
    crowd.url = argc == 6 ? argv[5] : NULL;
    if ((crowd.attack->head != NULL) != (crowd.url != NULL))
        errx(2, "%s wants %s URL", argv[1], crowd.url != NULL ? "no" : "a");
    tool_raise_descriptors(crowd.count);
    crowd.epoll = epoll_create1(EPOLL_CLOEXEC);
    crowd.peers = calloc(crowd.count, sizeof(*crowd.peers));
    crowd.request = malloc(REQUEST_SIZE);
    if (crowd.epoll == -1 || crowd.peers == NULL || crowd.request == NULL)
        errx(2, "no memory");
    crowd_run(&crowd);
    crowd_tell(&crowd);
    for (unsigned i = 0; i < crowd.count; i++)
        if (crowd.peers[i].fd != -1)
            tool_reset(crowd.peers[i].fd);
    free(crowd.peers);
    free(crowd.request);
    return 0;
}
