/* What proxy/http/head promises: RFC 9112 §2–§5, strictly, in any split of the bytes. */
#include "proxy/http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http/chars.h"
#include "tests/unit/http/given.h"

typedef enum parse head_parser(struct slice bytes, const struct head_limits *limits,
                               struct head *head);

struct row {
    const char *claim;
    struct slice bytes;
    enum parse parse;
    enum refusal refusal;
};

#define FINE(claim, text)                                                                      \
    {                                                                                          \
        claim, {text, sizeof(text) - 1}, PARSE_DONE, REFUSAL_NONE                              \
    }
#define MORE(claim, text)                                                                      \
    {                                                                                          \
        claim, {text, sizeof(text) - 1}, PARSE_MORE, REFUSAL_NONE                              \
    }
#define BAD(why, claim, text)                                                                  \
    {                                                                                          \
        claim, {text, sizeof(text) - 1}, PARSE_REFUSE, REFUSAL_##why                           \
    }

#define HOST "Host: o.test\r\n"
#define GET "GET http://o.test/ HTTP/1.1\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

static const struct row requests[] = {
    FINE("a request with fields is read", GET HOST "A: b\r\n\r\n"),
    FINE("a request without fields is read", "GET / HTTP/1.0\r\n\r\n"),
    FINE("bytes behind the head are left alone", GET HOST "\r\nGET \n\n"),
    FINE("one empty line before the request is skipped, 9112 2.2", "\r\n" GET HOST "\r\n"),
    FINE("an unknown method is a method", "BREW / HTTP/1.1\r\n" HOST "\r\n"),
    FINE("a method may be any token, 9110 9.1", "!#$%&'*+-.^_`|~0aZ / HTTP/1.1\r\n\r\n"),
    FINE("a higher minor version reads as 1.1, 9110 2.5", "GET / HTTP/1.9\r\n\r\n"),
    FINE("a value may be empty", GET "A:\r\n\r\n"),
    FINE("a value may hold obs-text and tabs, 9110 5.5", GET "A: \x80\xff\tb\r\n\r\n"),
    FINE("a line at its limit is read",
         "GET /45678901234567890123456789012345678901234567890123456789012345678901234567890"
         "123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
         "5678901234567890123456789 HTTP/1.1\r\n\r\n"),
    MORE("nothing yet", ""),
    MORE("half an empty line", "\r"),
    MORE("an empty line alone", "\r\n"),
    MORE("half a head", GET HOST),
    MORE("half a line end", GET HOST "\r"),
    MORE("a start line without the rest", GET),
    MORE("a field line that has not ended waits for its end", GET "A : b"),
    BAD(SYNTAX, "a second empty line is no request", "\r\n\r\n"),
    BAD(SYNTAX, "an empty line must be CRLF", "\n" GET HOST "\r\n"),
    BAD(SYNTAX, "a CR alone is no empty line", "\rGET"),
    BAD(SYNTAX, "a TLS client is refused at its first byte", "\x16"),
    BAD(SYNTAX, "a space first is refused at once", " "),
    BAD(SYNTAX, "a method needs a space behind it", "GET\t/ HTTP/1.1\r\n\r\n"),
    BAD(SYNTAX, "a method alone is no request", "GET\r\n"),
    BAD(SYNTAX, "a method is a token", "G@T / HTTP/1.1\r\n\r\n"),
    BAD(SYNTAX, "two spaces before the target", "GET  / HTTP/1.1\r\n\r\n"),
    BAD(SYNTAX, "two spaces before the version", "GET /  HTTP/1.1\r\n\r\n"),
    BAD(SYNTAX, "a tab for a space", "GET /\tHTTP/1.1\r\n\r\n"),
    BAD(SYNTAX, "a space behind the version", "GET / HTTP/1.1 \r\n\r\n"),
    BAD(SYNTAX, "a space in the target", "GET /a b HTTP/1.1\r\n\r\n"),
    BAD(SYNTAX, "an empty target", "GET \r\n"),
    BAD(SYNTAX, "NUL in the target", "GET /\0 HTTP/1.1\r\n\r\n"),
    BAD(SYNTAX, "DEL in the target", "GET /\x7f HTTP/1.1\r\n\r\n"),
    BAD(TARGET, "bytes beyond ASCII in the target", "GET /\xc3\xa9 HTTP/1.1\r\n\r\n"),
    BAD(TARGET, "a fragment in the target", "GET /#a HTTP/1.1\r\n\r\n"),
    BAD(SYNTAX, "a bare LF ends no request line", "GET / HTTP/1.1\n"),
    BAD(SYNTAX, "a bare CR ends no request line", "GET / HTTP/1.1\rA"),
    BAD(SYNTAX, "a bare LF ends no simple request", "GET /\n"),
    BAD(SYNTAX, "a bare CR behind the target", "GET /\rA"),
    BAD(VERSION, "HTTP/0.9 is refused once its line is there", "GET /\r\n"),
    BAD(SYNTAX, "HTTP/0.9 knows only GET", "POST /\r\n"),
    BAD(SYNTAX, "an empty version", "GET / \r\n"),
    BAD(VERSION, "the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    BAD(VERSION, "HTTP/2.0", "GET / HTTP/2.0\r\n" HOST "\r\n"),
    BAD(VERSION, "HTTP/0.9 by name", "GET / HTTP/0.9\r\n\r\n"),
    BAD(VERSION, "HTTP/3.1", "GET / HTTP/3.1\r\n\r\n"),
    BAD(SYNTAX, "a version in lower case, 9112 2.3", "GET / http/1.1\r\n\r\n"),
    BAD(SYNTAX, "a version with two digits", "GET / HTTP/1.10\r\n\r\n"),
    BAD(SYNTAX, "a version without minor", "GET / HTTP/1\r\n\r\n"),
    BAD(SYNTAX, "a version without dot", "GET / HTTP/11\r\n\r\n"),
    BAD(SYNTAX, "a version with letters", "GET / HTTP/1.x\r\n\r\n"),
    BAD(SYNTAX, "another protocol", "GET / RTSP/1.0\r\n\r\n"),
    BAD(SYNTAX, "a space before the colon, 9112 5.1", GET "A : b\r\n\r\n"),
    BAD(SYNTAX, "a tab before the colon", GET "A\t: b\r\n\r\n"),
    BAD(SYNTAX, "a space before the first name, 9112 2.2", GET " A: b\r\n\r\n"),
    BAD(SYNTAX, "a folded line, 9112 5.2", GET "A: b\r\n c\r\n\r\n"),
    BAD(SYNTAX, "a line folded by a tab", GET "A: b\r\n\tc\r\n\r\n"),
    BAD(SYNTAX, "a folded line is refused at its first byte", GET "A: b\r\n "),
    BAD(SYNTAX, "a folded empty line", GET "A: b\r\n \r\n\r\n"),
    BAD(SYNTAX, "an empty name", GET ": b\r\n\r\n"),
    BAD(SYNTAX, "a line without colon", GET "A\r\n\r\n"),
    BAD(SYNTAX, "a name with a separator", GET "A(b): c\r\n\r\n"),
    BAD(SYNTAX, "a name with a byte beyond ASCII", GET "\xc3\xa9: c\r\n\r\n"),
    BAD(SYNTAX, "a quoted name", GET "\"A\": c\r\n\r\n"),
    BAD(SYNTAX, "NUL in a name", GET "A\0: c\r\n\r\n"),
    BAD(SYNTAX, "NUL in a value, 9110 5.5", GET "A: b\0c\r\n\r\n"),
    BAD(SYNTAX, "a control byte in a value", GET "A: b\x01\r\n\r\n"),
    BAD(SYNTAX, "a vertical tab in a value", GET "A: \vchunked\r\n\r\n"),
    BAD(SYNTAX, "DEL in a value", GET "A: b\x7f\r\n\r\n"),
    BAD(SYNTAX, "a bare CR in a value, 9112 2.2", GET "A: b\rC: d\r\n\r\n"),
    BAD(SYNTAX, "two CRs at a line's end", GET "A: b\r\r\n\r\n"),
    BAD(SYNTAX, "a bare LF ends no field and does not wait", GET "A: b\n"),
    BAD(SYNTAX, "a bare LF ends no head", GET "A: b\r\n\n"),
    BAD(SYNTAX, "a CR and something else end no head", GET "A: b\r\n\rX\r\n\r\n"),
    BAD(LINE_TOO_LONG, "a line past its limit is refused while it grows",
        "GET /45678901234567890123456789012345678901234567890123456789012345678901234567890"
        "123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
        "567890123456789012345678901234567890"),
    BAD(METHOD_TOO_LONG, "a method past the line's limit, 9112 3",
        "GET_678901234567890123456789012345678901234567890123456789012345678901234567890"
        "123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
        "567890123456789012345678901234567890123456789012345678901234567890"),
    BAD(TOO_MANY_FIELDS, "a fifth field of four",
        GET "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n"),
    BAD(TOO_MANY_FIELDS, "more connection options than can be meant",
        GET "Connection: ,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\r\n"
            "Connection: ,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\r\n"
            "\r\n"),
};

static const struct row responses[] = {
    FINE("a response is read", OK "A: b\r\n\r\n"),
    FINE("a reason may be empty, 9112 4", "HTTP/1.1 200 \r\n\r\n"),
    FINE("the space before an empty reason may be missing", "HTTP/1.1 200\r\n\r\n"),
    FINE("a reason may hold anything visible", "HTTP/1.1 404 Gibt's \xe4 nicht\t!\r\n\r\n"),
    FINE("HTTP/1.0 is read", "HTTP/1.0 200 OK\r\n\r\n"),
    FINE("an unknown status is read", "HTTP/1.1 999 Huh\r\n\r\n"),
    FINE("an interim response is read", "HTTP/1.1 100 Continue\r\n\r\n"),
    MORE("nothing yet", ""),
    MORE("half a version", "HTTP/1"),
    MORE("half a status", "HTTP/1.1 20"),
    MORE("no end of the status line", "HTTP/1.1 200 OK"),
    BAD(SYNTAX, "an empty line first", "\r\n" OK "\r\n"),
    BAD(SYNTAX, "something else than HTTP at its first byte", "S"),
    BAD(SYNTAX, "a version in lower case", "http/1.1 200 OK\r\n\r\n"),
    BAD(SYNTAX, "an ICY answer", "ICY 200 OK\r\n\r\n"),
    BAD(VERSION, "an HTTP/2.0 answer", "HTTP/2.0 200 OK\r\n\r\n"),
    BAD(SYNTAX, "a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"),
    BAD(SYNTAX, "a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n"),
    BAD(SYNTAX, "a status below 100", "HTTP/1.1 099 OK\r\n\r\n"),
    BAD(SYNTAX, "a status with a sign", "HTTP/1.1 +20 OK\r\n\r\n"),
    BAD(SYNTAX, "a status with a letter", "HTTP/1.1 20x OK\r\n\r\n"),
    BAD(SYNTAX, "no space before the status", "HTTP/1.1\t200 OK\r\n\r\n"),
    BAD(SYNTAX, "two spaces before the status", "HTTP/1.1  200 OK\r\n\r\n"),
    BAD(SYNTAX, "a tab before the reason", "HTTP/1.1 200\tOK\r\n\r\n"),
    BAD(SYNTAX, "NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n"),
    BAD(SYNTAX, "a bare CR in the reason", "HTTP/1.1 200 OK\rSet-Cookie: a\r\n\r\n"),
    BAD(SYNTAX, "a bare LF behind the reason", "HTTP/1.1 200 OK\n"),
    BAD(SYNTAX, "a bare LF behind the status", "HTTP/1.1 200\n"),
    BAD(SYNTAX, "a folded line, 9112 5.2", OK "A: b\r\n c\r\n\r\n"),
    BAD(SYNTAX, "a space before the colon", OK "A : b\r\n\r\n"),
    BAD(SYNTAX, "NUL in a value", OK "A: \0\r\n\r\n"),
    BAD(SYNTAX, "a bare LF in the fields", OK "A: b\nB: c\r\n\r\n"),
    BAD(TOO_MANY_FIELDS, "a fifth field of four",
        OK "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n\r\n"),
};

struct outcome {
    enum parse parse;
    struct head head;
    struct field fields[4];
};

/* Parses a copy that ends where the bytes end. Slices dangle afterwards; sizes stay good. */
static void
parse_exactly(head_parser *parser, struct slice bytes, struct outcome *outcome)
{
    char *copy = exact_copy(bytes);

    memset(outcome, 0, sizeof(*outcome));
    outcome->head.fields = outcome->fields;
    outcome->head.field_capacity = COUNT(outcome->fields);
    outcome->parse = parser((struct slice){copy, bytes.size}, &given_limits, &outcome->head);
    free(copy);
}

static void
check_row(head_parser *parser, const struct row *row)
{
    struct outcome outcome;

    parse_exactly(parser, row->bytes, &outcome);
    if (outcome.parse != row->parse || outcome.head.refusal != row->refusal)
        fail_msg("%s: answer %d, refusal %d", row->claim, outcome.parse, outcome.head.refusal);
}

static void
requests_are_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++)
        check_row(head_parse_request, &requests[i]);
}

