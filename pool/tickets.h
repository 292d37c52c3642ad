#ifndef CARPOOL_POOL_TICKETS_H
#define CARPOOL_POOL_TICKETS_H

#include <pthread.h>

#include <openssl/ssl.h>

/*
 * What one host gave us to go on from with its next TLS connection, newest first. Any thread:
 * tickets come in whenever a connection of that host is read or probed. Embedded in the host's
 * record, so there are no more of them than TICKETS_KEPT for each host that is remembered.
 */
#define TICKETS_KEPT 2u

struct tickets {
    pthread_mutex_t lock;
    SSL_SESSION *sessions[TICKETS_KEPT];
};

void tickets_init(struct tickets *tickets);
void tickets_fini(struct tickets *tickets);

/* Takes over the reference; the oldest one goes where there is no room. */
void tickets_put(struct tickets *tickets, SSL_SESSION *session);

/*
 * One to resume with, the caller's reference, or NULL. Of TLS 1.3 each is used once, so that
 * nobody can tell two connections to be of one client (RFC 8446 appendix C.4).
 */
SSL_SESSION *tickets_take(struct tickets *tickets);

/* None of them is good any more: the host would not have the last one. */
void tickets_drop(struct tickets *tickets);

#endif
