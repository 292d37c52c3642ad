#ifndef CARPOOL_PROXY_HTTP_EMIT_H
#define CARPOOL_PROXY_HTTP_EMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "proxy/http/body.h"
#include "proxy/http/head.h"
#include "proxy/http/target.h"

/*
 * Writing heads for the next hop: always HTTP/1.1, hop-by-hop fields replaced by our own
 * (RFC 9110 §7.6.1), framing fields written from what was understood, never copied; everything
 * else in order, case and number as it came. All or nothing: ERR_TOO_LARGE where the buffer's
 * cap leaves too little, and the buffer is as it was; emit_room() is always enough.
 */

/* What the start line and the fields of our own take, without what is copied into them. */
#define EMIT_OWN_ROOM 512

static inline size_t
emit_room(const struct head *head)
{
    return head->size + head->field_count + EMIT_OWN_ROOM;
}

/* Our name in Via at most; with what else we say of ourselves it fits EMIT_OWN_ROOM. */
#define EMIT_NAME_SIZE_MAX 96

/* What we tell the origin as a hop on the request's way. What is empty or 0 is not told. */
struct emit_hop {
    struct slice name;      /* for Via, RFC 9110 §7.6.3 */
    struct slice for_name;  /* Forwarded or X-Forwarded-For … */
    struct slice for_entry; /* … and what is appended to it */
    bool has_hops_left;     /* Max-Forwards is written anew, §7.6.2 */
    uint32_t hops_left;
    bool is_last; /* the connection ends behind the answer, RFC 9112 §9.6 */
};

/* In origin form; Host from the target. The body's kind decides the framing fields. */
enum err emit_request(struct buf *out, const struct head *head, const struct target *target,
                      const struct body *body);
enum err emit_request_from(struct buf *out, const struct head *head,
                           const struct target *target, const struct body *body,
                           const struct emit_hop *hop);

/* How a response's body is framed towards the client. */
struct emit_framing {
    enum body_kind kind; /* BODY_CHUNKED only to HTTP/1.1 clients */
    uint64_t length;     /* BODY_LENGTH */
    bool copies_length;  /* HEAD and 304: the origin's Content-Length is kept though no body
                            follows */
    bool keeps_alive; /* says whether the client connection stays open, in the client's words */
    bool is_old_client; /* HTTP/1.0: "Connection: keep-alive" must be said */
    bool is_pinned;     /* connection-bound authentication will work: RFC 4559 §6 */
    struct slice name;  /* for Via; empty: none */
    time_t received;    /* told where the origin gave no Date (RFC 9110 §6.6.1); 0: not told */
};

enum err emit_response(struct buf *out, const struct head *head,
                       const struct emit_framing *framing);

/* A 1xx head without hop-by-hop fields; name is for Via. */
enum err emit_interim(struct buf *out, const struct head *head, struct slice name);

#define EMIT_CHUNK_HEAD_SIZE 20
/* "1f\r\n" into to; returns its size. */
size_t emit_chunk_head(uint64_t size, char to[EMIT_CHUNK_HEAD_SIZE]);
/* What follows the last chunk: "0\r\n\r\n". What follows every other: "\r\n". */
#define EMIT_LAST_CHUNK SLICE("0\r\n\r\n")
#define EMIT_CHUNK_END SLICE("\r\n")

#endif
