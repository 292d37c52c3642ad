/*
 * Request and response heads, read strictly (RFC 9112 §2–§5). Pure, any thread.
 *
 * The head is read from left to right and the first error counts, so more bytes never change
 * an answer. What is dear waits until the head is complete; until then each call looks only at
 * the start line and for line ends, which is what catches peers that do not speak HTTP at all.
 */
#include "proxy/http/head.h"

#include "proxy/http/chars.h"

/* Every field is compared with every connection option, so their number needs a cap. */
#define CONNECTION_OPTIONS_MAX 100

struct cursor {
    const char *at;
    const char *end;
};

static enum parse
refuse(struct head *head, enum refusal refusal)
{
    head->refusal = refusal;
    return PARSE_REFUSE;
}

/* The next bytes are exactly these. */
static enum parse
expect(struct cursor *cursor, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (cursor->at == cursor->end)
            return PARSE_MORE;
        if (*cursor->at != text.data[i])
            return PARSE_REFUSE;
        cursor->at++;
    }
    return PARSE_DONE;
}

static enum parse
expect_digit(struct cursor *cursor, unsigned *digit)
{
    if (cursor->at == cursor->end)
        return PARSE_MORE;
    if (*cursor->at < '0' || *cursor->at > '9')
        return PARSE_REFUSE;
    *digit = (unsigned)(*cursor->at++ - '0');
    return PARSE_DONE;
}

/* As many bytes of the classes as there are; the byte behind them is known to be there. */
static enum parse
take_while(struct cursor *cursor, unsigned classes, struct slice *taken)
{
    taken->data = cursor->at;
    while (cursor->at < cursor->end && char_is(*cursor->at, classes))
        cursor->at++;
    taken->size = (size_t)(cursor->at - taken->data);
    return cursor->at == cursor->end ? PARSE_MORE : PARSE_DONE;
}

/* "HTTP/1.1", in capitals (RFC 9112 §2.3). A higher minor version reads as 1.1 (§2.5 of 9110).
 */
static enum parse
take_version(struct cursor *cursor, struct head *head)
{
    unsigned major = 0;
    unsigned minor = 0;
    enum parse parse = expect(cursor, SLICE("HTTP/"));

    if (parse == PARSE_DONE)
        parse = expect_digit(cursor, &major);
    if (parse == PARSE_DONE)
        parse = expect(cursor, SLICE("."));
    if (parse == PARSE_DONE)
        parse = expect_digit(cursor, &minor);
    if (parse == PARSE_REFUSE)
        return refuse(head, REFUSAL_SYNTAX);
    if (parse == PARSE_DONE && major != 1)
        return refuse(head, REFUSAL_VERSION);
    head->minor = minor > 0 ? 1 : 0;
    return parse;
}

static enum parse
take_line_end(struct cursor *cursor, struct head *head)
{
    enum parse parse = expect(cursor, SLICE("\r\n"));

    return parse == PARSE_REFUSE ? refuse(head, REFUSAL_SYNTAX) : parse;
}

/* Nothing follows the target: a simple request of HTTP/0.9, or nonsense. */
static enum parse
refuse_simple_request(struct cursor *cursor, struct head *head)
{
    enum parse parse = take_line_end(cursor, head);

    if (parse != PARSE_DONE)
        return parse;
    if (!slice_equal(head->method_text, SLICE("GET")) || head->target.size == 0)
        return refuse(head, REFUSAL_SYNTAX);
    return refuse(head, REFUSAL_VERSION);
}

/* method SP request-target SP HTTP-version CRLF (RFC 9112 §3) */
static enum parse
take_request_line(struct cursor *cursor, struct head *head)
{
    enum parse parse = take_while(cursor, CHAR_TOKEN, &head->method_text);

    if (parse != PARSE_DONE)
        return parse;
    if (head->method_text.size == 0 || *cursor->at != ' ')
        return refuse(head, REFUSAL_SYNTAX);
    cursor->at++;
    parse = take_while(cursor, CHAR_TARGET, &head->target);
    if (parse != PARSE_DONE)
        return parse;
    if (*cursor->at == '\r')
        return refuse_simple_request(cursor, head);
    if (*cursor->at == '#' || (unsigned char)*cursor->at >= 0x80)
        return refuse(head, REFUSAL_TARGET);
    if (head->target.size == 0 || *cursor->at != ' ')
        return refuse(head, REFUSAL_SYNTAX);
    cursor->at++;
    parse = take_version(cursor, head);
    return parse == PARSE_DONE ? take_line_end(cursor, head) : parse;
}

