/*
 * A hostile origin, for tests: the path that it is asked for says what it does wrong. One
 * thread, one epoll loop, libc only.
 *
 *     abuse_origin [LISTEN_IPV4:PORT]
 *
 * Prints "ready IPV4:PORT" and ends when its stdin closes or on SIGTERM. A connection that
 * lives longer than a minute is reset. The misdeeds:
 *
 *     /fields       a head of fields without end, as fast as it can
 *     /head         a head of one byte at a time
 *     /line         a status line without end
 *     /interim      interim answers without end
 *     /cut/N        a good answer in chunks, reset behind its first N % 200 bytes
 *     /deaf         never takes the request from its socket, never answers
 *     /sips         takes the request one byte at a time
 *     /drip         a body of one byte at a time
 *     /pour         a body without end
 *     /more         a good answer and another one that nobody asked for
 *     /silent       takes the request, never answers
 *     others        a good answer
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/tools/tool.h"

#define EVENTS 512
#define PEERS 16384
#define HEAD_SIZE 4096
#define LIFE_MS 60000
#define CUT_MOST 200u

#define GOOD "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ngood\n"
#define CHUNKED                                                                                \
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Pad: 0123456789012345678901234567890"  \
    "\r\n\r\n14\r\n01234567890123456789\r\n14\r\n01234567890123456789\r\n0\r\n\r\n"

enum pace { PACE_ONCE, PACE_SLOWLY, PACE_ENDLESSLY };

struct misdeed {
    const char *path;
    const char *first;  /* what goes out first */
    const char *filler; /* and then, at its pace */
    enum pace pace;
    bool is_deaf; /* takes none of the request, or only sips */
    bool is_cut;
};

static const struct misdeed misdeeds[] = {
    {"/fields", "HTTP/1.1 200 OK\r\n", "X-More: and more\r\n", PACE_ENDLESSLY, false, false},
    {"/head", "HTTP/1.1 200 OK\r\nX-Slow: ", "x", PACE_SLOWLY, false, false},
    {"/line", "HTTP/1.1 200 ", "OOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOOO",
     PACE_ENDLESSLY, false, false},
    {"/interim", "", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", PACE_ENDLESSLY, false,
     false},
    {"/cut/", CHUNKED, "", PACE_ONCE, false, true},
    {"/deaf", "", "", PACE_ONCE, true, false},
    {"/sips", "", "", PACE_SLOWLY, true, false},
    {"/drip", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "x", PACE_SLOWLY, false,
     false},
    {"/pour", "HTTP/1.1 200 OK\r\n\r\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
     PACE_ENDLESSLY, false, false},
    {"/more", GOOD GOOD, "", PACE_ONCE, false, false},
    {"/silent", "", "", PACE_ONCE, false, false},
    {"/", GOOD, "", PACE_ONCE, false, false},
};

struct peer {
    int fd; /* -1: free */
    uint64_t born_ms;
    const struct misdeed *misdeed; /* NULL: not known yet */
    char head[HEAD_SIZE];
    size_t head_size;
    const char *first;
    size_t first_left;
};

struct origin {
    int epoll;
    int listener;
    int signals;
    struct peer *peers;
};

enum { TAG_LISTENER = PEERS, TAG_SIGNALS, TAG_STDIN };

static void
watch(const struct origin *origin, int operation, int fd, uint32_t events, uint32_t tag)
{
    struct epoll_event event = {.events = events, .data.u32 = tag};

    if (epoll_ctl(origin->epoll, operation, fd, &event) == -1)
        errx(2, "epoll_ctl: %s", strerror(errno));
}

static void
peer_end(struct peer *peer)
{
    tool_reset(peer->fd);
    peer->fd = -1;
}

/* ---- answers ---- */

static void
peer_choose(struct origin *origin, struct peer *peer)
{
    const char *path = memchr(peer->head, ' ', peer->head_size);
    const struct misdeed *misdeed = misdeeds;

    if (path == NULL)
        path = " ";
    while (strncmp(path + 1, misdeed->path, strlen(misdeed->path)) != 0 &&
           strcmp(misdeed->path, "/") != 0)
        misdeed++;
    peer->misdeed = misdeed;
    peer->first = misdeed->first;
    peer->first_left = strlen(misdeed->first);
    if (misdeed->is_cut)
        peer->first_left = (size_t)atoi(path + 1 + strlen(misdeed->path)) % CUT_MOST;
    if (peer->first_left > strlen(misdeed->first))
        peer->first_left = strlen(misdeed->first);
    watch(origin, EPOLL_CTL_MOD, peer->fd, (misdeed->is_deaf ? 0u : EPOLLIN) | EPOLLOUT,
          (uint32_t)(peer - origin->peers));
}

/* A connection that has done well serves its next request. */
static void
peer_rest(struct origin *origin, struct peer *peer)
{
    uint32_t index = (uint32_t)(peer - origin->peers);

    if (peer->misdeed->is_cut) {
        peer_end(peer);
        return;
    }
    if (peer->misdeed->pace != PACE_ENDLESSLY)
        watch(origin, EPOLL_CTL_MOD, peer->fd, peer->misdeed->is_deaf ? 0u : EPOLLIN, index);
    if (peer->misdeed->pace == PACE_ONCE && *peer->misdeed->first != '\0') {
        peer->misdeed = NULL;
        peer->head_size = 0;
    }
}

