/*
 * faulty's origin: reads what comes, byte by byte, and closes when its time has come.
 */
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/tools/faulty.h"
#include "tests/tools/tool.h"

#define PEERS 4096
#define HEAD_SIZE 2048
#define READ_SIZE 65536

enum fault {
    FAULT_NONE,
    FAULT_AT_TIME, /* after the answer */
    FAULT_AT_BYTE, /* of the next request, or at its end if that comes first */
    FAULT_AT_END,  /* of the next request */
    FAULT_EARLY,   /* answered at its head, and the body not waited for */
    FAULT_COUNT
};
enum goodbye { GOODBYE_FIN, GOODBYE_RST, GOODBYE_HALF, GOODBYE_COUNT };
enum part {
    PART_HEAD,
    PART_LENGTH,
    PART_CHUNK_LINE,
    PART_CHUNK,
    PART_TRAILER,
    PART_OVER,
    PART_REST, /* of a request that was answered early: whatever it is */
};

#define LAST_WORD                                                                              \
    "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

struct peer {
    struct spot spot;
    struct faulty *faulty;
    unsigned served;
    bool is_half; /* said goodbye, and reads on */
    enum fault fault;
    unsigned fault_at;  /* bytes of the request */
    uint64_t ends_ms;   /* 0: not by the clock */
    uint64_t answer_ms; /* 0: nothing to answer */

    /* the request that is being read */
    enum part part;
    unsigned seen; /* bytes of it */
    unsigned left; /* of the body or chunk */
    char head[HEAD_SIZE];
    size_t head_size;
    char line[32]; /* of a chunk's head, or of the trailers */
    size_t line_size;
    unsigned number;
    unsigned body_size;
    uint32_t hash;
};

struct listener {
    struct spot spot;
    struct faulty *faulty;
};

static void
peer_end(struct peer *peer)
{
    peer->faulty->half -= peer->is_half;
    close(peer->spot.fd);
    peer->spot.fd = -1;
}

/* ---- faults ---- */

/* Says nothing more, and reads on for a while. */
static void
close_half(struct peer *peer)
{
    if (shutdown(peer->spot.fd, SHUT_WR) == -1) {
        peer_end(peer);
        return;
    }
    peer->is_half = true;
    peer->faulty->half++;
    peer->fault = FAULT_NONE;
    peer->answer_ms = 0;
    peer->ends_ms = tool_now_ms() + 1 + faulty_roll(peer->faulty, 30);
}

/* It is so far: what was sent may not be read, and nothing more is answered. */
static void
strike(struct peer *peer)
{
    peer->faulty->faults++;
    switch ((enum goodbye)faulty_roll(peer->faulty, GOODBYE_COUNT)) {
    case GOODBYE_RST:
        tool_reset(peer->spot.fd);
        peer->spot.fd = -1;
        break;
    case GOODBYE_HALF:
        close_half(peer);
        break;
    case GOODBYE_FIN:
    case GOODBYE_COUNT:
        peer_end(peer);
        break;
    }
}

/* To a connection that seems idle: words and end go out together. */
static void
strike_with_a_word(struct peer *peer)
{
    (void)send(peer->spot.fd, LAST_WORD, strlen(LAST_WORD), MSG_NOSIGNAL | MSG_MORE);
    peer->faulty->faults++;
    close_half(peer);
}

/* After an answer: what becomes of the connection? */
static void
draw(struct peer *peer)
{
    static const unsigned scales[] = {1, 2, 200, 40000};
    struct faulty *faulty = peer->faulty;

    peer->fault = FAULT_NONE;
    peer->ends_ms = 0;
    if (faulty_roll(faulty, FAULTY_ONE_IN) > 0)
        return;
    peer->fault = 1 + faulty_roll(faulty, FAULT_COUNT - 1);
    peer->fault_at = faulty_roll(faulty, scales[faulty_roll(faulty, 4)]);
    if (peer->fault != FAULT_AT_TIME)
        return;
    if (faulty_roll(faulty, 3) == 0)
        strike(peer);
    else
        peer->ends_ms = tool_now_ms() + 1 + faulty_roll(faulty, 20);
}

/* ---- answers ---- */

static void
await_request(struct peer *peer)
{
    peer->part = PART_HEAD;
    peer->seen = 0;
    peer->head_size = 0;
    peer->line_size = 0;
    peer->body_size = 0;
    peer->hash = FAULTY_HASH;
}

