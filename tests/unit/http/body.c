/* What proxy/http/body promises: RFC 9112 §6 and §7, strictly, in any split of the bytes. */
#include "proxy/http/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "tests/unit/http/given.h"

struct row {
    const char *claim;
    const char *text;
    enum method method; /* of the request that a response answers */
    enum refusal refusal;
    enum body_kind kind;
    uint64_t length;
};

#define POST "POST / HTTP/1.1\r\n"
#define POST_10 "POST / HTTP/1.0\r\n"
#define CL(value) "Content-Length: " value "\r\n"
#define TE(value) "Transfer-Encoding: " value "\r\n"
#define END "\r\n"
#define FINE(claim, text, kind, length)                                                        \
    {                                                                                          \
        claim, text, METHOD_GET, REFUSAL_NONE, kind, length                                    \
    }
#define BAD(refusal, claim, text)                                                              \
    {                                                                                          \
        claim, text, METHOD_GET, REFUSAL_##refusal, BODY_NONE, 0                               \
    }

static const struct row requests[] = {
    FINE("nothing said is no body", POST END, BODY_NONE, 0),
    FINE("a length", POST CL("17") END, BODY_LENGTH, 17),
    FINE("a length of zero", POST CL("0") END, BODY_LENGTH, 0),
    FINE("a length in HTTP/1.0", POST_10 CL("5") END, BODY_LENGTH, 5),
    FINE("the largest length", POST CL("9223372036854775807") END, BODY_LENGTH, INT64_MAX),
    FINE("chunked", POST TE("chunked") END, BODY_CHUNKED, 0),
    FINE("chunked in any case", POST TE("Chunked") END, BODY_CHUNKED, 0),
    FINE("CONNECT with a length of zero", "CONNECT a:1 HTTP/1.1\r\n" CL("0") END, BODY_NONE, 0),
    BAD(FRAMING, "CONNECT with a length", "CONNECT a:1 HTTP/1.1\r\n" CL("1") END),
    BAD(FRAMING, "CONNECT with a coding", "CONNECT a:1 HTTP/1.1\r\n" TE("chunked") END),
    BAD(FRAMING, "both, the length first", POST CL("5") TE("chunked") END),
    BAD(FRAMING, "both, the coding first", POST TE("chunked") CL("5") END),
    BAD(FRAMING, "both, the length in another case",
        POST TE("chunked") "content-length: 5\r\n" END),
    BAD(FRAMING, "two lengths", POST CL("5") CL("6") END),
    BAD(FRAMING, "the same length twice", POST CL("5") CL("5") END),
    BAD(FRAMING, "a list of lengths", POST CL("5, 6") END),
    BAD(FRAMING, "a list of the same length", POST CL("5,5") END),
    BAD(FRAMING, "a length with plus", POST CL("+5") END),
    BAD(FRAMING, "a length with minus", POST CL("-5") END),
    BAD(FRAMING, "a length in hex", POST CL("0x5") END),
    BAD(FRAMING, "a length with a space", POST CL("1 2") END),
    BAD(FRAMING, "a length with a fraction", POST CL("5.0") END),
    BAD(FRAMING, "an empty length", POST CL("") END),
    BAD(FRAMING, "a length past 63 bits", POST CL("9223372036854775808") END),
    BAD(FRAMING, "a length past 64 bits", POST CL("18446744073709551621") END),
    BAD(FRAMING, "a coding in HTTP/1.0", POST_10 TE("chunked") END),
    BAD(FRAMING, "chunked twice", POST TE("chunked, chunked") END),
    BAD(FRAMING, "chunked in two fields", POST TE("chunked") TE("chunked") END),
    BAD(FRAMING, "codings in two fields", POST TE("gzip") TE("chunked") END),
    BAD(FRAMING, "chunked not last", POST TE("chunked, gzip") END),
    BAD(FRAMING, "chunked first and last", POST TE("chunked, gzip, chunked") END),
    BAD(FRAMING, "another coding alone", POST TE("gzip") END),
    BAD(FRAMING, "identity", POST TE("identity") END),
    BAD(FRAMING, "misspelt before", POST TE("xchunked") END),
    BAD(FRAMING, "misspelt behind", POST TE("chunkedx") END),
    BAD(FRAMING, "misspelt within", POST TE("chun ked") END),
    BAD(FRAMING, "chunked with a parameter", POST TE("chunked;a=b") END),
    BAD(FRAMING, "quoted", POST TE("\"chunked\"") END),
    BAD(FRAMING, "an empty coding", POST TE("") END),
    BAD(FRAMING, "an empty element before", POST TE(", chunked") END),
    BAD(FRAMING, "an empty element behind", POST TE("chunked,") END),
    BAD(FRAMING, "a coding that is no token before", POST TE("a b, chunked") END),
    BAD(CODING, "a coding that we do not have before chunked", POST TE("gzip, chunked") END),
    BAD(CODING, "an unknown coding before chunked", POST TE("a,b, chunked") END),
};

