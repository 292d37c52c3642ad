/*
 * Proxy-Status (RFC 9209), a structured field (RFC 9651). Pure, any thread.
 */
#include "proxy/http/proxy_status.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What follows the details: the closing quote, CRLF and NUL. */
#define ENDING "\"\r\n"

/* Tokens begin with a letter (RFC 9651 §3.3.4); other names are strings. */
static bool
is_token(const char *name)
{
    char letter = *name | 0x20;

    return letter >= 'a' && letter <= 'z';
}

void
proxy_status_write(const char *name, const char *error, const char *details,
                   char to[PROXY_STATUS_SIZE])
{
    const char *quote = is_token(name) ? "" : "\"";
    size_t used =
        (size_t)snprintf(to, PROXY_STATUS_SIZE, "Proxy-Status: %s%s%s; error=%s; details=\"",
                         quote, name, quote, error);

    /* A string holds visible ASCII and spaces; two bytes are escaped (RFC 9651 §3.3.3). */
    for (; *details != '\0' && used + 2 + sizeof(ENDING) <= PROXY_STATUS_SIZE; details++) {
        if (*details == '"' || *details == '\\')
            to[used++] = '\\';
        to[used++] = *details >= ' ' && *details <= '~' ? *details : '?';
    }
    memcpy(to + used, ENDING, sizeof(ENDING));
}
