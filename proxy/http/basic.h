#ifndef CARPOOL_PROXY_HTTP_BASIC_H
#define CARPOOL_PROXY_HTTP_BASIC_H

#include "proxy/http/head.h"

#define BASIC_USER_MOST 255
#define BASIC_PASSWORD_MOST 511

/* What Basic credentials say. Whoever has it wipes it when it is no longer needed. */
struct basic {
    char text[BASIC_USER_MOST + 1 + BASIC_PASSWORD_MOST + 1]; /* "user:password" and a NUL */
    size_t user_size;
};

/*
 * Reads "Basic dXNlcjpwYXNz", the value of Proxy-Authorization (RFC 7617). PARSE_REFUSE for
 * another scheme, for base64 that is not the canonical one, and for a name or password that is
 * too long or has control bytes; no name is no name of anybody, either. Pure, any thread.
 */
enum parse basic_parse(struct slice value, struct basic *basic);

#endif
