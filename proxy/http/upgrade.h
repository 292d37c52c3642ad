#ifndef CARPOOL_PROXY_HTTP_UPGRADE_H
#define CARPOOL_PROXY_HTTP_UPGRADE_H

#include <stdbool.h>

#include "proxy/http/body.h"
#include "proxy/http/head.h"

/*
 * Does the request ask to switch protocols (RFC 9110 §7.8), in a way that is passed on?
 * HTTP/1.1, Upgrade named by Connection, no body. Not for h2c: RFC 9113 has withdrawn it, and
 * it would take the connection away from sharing for clients that only try their luck.
 */
bool upgrade_is_asked(const struct head *request, const struct body *body);

/* Does a 101 switch to protocols that were all asked for? */
bool upgrade_is_agreed(const struct head *request, const struct head *response);

#endif
