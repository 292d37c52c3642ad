/*
 * Where bodies end (RFC 9112 §6.3) and the chunked coding (§7.1), read strictly. Pure, any
 * thread. Whatever two readers could understand differently is refused: behind a shared
 * connection a framing doubt is a security hole.
 */
#include "proxy/http/body.h"

#include "proxy/http/chars.h"

/* Larger lengths do not fit what origins count in, and nobody sends them. */
#define LENGTH_MAX ((uint64_t)INT64_MAX)
/* A chunk-size line with its extensions, which nobody here reads. */
#define CHUNK_LINE_MAX 1024
/* All trailers of a body, which are checked and dropped; and what chunk extensions may be ahead
 * of the data that they go with (RFC 9112 §7.1.1). */
#define EXTRA_MAX 8192

/* What the next byte of a chunked body belongs to. */
enum chunk_state {
    CHUNK_SIZE_START,
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER_START,
    CHUNK_TRAILER_NAME,
    CHUNK_TRAILER_VALUE,
    CHUNK_TRAILER_LF,
    CHUNK_END_LF,
    CHUNK_BROKEN,
};

static void
begin(struct body *body, enum body_kind kind, uint64_t length)
{
    *body = (struct body){
        .kind = kind,
        .length = length,
        .left = kind == BODY_LENGTH ? length : 0,
        .is_done = kind == BODY_NONE || (kind == BODY_LENGTH && length == 0),
    };
}

/* Cuts the last element off a list, however empty; false if that was the only one left. */
static bool
cut_last_element(struct slice *list, struct slice *element)
{
    size_t at = list->size;

    while (at > 0 && list->data[at - 1] != ',')
        at--;
    *element = slice_trim((struct slice){list->data + at, list->size - at});
    list->size = at > 0 ? at - 1 : 0;
    return at > 0;
}

static bool
is_token(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!char_is(text.data[i], CHAR_TOKEN))
            return false;
    return text.size > 0;
}

/*
 * Exactly "chunked" is understood. Well-formed codings before it are another matter than doubt
 * (501 instead of 400, RFC 9112 §6.1); anything behind it, empty elements, chunked twice and
 * misspelt codings are doubt.
 */
static enum refusal
check_coding(struct slice codings)
{
    enum refusal refusal = REFUSAL_NONE;
    struct slice coding;
    bool has_more = cut_last_element(&codings, &coding);

    if (!slice_equal_nocase(coding, SLICE("chunked")))
        return REFUSAL_FRAMING;
    while (has_more) {
        has_more = cut_last_element(&codings, &coding);
        if (!is_token(coding) || slice_equal_nocase(coding, SLICE("chunked")))
            return REFUSAL_FRAMING;
        refusal = REFUSAL_CODING;
    }
    return refusal;
}

/* What the framing fields say: BODY_NONE where there are none. */
static enum refusal
read_framing(const struct head *head, enum body_kind *kind, uint64_t *length)
{
    size_t codings = head_count(head, SLICE("Transfer-Encoding"));
    size_t lengths = head_count(head, SLICE("Content-Length"));

    *kind = BODY_NONE;
    *length = 0;
    if (codings + lengths == 0)
        return REFUSAL_NONE;
    if (codings + lengths > 1)
        return REFUSAL_FRAMING; /* both, or repeated: RFC 9112 §6.1, §6.3 */
    if (lengths == 1) {
        const struct field *field = head_field(head, SLICE("Content-Length"));

        *kind = BODY_LENGTH;
        return slice_to_number(field->value, LENGTH_MAX, length) == ERR_OK ? REFUSAL_NONE
                                                                           : REFUSAL_FRAMING;
    }
    if (head->minor == 0)
        return REFUSAL_FRAMING; /* §6.1: an HTTP/1.0 sender cannot mean it */
    *kind = BODY_CHUNKED;
    return check_coding(head_field(head, SLICE("Transfer-Encoding"))->value);
}

static enum parse
refuse_if(enum refusal found, enum refusal *refusal)
{
    if (found == REFUSAL_NONE)
        return PARSE_DONE;
    *refusal = found;
    return PARSE_REFUSE;
}

enum parse
body_of_request(const struct head *head, struct body *body, enum refusal *refusal)
{
    enum body_kind kind;
    uint64_t length;
    enum refusal found = read_framing(head, &kind, &length);

    /* What follows a CONNECT is the tunnel's (RFC 9110 §9.3.6), or somebody's mistake. */
    if (found == REFUSAL_NONE && head->method == METHOD_CONNECT) {
        if (kind == BODY_CHUNKED || length > 0)
            found = REFUSAL_FRAMING;
        kind = BODY_NONE;
    }
    if (found == REFUSAL_NONE)
        begin(body, kind, length);
    return refuse_if(found, refusal);
}

enum parse
body_of_response(const struct head *head, enum method method, struct body *body,
                 enum refusal *refusal)
{
    enum body_kind kind;
    uint64_t length;
    enum refusal found;

    if (method == METHOD_CONNECT && head->status / 100 == 2) {
        begin(body, BODY_NONE, 0); /* §6.3: the tunnel begins, whatever the fields say */
        return PARSE_DONE;
    }
    found = read_framing(head, &kind, &length);
    if (found == REFUSAL_NONE && (head->status == 204 || head->status < 200)) {
        /* Nothing may announce a body here (§6.1, RFC 9110 §8.6): it would surely follow. */
        if (kind == BODY_CHUNKED || length > 0)
            found = REFUSAL_FRAMING;
        kind = BODY_NONE;
    } else if (method == METHOD_HEAD || head->status == 304) {
        kind = BODY_NONE;
    } else if (kind == BODY_NONE) {
        kind = BODY_UNTIL_CLOSE;
    }
    if (found == REFUSAL_NONE)
        begin(body, kind, kind == BODY_LENGTH ? length : 0);
    return refuse_if(found, refusal);
}