static enum parse
take_status(struct cursor *cursor, struct head *head)
{
    unsigned status = 0;

    for (int i = 0; i < 3; i++) {
        unsigned digit;
        enum parse parse = expect_digit(cursor, &digit);

        if (parse != PARSE_DONE)
            return parse == PARSE_REFUSE ? refuse(head, REFUSAL_SYNTAX) : parse;
        status = status * 10 + digit;
    }
    head->status = status;
    return status < 100 ? refuse(head, REFUSAL_SYNTAX) : PARSE_DONE;
}

/*
 * HTTP-version SP status-code SP [ reason-phrase ] CRLF (RFC 9112 §4). The second space is
 * missing in the answers of real servers without a reason; nothing else can be meant by that.
 */
static enum parse
take_status_line(struct cursor *cursor, struct head *head)
{
    enum parse parse = take_version(cursor, head);

    if (parse == PARSE_DONE) {
        parse = expect(cursor, SLICE(" "));
        if (parse == PARSE_REFUSE)
            return refuse(head, REFUSAL_SYNTAX);
    }
    if (parse == PARSE_DONE)
        parse = take_status(cursor, head);
    if (parse != PARSE_DONE)
        return parse;
    if (cursor->at == cursor->end)
        return PARSE_MORE;
    if (*cursor->at == ' ') {
        cursor->at++;
        parse = take_while(cursor, CHAR_VALUE, &head->reason);
        if (parse != PARSE_DONE)
            return parse;
    }
    return take_line_end(cursor, head);
}

/* A look for the end of the head, or for what no more bytes can mend. */
static bool
is_worth_reading(struct cursor rest, size_t field_capacity)
{
    size_t count = 0;

    while (rest.at < rest.end) {
        const char *lf = memchr(rest.at, '\n', (size_t)(rest.end - rest.at));

        if (*rest.at == ' ' || *rest.at == '\t')
            return true; /* a folded line */
        if (lf == NULL)
            return false;
        if (lf == rest.at || lf[-1] != '\r')
            return true; /* a bare LF */
        if (lf - rest.at == 1 || count == field_capacity)
            return true; /* the end, or one field too many */
        count++;
        rest.at = lf + 1;
    }
    return false;
}

/* field-name ":" OWS field-value OWS, without its CRLF (RFC 9112 §5) */
static bool
read_field(struct slice line, struct field *field)
{
    size_t at = 0;

    while (at < line.size && char_is(line.data[at], CHAR_TOKEN))
        at++;
    if (at == 0 || at == line.size || line.data[at] != ':')
        return false;
    field->name = (struct slice){line.data, at};
    for (size_t i = at + 1; i < line.size; i++)
        if (!char_is(line.data[i], CHAR_VALUE))
            return false;
    field->value = slice_trim((struct slice){line.data + at + 1, line.size - at - 1});
    return true;
}

/* Field lines up to and with the empty line. */
static enum parse
take_fields(struct cursor *cursor, struct head *head)
{
    for (;;) {
        size_t left = (size_t)(cursor->end - cursor->at);
        const char *lf = left > 0 ? memchr(cursor->at, '\n', left) : NULL;
        struct slice line = {cursor->at, 0};

        if (left > 0 && (*cursor->at == ' ' || *cursor->at == '\t'))
            return refuse(head, REFUSAL_SYNTAX); /* §2.2, §5.2 */
        if (lf == NULL)
            return PARSE_MORE;
        if (lf == cursor->at || lf[-1] != '\r')
            return refuse(head, REFUSAL_SYNTAX);
        line.size = (size_t)(lf - 1 - cursor->at);
        cursor->at = lf + 1;
        if (line.size == 0)
            return PARSE_DONE;
        if (head->field_count == head->field_capacity)
            return refuse(head, REFUSAL_TOO_MANY_FIELDS);
        if (!read_field(line, &head->fields[head->field_count]))
            return refuse(head, REFUSAL_SYNTAX);
        head->field_count++;
    }
}

static bool
has_too_many_options(const struct head *head)
{
    size_t count = 0;

    for (size_t i = 0; i < head->field_count; i++) {
        struct slice value = head->fields[i].value;

        if (!slice_equal_nocase(head->fields[i].name, SLICE("Connection")))
            continue;
        count++;
        for (size_t at = 0; at < value.size; at++)
            count += value.data[at] == ',';
    }
    return count > CONNECTION_OPTIONS_MAX;
}

typedef enum parse take_start_line(struct cursor *cursor, struct head *head);