static void
responses_are_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(responses); i++)
        check_row(head_parse_response, &responses[i]);
}

static bool
is_same(const struct outcome *a, const struct outcome *b)
{
    if (a->parse != b->parse || a->head.refusal != b->head.refusal)
        return false;
    if (a->parse != PARSE_DONE)
        return true;
    if (a->head.size != b->head.size || a->head.field_count != b->head.field_count ||
        a->head.status != b->head.status || a->head.method != b->head.method)
        return false;
    for (size_t i = 0; i < a->head.field_count; i++)
        if (a->fields[i].name.size != b->fields[i].name.size ||
            a->fields[i].value.size != b->fields[i].value.size)
            return false;
    return true;
}

/* Once an answer other than MORE is given, it is the answer for every longer prefix. */
static void
check_prefixes(head_parser *parser, const struct row *row)
{
    struct outcome whole;
    struct outcome part;
    bool is_settled = false;

    parse_exactly(parser, row->bytes, &whole);
    for (size_t size = 0; size <= row->bytes.size; size++) {
        parse_exactly(parser, (struct slice){row->bytes.data, size}, &part);
        if (part.parse == PARSE_MORE && is_settled)
            fail_msg("%s: taken back at byte %zu", row->claim, size);
        if (part.parse != PARSE_MORE && !is_same(&part, &whole))
            fail_msg("%s: %zu bytes give %d/%d, all give %d/%d", row->claim, size, part.parse,
                     part.head.refusal, whole.parse, whole.head.refusal);
        is_settled = part.parse != PARSE_MORE;
    }
}

