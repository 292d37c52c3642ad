/* What proxy/http/fields promises of Connection and its relatives. */
#include "proxy/http/fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/http/given.h"

static void
fields_for_the_next_hop_are_known(void **state)
{
    static const char *names[] = {"connection",
                                  "KEEP-ALIVE",
                                  "Proxy-Connection",
                                  "TE",
                                  "Transfer-Encoding",
                                  "Upgrade",
                                  "Trailer",
                                  "Proxy-Authenticate",
                                  "Proxy-Authorization",
                                  "Proxy-Authentication-Info",
                                  "Proxy-Support"};
    struct head head = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct field field = {slice_of(names[i]), SLICE("")};

        if (!field_is_hop_by_hop(&head, &field))
            fail_msg("%s would pass", names[i]);
    }
}

static void
fields_named_by_connection_are_for_the_next_hop(void **state)
{
    struct given given;
    const struct head *head = given_request(
        &given, "GET / HTTP/1.1\r\nConnection: close, x-a\r\nConnection: X-B\r\n\r\n");
    const struct field a = {SLICE("X-A"), SLICE("")};
    const struct field b = {SLICE("x-b"), SLICE("")};
    const struct field c = {SLICE("X-C"), SLICE("")};

    (void)state;
    assert_true(field_is_hop_by_hop(head, &a));
    assert_true(field_is_hop_by_hop(head, &b));
    assert_false(field_is_hop_by_hop(head, &c));
}

static void
connection_cannot_take_host_and_length_away(void **state)
{
    struct given given;
    const struct head *head =
        given_request(&given, "GET / HTTP/1.1\r\nConnection: host, content-length\r\n\r\n");
    const struct field host = {SLICE("Host"), SLICE("")};
    const struct field length = {SLICE("Content-Length"), SLICE("")};

    (void)state;
    assert_false(field_is_hop_by_hop(head, &host));
    assert_false(field_is_hop_by_hop(head, &length));
}

