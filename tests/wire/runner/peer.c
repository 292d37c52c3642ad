/* Connections that the conversation holds. Reads only when asked to, sends whenever it can. */
#include "tests/wire/runner/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE 65536
#define FILL_SIZE ((size_t)65536)

struct peer *
peer_new(struct world *world, const char *name)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    if (peer == NULL || (peer->name = strdup(name)) == NULL)
        abort();
    peer->fd = -1;
    STAILQ_INIT(&peer->pieces);
    TAILQ_INSERT_TAIL(&world->peers, peer, all);
    return peer;
}

struct peer *
peer_find(struct world *world, const char *name)
{
    struct peer *peer;

    TAILQ_FOREACH_REVERSE(peer, &world->peers, peer_list, all)
    if (strcmp(peer->name, name) == 0)
        return peer;
    return NULL;
}

void
peer_connect(struct world *world, struct peer *peer, const char *to, const char *from)
{
    struct sockaddr_storage address;
    socklen_t size = address_read(world, to, &address);
    int64_t left_ms = world->deadline_ms - now_ms();
    struct timeval patience = {.tv_sec = left_ms > 1000 ? left_ms / 1000 : 1};

    if (peer->fd != -1)
        world_fail(world, "%s is connected already", peer->name);
    peer_close(peer, false);
    peer->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (from != NULL) {
        struct sockaddr_storage source;
        char text[100];

        snprintf(text, sizeof(text), "%s:0", from);
        if (bind(peer->fd, (struct sockaddr *)&source, address_read(world, text, &source)) ==
            -1)
            world_fail(world, "%s cannot bind to %s: %s", peer->name, from, strerror(errno));
    }
    /* blocking, but on loopback: done at once, or refused, or ignored */
    setsockopt(peer->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(peer->fd, (struct sockaddr *)&address, size) == -1)
        world_fail(world, "%s cannot connect to %s: %s", peer->name, to, strerror(errno));
}

static struct piece *
add_piece(struct peer *peer)
{
    struct piece *piece = calloc(1, sizeof(*piece));

    if (piece == NULL)
        abort();
    STAILQ_INSERT_TAIL(&peer->pieces, piece, link);
    return piece;
}

static void
drop_first_piece(struct peer *peer)
{
    struct piece *piece = STAILQ_FIRST(&peer->pieces);

    STAILQ_REMOVE_HEAD(&peer->pieces, link);
    bytes_free(&piece->text);
    free(piece);
}

void
peer_queue(struct peer *peer, const void *data, size_t size)
{
    bytes_add(&add_piece(peer)->text, data, size);
    peer_flush(peer);
}

void
peer_queue_filling(struct peer *peer, char letter, uint64_t size)
{
    struct piece *piece = add_piece(peer);

    piece->letter = letter;
    piece->end = size;
    peer_flush(peer);
}

bool
peer_has_queued(const struct peer *peer)
{
    return peer->fd != -1 && peer->send_errno == 0 &&
           (peer->out_sent < peer->out.size || !STAILQ_EMPTY(&peer->pieces));
}

/* All of out was sent: what comes next? */
static void
fill_out(struct peer *peer)
{
    struct piece *piece = STAILQ_FIRST(&peer->pieces);

    peer->out.size = 0;
    peer->out_sent = 0;
    if (piece == NULL)
        return;
    bytes_add(&peer->out, piece->text.data, piece->text.size);
    if (piece->at < piece->end) {
        size_t size = piece->end - piece->at < FILL_SIZE ? piece->end - piece->at : FILL_SIZE;

        bytes_fill(bytes_reserve(&peer->out, size), piece->letter, piece->at, size);
        peer->out.size += size;
        piece->at += size;
    }
    if (piece->at == piece->end)
        drop_first_piece(peer);
}

void
peer_flush(struct peer *peer)
{
    while (peer_has_queued(peer)) {
        ssize_t sent;

        if (peer->out_sent == peer->out.size)
            fill_out(peer);
        sent = send(peer->fd, peer->out.data + peer->out_sent, peer->out.size - peer->out_sent,
                    MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent == -1 && errno == EAGAIN)
            return;
        if (sent == -1)
            peer->send_errno = errno;
        else
            peer->out_sent += (size_t)sent;
    }
}