/* The start line within its own limit. */
static enum parse
take_limited(struct cursor *cursor, size_t line_size, take_start_line *take, struct head *head)
{
    size_t left = (size_t)(cursor->end - cursor->at);
    bool is_cut = line_size < left && left - line_size >= 2;
    struct cursor line = {cursor->at, is_cut ? cursor->at + line_size + 2 : cursor->end};
    enum parse parse = take(&line, head);

    cursor->at = line.at;
    if (parse != PARSE_MORE || !is_cut)
        return parse;
    /* RFC 9112 §3: 501 where the method alone fills the line, 414 where the target does. */
    return refuse(head, head->method_text.size > 0 && head->target.data == NULL
                            ? REFUSAL_METHOD_TOO_LONG
                            : REFUSAL_LINE_TOO_LONG);
}

static enum parse
parse_head(struct slice bytes, size_t skipped, const struct head_limits *limits,
           take_start_line *take, struct head *head)
{
    bool is_full = bytes.size >= limits->head_size;
    size_t size = is_full ? limits->head_size : bytes.size;
    struct cursor cursor = {bytes.data + skipped, bytes.data + size};
    enum parse parse;

    if (skipped > size)
        return refuse(head, REFUSAL_HEAD_TOO_LARGE);
    parse = take_limited(&cursor, limits->line_size, take, head);
    if (parse == PARSE_DONE) {
        if (!is_full && !is_worth_reading(cursor, head->field_capacity))
            return PARSE_MORE;
        parse = take_fields(&cursor, head);
    }
    if (parse == PARSE_MORE && is_full)
        return refuse(head, REFUSAL_HEAD_TOO_LARGE);
    if (parse != PARSE_DONE)
        return parse;
    if (has_too_many_options(head))
        return refuse(head, REFUSAL_TOO_MANY_FIELDS);
    head->size = (size_t)(cursor.at - bytes.data);
    return PARSE_DONE;
}

static void
clear(struct head *head)
{
    *head = (struct head){.fields = head->fields, .field_capacity = head->field_capacity};
}

static enum method
method_of(struct slice text)
{
    static const struct {
        struct slice text;
        enum method method;
    } rows[] = {
        {{"GET", 3}, METHOD_GET},         {{"HEAD", 4}, METHOD_HEAD},
        {{"POST", 4}, METHOD_POST},       {{"PUT", 3}, METHOD_PUT},
        {{"DELETE", 6}, METHOD_DELETE},   {{"CONNECT", 7}, METHOD_CONNECT},
        {{"OPTIONS", 7}, METHOD_OPTIONS}, {{"TRACE", 5}, METHOD_TRACE},
        {{"PATCH", 5}, METHOD_PATCH},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (slice_equal(text, rows[i].text))
            return rows[i].method;
    return METHOD_OTHER;
}

enum parse
head_parse_request(struct slice bytes, const struct head_limits *limits, struct head *head)
{
    struct cursor cursor = {bytes.data, bytes.data + bytes.size};
    size_t skipped = 0;
    enum parse parse;

    clear(head);
    if (bytes.size == 0)
        return PARSE_MORE;
    if (bytes.data[0] == '\r') {
        parse = take_line_end(&cursor, head);
        if (parse != PARSE_DONE)
            return parse;
        skipped = 2;
    }
    parse = parse_head(bytes, skipped, limits, take_request_line, head);
    if (parse == PARSE_DONE)
        head->method = method_of(head->method_text);
    return parse;
}

enum parse
head_parse_response(struct slice bytes, const struct head_limits *limits, struct head *head)
{
    clear(head);
    if (bytes.size == 0)
        return PARSE_MORE;
    return parse_head(bytes, 0, limits, take_status_line, head);
}

const struct field *
head_field(const struct head *head, struct slice name)
{
    for (size_t i = 0; i < head->field_count; i++)
        if (slice_equal_nocase(head->fields[i].name, name))
            return &head->fields[i];
    return NULL;
}

size_t
head_count(const struct head *head, struct slice name)
{
    size_t count = 0;

    for (size_t i = 0; i < head->field_count; i++)
        count += slice_equal_nocase(head->fields[i].name, name);
    return count;
}

bool
head_has_token(const struct head *head, struct slice name, struct slice token)
{
    for (size_t i = 0; i < head->field_count; i++) {
        struct slice rest = head->fields[i].value;
        struct slice element;

        if (!slice_equal_nocase(head->fields[i].name, name))
            continue;
        while (slice_next_element(&rest, &element))
            if (slice_equal_nocase(element, token))
                return true;
    }
    return false;
}

bool
method_is_idempotent(enum method method)
{
    switch (method) {
    case METHOD_GET:
    case METHOD_HEAD:
    case METHOD_PUT:
    case METHOD_DELETE:
    case METHOD_OPTIONS:
    case METHOD_TRACE:
        return true;
    case METHOD_POST:
    case METHOD_CONNECT:
    case METHOD_PATCH:
    case METHOD_OTHER:
        return false;
    }
    return false;
}
