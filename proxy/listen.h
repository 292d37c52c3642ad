#ifndef CARPOOL_PROXY_LISTEN_H
#define CARPOOL_PROXY_LISTEN_H

#include "proxy/worker_own.h"

/*
 * A listening socket on its worker's base. Pauses for a moment when descriptors run out or
 * proxy.max_clients are connected, so that the loop does not spin on what it cannot accept.
 */
struct listener;

/* Takes the descriptor over, bound and listening. Adds itself to the worker's listeners. */
void listen_start(struct worker *worker, int fd);

/* Accepts what already queues, then closes the socket and frees the listener. */
void listen_end(struct listener *listener);

#endif
