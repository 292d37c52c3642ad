#ifndef CARPOOL_PROXY_HTTP_PROXY_STATUS_H
#define CARPOOL_PROXY_HTTP_PROXY_STATUS_H

#include <stddef.h>

/* Room for the field; longer details are cut. */
#define PROXY_STATUS_SIZE 512

/*
 * "Proxy-Status: name; error=…; details=\"…\"" with its CRLF and a NUL (RFC 9209 §2): by it a
 * client tells our errors from the origin's. The name is this proxy's, a setting; the error is
 * a registered type (§2.3). Both are short enough to leave most of the room; what a structured
 * string cannot say becomes "?".
 */
void proxy_status_write(const char *name, const char *error, const char *details,
                        char to[PROXY_STATUS_SIZE]);

#endif
