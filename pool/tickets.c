/*
 * Session tickets of one host. Under the lock only places change and bytes are copied.
 */
#include "pool/tickets.h"

#include <string.h>

#include <openssl/crypto.h>

void
tickets_init(struct tickets *tickets)
{
    pthread_mutex_init(&tickets->lock, NULL);
    memset(tickets->kept, 0, sizeof(tickets->kept));
}

void
tickets_fini(struct tickets *tickets)
{
    tickets_drop(tickets);
    pthread_mutex_destroy(&tickets->lock);
}

/* Its key goes with it. */
static void
forget(struct ticket *ticket)
{
    OPENSSL_clear_free(ticket->bytes, (size_t)ticket->size);
}

/* False where it is too large, or there is no memory: then the next handshake is a full one. */
static bool
ticket_write(struct ticket *ticket, const SSL_SESSION *session)
{
    unsigned char *end;
    int size = i2d_SSL_SESSION(session, NULL);

    if (size <= 0 || size > TICKET_MOST)
        return false;
    ticket->bytes = end = OPENSSL_malloc((size_t)size);
    if (ticket->bytes == NULL)
        return false;
    ticket->size = i2d_SSL_SESSION(session, &end);
    ticket->is_for_once = SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
    return true;
}

void
tickets_put(struct tickets *tickets, const SSL_SESSION *session)
{
    struct ticket ticket = {0};
    struct ticket last;

    if (!ticket_write(&ticket, session))
        return;
    pthread_mutex_lock(&tickets->lock);
    last = tickets->kept[TICKETS_KEPT - 1];
    memmove(&tickets->kept[1], &tickets->kept[0], (TICKETS_KEPT - 1) * sizeof(ticket));
    tickets->kept[0] = ticket;
    pthread_mutex_unlock(&tickets->lock);
    forget(&last);
}

/* Under the lock: the first one goes, the others move up. */
static void
pop(struct tickets *tickets)
{
    memmove(&tickets->kept[0], &tickets->kept[1],
            (TICKETS_KEPT - 1) * sizeof(tickets->kept[0]));
    tickets->kept[TICKETS_KEPT - 1] = (struct ticket){0};
}

SSL_SESSION *
tickets_take(struct tickets *tickets)
{
    struct ticket ticket;
    SSL_SESSION *session = NULL;

    pthread_mutex_lock(&tickets->lock);
    ticket = tickets->kept[0];
    if (ticket.is_for_once)
        pop(tickets);
    else if (ticket.bytes != NULL)
        ticket.bytes = OPENSSL_memdup(ticket.bytes, (size_t)ticket.size);
    pthread_mutex_unlock(&tickets->lock);
    if (ticket.bytes != NULL) {
        const unsigned char *end = ticket.bytes;

        session = d2i_SSL_SESSION(NULL, &end, ticket.size);
        forget(&ticket);
    }
    return session;
}

void
tickets_drop(struct tickets *tickets)
{
    struct ticket dropped[TICKETS_KEPT];

    pthread_mutex_lock(&tickets->lock);
    memcpy(dropped, tickets->kept, sizeof(dropped));
    memset(tickets->kept, 0, sizeof(tickets->kept));
    pthread_mutex_unlock(&tickets->lock);
    for (size_t i = 0; i < TICKETS_KEPT; i++)
        forget(&dropped[i]);
}
