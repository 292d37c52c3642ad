#ifndef CARPOOL_PROXY_HTTP_GET_H
#define CARPOOL_PROXY_HTTP_GET_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* An answer to a GET; reset() the bytes. */
struct http_got {
    struct buf bytes; /* all of it */
    unsigned status;
    struct slice body; /* in bytes */
};

/*
 * Asks http://HOST:PORT/PATH and waits for the whole answer, at most size bytes. For the
 * commands that ask a running carpool: it blocks, so the caller bounds it with alarm().
 * ERR_SYNTAX: not such a URL, or not an answer in HTTP.
 */
enum err http_get(const char *url, size_t at_most, struct http_got *got);

#endif
