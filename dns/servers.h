#ifndef CARPOOL_DNS_SERVERS_H
#define CARPOOL_DNS_SERVERS_H

#include <stddef.h>

#include "base/address.h"
#include "base/err.h"
#include "base/slice.h"

#define SERVERS_MOST 16

/*
 * The name servers of a list such as "192.0.2.1, [::1]:5353"; without a port: 53. An empty text
 * is none. ERR_SYNTAX, with *bad, for what is no address or none that a name server can have,
 * and for a list without elements; ERR_RANGE for more than SERVERS_MOST.
 */
enum err servers_read(struct slice list, struct address servers[SERVERS_MOST], size_t *count,
                      struct slice *bad);

#endif