void
body_until_close(struct body *body)
{
    begin(body, BODY_UNTIL_CLOSE, 0);
}

static unsigned
hex_value(char c)
{
    if (c <= '9')
        return (unsigned)(c - '0');
    return (unsigned)((c | 0x20) - 'a') + 10;
}

/* One byte of a chunk-size line: hex digits, then ";" and extensions, nothing else. */
static enum chunk_state
step_size_line(struct body *body, char c)
{
    if (++body->line_size > CHUNK_LINE_MAX)
        return CHUNK_BROKEN;
    if (body->state == CHUNK_EXTENSION) {
        if (c == '\r')
            return CHUNK_SIZE_LF;
        if (++body->extra_size > EXTRA_MAX)
            return CHUNK_BROKEN;
        return char_is(c, CHAR_VALUE) ? CHUNK_EXTENSION : CHUNK_BROKEN;
    }
    if (char_is(c, CHAR_HEX)) {
        if (body->left > LENGTH_MAX >> 4)
            return CHUNK_BROKEN;
        body->left = body->left << 4 | hex_value(c);
        return CHUNK_SIZE;
    }
    if (body->state == CHUNK_SIZE_START)
        return CHUNK_BROKEN;
    if (c == ';')
        return CHUNK_EXTENSION;
    return c == '\r' ? CHUNK_SIZE_LF : CHUNK_BROKEN;
}

/* A chunk begins, or the trailer section: data makes up for extensions, trailers count anew. */
static enum chunk_state
end_size_line(struct body *body)
{
    body->line_size = 0;
    if (body->left == 0 || body->extra_size < body->left)
        body->extra_size = 0;
    else
        body->extra_size -= body->left;
    return body->left > 0 ? CHUNK_DATA : CHUNK_TRAILER_START;
}

/* One byte of the trailer section, under the rules for fields (RFC 9112 §5, §7.1.2). */
static enum chunk_state
step_trailer(struct body *body, char c)
{
    if (body->state == CHUNK_TRAILER_START && c == '\r')
        return CHUNK_END_LF;
    if (++body->extra_size > EXTRA_MAX)
        return CHUNK_BROKEN;
    if (body->state == CHUNK_TRAILER_VALUE) {
        if (c == '\r')
            return CHUNK_TRAILER_LF;
        return char_is(c, CHAR_VALUE) ? CHUNK_TRAILER_VALUE : CHUNK_BROKEN;
    }
    if (char_is(c, CHAR_TOKEN))
        return CHUNK_TRAILER_NAME;
    return body->state == CHUNK_TRAILER_NAME && c == ':' ? CHUNK_TRAILER_VALUE : CHUNK_BROKEN;
}

/* One byte that is not chunk data. */
static enum chunk_state
step_framing(struct body *body, char c)
{
    switch ((enum chunk_state)body->state) {
    case CHUNK_SIZE_START:
    case CHUNK_SIZE:
    case CHUNK_EXTENSION:
        return step_size_line(body, c);
    case CHUNK_SIZE_LF:
        return c == '\n' ? end_size_line(body) : CHUNK_BROKEN;
    case CHUNK_DATA_CR:
        return c == '\r' ? CHUNK_DATA_LF : CHUNK_BROKEN;
    case CHUNK_DATA_LF:
        return c == '\n' ? CHUNK_SIZE_START : CHUNK_BROKEN;
    case CHUNK_TRAILER_START:
    case CHUNK_TRAILER_NAME:
    case CHUNK_TRAILER_VALUE:
        return step_trailer(body, c);
    case CHUNK_TRAILER_LF:
        return c == '\n' ? CHUNK_TRAILER_START : CHUNK_BROKEN;
    case CHUNK_END_LF:
        body->is_done = c == '\n';
        return body->is_done ? CHUNK_END_LF : CHUNK_BROKEN;
    case CHUNK_DATA:
    case CHUNK_BROKEN:
        break;
    }
    return CHUNK_BROKEN;
}

/* Lends up to left bytes. */
static void
lend(struct body *body, struct slice in, size_t *used, struct slice *data)
{
    *data = in;
    if (data->size > body->left)
        data->size = (size_t)body->left;
    body->left -= data->size;
    *used += data->size;
}

static enum parse
step_chunked(struct body *body, struct slice in, size_t *used, struct slice *data)
{
    while (*used < in.size && !body->is_done && body->state != CHUNK_BROKEN) {
        if (body->state == CHUNK_DATA) {
            lend(body, (struct slice){in.data + *used, in.size - *used}, used, data);
            if (body->left == 0)
                body->state = CHUNK_DATA_CR;
            return PARSE_MORE;
        }
        body->state = step_framing(body, in.data[*used]);
        if (body->state != CHUNK_BROKEN)
            ++*used;
    }
    if (body->state == CHUNK_BROKEN)
        return PARSE_REFUSE;
    return body->is_done ? PARSE_DONE : PARSE_MORE;
}

enum parse
body_step(struct body *body, struct slice in, size_t *used, struct slice *data)
{
    *used = 0;
    *data = (struct slice){in.data, 0};
    if (body->is_done)
        return PARSE_DONE;
    switch (body->kind) {
    case BODY_NONE:
        break;
    case BODY_LENGTH:
        lend(body, in, used, data);
        body->is_done = body->left == 0;
        break;
    case BODY_CHUNKED:
        return step_chunked(body, in, used, data);
    case BODY_UNTIL_CLOSE:
        *data = in;
        *used = in.size;
        break;
    }
    return body->is_done ? PARSE_DONE : PARSE_MORE;
}
