#ifndef CARPOOL_PROXY_HTTP_BODY_H
#define CARPOOL_PROXY_HTTP_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "proxy/http/head.h"

enum body_kind {
    BODY_NONE,
    BODY_LENGTH,
    BODY_CHUNKED,
    BODY_UNTIL_CLOSE, /* responses only, and tunnels */
};

/* Where a message's body ends (RFC 9112 §6.3), and how far reading it has come. Embedded. */
struct body {
    enum body_kind kind;
    uint64_t length;     /* BODY_LENGTH: as declared */
    uint64_t left;       /* of the length, or of the present chunk */
    unsigned state;      /* of the chunked parser */
    unsigned line_size;  /* bytes of the present chunk-size or trailer line */
    uint64_t extra_size; /* bytes of trailers, or of extensions beyond the data; capped */
    bool is_done;        /* from the start where no byte can follow the head */
};

/*
 * What a request's head says about its body. PARSE_DONE, or PARSE_REFUSE with *refusal: both
 * lengths and codings, repeated or malformed lengths, codings other than chunked,
 * Transfer-Encoding in HTTP/1.0 (RFC 9112 §6.1), and a body announced by CONNECT. A length of 0
 * is BODY_LENGTH, so that it can be said to the next hop; BODY_NONE is nothing said.
 */
enum parse body_of_request(const struct head *head, struct body *body, enum refusal *refusal);

/*
 * The same for a response to a request with this method. BODY_NONE for HEAD, 1xx, 204, 304 and
 * 2xx to CONNECT; a 1xx or 204 that announces a body is refused.
 */
enum parse body_of_response(const struct head *head, enum method method, struct body *body,
                            enum refusal *refusal);

/* A body of raw bytes until the end of the connection. */
void body_until_close(struct body *body);

/*
 * Reads on: consumes *used bytes of in and lends one run of body bytes (*data, possibly empty,
 * a part of in). PARSE_DONE: the body ended exactly behind *used. PARSE_MORE: call again with
 * what follows, as long as in is not used up. PARSE_REFUSE: the framing is broken, for good.
 * Trailer fields are checked and dropped (RFC 9110 §6.5.1 lets an intermediary do so).
 * A body of kind BODY_UNTIL_CLOSE is only done when the caller says so.
 */
enum parse body_step(struct body *body, struct slice in, size_t *used, struct slice *data);

#endif
