#ifndef CARPOOL_PROXY_HTTP_ASK_H
#define CARPOOL_PROXY_HTTP_ASK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* An answer; reset() the bytes. */
struct http_got {
    struct buf bytes; /* all of it */
    unsigned status;
    struct slice body; /* in bytes */
};

/*
 * Asks http://HOST:PORT/PATH without a body, and waits for the whole answer, at most size
 * bytes. fields are further lines of the head, each with its CRLF. For the commands that ask a
 * running carpool: it blocks, so the caller bounds it with alarm(). ERR_SYNTAX: not such a URL,
 * or not an answer in HTTP.
 */
enum err http_ask(const char *method, const char *url, const char *fields, size_t at_most,
                  struct http_got *got);

#endif
