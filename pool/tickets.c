/*
 * Session tickets of one host. Under the lock only places change; sessions are freed outside.
 */
#include "pool/tickets.h"

#include <stdbool.h>
#include <string.h>

void
tickets_init(struct tickets *tickets)
{
    pthread_mutex_init(&tickets->lock, NULL);
    memset(tickets->sessions, 0, sizeof(tickets->sessions));
}

void
tickets_fini(struct tickets *tickets)
{
    tickets_drop(tickets);
    pthread_mutex_destroy(&tickets->lock);
}

/* Under the lock: makes the first place free. Returns what fell out at the end. */
static SSL_SESSION *
shift(struct tickets *tickets)
{
    SSL_SESSION *last = tickets->sessions[TICKETS_KEPT - 1];

    memmove(&tickets->sessions[1], &tickets->sessions[0],
            (TICKETS_KEPT - 1) * sizeof(SSL_SESSION *));
    tickets->sessions[0] = NULL;
    return last;
}

void
tickets_put(struct tickets *tickets, SSL_SESSION *session)
{
    SSL_SESSION *last;

    pthread_mutex_lock(&tickets->lock);
    last = shift(tickets);
    tickets->sessions[0] = session;
    pthread_mutex_unlock(&tickets->lock);
    SSL_SESSION_free(last);
}

/* Under the lock: the first one goes, the others move up. */
static void
pop(struct tickets *tickets)
{
    memmove(&tickets->sessions[0], &tickets->sessions[1],
            (TICKETS_KEPT - 1) * sizeof(SSL_SESSION *));
    tickets->sessions[TICKETS_KEPT - 1] = NULL;
}

SSL_SESSION *
tickets_take(struct tickets *tickets)
{
    SSL_SESSION *session;
    SSL_SESSION *copied;
    bool is_for_once;

    pthread_mutex_lock(&tickets->lock);
    session = tickets->sessions[0];
    is_for_once =
        session != NULL && SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
    if (is_for_once)
        pop(tickets);
    else if (session != NULL)
        SSL_SESSION_up_ref(session);
    pthread_mutex_unlock(&tickets->lock);
    if (session == NULL || is_for_once)
        return session;
    /* What stays here is never part of a connection, whose bad end would spoil it. */
    copied = SSL_SESSION_dup(session);
    SSL_SESSION_free(session);
    return copied;
}

void
tickets_drop(struct tickets *tickets)
{
    SSL_SESSION *dropped[TICKETS_KEPT];

    pthread_mutex_lock(&tickets->lock);
    memcpy(dropped, tickets->sessions, sizeof(dropped));
    memset(tickets->sessions, 0, sizeof(tickets->sessions));
    pthread_mutex_unlock(&tickets->lock);
    for (size_t i = 0; i < TICKETS_KEPT; i++)
        SSL_SESSION_free(dropped[i]);
}
