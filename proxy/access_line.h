#ifndef CARPOOL_PROXY_ACCESS_LINE_H
#define CARPOOL_PROXY_ACCESS_LINE_H

#include "proxy/exchange.h"

/*
 * Writes the line of an exchange that is over to the access log, if there is one: key=value,
 * with what reuse did. Userinfo and credentials are never in it.
 */
void access_line_write(const struct exchange *exchange);

#endif
