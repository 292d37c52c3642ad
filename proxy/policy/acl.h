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

/* May this client use the proxy at all? Any thread. */
bool acl_admits(const struct config *config, const struct address *client);

/*
 * What the rules say of a request: ERR_OK, or which setting refuses it (ERR_RULE, ERR_CLIENT,
 * ERR_CONNECT_PORT, ERR_PRIVATE, ERR_FORBIDDEN); ERR_USER where a user has to be named first.
 * Without an address it is refused only if no address could change that. Any thread.
 */
enum err acl_allows(const struct config *config, const struct rules_question *question);

/*
 * May the request be led to its address? ERR_SELF for carpool's own listeners in any disguise
 * and ERR_FORBIDDEN for multicast, whatever the rules say; ERR_DNS_TO_LOOPBACK where name
 * servers (is_by_dns) lead to loopback, unless access.dns_to_loopback is on; then as
 * acl_allows(). ERR_NO_DESCRIPTORS when the kernel cannot be asked whether it is our own. Asked
 * of each address that is dialed or reused. Any thread.
 */
enum err acl_reaches(const struct config *config, const struct rules_question *question,
                     const struct own_addresses *own, bool is_by_dns);

#endif