static void
a_connection_is_kept_as_its_sender_says(void **state)
{
    static const struct {
        const char *claim;
        const char *text;
        bool is_request;
        bool is_kept;
    } rows[] = {
        {"HTTP/1.1", "GET / HTTP/1.1\r\n\r\n", true, true},
        {"HTTP/1.1 close", "GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", true, false},
        {"close in a list", "GET / HTTP/1.1\r\nConnection: a, close\r\n\r\n", true, false},
        {"close beside keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
         true, false},
        {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", true, false},
        {"HTTP/1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, true},
        {"HTTP/1.0 to a proxy", "GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n\r\n", true,
         true},
        {"HTTP/1.1 to a proxy", "GET / HTTP/1.1\r\nProxy-Connection: close\r\n\r\n", true,
         false},
        {"Connection before Proxy-Connection",
         "GET / HTTP/1.1\r\nProxy-Connection: close\r\nConnection: x\r\n\r\n", true, true},
        {"a response", "HTTP/1.1 200 OK\r\n\r\n", false, true},
        {"a response with close", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", false, false},
        {"an old response", "HTTP/1.0 200 OK\r\n\r\n", false, false},
        {"an old response with keep-alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n",
         false, true},
        {"a response with Proxy-Connection",
         "HTTP/1.1 200 OK\r\nProxy-Connection: close\r\n\r\n", false, true},
        {"an old response with Proxy-Connection",
         "HTTP/1.0 200 OK\r\nProxy-Connection: keep-alive\r\n\r\n", false, false},
    };
    struct given given;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct head *head = rows[i].is_request ? given_request(&given, rows[i].text)
                                                     : given_response(&given, rows[i].text);

        if (fields_keep_alive(head, rows[i].is_request) != rows[i].is_kept)
            fail_msg("%s", rows[i].claim);
    }
}

static void
keep_alive_parameters_are_read(void **state)
{
    static const struct {
        const char *text;
        struct keep_alive said;
    } rows[] = {
        {"", {0}},
        {"Keep-Alive: timeout=5, max=100\r\n", {true, 5, true, 100}},
        {"A: timeout=3\r\nkeep-alive: Max=1\r\n", {false, 0, true, 1}},
        {"Keep-Alive: timeout = 0\r\n", {true, 0, false, 0}},
        {"Keep-Alive: timeout=9, timeout=4\r\n", {true, 4, false, 0}},
        {"Keep-Alive: timeout=4\r\nKeep-Alive: timeout=9\r\n", {true, 4, false, 0}},
        {"Keep-Alive: 300\r\n", {0}},
        {"Keep-Alive: timeout\r\n", {0}},
        {"Keep-Alive: timeouts=5\r\n", {0}},
        {"Keep-Alive: timeout=\r\n", {0}},
        {"Keep-Alive: timeout=-5, max=x\r\n", {0}},
        {"Keep-Alive: timeout=5s\r\n", {0}},
        {"Keep-Alive: timeout=99999999999\r\n", {0}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[200];
        struct given given;
        struct keep_alive said;

        snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\n", rows[i].text);
        said = fields_parse_keep_alive(given_response(&given, text));
        if (said.has_timeout != rows[i].said.has_timeout ||
            said.timeout_s != rows[i].said.timeout_s || said.has_max != rows[i].said.has_max ||
            said.max != rows[i].said.max)
            fail_msg("%s", rows[i].text);
    }
}

static void
via_tells_by_whom_a_message_came(void **state)
{
    static const struct {
        const char *via;
        bool is_found;
    } rows[] = {
        {"1.1 us", true},
        {"1.1\tus\t(comment)", true},
        {"HTTP/1.1  US (a comment)", true},
        {"1.1 us(comment)", true},
        {"1.0 a, 1.1 us, 1.1 b", true},
        {"1.0 a\r\nVia: 1.1 us", true},
        {"1.1 usa", false},
        {"1.1 u", false},
        {"us", false},
        {"1.1 a (us)", false},
        {"1.1 ", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[200];
        struct given given;

        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nVia: %s\r\n\r\n", rows[i].via);
        if (fields_came_by(given_request(&given, text), SLICE("us")) != rows[i].is_found)
            fail_msg("%s", rows[i].via);
    }
}

static void
max_forwards_is_a_number_said_once(void **state)
{
    static const struct {
        const char *fields;
        enum parse parse;
        bool has;
        uint32_t hops;
    } rows[] = {
        {"", PARSE_DONE, false, 0},
        {"Max-Forwards: 0\r\n", PARSE_DONE, true, 0},
        {"max-forwards: 010\r\n", PARSE_DONE, true, 10},
        {"Max-Forwards: 4294967295\r\n", PARSE_DONE, true, UINT32_MAX},
        {"Max-Forwards: 4294967296\r\n", PARSE_DONE, true, UINT32_MAX},
        {"Max-Forwards: 99999999999999999999999\r\n", PARSE_DONE, true, UINT32_MAX},
        {"Max-Forwards:\r\n", PARSE_REFUSE, true, 0},
        {"Max-Forwards: -1\r\n", PARSE_REFUSE, true, 0},
        {"Max-Forwards: 1 1\r\n", PARSE_REFUSE, true, 0},
        {"Max-Forwards: 1\r\nMax-Forwards: 1\r\n", PARSE_REFUSE, true, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[200];
        struct given given;
        uint32_t hops = 0;
        bool has = false;

        snprintf(text, sizeof(text), "TRACE / HTTP/1.1\r\n%s\r\n", rows[i].fields);
        if (fields_max_forwards(given_request(&given, text), &has, &hops) != rows[i].parse ||
            has != rows[i].has || hops != rows[i].hops)
            fail_msg("%s", rows[i].fields);
    }
}

static void
logins_on_the_connection_are_known(void **state)
{
    static const struct {
        const char *value;
        enum connection_auth auth;
    } rows[] = {
        {"", CONNECTION_AUTH_NONE},
        {"Basic a", CONNECTION_AUTH_NONE},
        {"Bearer NTLM", CONNECTION_AUTH_NONE},
        {"NTLMv3 a", CONNECTION_AUTH_NONE},
        {"Digest realm=\"NTLM\"", CONNECTION_AUTH_NONE},
        {"NTLM", CONNECTION_AUTH_SCHEME},
        {"nEGOTIATE", CONNECTION_AUTH_SCHEME},
        {"Nego2", CONNECTION_AUTH_SCHEME},
        {"kerberos", CONNECTION_AUTH_SCHEME},
        {"NTLM TlRM", CONNECTION_AUTH_TOKEN},
        {"Negotiate\tYII=", CONNECTION_AUTH_TOKEN},
        {"Basic realm=\"a, b\", NTLM", CONNECTION_AUTH_SCHEME},
        {"NTLM, Basic realm=\"a\"", CONNECTION_AUTH_SCHEME},
        {",,Negotiate a,NTLM", CONNECTION_AUTH_TOKEN},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[200];
        struct given given;

        snprintf(text, sizeof(text),
                 "GET / HTTP/1.1\r\nAuthorization: Basic a\r\n"
                 "Authorization: %s\r\nX: NTLM a\r\n\r\n",
                 rows[i].value);
        if (fields_connection_auth(given_request(&given, text), SLICE("authorization")) !=
            rows[i].auth)
            fail_msg("%s", rows[i].value);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_for_the_next_hop_are_known),
        cmocka_unit_test(fields_named_by_connection_are_for_the_next_hop),
        cmocka_unit_test(connection_cannot_take_host_and_length_away),
        cmocka_unit_test(a_connection_is_kept_as_its_sender_says),
        cmocka_unit_test(keep_alive_parameters_are_read),
        cmocka_unit_test(via_tells_by_whom_a_message_came),
        cmocka_unit_test(max_forwards_is_a_number_said_once),
        cmocka_unit_test(logins_on_the_connection_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
