#ifndef CARPOOL_PROXY_CLIENT_INSIDE_H
#define CARPOOL_PROXY_CLIENT_INSIDE_H

#include "proxy/client.h"

/* What the two halves of a client, client.c (its life) and client_io.c (its bytes), share. */

/* Lets the present exchange, the next one, or the closing go on after something happened. */
void client_wake(struct client *client);

/* Bytes count as sent when the socket has taken them, not when they are queued. */
void client_count_queue(struct client *client);

#endif