static void
an_answer_stays_the_same_with_more_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++)
        check_prefixes(head_parse_request, &requests[i]);
    for (size_t i = 0; i < COUNT(responses); i++)
        check_prefixes(head_parse_response, &responses[i]);
}

static void
what_is_refused_stays_refused(void **state)
{
    static const struct slice tails[] = {
        {"\r\n\r\n", 4}, {"x", 1}, {"\n\n", 2}, {" HTTP/1.1\r\nHost: a\r\n\r\n", 22}};

    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++) {
        for (size_t t = 0; t < COUNT(tails); t++) {
            struct row row = requests[i];
            char *longer;

            if (row.parse != PARSE_REFUSE)
                continue;
            longer = malloc(row.bytes.size + tails[t].size);
            assert_non_null(longer);
            memcpy(longer, row.bytes.data, row.bytes.size);
            memcpy(longer + row.bytes.size, tails[t].data, tails[t].size);
            row.bytes = (struct slice){longer, row.bytes.size + tails[t].size};
            check_row(head_parse_request, &row);
            free(longer);
        }
    }
}

static void
the_parts_of_a_request_are_lent(void **state)
{
    struct given given;
    const struct head *head =
        given_request(&given, "\r\nPOST http://a/b?c HTTP/1.0\r\nHost:\ta \r\nX-Y:  1, 2\t\r\n"
                              "\r\nbody");

    (void)state;
    assert_true(slice_equal(head->method_text, SLICE("POST")));
    assert_int_equal(head->method, METHOD_POST);
    assert_true(slice_equal(head->target, SLICE("http://a/b?c")));
    assert_int_equal(head->minor, 0);
    assert_int_equal(head->field_count, 2);
    assert_true(slice_equal(head->fields[0].name, SLICE("Host")));
    assert_true(slice_equal(head->fields[0].value, SLICE("a")));
    assert_true(slice_equal(head->fields[1].name, SLICE("X-Y")));
    assert_true(slice_equal(head->fields[1].value, SLICE("1, 2")));
    assert_int_equal(head->size, 55);
}

