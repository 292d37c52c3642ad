#ifndef CARPOOL_TESTS_BASE_TLS_PEER_H
#define CARPOOL_TESTS_BASE_TLS_PEER_H

#include <openssl/ssl.h>

#include "base/stream.h"

/* A TLS server at the other end of a socketpair, driven by the test, and who vouches for it. */
struct tls_peer {
    struct stream ours; /* plain until the test begins TLS on it */
    int theirs;
    SSL *server;
    SSL_CTX *server_context;
    SSL_CTX *trusting; /* a client's, that trusts the authority of the peer's certificate */
};

/* What is special about a certificate. */
struct tls_paper {
    const char *names;      /* as in "DNS:a.test, IP:127.0.0.1"; NULL: only the CN, "server" */
    long starts_s;          /* from now */
    long ends_s;            /* from now */
    int is_self_signed;     /* by itself */
    int is_from_a_stranger; /* by an authority that nobody trusts */
    int only_old_versions;  /* TLS 1.1 at most */
    const char *use;        /* as in "serverAuth"; NULL: any */
};

extern const struct tls_paper tls_good; /* for a.test and 127.0.0.1 */

void tls_peer_open(struct tls_peer *peer, const struct tls_paper *paper);
void tls_peer_close(struct tls_peer *peer);

/* Both sides' handshake to its end, which is the client's result. */
enum err tls_peer_shake(struct tls_peer *peer, const char *host);

/* Opens a good one and shakes hands with it: our stream. */
struct stream *tls_peer_greeted(struct tls_peer *peer);

/* The server sends this text. */
void tls_peer_say(struct tls_peer *peer, const char *text);

/* What the server sends behind the handshake: a ticket, new keys (and if it wants ours, too).
 */
void tls_peer_send_ticket(struct tls_peer *peer);
void tls_peer_change_keys(struct tls_peer *peer, int kind);

/* What the server has got so far goes behind what it had: how much that is then. */
size_t tls_peer_take(struct tls_peer *peer, char *to, size_t had, size_t room);

#endif
