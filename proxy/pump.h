#ifndef CARPOOL_PROXY_PUMP_H
#define CARPOOL_PROXY_PUMP_H

#include "proxy/exchange.h"

/*
 * The two pumps of an exchange: body bytes up (client → origin) and down (origin → client),
 * re-framed, never passed on by trust. A pump stops reading while its sink has not taken what
 * it was given: each direction holds at most one read's worth of bytes. How bytes are moved
 * fast is decided here and nowhere else. The worker's thread.
 */
enum flow {
    FLOW_WAIT,        /* more to come */
    FLOW_DONE,        /* the body ended, and all of it was handed to the socket */
    FLOW_CLIENT_LOST, /* the client broke off before its body's end */
    FLOW_ORIGIN_LOST, /* the origin's connection broke, or ended before the body's end */
    FLOW_TOO_LARGE,   /* the request's body passed http.max_body */
    FLOW_BROKEN,      /* the framing is not what it should be */
};

/* Moves what can be moved of the request: pending head bytes, then the body. */
enum flow pump_up(struct exchange *exchange);

/*
 * Moves what can be moved of the answer's body. FLOW_DONE when the client's side has taken or
 * queued the last byte.
 */
enum flow pump_down(struct exchange *exchange);

/* One read from the origin into the worker's scratch memory. ERR_AGAIN when it is not ready. */
enum err pump_read_origin(struct exchange *exchange, struct slice *bytes);

/* Body bytes that came with the head; head goes out before them. */
enum flow pump_answer(struct exchange *exchange, struct slice head, struct slice bytes);

/* Says which events the origin's and the client's socket are watched for until the next run. */
void pump_watch(struct exchange *exchange);

#endif