#define OK "HTTP/1.1 200 OK\r\n"
#define TO(method, claim, text, kind, length)                                                  \
    {                                                                                          \
        claim, text, METHOD_##method, REFUSAL_NONE, kind, length                               \
    }

static const struct row responses[] = {
    FINE("nothing said lasts until the close", OK END, BODY_UNTIL_CLOSE, 0),
    FINE("a length", OK CL("17") END, BODY_LENGTH, 17),
    FINE("a length of zero", OK CL("0") END, BODY_LENGTH, 0),
    FINE("chunked", OK TE("chunked") END, BODY_CHUNKED, 0),
    FINE("HTTP/1.0 with a length", "HTTP/1.0 200 OK\r\n" CL("3") END, BODY_LENGTH, 3),
    FINE("HTTP/1.0 until the close", "HTTP/1.0 200 OK\r\n" END, BODY_UNTIL_CLOSE, 0),
    FINE("304 has none", "HTTP/1.1 304 Not Modified\r\n" END, BODY_NONE, 0),
    FINE("304 has none with a length", "HTTP/1.1 304 N\r\n" CL("9") END, BODY_NONE, 0),
    FINE("304 has none with a coding", "HTTP/1.1 304 N\r\n" TE("chunked") END, BODY_NONE, 0),
    FINE("204 has none", "HTTP/1.1 204 No Content\r\n" END, BODY_NONE, 0),
    FINE("204 has none with a length of zero", "HTTP/1.1 204 N\r\n" CL("0") END, BODY_NONE, 0),
    FINE("1xx has none", "HTTP/1.1 103 Early Hints\r\n" END, BODY_NONE, 0),
    TO(HEAD, "HEAD has none", OK END, BODY_NONE, 0),
    TO(HEAD, "HEAD has none with a length", OK CL("9") END, BODY_NONE, 0),
    TO(HEAD, "HEAD has none with a coding", OK TE("chunked") END, BODY_NONE, 0),
    TO(CONNECT, "2xx to CONNECT has none", OK END, BODY_NONE, 0),
    TO(CONNECT, "2xx to CONNECT has none, whatever it says", OK CL("5") TE("chunked") END,
       BODY_NONE, 0),
    TO(CONNECT, "a refusal of CONNECT has one", "HTTP/1.1 403 No\r\n" CL("5") END, BODY_LENGTH,
       5),
    BAD(FRAMING, "204 with a length", "HTTP/1.1 204 N\r\n" CL("5") END),
    BAD(FRAMING, "204 with a coding", "HTTP/1.1 204 N\r\n" TE("chunked") END),
    BAD(FRAMING, "1xx with a length", "HTTP/1.1 103 E\r\n" CL("5") END),
    BAD(FRAMING, "1xx with a coding", "HTTP/1.1 103 E\r\n" TE("chunked") END),
    BAD(FRAMING, "304 with both", "HTTP/1.1 304 N\r\n" CL("5") TE("chunked") END),
    BAD(FRAMING, "304 with a malformed length", "HTTP/1.1 304 N\r\n" CL("x") END),
    BAD(FRAMING, "both", OK CL("5") TE("chunked") END),
    BAD(FRAMING, "two lengths", OK CL("5") CL("6") END),
    BAD(FRAMING, "the same length twice", OK CL("5") CL("5") END),
    BAD(FRAMING, "a list of lengths", OK CL("5, 5") END),
    BAD(FRAMING, "a length with a sign", OK CL("+5") END),
    BAD(FRAMING, "a negative length", OK CL("-1") END),
    BAD(FRAMING, "an empty length", OK CL("") END),
    BAD(FRAMING, "a length past 64 bits", OK CL("99999999999999999999") END),
    BAD(FRAMING, "a coding in HTTP/1.0", "HTTP/1.0 200 OK\r\n" TE("chunked") END),
    BAD(FRAMING, "chunked not last", OK TE("chunked, gzip") END),
    BAD(FRAMING, "chunked twice", OK TE("chunked") TE("chunked") END),
    BAD(FRAMING, "misspelt", OK TE("chunkd") END),
    BAD(CODING, "another coding before chunked", OK TE("gzip, chunked") END),
};

