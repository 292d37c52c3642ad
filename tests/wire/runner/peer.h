#ifndef CARPOOL_TESTS_WIRE_PEER_H
#define CARPOOL_TESTS_WIRE_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "tests/wire/runner/text.h"
#include "tests/wire/runner/world.h"

/* How the bytes behind a head end, as the head says. */
enum content { CONTENT_NONE, CONTENT_LENGTH, CONTENT_CHUNKED, CONTENT_UNTIL_CLOSE };

/* Bytes to be sent, or a filling that is made when its turn comes. */
struct piece {
    STAILQ_ENTRY(piece) link;
    struct bytes text;
    char letter;
    uint64_t at; /* of the filling */
    uint64_t end;
};
STAILQ_HEAD(piece_list, piece);

/* One end of a connection that we hold: a client, or an origin's side of an accepted one. */
struct peer {
    TAILQ_ENTRY(peer) all;
    char *name;
    int fd; /* -1: not connected */
    struct bytes in;
    struct bytes out;
    size_t out_sent;          /* of out; it is emptied when all is sent */
    struct piece_list pieces; /* what follows out */
    bool has_ended;           /* the other side's FIN was read */
    bool was_reset;
    int send_errno;       /* why nothing more can be sent; 0 */
    enum content content; /* of the last head that was read */
    uint64_t length;
};

/* A server of the conversation: a listening socket and its present connection. */
struct origin {
    TAILQ_ENTRY(origin) all;
    char *name;
    int listener; /* -1: closed */
    int stuffing; /* keeps the queue of an origin full that ignores its callers; -1 */
    unsigned accepted;
    struct peer *current; /* the connection accepted last; NULL */
};

struct peer *peer_new(struct world *world, const char *name);
struct peer *peer_find(struct world *world, const char *name);
struct origin *origin_find(struct world *world, const char *name);

/* "127.0.0.1:80" or "[::1]:80"; fails where it is neither. Returns its size. */
socklen_t address_read(struct world *world, const char *text, struct sockaddr_storage *to);

/* Connects from an address (NULL: any) and waits until it is done. */
void peer_connect(struct world *world, struct peer *peer, const char *to, const char *from);

/* Sends as soon as the socket takes it: bytes, or a filling as of bytes_fill(). */
void peer_queue(struct peer *peer, const void *data, size_t size);
void peer_queue_filling(struct peer *peer, char letter, uint64_t size);
bool peer_has_queued(const struct peer *peer);

/* Sends what the socket takes now; remembers an error. */
void peer_flush(struct peer *peer);

/* Waits until all is sent. */
void peer_flush_all(struct world *world, struct peer *peer);

/* What reading brought. */
enum fill { FILL_BYTES, FILL_END, FILL_RESET, FILL_LATE };

/* Waits for more bytes and appends them to peer->in. Stays FILL_END or FILL_RESET after these.
 */
enum fill peer_fill(struct world *world, struct peer *peer, int64_t until_ms);
const char *fill_word(enum fill fill);

/* Closes; with is_reset, by a reset. The peer may connect again. */
void peer_close(struct peer *peer, bool is_reset);

/* Nobody may be left with bytes that the conversation did not mention, or waiting to be
 * accepted. */
void peers_check_silence(struct world *world);
void peers_close_all(struct world *world);
void peers_free(struct world *world);

/* Declares an origin: `origin o [on ADDRESS] [port N] [later|refuses|ignores]`. */
void origin_declare(struct world *world);
void origin_listen(struct world *world, struct origin *origin);

/* Closes the listening socket; its connections go on. */
void origin_stop(struct origin *origin);

/* Accepts the next connection, under the origin's name or one of its own. */
void origin_accept(struct world *world, struct origin *origin, const char *name);

/* Connections that were accepted or wait to be. */
unsigned origin_count(struct world *world, struct origin *origin);

#endif
