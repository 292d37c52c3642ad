#ifndef CARPOOL_PROXY_HTTP_HEAD_H
#define CARPOOL_PROXY_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* The three answers of every parser here. */
enum parse { PARSE_DONE, PARSE_MORE, PARSE_REFUSE };

/* Why a message was refused; the request side maps each to a status in proxy/reasons.def. */
enum refusal {
    REFUSAL_NONE,
    REFUSAL_SYNTAX,          /* 400 */
    REFUSAL_METHOD_TOO_LONG, /* 501 */
    REFUSAL_LINE_TOO_LONG,   /* 414 */
    REFUSAL_HEAD_TOO_LARGE,  /* 431 */
    REFUSAL_TOO_MANY_FIELDS, /* 431 */
    REFUSAL_VERSION,         /* 505: HTTP/0.9, HTTP/2 prefaces and others */
    REFUSAL_TARGET,          /* 400 */
    REFUSAL_SCHEME,          /* 400: neither http nor https */
    REFUSAL_HOST,            /* 400: missing, doubled or malformed Host */
    REFUSAL_FRAMING,         /* 400: Content-Length and Transfer-Encoding in doubt */
    REFUSAL_CODING,          /* 501: a transfer coding other than chunked */
};

enum method {
    METHOD_OTHER,
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_CONNECT,
    METHOD_OPTIONS,
    METHOD_TRACE,
    METHOD_PATCH,
};

struct field {
    struct slice name;
    struct slice value; /* trimmed */
};

struct head_limits {
    size_t line_size; /* request line or status line */
    size_t head_size; /* all of it */
};

/*
 * A request or response head. All slices borrow from the parsed bytes; fields is the caller's
 * array. Strict (RFC 9112 §2–§5): CRLF only, no folding, no space before the colon, no control
 * bytes; what is ambiguous is refused. One empty line before a request line is skipped (§2.2).
 */
struct head {
    struct field *fields;  /* set by the caller */
    size_t field_capacity; /* set by the caller; more fields are REFUSAL_TOO_MANY_FIELDS */
    size_t field_count;
    size_t size;          /* bytes of the head, with the empty line: where the body begins */
    unsigned minor;       /* HTTP/1.minor, 0 or 1 (a higher minor reads as 1) */
    enum refusal refusal; /* after PARSE_REFUSE */
    /* requests */
    struct slice method_text;
    enum method method;
    struct slice target;
    /* responses */
    unsigned status; /* 100–999 */
    struct slice reason;
};

/*
 * Pure: no memory is taken, nothing is kept between calls. Any thread. Given the same bytes and
 * more, PARSE_DONE and PARSE_REFUSE stay what they were. After PARSE_MORE only the next call
 * counts; after PARSE_REFUSE what was read before the error is there for the log.
 */
enum parse head_parse_request(struct slice bytes, const struct head_limits *limits,
                              struct head *head);
enum parse head_parse_response(struct slice bytes, const struct head_limits *limits,
                               struct head *head);

/* The first field of this name, or NULL. Names compare without case. */
const struct field *head_field(const struct head *head, struct slice name);

/* How many fields have this name. */
size_t head_count(const struct head *head, struct slice name);

/* Is the token an element of one of the comma-separated fields of this name? Without case. */
bool head_has_token(const struct head *head, struct slice name, struct slice token);

/* RFC 9110 §9.2.2: may be repeated without further effect. METHOD_OTHER may not. */
bool method_is_idempotent(enum method method);

#endif