static void
the_parts_of_a_response_are_lent(void **state)
{
    struct given given;
    const struct head *head =
        given_response(&given, "HTTP/1.1 404 Not Found\r\nA: b\r\n\r\nbody");

    (void)state;
    assert_int_equal(head->status, 404);
    assert_true(slice_equal(head->reason, SLICE("Not Found")));
    assert_int_equal(head->minor, 1);
    assert_int_equal(head->size, 32);
}

/* A head of exactly this size. */
static char *
head_of_size(size_t size)
{
    static const struct slice start = {"GET / HTTP/1.1\r\nA: ", 19};
    static const struct slice end = {"\r\n\r\n", 4};
    char *text = malloc(size);

    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text, start.data, start.size);
    memcpy(text + size - end.size, end.data, end.size);
    return text;
}

static void
a_head_at_its_limit_is_read(void **state)
{
    char *text = head_of_size(given_limits.head_size);
    struct outcome outcome;

    (void)state;
    parse_exactly(head_parse_request, (struct slice){text, given_limits.head_size}, &outcome);
    assert_int_equal(outcome.parse, PARSE_DONE);
    assert_int_equal(outcome.head.size, given_limits.head_size);
    free(text);
}

static void
a_head_past_its_limit_is_refused_before_its_end(void **state)
{
    size_t size = given_limits.head_size + 1;
    char *text = head_of_size(size);
    struct outcome outcome;

    (void)state;
    parse_exactly(head_parse_request, (struct slice){text, size}, &outcome);
    assert_int_equal(outcome.parse, PARSE_REFUSE);
    assert_int_equal(outcome.head.refusal, REFUSAL_HEAD_TOO_LARGE);
    parse_exactly(head_parse_request, (struct slice){text, given_limits.head_size - 1},
                  &outcome);
    assert_int_equal(outcome.parse, PARSE_MORE);
    parse_exactly(head_parse_request, (struct slice){text, given_limits.head_size}, &outcome);
    assert_int_equal(outcome.parse, PARSE_REFUSE);
    free(text);
}