static void
check_framing(const struct row *row, bool is_request)
{
    struct given given;
    struct body body;
    enum refusal refusal = REFUSAL_NONE;
    const struct head *head =
        is_request ? given_request(&given, row->text) : given_response(&given, row->text);
    enum parse parse = is_request ? body_of_request(head, &body, &refusal)
                                  : body_of_response(head, row->method, &body, &refusal);

    if (refusal != row->refusal || (parse == PARSE_DONE) != (refusal == REFUSAL_NONE))
        fail_msg("%s: answer %d, refusal %d", row->claim, parse, refusal);
    if (parse != PARSE_DONE)
        return;
    if (body.kind != row->kind || body.length != row->length)
        fail_msg("%s: kind %d", row->claim, body.kind);
    if (body.is_done !=
        (row->kind == BODY_NONE || (row->kind == BODY_LENGTH && row->length == 0)))
        fail_msg("%s: is_done %d", row->claim, body.is_done);
}

static void
request_bodies_end_where_the_head_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++)
        check_framing(&requests[i], true);
}

static void
response_bodies_end_where_the_head_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(responses); i++)
        check_framing(&responses[i], false);
}

struct chunked {
    const char *claim;
    struct slice bytes;
    enum parse parse;
    const char *data;
    size_t used;
};

#define CHUNKED(claim, bytes, data, rest)                                                      \
    {                                                                                          \
        claim, {bytes rest, sizeof(bytes rest) - 1}, PARSE_DONE, data, sizeof(bytes) - 1       \
    }
/* used is where the byte stands that cannot be. */
#define BROKEN(claim, bytes, data, rest)                                                       \
    {                                                                                          \
        claim, {bytes rest, sizeof(bytes rest) - 1}, PARSE_REFUSE, data, sizeof(bytes) - 1     \
    }

