#ifndef CARPOOL_PROXY_POLICY_ACL_H
#define CARPOOL_PROXY_POLICY_ACL_H

#include <stdbool.h>

#include "base/address.h"
#include "base/err.h"
#include "proxy/config.h"

/* carpool's own addresses as they were really bound: nobody is led to them through carpool. */
struct own_addresses {
    const struct address *list;
    size_t count;
};

/* May this client use the proxy at all (access.clients)? Any thread. */
bool acl_admits(const struct config *config, const struct address *client);

/*
 * May a client tunnel to this port? Those on loopback to any, others to 443 and those of
 * access.connect_ports. Any thread.
 */
bool acl_allows_connect(const struct config *config, bool is_loopback_client, uint16_t port);

/*
 * May a client be led to this address? ERR_OK, ERR_FORBIDDEN, or ERR_SELF for carpool's own
 * listeners in any disguise. Asked of the address that is dialed or reused. Any thread.
 */
enum err acl_reaches(bool is_loopback_client, const struct own_addresses *own,
                     const struct address *destination);

#endif