void
peer_flush_all(struct world *world, struct peer *peer)
{
    while (peer_has_queued(peer))
        if (world_turn(world, -1, WORLD_DEADLINE) == TURN_LATE)
            world_fail(world, "%s: the other side takes no more bytes", peer->name);
}

enum fill
peer_fill(struct world *world, struct peer *peer, int64_t until_ms)
{
    enum turn turn;
    ssize_t got = -1;

    if (peer->fd == -1)
        world_fail(world, "%s is not connected", peer->name);
    if (peer->was_reset || peer->has_ended)
        return peer->was_reset ? FILL_RESET : FILL_END;
    while (got == -1) {
        while ((turn = world_turn(world, peer->fd, until_ms)) != TURN_READY)
            if (turn == TURN_LATE)
                return FILL_LATE;
        got = recv(peer->fd, bytes_reserve(&peer->in, READ_SIZE), READ_SIZE, MSG_DONTWAIT);
        if (got == -1 && errno == ECONNRESET)
            break;
        if (got == -1 && errno != EAGAIN && errno != EINTR)
            world_fail(world, "%s cannot read: %s", peer->name, strerror(errno));
    }
    if (got > 0) {
        peer->in.size += (size_t)got;
        return FILL_BYTES;
    }
    peer->has_ended = got == 0;
    peer->was_reset = got == -1;
    return peer->was_reset ? FILL_RESET : FILL_END;
}

const char *
fill_word(enum fill fill)
{
    static const char *const words[] = {
        [FILL_BYTES] = "more bytes",
        [FILL_END] = "the end of the connection",
        [FILL_RESET] = "a reset of the connection",
        [FILL_LATE] = "nothing more in time",
    };

    return words[fill];
}

void
peer_close(struct peer *peer, bool is_reset)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (peer->fd != -1 && is_reset)
        setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    if (peer->fd != -1)
        close(peer->fd);
    peer->fd = -1;
    bytes_free(&peer->in);
    bytes_free(&peer->out);
    peer->out_sent = 0;
    while (!STAILQ_EMPTY(&peer->pieces))
        drop_first_piece(peer);
    peer->has_ended = false;
    peer->was_reset = false;
    peer->send_errno = 0;
    peer->content = CONTENT_NONE;
}

void
peers_check_silence(struct world *world)
{
    struct origin *origin;
    struct peer *peer;

    TAILQ_FOREACH (peer, &world->peers, all) {
        if (peer->fd != -1)
            peer_fill(world, peer, now_ms());
        if (peer->in.size == 0)
            continue;
        world_complain(world, "%s got more than the conversation mentions:", peer->name);
        bytes_print(stderr, peer->in.data, peer->in.size > 2000 ? 2000 : peer->in.size);
        world_give_up(world);
    }
    TAILQ_FOREACH (origin, &world->origins, all)
        if (origin->stuffing == -1 && origin_count(world, origin) != origin->accepted)
            world_fail(world, "%s has a connection that the conversation does not mention",
                       origin->name);
}

void
peers_close_all(struct world *world)
{
    struct peer *peer;

    TAILQ_FOREACH (peer, &world->peers, all)
        peer_close(peer, false);
}

void
peers_free(struct world *world)
{
    struct origin *origin;
    struct peer *peer;

    while ((peer = TAILQ_FIRST(&world->peers)) != NULL) {
        TAILQ_REMOVE(&world->peers, peer, all);
        peer_close(peer, false);
        free(peer->name);
        free(peer);
    }
    while ((origin = TAILQ_FIRST(&world->origins)) != NULL) {
        TAILQ_REMOVE(&world->origins, origin, all);
        if (origin->listener != -1)
            close(origin->listener);
        if (origin->stuffing != -1)
            close(origin->stuffing);
        free(origin->name);
        free(origin);
    }
}