static void
an_empty_line_counts_towards_the_limit(void **state)
{
    static const struct head_limits tiny = {.line_size = 1, .head_size = 1};
    struct field fields[1];
    struct head head = {.fields = fields, .field_capacity = 1};

    (void)state;
    assert_int_equal(head_parse_request(SLICE("\r\n"), &tiny, &head), PARSE_REFUSE);
    assert_int_equal(head.refusal, REFUSAL_HEAD_TOO_LARGE);
}

static void
fields_are_found_without_case(void **state)
{
    struct given given;
    const struct head *head =
        given_request(&given, "GET / HTTP/1.1\r\nCookie: a\r\ncookie: b\r\nX: c\r\n\r\n");

    (void)state;
    assert_ptr_equal(head_field(head, SLICE("COOKIE")), &head->fields[0]);
    assert_int_equal(head_count(head, SLICE("Cookie")), 2);
    assert_null(head_field(head, SLICE("Cooki")));
    assert_int_equal(head_count(head, SLICE("Cookies")), 0);
}

static void
tokens_are_found_in_lists_and_across_fields(void **state)
{
    struct given given;
    const struct head *head = given_request(
        &given, "GET / HTTP/1.1\r\nConnection: a,, Close\r\nX: e\r\nconnection: d\r\n\r\n");

    (void)state;
    assert_true(head_has_token(head, SLICE("Connection"), SLICE("close")));
    assert_true(head_has_token(head, SLICE("Connection"), SLICE("D")));
    assert_false(head_has_token(head, SLICE("Connection"), SLICE("clos")));
    assert_false(head_has_token(head, SLICE("Connection"), SLICE("e")));
}