static void
peer_write(struct origin *origin, struct peer *peer)
{
    const char *bytes = peer->first;
    size_t size = peer->first_left;
    ssize_t sent;

    if (size == 0 && peer->misdeed->pace == PACE_ENDLESSLY) {
        bytes = peer->misdeed->filler;
        size = strlen(bytes);
    }
    if (size == 0) {
        peer_rest(origin, peer);
        return;
    }
    sent = send(peer->fd, bytes, size, MSG_NOSIGNAL);
    if (sent == -1 && errno != EAGAIN && errno != EINTR) {
        peer_end(peer);
        return;
    }
    if (sent > 0 && peer->first_left > 0) {
        peer->first += sent;
        peer->first_left -= (size_t)sent;
        if (peer->first_left == 0)
            peer_rest(origin, peer);
    }
}

/* ---- requests ---- */

/* The deaf ones only look at it, and leave it where it is. */
static void
peer_read(struct origin *origin, struct peer *peer)
{
    char bytes[65536];
    char *to = peer->misdeed == NULL ? peer->head + peer->head_size : bytes;
    size_t room = peer->misdeed == NULL ? HEAD_SIZE - peer->head_size : sizeof(bytes);
    ssize_t got = recv(peer->fd, to, room, peer->misdeed == NULL ? MSG_PEEK : 0);

    if (got == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        peer_end(peer);
        return;
    }
    if (peer->misdeed != NULL)
        return;
    peer->head_size = (size_t)got;
    peer_choose(origin, peer);
    if (!peer->misdeed->is_deaf)
        (void)recv(peer->fd, bytes, (size_t)got, 0);
}

static void
on_connection(struct origin *origin)
{
    int fd = accept4(origin->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    uint32_t i = 0;

    if (fd == -1)
        return;
    while (i < PEERS && origin->peers[i].fd != -1)
        i++;
    if (i == PEERS) {
        tool_reset(fd);
        return;
    }
    origin->peers[i].fd = fd;
    origin->peers[i].born_ms = tool_now_ms();
    origin->peers[i].misdeed = NULL;
    origin->peers[i].head_size = 0;
    watch(origin, EPOLL_CTL_ADD, fd, EPOLLIN, i);
}

/* What slow ones do ten times a second, and the end of those who live for ever. */
static void
tick(struct origin *origin)
{
    uint64_t now = tool_now_ms();

    for (size_t i = 0; i < PEERS; i++) {
        struct peer *peer = &origin->peers[i];
        const struct misdeed *misdeed = peer->misdeed;
        char byte;

        if (peer->fd == -1)
            continue;
        if (now - peer->born_ms > LIFE_MS)
            peer_end(peer);
        else if (misdeed != NULL && misdeed->pace == PACE_SLOWLY && misdeed->is_deaf)
            (void)recv(peer->fd, &byte, 1, MSG_DONTWAIT);
        else if (misdeed != NULL && misdeed->pace == PACE_SLOWLY && peer->first_left == 0)
            (void)send(peer->fd, misdeed->filler, 1, MSG_NOSIGNAL);
    }
}

/* False when the program is to end. */
static bool
on_event(struct origin *origin, const struct epoll_event *event)
{
    struct peer *peer;

    if (event->data.u32 == TAG_LISTENER) {
        on_connection(origin);
        return true;
    }
    if (event->data.u32 >= PEERS)
        return false;
    peer = &origin->peers[event->data.u32];
    if (peer->fd == -1)
        return true;
    if (event->events & (EPOLLERR | EPOLLHUP))
        peer_end(peer);
    else if (event->events & EPOLLIN)
        peer_read(origin, peer);
    else if (peer->misdeed != NULL)
        peer_write(origin, peer);
    return true;
}

static void
serve(struct origin *origin)
{
    struct epoll_event events[EVENTS];
    uint64_t next_ms = tool_now_ms() + TOOL_TICK_MS;

    for (;;) {
        int ready = epoll_wait(origin->epoll, events, EVENTS, TOOL_TICK_MS);

        for (int i = 0; i < ready; i++)
            if (!on_event(origin, &events[i]))
                return;
        if (tool_now_ms() < next_ms)
            continue;
        tick(origin);
        next_ms = tool_now_ms() + TOOL_TICK_MS;
    }
}

int
main(int argc, char **argv)
{
    struct origin origin = {.epoll = epoll_create1(EPOLL_CLOEXEC)};
    struct sockaddr_in address;
    sigset_t signals;

    if (argc > 2)
        errx(2, "usage: abuse_origin [LISTEN_IPV4:PORT]");
    tool_raise_descriptors(1024);
    origin.peers = calloc(PEERS, sizeof(*origin.peers));
    if (origin.epoll == -1 || origin.peers == NULL)
        errx(2, "no memory");
    for (size_t i = 0; i < PEERS; i++)
        origin.peers[i].fd = -1;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    origin.signals = signalfd(-1, &signals, SFD_CLOEXEC);
    address = tool_address(argc == 2 ? argv[1] : "127.0.0.1:0", true);
    origin.listener = tool_listen(&address, 4096);
    tool_say_ready(&address);
    watch(&origin, EPOLL_CTL_ADD, origin.listener, EPOLLIN, TAG_LISTENER);
    watch(&origin, EPOLL_CTL_ADD, origin.signals, EPOLLIN, TAG_SIGNALS);
    watch(&origin, EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, TAG_STDIN);
    serve(&origin);
    free(origin.peers);
    return 0;
}
