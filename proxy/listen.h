#ifndef CARPOOL_PROXY_LISTEN_H
#define CARPOOL_PROXY_LISTEN_H

#include "proxy/worker_own.h"

/*
 * A listening socket on its worker's base. Where proxy.max_clients are connected, one that has
 * rested long enough makes room; if none does for a while, whoever waits is told so. Out of
 * descriptors, a parked connection or a client that rests is closed, or whoever comes is told.
 */
struct listener;

/* Takes the descriptor over, bound and listening. Adds itself to the worker's listeners. */
void listen_start(struct worker *worker, int fd);

/* Accepts what already queues, then closes the socket and frees the listener. */
void listen_end(struct listener *listener);

#endif
