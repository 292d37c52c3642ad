#ifndef CARPOOL_PROXY_HTTP_ASK_H
#define CARPOOL_PROXY_HTTP_ASK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* A request without a body. */
struct http_question {
    const char *method;
    const char *url;    /* http://HOST:PORT/PATH */
    const char *fields; /* further lines of the head, each with its CRLF; NULL: none */
    const char
        *socket_path; /* of a unix socket that is asked in place of the host; NULL: none */
};

/* An answer; reset() the bytes. */
struct http_got {
    struct buf bytes; /* all of it */
    unsigned status;
    struct slice body; /* in bytes */
};

/*
 * Asks, and waits for the whole answer, at most size bytes. For the commands that ask a running
 * carpool: it blocks, so the caller bounds it with alarm(). ERR_SYNTAX: not such a URL, or not
 * an answer in HTTP.
 */
enum err http_ask(const struct http_question *question, size_t at_most, struct http_got *got);

#endif