static const struct chunked chunkeds[] = {
    CHUNKED("no chunk", "0\r\n\r\n", "", ""),
    CHUNKED("one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello", ""),
    CHUNKED("hex in any case", "A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n",
            "01234567890123456789a", ""),
    CHUNKED("leading and many zeros", "0005\r\nhello\r\n000\r\n\r\n", "hello", ""),
    CHUNKED("what follows is left alone", "1\r\na\r\n0\r\n\r\n", "a", "GET / HTTP/1.1\r\n"),
    CHUNKED("data may look like framing", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n",
            ""),
    CHUNKED("extensions are dropped", "1;a=b;c=\"d e\"\r\nx\r\n0;z\r\n\r\n", "x", ""),
    CHUNKED("trailers are dropped", "0\r\nA: b\r\nC:\r\n\r\n", "", ""),
    CHUNKED("framing fields in trailers mean nothing",
            "0\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\n", "", "hello"),
    BROKEN("no size", "", "", "\r\n"),
    BROKEN("no size before an extension", "", "", ";a\r\n"),
    BROKEN("a size with plus", "", "", "+5\r\nhello"),
    BROKEN("a size with minus", "", "", "-5\r\nhello"),
    BROKEN("a size with 0x", "0", "", "x5\r\nhello"),
    BROKEN("a space before a size", "", "", " 5\r\nhello"),
    BROKEN("a space behind a size", "5", "", " \r\nhello"),
    BROKEN("a tab behind a size", "5", "", "\t\r\nhello"),
    BROKEN("a space before an extension", "5", "", " ;a\r\nhello"),
    BROKEN("an underscore in a size", "1", "", "_0\r\n"),
    BROKEN("a size past 63 bits", "800000000000000", "", "0\r\n"),
    BROKEN("a size past 64 bits", "7fffffffffffffff", "", "f\r\n"),
    BROKEN("a bare LF behind a size", "5", "", "\nhello\r\n0\r\n\r\n"),
    BROKEN("a bare CR behind a size", "5\r", "", "hello\r\n0\r\n\r\n"),
    BROKEN("two CRs behind a size", "5\r", "", "\r\nhello"),
    BROKEN("a bare LF in an extension", "5;a", "", "\nhello\r\n0\r\n\r\n"),
    BROKEN("a bare CR in an extension", "5;a\r", "", "b\r\nhello"),
    BROKEN("NUL in an extension", "5;a", "", "\0\r\nhello"),
    BROKEN("data longer than its size", "5\r\nhello", "hello", "x\r\n0\r\n\r\n"),
    BROKEN("no CRLF behind data", "5\r\nhello", "hello", "0\r\n\r\n"),
    BROKEN("a bare LF behind data", "5\r\nhello", "hello", "\n0\r\n\r\n"),
    BROKEN("a bare CR behind data", "5\r\nhello\r", "hello", "0\r\n\r\n"),
    BROKEN("a bare LF behind the last chunk", "0\r\n", "", "\n"),
    BROKEN("a bare CR behind the last chunk", "0\r\n\r", "", "G"),
    BROKEN("a folded trailer", "0\r\nA: b\r\n", "", " c\r\n\r\n"),
    BROKEN("a space before a trailer", "0\r\n", "", " A: b\r\n\r\n"),
    BROKEN("a space before a trailer's colon", "0\r\nA", "", " : b\r\n\r\n"),
    BROKEN("an empty trailer name", "0\r\n", "", ": b\r\n\r\n"),
    BROKEN("a trailer without colon", "0\r\nA", "", "\r\n\r\n"),
    BROKEN("a bare LF in a trailer", "0\r\nA: b", "", "\n\r\n"),
    BROKEN("a bare CR in a trailer", "0\r\nA: b\r", "", "c\r\n\r\n"),
    BROKEN("NUL in a trailer", "0\r\nA: ", "", "\0\r\n\r\n"),
};

struct outcome {
    enum parse parse;
    size_t used;
    struct buf data;
};

/* Feeds the bytes until body_step wants other ones. */
static void
feed(struct body *body, struct slice bytes, struct outcome *outcome)
{
    char *copy = exact_copy(bytes);
    size_t at = 0;

    do {
        struct slice in = {copy + at, bytes.size - at};
        struct slice data;
        size_t used;

        outcome->parse = body_step(body, in, &used, &data);
        assert_true(used <= in.size && data.size <= used);
        if (outcome->parse == PARSE_MORE && in.size > 0)
            assert_true(used > 0);
        at += used;
        assert_int_equal(buf_append_slice(&outcome->data, data), ERR_OK);
    } while (outcome->parse == PARSE_MORE && at < bytes.size);
    outcome->used += at;
    free(copy);
}

