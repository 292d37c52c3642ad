#ifndef CARPOOL_PROXY_BIND_H
#define CARPOOL_PROXY_BIND_H

#include "base/address.h"
#include "base/err.h"

/*
 * Binds count listening sockets to one address, one per worker, into fds; port 0 picks one
 * port for all of them. *bound is the address as it really is. An address that anybody listens
 * on already is ERR_IN_USE, also where that one would share it.
 * The caller owns the sockets. Any thread.
 */
enum err bind_listeners(const struct address *address, unsigned count, int *fds,
                        struct address *bound);

#endif