static void
answer(struct peer *peer)
{
    const struct request *request = &peer->faulty->requests[peer->number];
    char told[FAULTY_TOLD_SIZE];
    char bytes[256];
    int size;

    faulty_tell(told, request->method, peer->number, peer->body_size, peer->hash);
    size = snprintf(bytes, sizeof(bytes), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                    strlen(told), told);
    peer->answer_ms = 0;
    if (send(peer->spot.fd, bytes, (size_t)size, MSG_NOSIGNAL) != size) {
        peer_end(peer); /* the proxy has left */
        return;
    }
    if (peer->part == PART_REST) {
        strike(peer);
        return;
    }
    peer->served++;
    await_request(peer);
    draw(peer);
}

/* ---- requests ---- */

static void
on_whole(struct peer *peer)
{
    struct faulty *faulty = peer->faulty;

    peer->part = PART_OVER;
    faulty->requests[peer->number].processed++;
    if (peer->is_half)
        return;
    if (peer->fault == FAULT_AT_BYTE || peer->fault == FAULT_AT_END)
        strike(peer);
    else if (faulty_roll(faulty, 8) == 0)
        peer->answer_ms = tool_now_ms() + 1 + faulty_roll(faulty, 5);
    else
        answer(peer);
}

static void
on_head(struct peer *peer)
{
    struct faulty *faulty = peer->faulty;
    const char *length = strcasestr(peer->head, "\r\nContent-Length:");
    struct request *request;

    if (sscanf(peer->head, "%*[A-Z] /%u ", &peer->number) != 1 ||
        peer->number >= faulty->count) {
        faulty_complain(faulty, "not a request: %.40s", peer->head);
        peer->number = 0;
    }
    request = &faulty->requests[peer->number];
    if (++request->arrived > 1 && (peer->served > 0 || peer->is_half))
        faulty_complain(faulty, "%s %u was sent again on a used connection",
                        faulty_methods[request->method], peer->number);
    peer->left = length != NULL ? (unsigned)strtoul(length + 17, NULL, 10) : 0;
    peer->part = PART_LENGTH;
    if (strcasestr(peer->head, "\r\nTransfer-Encoding: chunked") != NULL)
        peer->part = PART_CHUNK_LINE;
    if (peer->part == PART_LENGTH && peer->left == 0) {
        on_whole(peer);
    } else if (peer->fault == FAULT_EARLY) {
        request->processed++;
        peer->part = PART_REST;
        peer->body_size = FAULTY_UNREAD;
        answer(peer);
    }
}

/* A line of the chunked coding is there. */
static void
on_line(struct peer *peer)
{
    peer->line[peer->line_size] = '\0';
    peer->line_size = 0;
    if (peer->part == PART_TRAILER) {
        if (peer->line[0] == '\0')
            on_whole(peer);
        return;
    }
    if (peer->line[0] == '\0') /* the end of the chunk before */
        return;
    peer->left = (unsigned)strtoul(peer->line, NULL, 16);
    peer->part = peer->left > 0 ? PART_CHUNK : PART_TRAILER;
}

static void
read_line(struct peer *peer, char byte)
{
    if (byte == '\n')
        on_line(peer);
    else if (byte != '\r' && peer->line_size < sizeof(peer->line) - 1)
        peer->line[peer->line_size++] = byte;
}

static void
read_head(struct peer *peer, char byte)
{
    if (peer->head_size == HEAD_SIZE - 1)
        errx(2, "a head of more than %d bytes", HEAD_SIZE);
    peer->head[peer->head_size++] = byte;
    peer->head[peer->head_size] = '\0';
    if (peer->head_size >= 4 && strcmp(peer->head + peer->head_size - 4, "\r\n\r\n") == 0)
        on_head(peer);
}

/* Of the body: as many of the bytes as belong to it. */
static size_t
read_body(struct peer *peer, const char *bytes, size_t size)
{
    size_t used = size < peer->left ? size : peer->left;

    peer->hash = faulty_hash(peer->hash, bytes, used);
    peer->body_size += (unsigned)used;
    peer->left -= (unsigned)used;
    if (peer->left > 0)
        return used;
    if (peer->part == PART_CHUNK)
        peer->part = PART_CHUNK_LINE;
    else
        on_whole(peer);
    return used;
}