static void
check_outcome(const struct chunked *row, struct outcome *outcome)
{
    if (outcome->parse != row->parse || outcome->used != row->used ||
        !slice_equal(buf_bytes(&outcome->data), slice_of(row->data)))
        fail_msg("%s: answer %d after %zu bytes, %zu of data", row->claim, outcome->parse,
                 outcome->used, buf_size(&outcome->data));
    buf_reset(&outcome->data);
}

static struct body
chunked_body(void)
{
    struct given given;
    struct body body;
    enum refusal refusal;

    assert_int_equal(
        body_of_request(given_request(&given, POST TE("chunked") END), &body, &refusal),
        PARSE_DONE);
    return body;
}

static void
begin(struct outcome *outcome)
{
    *outcome = (struct outcome){.parse = PARSE_MORE};
    buf_init(&outcome->data, 1 << 16);
}

static void
chunks_are_read_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(chunkeds); i++) {
        struct body body = chunked_body();
        struct outcome outcome;

        begin(&outcome);
        feed(&body, chunkeds[i].bytes, &outcome);
        check_outcome(&chunkeds[i], &outcome);
    }
}

static void
chunks_are_the_same_in_any_two_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(chunkeds); i++) {
        struct slice bytes = chunkeds[i].bytes;

        for (size_t cut = 0; cut <= bytes.size; cut++) {
            struct body body = chunked_body();
            struct outcome outcome;

            begin(&outcome);
            feed(&body, (struct slice){bytes.data, cut}, &outcome);
            if (outcome.parse == PARSE_MORE)
                feed(&body, (struct slice){bytes.data + cut, bytes.size - cut}, &outcome);
            check_outcome(&chunkeds[i], &outcome);
        }
    }
}

static void
chunks_are_the_same_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(chunkeds); i++) {
        struct body body = chunked_body();
        struct outcome outcome;

        begin(&outcome);
        for (size_t at = 0; at < chunkeds[i].bytes.size && outcome.parse == PARSE_MORE; at++)
            feed(&body, (struct slice){chunkeds[i].bytes.data + at, 1}, &outcome);
        check_outcome(&chunkeds[i], &outcome);
    }
}

static void
broken_chunks_stay_broken(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(chunkeds); i++) {
        struct body body = chunked_body();
        struct outcome outcome;

        if (chunkeds[i].parse != PARSE_REFUSE)
            continue;
        begin(&outcome);
        feed(&body, chunkeds[i].bytes, &outcome);
        feed(&body, SLICE("0\r\n\r\n"), &outcome);
        assert_int_equal(outcome.parse, PARSE_REFUSE);
        feed(&body, SLICE(""), &outcome);
        assert_int_equal(outcome.parse, PARSE_REFUSE);
        buf_reset(&outcome.data);
    }
}

/* Feeds start, then count times more; how many bytes until the answer is no longer MORE. */
static enum parse
feed_many(const char *start, const char *more, size_t count)
{
    struct body body = chunked_body();
    struct outcome outcome;

    begin(&outcome);
    feed(&body, slice_of(start), &outcome);
    for (size_t i = 0; i < count && outcome.parse == PARSE_MORE; i++)
        feed(&body, slice_of(more), &outcome);
    buf_reset(&outcome.data);
    return outcome.parse;
}

static void
a_chunk_size_line_has_a_limit(void **state)
{
    (void)state;
    assert_int_equal(feed_many("1;", "x", 1000), PARSE_MORE);
    assert_int_equal(feed_many("1;", "x", 1100), PARSE_REFUSE);
    assert_int_equal(feed_many("", "0", 1100), PARSE_REFUSE);
}

