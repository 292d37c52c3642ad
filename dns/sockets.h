#ifndef CARPOOL_DNS_SOCKETS_H
#define CARPOOL_DNS_SOCKETS_H

#include <ares.h>

/*
 * How c-ares opens and uses its sockets; see sockets.c for what differs from its own way. To be
 * set with the channel's struct spare, from which it opens one when no other descriptor is
 * left.
 */
extern const struct ares_socket_functions sockets_functions;

#endif