/* The connection may be over after this. */
static void
take(struct peer *peer, const char *bytes, size_t size)
{
    size_t used = 0;

    peer->seen += (unsigned)size;
    while (used < size && peer->part < PART_OVER) {
        if (peer->part == PART_LENGTH || peer->part == PART_CHUNK) {
            used += read_body(peer, bytes + used, size - used);
            if (peer->spot.fd == -1 || peer->part == PART_HEAD)
                break;
            continue;
        }
        if (peer->part == PART_HEAD)
            read_head(peer, bytes[used++]);
        else
            read_line(peer, bytes[used++]);
        if (peer->spot.fd == -1 || (peer->part == PART_HEAD && peer->head_size == 0))
            break;
    }
    if (used < size && peer->part != PART_REST)
        faulty_complain(peer->faulty, "bytes behind request %u", peer->number);
}

static void
on_peer_ready(struct spot *spot)
{
    struct peer *peer = (struct peer *)spot;
    char bytes[READ_SIZE];
    size_t room = sizeof(bytes);
    bool is_byte = peer->fault == FAULT_AT_BYTE && peer->fault_at <= peer->seen;
    ssize_t got;

    if (peer->fault == FAULT_AT_BYTE && !is_byte && peer->fault_at - peer->seen < room)
        room = peer->fault_at - peer->seen;
    got = recv(spot->fd, bytes, room, is_byte ? MSG_PEEK : 0);
    if (got == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0)
        peer_end(peer); /* the proxy has left */
    else if (is_byte)
        strike(peer);
    else
        take(peer, bytes, (size_t)got);
    /* What has come is read: a FIN is one, since no unread byte makes it a RST. */
    if (spot->fd != -1 && peer->fault == FAULT_AT_BYTE && peer->seen > 0 &&
        peer->seen >= peer->fault_at)
        strike(peer);
}

static void
on_peer_tick(struct spot *spot, uint64_t now_ms)
{
    struct peer *peer = (struct peer *)spot;

    if (peer->ends_ms != 0 && now_ms >= peer->ends_ms) {
        if (peer->is_half)
            peer_end(peer);
        else if (peer->part == PART_HEAD && peer->seen == 0 &&
                 faulty_roll(peer->faulty, 4) == 0)
            strike_with_a_word(peer);
        else
            strike(peer);
    } else if (peer->answer_ms != 0 && now_ms >= peer->answer_ms) {
        answer(peer);
    }
}

/* ---- connections ---- */

static void
on_connection(struct spot *spot)
{
    struct listener *listener = (struct listener *)spot;
    struct faulty *faulty = listener->faulty;
    int fd = accept4(spot->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int on = 1;
    struct peer *peer = faulty->peers;

    if (fd == -1)
        return;
    while (peer < faulty->peers + PEERS && peer->spot.fd != -1)
        peer++;
    if (peer == faulty->peers + PEERS)
        errx(2, "more than %d connections", PEERS);
    /* An answer must be out before a RST can follow it. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *peer = (struct peer){.spot = {fd, on_peer_ready, on_peer_tick}, .faulty = faulty};
    await_request(peer);
    faulty->accepted++;
    faulty_watch(faulty, &peer->spot, EPOLLIN);
}

static void
listener_open(struct faulty *faulty, unsigned i)
{
    struct sockaddr_in address = tool_address("127.0.0.1:0", true);
    int fd = tool_listen(&address, 4096);

    faulty->ports[i] = ntohs(address.sin_port);
    faulty->listeners[i] = (struct listener){{fd, on_connection, NULL}, faulty};
    faulty_watch(faulty, &faulty->listeners[i].spot, EPOLLIN);
}

void
faulty_origin_open(struct faulty *faulty)
{
    tool_raise_descriptors(PEERS);
    faulty->peers = calloc(PEERS, sizeof(*faulty->peers));
    faulty->listeners = calloc(FAULTY_PORTS, sizeof(*faulty->listeners));
    if (faulty->peers == NULL || faulty->listeners == NULL)
        errx(2, "no memory");
    for (unsigned i = 0; i < PEERS; i++)
        faulty->peers[i].spot.fd = -1;
    for (unsigned i = 0; i < FAULTY_PORTS; i++)
        listener_open(faulty, i);
}

void
faulty_origin_close(struct faulty *faulty)
{
    for (unsigned i = 0; i < FAULTY_PORTS; i++)
        close(faulty->listeners[i].spot.fd);
    for (unsigned i = 0; i < PEERS; i++)
        if (faulty->peers[i].spot.fd != -1)
            peer_end(&faulty->peers[i]);
    free(faulty->listeners);
    free(faulty->peers);
}