static void
the_limit_is_for_each_chunk_size_line(void **state)
{
    (void)state;
    assert_int_equal(feed_many("", "1;abcdefgh\r\na\r\n", 1000), PARSE_MORE);
}

static void
extensions_are_made_up_for_by_data(void **state)
{
    (void)state;
    assert_int_equal(feed_many("", "1;abcdefgh\r\na\r\n", 2000), PARSE_REFUSE);
    assert_int_equal(feed_many("", "8;abcdefgh\r\n12345678\r\n", 1100), PARSE_MORE);
    assert_int_equal(feed_many("1;abcdefgh\r\na\r\n0;abc\r\nA: ", "b", 8000), PARSE_MORE);
}

static void
trailers_have_a_limit(void **state)
{
    (void)state;
    assert_int_equal(feed_many("0\r\n", "A: b\r\n", 1000), PARSE_MORE);
    assert_int_equal(feed_many("0\r\n", "A: b\r\n", 2000), PARSE_REFUSE);
    assert_int_equal(feed_many("0\r\nA: ", "b", 9000), PARSE_REFUSE);
}

static void
a_length_is_counted_down_and_nothing_more_is_taken(void **state)
{
    struct given given;
    struct body body;
    enum refusal refusal;
    struct outcome outcome;

    (void)state;
    body_of_request(given_request(&given, POST CL("5") END), &body, &refusal);
    begin(&outcome);
    feed(&body, SLICE("he"), &outcome);
    assert_int_equal(outcome.parse, PARSE_MORE);
    feed(&body, SLICE("lloGET"), &outcome);
    assert_int_equal(outcome.parse, PARSE_DONE);
    assert_int_equal(outcome.used, 5);
    assert_true(slice_equal(buf_bytes(&outcome.data), SLICE("hello")));
    buf_reset(&outcome.data);
}

static void
a_body_of_no_bytes_is_done_before_the_first(void **state)
{
    static const char *texts[] = {POST END, POST CL("0") END};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct given given;
        struct body body;
        enum refusal refusal;
        struct outcome outcome;

        body_of_request(given_request(&given, texts[i]), &body, &refusal);
        begin(&outcome);
        feed(&body, SLICE("GET"), &outcome);
        assert_int_equal(outcome.parse, PARSE_DONE);
        assert_int_equal(outcome.used, 0);
        buf_reset(&outcome.data);
    }
}

static void
a_body_until_the_close_is_done_when_the_caller_says_so(void **state)
{
    struct body body;
    struct outcome outcome;

    (void)state;
    body_until_close(&body);
    begin(&outcome);
    feed(&body, SLICE("0\r\n\r\n"), &outcome);
    assert_int_equal(outcome.parse, PARSE_MORE);
    assert_int_equal(outcome.used, 5);
    body.is_done = true;
    feed(&body, SLICE("x"), &outcome);
    assert_int_equal(outcome.parse, PARSE_DONE);
    assert_int_equal(outcome.used, 5);
    buf_reset(&outcome.data);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_bodies_end_where_the_head_says),
        cmocka_unit_test(response_bodies_end_where_the_head_says),
        cmocka_unit_test(chunks_are_read_strictly),
        cmocka_unit_test(chunks_are_the_same_in_any_two_parts),
        cmocka_unit_test(chunks_are_the_same_byte_by_byte),
        cmocka_unit_test(broken_chunks_stay_broken),
        cmocka_unit_test(a_chunk_size_line_has_a_limit),
        cmocka_unit_test(the_limit_is_for_each_chunk_size_line),
        cmocka_unit_test(extensions_are_made_up_for_by_data),
        cmocka_unit_test(trailers_have_a_limit),
        cmocka_unit_test(a_length_is_counted_down_and_nothing_more_is_taken),
        cmocka_unit_test(a_body_of_no_bytes_is_done_before_the_first),
        cmocka_unit_test(a_body_until_the_close_is_done_when_the_caller_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