static void
only_methods_known_to_be_idempotent_are(void **state)
{
    static const struct {
        const char *text;
        enum method method;
        bool is_idempotent;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", METHOD_GET, true},
        {"HEAD / HTTP/1.1\r\n\r\n", METHOD_HEAD, true},
        {"POST / HTTP/1.1\r\n\r\n", METHOD_POST, false},
        {"PUT / HTTP/1.1\r\n\r\n", METHOD_PUT, true},
        {"DELETE / HTTP/1.1\r\n\r\n", METHOD_DELETE, true},
        {"CONNECT a:1 HTTP/1.1\r\n\r\n", METHOD_CONNECT, false},
        {"OPTIONS * HTTP/1.1\r\n\r\n", METHOD_OPTIONS, true},
        {"TRACE / HTTP/1.1\r\n\r\n", METHOD_TRACE, true},
        {"PATCH / HTTP/1.1\r\n\r\n", METHOD_PATCH, false},
        {"get / HTTP/1.1\r\n\r\n", METHOD_OTHER, false},
        {"PROPFIND / HTTP/1.1\r\n\r\n", METHOD_OTHER, false},
    };
    struct given given;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct head *head = given_request(&given, rows[i].text);

        assert_int_equal(head->method, rows[i].method);
        assert_int_equal(method_is_idempotent(head->method), rows[i].is_idempotent);
    }
}

static void
bytes_are_of_the_classes_that_the_grammar_gives_them(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        char c = (char)byte;
        bool is_ascii = byte > 0 && byte < 0x80;
        bool is_alnum = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                        (byte >= 'A' && byte <= 'Z');
        bool is_hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
                      (byte >= 'A' && byte <= 'F');

        assert_int_equal(char_is(c, CHAR_TOKEN),
                         is_alnum || (is_ascii && strchr("!#$%&'*+-.^_`|~", c) != NULL));
        assert_int_equal(char_is(c, CHAR_VALUE), byte == '\t' || (byte >= ' ' && byte != 0x7f));
        assert_int_equal(char_is(c, CHAR_TARGET), byte > ' ' && byte < 0x7f && byte != '#');
        assert_int_equal(char_is(c, CHAR_HOST),
                         is_alnum || byte == '-' || byte == '.' || byte == '_');
        assert_int_equal(char_is(c, CHAR_USER),
                         is_alnum || (is_ascii && strchr("-._~!$&'()*+,;=:%", c) != NULL));
        assert_int_equal(char_is(c, CHAR_HEX), is_hex);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read_strictly),
        cmocka_unit_test(responses_are_read_strictly),
        cmocka_unit_test(an_answer_stays_the_same_with_more_bytes),
        cmocka_unit_test(what_is_refused_stays_refused),
        cmocka_unit_test(the_parts_of_a_request_are_lent),
        cmocka_unit_test(the_parts_of_a_response_are_lent),
        cmocka_unit_test(a_head_at_its_limit_is_read),
        cmocka_unit_test(a_head_past_its_limit_is_refused_before_its_end),
        cmocka_unit_test(an_empty_line_counts_towards_the_limit),
        cmocka_unit_test(fields_are_found_without_case),
        cmocka_unit_test(tokens_are_found_in_lists_and_across_fields),
        cmocka_unit_test(only_methods_known_to_be_idempotent_are),
        cmocka_unit_test(bytes_are_of_the_classes_that_the_grammar_gives_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
