#ifndef CARPOOL_POOL_TICKETS_H
#define CARPOOL_POOL_TICKETS_H

#include <pthread.h>
#include <stdbool.h>

#include <openssl/ssl.h>

/*
 * What one host gave us to go on from with its next TLS connection, newest first. Any thread:
 * tickets come in whenever a connection of that host is read or probed. Embedded in the host's
 * record, so there are no more of them than TICKETS_KEPT for each host that is remembered.
 * They are kept as bytes: a session of OpenSSL's holds the origin's whole chain of
 * certificates, parsed, as large as the origin likes, and is spoilt by the bad end of a
 * connection.
 */
#define TICKETS_KEPT 2u
/* What takes more is not kept. Most of it is the host's certificate: 1 to 4 KiB are usual. */
#define TICKET_MOST 16384

struct ticket {
    unsigned char *bytes; /* NULL: none */
    int size;
    bool is_for_once;
};

struct tickets {
    pthread_mutex_t lock;
    struct ticket kept[TICKETS_KEPT];
};

void tickets_init(struct tickets *tickets);
void tickets_fini(struct tickets *tickets);

/* Keeps what it takes to resume the session; the oldest one goes where there is no room. */
void tickets_put(struct tickets *tickets, const SSL_SESSION *session);

/*
 * One to resume with, the caller's, or NULL. Of TLS 1.3 each is used once, so that nobody can
 * tell two connections to be of one client (RFC 8446 appendix C.4).
 */
SSL_SESSION *tickets_take(struct tickets *tickets);

/* None of them is good any more: the host would not have the last one. */
void tickets_drop(struct tickets *tickets);

#endif
