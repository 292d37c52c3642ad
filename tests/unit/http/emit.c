/* What proxy/http/emit promises of the heads that it writes, byte for byte. */
#include "proxy/http/emit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/http/given.h"

/* What the origin sees of a request, as text. */
static void
check_request(const char *claim, const char *text, const char *expected)
{
    struct given given;
    const struct head *head = given_request(&given, text);
    enum refusal refusal = REFUSAL_NONE;
    struct target target;
    struct body body;
    struct buf out;

    if (target_parse(head, &target, &refusal) != PARSE_DONE ||
        body_of_request(head, &body, &refusal) != PARSE_DONE)
        fail_msg("%s: refused with %d", claim, refusal);
    buf_init(&out, emit_room(head));
    assert_int_equal(emit_request(&out, head, &target, &body), ERR_OK);
    if (!slice_equal(buf_bytes(&out), slice_of(expected)))
        fail_msg("%s:\n%.*s", claim, SLICE_ARGS(buf_bytes(&out)));
    buf_reset(&out);
}

static void
requests_are_written_in_origin_form(void **state)
{
    static const struct {
        const char *claim;
        const char *text;
        const char *expected;
    } rows[] = {
        {"the path and Host come from the target",
         "GET http://o.test/a?b HTTP/1.1\r\nHost: other\r\nA: b\r\n\r\n",
         "GET /a?b HTTP/1.1\r\nHost: o.test\r\nA: b\r\n\r\n"},
        {"an old client's request becomes HTTP/1.1 with Host",
         "GET http://o.test/ HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: o.test\r\n\r\n"},
        {"a port that is not the default is said",
         "GET http://o.test:81/ HTTP/1.1\r\nHost: a\r\n\r\n",
         "GET / HTTP/1.1\r\nHost: o.test:81\r\n\r\n"},
        {"the default port is not said", "GET http://o.test:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
         "GET / HTTP/1.1\r\nHost: o.test\r\n\r\n"},
        {"brackets are kept", "GET http://[::1]:81/ HTTP/1.1\r\nHost: a\r\n\r\n",
         "GET / HTTP/1.1\r\nHost: [::1]:81\r\n\r\n"},
        {"userinfo goes no further", "GET http://u:p@o.test/ HTTP/1.1\r\nHost: a\r\n\r\n",
         "GET / HTTP/1.1\r\nHost: o.test\r\n\r\n"},
        {"an empty path becomes a slash", "GET http://o.test HTTP/1.1\r\nHost: a\r\n\r\n",
         "GET / HTTP/1.1\r\nHost: o.test\r\n\r\n"},
        {"a query alone gets its slash", "GET http://o.test?a HTTP/1.1\r\nHost: a\r\n\r\n",
         "GET /?a HTTP/1.1\r\nHost: o.test\r\n\r\n"},
        {"OPTIONS of the server becomes an asterisk",
         "OPTIONS http://o.test:81 HTTP/1.1\r\nHost: a\r\n\r\n",
         "OPTIONS * HTTP/1.1\r\nHost: o.test:81\r\n\r\n"},
        {"the method's case is kept", "get http://o.test/ HTTP/1.1\r\nHost: a\r\n\r\n",
         "get / HTTP/1.1\r\nHost: o.test\r\n\r\n"},
        {"fields keep order, case and number",
         "GET http://o.test/ HTTP/1.1\r\nx-B: 1\r\nHost: a\r\nX-a:2\r\nx-b:  3 \r\n\r\n",
         "GET / HTTP/1.1\r\nHost: o.test\r\nx-B: 1\r\nX-a: 2\r\nx-b: 3\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        check_request(rows[i].claim, rows[i].text, rows[i].expected);
}

#define TO "http://o.test/ HTTP/1.1\r\nHost: o.test\r\n"
#define AT " / HTTP/1.1\r\nHost: o.test\r\n"

static void
hop_by_hop_fields_of_requests_go_no_further(void **state)
{
    static const struct {
        const char *claim;
        const char *text;
        const char *expected;
    } rows[] = {
        {"the fixed set",
         "GET " TO "Connection: keep-alive\r\nKeep-Alive: 300\r\nProxy-Connection: close\r\n"
         "Proxy-Authorization: Basic eA==\r\nTE: trailers\r\nTrailer: A\r\nUpgrade: "
         "h2c\r\n\r\n",
         "GET" AT "\r\n"},
        {"what Connection names", "GET " TO "Connection: x-a\r\nX-A: 1\r\nX-B: 2\r\n\r\n",
         "GET" AT "X-B: 2\r\n\r\n"},
        {"Connection cannot name Host and the length away",
         "POST " TO "Connection: Host, Content-Length\r\nContent-Length: 5\r\n\r\n",
         "POST" AT "Content-Length: 5\r\n\r\n"},
        {"Connection cannot name the coding away",
         "POST " TO "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n",
         "POST" AT "Transfer-Encoding: chunked\r\n\r\n"},
        {"Expect is for the origin",
         "PUT " TO "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
         "PUT" AT "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"},
        {"credentials for the origin stay", "GET " TO "Authorization: Basic eA==\r\n\r\n",
         "GET" AT "Authorization: Basic eA==\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        check_request(rows[i].claim, rows[i].text, rows[i].expected);
}

static void
request_framing_is_written_as_understood(void **state)
{
    static const struct {
        const char *claim;
        const char *text;
        const char *expected;
    } rows[] = {
        {"a length as a plain number", "POST " TO "Content-Length: 0005\r\nA: b\r\n\r\n",
         "POST" AT "A: b\r\nContent-Length: 5\r\n\r\n"},
        {"a length of zero", "POST " TO "Content-Length: 0\r\n\r\n",
         "POST" AT "Content-Length: 0\r\n\r\n"},
        {"the largest length", "POST " TO "Content-Length: 9223372036854775807\r\n\r\n",
         "POST" AT "Content-Length: 9223372036854775807\r\n\r\n"},
        {"chunked", "POST " TO "transfer-encoding: CHUNKED\r\nA: b\r\n\r\n",
         "POST" AT "A: b\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"nothing said, nothing written", "POST " TO "\r\n", "POST" AT "\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        check_request(rows[i].claim, rows[i].text, rows[i].expected);
}

static void
a_dropped_body_of_post_is_said_to_be_empty(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"POST " TO "Content-Length: 5\r\n\r\n", "POST" AT "Content-Length: 0\r\n\r\n"},
        {"PUT " TO "Content-Length: 5\r\n\r\n", "PUT" AT "Content-Length: 0\r\n\r\n"},
        {"PATCH " TO "Content-Length: 5\r\n\r\n", "PATCH" AT "Content-Length: 0\r\n\r\n"},
        {"POST " TO "\r\n", "POST" AT "\r\n"},
        {"GET " TO "Content-Length: 5\r\n\r\n", "GET" AT "\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct given given;
        const struct head *head = given_request(&given, rows[i].text);
        const struct body none = {.kind = BODY_NONE, .is_done = true};
        enum refusal refusal;
        struct target target;
        struct buf out;

        assert_int_equal(target_parse(head, &target, &refusal), PARSE_DONE);
        buf_init(&out, 1000);
        assert_int_equal(emit_request(&out, head, &target, &none), ERR_OK);
        if (!slice_equal(buf_bytes(&out), slice_of(rows[i].expected)))
            fail_msg("%.*s", SLICE_ARGS(buf_bytes(&out)));
        buf_reset(&out);
    }
}

struct hop_row {
    const char *claim;
    const char *text;
    struct emit_hop hop;
    const char *expected;
};

static void
check_hop(const struct hop_row *row)
{
    struct given given;
    const struct head *head = given_request(&given, row->text);
    const struct body none = {.kind = BODY_NONE, .is_done = true};
    enum refusal refusal;
    struct target target;
    struct buf out;

    assert_int_equal(target_parse(head, &target, &refusal), PARSE_DONE);
    buf_init(&out, emit_room(head));
    assert_int_equal(emit_request_from(&out, head, &target, &none, &row->hop), ERR_OK);
    if (!slice_equal(buf_bytes(&out), slice_of(row->expected)))
        fail_msg("%s:\n%.*s", row->claim, SLICE_ARGS(buf_bytes(&out)));
    buf_reset(&out);
}

static void
a_hop_says_what_it_is_told_to(void **state)
{
    static const struct hop_row rows[] = {
        {"the version that the request came in",
         "GET http://o.test/ HTTP/1.0\r\n\r\n",
         {.name = {"us", 2}},
         "GET" AT "Via: 1.0 us\r\n\r\n"},
        {"behind the last Via",
         "GET " TO "via: 1.0 a\r\nVIA: 1.1 b\r\nA: b\r\n\r\n",
         {.name = {"us", 2}},
         "GET" AT "via: 1.0 a\r\nVIA: 1.1 b, 1.1 us\r\nA: b\r\n\r\n"},
        {"an empty Via is begun, not gone on with",
         "GET " TO "Via:\r\n\r\n",
         {.name = {"us", 2}},
         "GET" AT "Via: 1.1 us\r\n\r\n"},
        {"Connection cannot take Via away",
         "GET " TO "Connection: via\r\nVia: 1.1 a\r\n\r\n",
         {.name = {"us", 2}},
         "GET" AT "Via: 1.1 a, 1.1 us\r\n\r\n"},
        {"whom it forwards for",
         "GET " TO "Forwarded: for=a\r\n\r\n",
         {.for_name = {"Forwarded", 9}, .for_entry = {"for=b", 5}},
         "GET" AT "Forwarded: for=a, for=b\r\n\r\n"},
        {"a field that Connection takes away is not appended to",
         "GET " TO "Forwarded: for=a\r\nConnection: forwarded\r\n\r\n",
         {.for_name = {"Forwarded", 9}, .for_entry = {"for=b", 5}},
         "GET" AT "Forwarded: for=b\r\n\r\n"},
        {"how far it may go on",
         "GET " TO "A: b\r\nmax-forwards: 007\r\nC: d\r\n\r\n",
         {.has_hops_left = true, .hops_left = 6},
         "GET" AT "A: b\r\nMax-Forwards: 6\r\nC: d\r\n\r\n"},
        {"no Expect of HTTP/1.0",
         "GET http://o.test/ HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
         {.has_hops_left = false},
         "GET" AT "\r\n"},
        {"that it is the last request",
         "GET " TO "Connection: keep-alive\r\n\r\n",
         {.is_last = true},
         "GET" AT "Connection: close\r\n\r\n"},
        {"that it is the last one, unless another protocol follows",
         "GET " TO "Connection: upgrade\r\nUpgrade: x\r\n\r\n",
         {.is_last = true},
         "GET" AT "Connection: Upgrade\r\nUpgrade: x\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        check_hop(&rows[i]);
}

struct response {
    const char *claim;
    const char *text;
    struct emit_framing framing;
    const char *expected;
};

#define OK "HTTP/1.1 200 OK\r\n"

static const struct response responses[] = {
    {"a length to a client that stays",
     "HTTP/1.0 200 OK\r\nA: b\r\nContent-Length: 05\r\n\r\n",
     {.kind = BODY_LENGTH, .length = 5, .keeps_alive = true},
     OK "A: b\r\nContent-Length: 5\r\n\r\n"},
    {"a length to an old client that stays",
     OK "Content-Length: 5\r\n\r\n",
     {.kind = BODY_LENGTH, .length = 5, .keeps_alive = true, .is_old_client = true},
     OK "Content-Length: 5\r\nConnection: keep-alive\r\n\r\n"},
    {"a length to a client that goes",
     OK "Content-Length: 5\r\n\r\n",
     {.kind = BODY_LENGTH, .length = 5},
     OK "Content-Length: 5\r\nConnection: close\r\n\r\n"},
    {"chunks",
     OK "Transfer-Encoding: chunked\r\n\r\n",
     {.kind = BODY_CHUNKED, .keeps_alive = true},
     OK "Transfer-Encoding: chunked\r\n\r\n"},
    {"chunks for a body until the close",
     OK "\r\n",
     {.kind = BODY_CHUNKED, .keeps_alive = true},
     OK "Transfer-Encoding: chunked\r\n\r\n"},
    {"a body until the close says so, whatever was wished",
     OK "Transfer-Encoding: chunked\r\n\r\n",
     {.kind = BODY_UNTIL_CLOSE, .keeps_alive = true, .is_old_client = true},
     OK "Connection: close\r\n\r\n"},
    {"no body and no length",
     "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
     {.kind = BODY_NONE, .keeps_alive = true},
     "HTTP/1.1 204 No Content\r\n\r\n"},
    {"HEAD keeps the length",
     OK "Content-Length: 0777\r\nA: b\r\n\r\n",
     {.kind = BODY_NONE, .copies_length = true, .keeps_alive = true},
     OK "A: b\r\nContent-Length: 777\r\n\r\n"},
    {"204 says no length, whoever asked",
     "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
     {.kind = BODY_NONE, .copies_length = true, .keeps_alive = true},
     "HTTP/1.1 204 No Content\r\n\r\n"},
    {"HEAD has no length to keep",
     OK "A: b\r\n\r\n",
     {.kind = BODY_NONE, .copies_length = true, .keeps_alive = true},
     OK "A: b\r\n\r\n"},
    {"an empty reason keeps its space",
     "HTTP/1.1 200\r\n\r\n",
     {.kind = BODY_LENGTH, .keeps_alive = true},
     "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"},
    {"hop-by-hop fields stay with us",
     OK "Connection: close, x-a\r\nX-A: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2\r\n"
        "Proxy-Authenticate: Basic\r\nTrailer: B\r\nProxy-Connection: close\r\nB: 2\r\n\r\n",
     {.kind = BODY_LENGTH, .length = 1, .keeps_alive = true},
     OK "B: 2\r\nContent-Length: 1\r\n\r\n"},
    {"Connection cannot name the length away",
     OK "Connection: content-length\r\nContent-Length: 7\r\n\r\n",
     {.kind = BODY_NONE, .copies_length = true, .keeps_alive = true},
     OK "Content-Length: 7\r\n\r\n"},
    {"a name goes behind the last Via",
     "HTTP/1.0 200 OK\r\nVia: 1.1 a\r\nB: 2\r\n\r\n",
     {.kind = BODY_LENGTH, .keeps_alive = true, .name = {"us", 2}},
     OK "Via: 1.1 a, 1.0 us\r\nB: 2\r\nContent-Length: 0\r\n\r\n"},
    {"an answer without a date gets that of its arrival",
     OK "\r\n",
     {.kind = BODY_LENGTH, .keeps_alive = true, .received = 784111777},
     OK "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n"},
    {"the origin's date stays, whatever it is",
     OK "date: x\r\n\r\n",
     {.kind = BODY_LENGTH, .keeps_alive = true, .received = 1},
     OK "date: x\r\nContent-Length: 0\r\n\r\n"},
    {"a date that is for us alone is no date",
     OK "Connection: date\r\nDate: x\r\n\r\n",
     {.kind = BODY_LENGTH, .keeps_alive = true, .received = 1},
     OK "Date: Thu, 01 Jan 1970 00:00:01 GMT\r\nContent-Length: 0\r\n\r\n"},
    {"426 says to what, to a client that goes, too",
     "HTTP/1.1 426 No\r\nConnection: upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n\r\n",
     {.kind = BODY_LENGTH},
     "HTTP/1.1 426 No\r\nConnection: Upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n"
     "Content-Length: 0\r\nConnection: close\r\n\r\n"},
    {"cookies keep order, case and number",
     OK "set-Cookie: a\r\nX: y\r\nSet-Cookie: b\r\n\r\n",
     {.kind = BODY_LENGTH, .keeps_alive = true},
     OK "set-Cookie: a\r\nX: y\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n"},
};

static void
responses_are_framed_for_the_client(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(responses); i++) {
        struct given given;
        const struct head *head = given_response(&given, responses[i].text);
        struct buf out;

        buf_init(&out, emit_room(head));
        assert_int_equal(emit_response(&out, head, &responses[i].framing), ERR_OK);
        if (!slice_equal(buf_bytes(&out), slice_of(responses[i].expected)))
            fail_msg("%s:\n%.*s", responses[i].claim, SLICE_ARGS(buf_bytes(&out)));
        buf_reset(&out);
    }
}

static void
a_length_that_is_none_is_not_copied(void **state)
{
    static const struct emit_framing framing = {.kind = BODY_NONE, .copies_length = true};
    struct given given;
    const struct head *head = given_response(&given, OK "Content-Length: x\r\n\r\n");
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    assert_int_equal(emit_response(&out, head, &framing), ERR_SYNTAX);
    assert_int_equal(buf_size(&out), 0);
    buf_reset(&out);
}

static void
an_interim_head_passes_without_hop_by_hop_fields(void **state)
{
    struct given given;
    const struct head *head =
        given_response(&given, "HTTP/1.0 103 Early Hints\r\nLink: <a>\r\nConnection: close\r\n"
                               "Content-Length: 0\r\n\r\n");
    struct buf out;

    (void)state;
    buf_init(&out, emit_room(head));
    assert_int_equal(emit_interim(&out, head, SLICE("")), ERR_OK);
    assert_true(
        slice_equal(buf_bytes(&out), SLICE("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n")));
    buf_reset(&out);
}

static void
a_head_that_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
    static const struct emit_framing framing = {.kind = BODY_LENGTH};
    struct given request;
    struct given response;
    const struct body body = {.kind = BODY_NONE};
    enum refusal refusal;
    struct target target;
    struct buf out;

    (void)state;
    given_request(&request, "GET " TO "\r\n");
    given_response(&response, OK "\r\n");
    assert_int_equal(target_parse(&request.head, &target, &refusal), PARSE_DONE);
    buf_init(&out, 20);
    assert_int_equal(buf_append(&out, "before", 6), ERR_OK);
    assert_int_equal(emit_request(&out, &request.head, &target, &body), ERR_TOO_LARGE);
    assert_int_equal(emit_response(&out, &response.head, &framing), ERR_TOO_LARGE);
    assert_int_equal(emit_interim(&out, &response.head, SLICE("")), ERR_TOO_LARGE);
    assert_true(slice_equal(buf_bytes(&out), SLICE("before")));
    buf_reset(&out);
}

static void
chunk_heads_are_plain_hex(void **state)
{
    char text[EMIT_CHUNK_HEAD_SIZE];

    (void)state;
    assert_int_equal(emit_chunk_head(31, text), 4);
    assert_memory_equal(text, "1f\r\n", 4);
    assert_int_equal(emit_chunk_head(UINT64_MAX, text), 18);
    assert_memory_equal(text, "ffffffffffffffff\r\n", 18);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_written_in_origin_form),
        cmocka_unit_test(hop_by_hop_fields_of_requests_go_no_further),
        cmocka_unit_test(request_framing_is_written_as_understood),
        cmocka_unit_test(a_dropped_body_of_post_is_said_to_be_empty),
        cmocka_unit_test(a_hop_says_what_it_is_told_to),
        cmocka_unit_test(responses_are_framed_for_the_client),
        cmocka_unit_test(a_length_that_is_none_is_not_copied),
        cmocka_unit_test(an_interim_head_passes_without_hop_by_hop_fields),
        cmocka_unit_test(a_head_that_does_not_fit_leaves_the_buffer_as_it_was),
        cmocka_unit_test(chunk_heads_are_plain_hex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
