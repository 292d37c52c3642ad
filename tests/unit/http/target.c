/* What proxy/http/target promises of request targets and Host (RFC 9112 §3.2). */
#include "proxy/http/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/http/given.h"

struct row {
    const char *claim;
    enum method method;
    const char *text;
    enum refusal refusal;
    struct target target;
};

#define A_NAME_OF_63 "a23456789012345678901234567890123456789012345678901234567890123"
#define A_NAME_OF_253                                                                          \
    A_NAME_OF_63 "." A_NAME_OF_63 "." A_NAME_OF_63                                             \
                 ".a234567890123456789012345678901234567890123456789012345678901"

#define FINE(claim, method, text, form, host, port, path)                                      \
    {                                                                                          \
        claim, METHOD_##method, text, REFUSAL_NONE,                                            \
        {                                                                                      \
            TARGET_##form, {host, sizeof(host) - 1}, false, port, (port) != 80 && (port) != 0, \
                {path, sizeof(path) - 1}, false,                                               \
        }                                                                                      \
    }
#define BAD(refusal, claim, method, text)                                                      \
    {                                                                                          \
        claim, METHOD_##method, text, REFUSAL_##refusal,                                       \
        {                                                                                      \
            0                                                                                  \
        }                                                                                      \
    }

#define SECURE(claim, text, host, port, path)                                                  \
    {                                                                                          \
        claim, METHOD_GET, text, REFUSAL_NONE,                                                 \
        {                                                                                      \
            TARGET_ABSOLUTE, {host, sizeof(host) - 1}, false, port, (port) != 443,             \
                {path, sizeof(path) - 1}, true                                                 \
        }                                                                                      \
    }

static const struct row rows[] = {
    SECURE("https", "https://o.test/a", "o.test", 443, "/a"),
    SECURE("https in any case", "HTTPS://o.test", "o.test", 443, "/"),
    SECURE("https at its port", "https://o.test:443/", "o.test", 443, "/"),
    SECURE("https at the port of http", "https://o.test:80/", "o.test", 80, "/"),
    SECURE("https at any port", "https://o.test:8443?q", "o.test", 8443, "?q"),
    FINE("absolute form", GET, "http://o.test/a?b", ABSOLUTE, "o.test", 80, "/a?b"),
    FINE("the scheme in any case", GET, "hTTp://o.test/", ABSOLUTE, "o.test", 80, "/"),
    FINE("the host as it came", GET, "http://O.Test/", ABSOLUTE, "O.Test", 80, "/"),
    FINE("a port", GET, "http://o.test:8080/", ABSOLUTE, "o.test", 8080, "/"),
    FINE("the default port", GET, "http://o.test:80/", ABSOLUTE, "o.test", 80, "/"),
    FINE("an empty port", GET, "http://o.test:/", ABSOLUTE, "o.test", 80, "/"),
    FINE("zeros before a port", GET, "http://o.test:0081/", ABSOLUTE, "o.test", 81, "/"),
    FINE("the largest port", GET, "http://o.test:65535/", ABSOLUTE, "o.test", 65535, "/"),
    FINE("an empty path", GET, "http://o.test", ABSOLUTE, "o.test", 80, "/"),
    FINE("an empty path behind a port", GET, "http://o.test:81", ABSOLUTE, "o.test", 81, "/"),
    FINE("a query alone", GET, "http://o.test?a=b", ABSOLUTE, "o.test", 80, "?a=b"),
    FINE("OPTIONS of the whole server", OPTIONS, "http://o.test", ABSOLUTE, "o.test", 80, "*"),
    FINE("OPTIONS of the root", OPTIONS, "http://o.test/", ABSOLUTE, "o.test", 80, "/"),
    FINE("OPTIONS of a query", OPTIONS, "http://o.test?a", ABSOLUTE, "o.test", 80, "?a"),
    FINE("percent-encoding untouched", GET, "http://o.test/%2e%2E/%zz", ABSOLUTE, "o.test", 80,
         "/%2e%2E/%zz"),
    FINE("dots untouched", GET, "http://o.test/../a//b/.", ABSOLUTE, "o.test", 80,
         "/../a//b/."),
    FINE("a URL as query", GET, "http://o.test/?u=http://a@b:1/", ABSOLUTE, "o.test", 80,
         "/?u=http://a@b:1/"),
    FINE("an at sign in the path", GET, "http://o.test/@b", ABSOLUTE, "o.test", 80, "/@b"),
    FINE("an at sign in a query alone", GET, "http://o.test?@b", ABSOLUTE, "o.test", 80, "?@b"),
    FINE("bytes that browsers leave as they are", GET, "http://o.test/|[]^{}`\"<>\\", ABSOLUTE,
         "o.test", 80, "/|[]^{}`\"<>\\"),
    FINE("userinfo is removed", GET, "http://u:p%40@o.test/", ABSOLUTE, "o.test", 80, "/"),
    FINE("empty userinfo is removed", GET, "http://@o.test/", ABSOLUTE, "o.test", 80, "/"),
    FINE("a trailing dot is kept", GET, "http://o.test./", ABSOLUTE, "o.test.", 80, "/"),
    FINE("an underscore", GET, "http://a_b.o.test/", ABSOLUTE, "a_b.o.test", 80, "/"),
    FINE("an A-label", GET, "http://xn--bcher-kva.test/", ABSOLUTE, "xn--bcher-kva.test", 80,
         "/"),
    FINE("a name alone", GET, "http://intranet/", ABSOLUTE, "intranet", 80, "/"),
    FINE("digits in a name", GET, "http://1.2.3.4a/", ABSOLUTE, "1.2.3.4a", 80, "/"),
    FINE("a dotted quad", GET, "http://127.0.0.1/", ABSOLUTE, "127.0.0.1", 80, "/"),
    FINE("a name of 253 bytes", GET, "http://" A_NAME_OF_253 "/", ABSOLUTE, A_NAME_OF_253, 80,
         "/"),
    FINE("origin form", GET, "/a?b", ORIGIN, "", 0, "/a?b"),
    FINE("origin form with two slashes", GET, "//o.test/a", ORIGIN, "", 0, "//o.test/a"),
    FINE("asterisk form", OPTIONS, "*", ASTERISK, "", 0, "*"),
    FINE("authority form", CONNECT, "o.test:443", AUTHORITY, "o.test", 443, ""),
    FINE("authority form of a quad", CONNECT, "1.2.3.4:1", AUTHORITY, "1.2.3.4", 1, ""),
    BAD(SCHEME, "ftp", GET, "ftp://o.test/"),
    BAD(SCHEME, "ws", GET, "ws://o.test/"),
    BAD(SCHEME, "a scheme with a plus", GET, "git+ssh://o.test/"),
    BAD(TARGET, "no scheme", GET, "o.test/"),
    BAD(TARGET, "authority form for GET", GET, "o.test:80"),
    BAD(TARGET, "a URN", GET, "urn:a:b"),
    BAD(TARGET, "a scheme that begins with a digit", GET, "1http://o.test/"),
    BAD(TARGET, "a scheme with a bad byte", GET, "ht~tp://o.test/"),
    BAD(TARGET, "nothing but a scheme", GET, "http:"),
    BAD(TARGET, "http with one slash", GET, "http:/o.test/"),
    BAD(TARGET, "http without slashes", GET, "http:o.test/"),
    BAD(TARGET, "http with backslashes", GET, "http:\\\\o.test\\"),
    BAD(TARGET, "an empty host", GET, "http:///path"),
    BAD(TARGET, "no host", GET, "http://"),
    BAD(TARGET, "a query for a host", GET, "http://?a"),
    BAD(TARGET, "a port without host", GET, "http://:80/"),
    BAD(TARGET, "userinfo without host", GET, "http://u@/"),
    BAD(TARGET, "port 0", GET, "http://o.test:0/"),
    BAD(TARGET, "port 65536", GET, "http://o.test:65536/"),
    BAD(TARGET, "a port past 64 bits", GET, "http://o.test:18446744073709551696/"),
    BAD(TARGET, "a port with a sign", GET, "http://o.test:+80/"),
    BAD(TARGET, "a port with letters", GET, "http://o.test:80a/"),
    BAD(TARGET, "two ports", GET, "http://o.test:80:80/"),
    BAD(TARGET, "a fragment", GET, "http://o.test/#a"),
    BAD(TARGET, "bytes beyond ASCII in the host", GET,
        "http://b\xc3\xbc"
        "cher.test/"),
    BAD(TARGET, "a percent-encoded host", GET, "http://%6f.test/"),
    BAD(TARGET, "two at signs", GET, "http://a@b@o.test/"),
    BAD(TARGET, "a backslash in userinfo", GET, "http://good.test\\@o.test/"),
    BAD(TARGET, "a backslash in the host", GET, "http://o.test\\a/"),
    BAD(TARGET, "a comma in the host", GET, "http://a,b/"),
    BAD(TARGET, "an empty label", GET, "http://a..b/"),
    BAD(TARGET, "a leading dot", GET, "http://.a/"),
    BAD(TARGET, "a dot alone", GET, "http://./"),
    BAD(TARGET, "two trailing dots", GET, "http://a../"),
    BAD(TARGET, "a label of 64 bytes", GET, "http://" A_NAME_OF_63 "4/"),
    BAD(TARGET, "a name of 255 bytes", GET, "http://" A_NAME_OF_253 "aa/"),
    BAD(TARGET, "a short IPv4 address", GET, "http://127.1/"),
    BAD(TARGET, "a decimal IPv4 address", GET, "http://2130706433/"),
    BAD(TARGET, "a hex IPv4 address", GET, "http://0x7f000001/"),
    BAD(TARGET, "a hex part", GET, "http://127.0.0.0X1/"),
    BAD(TARGET, "an octal part", GET, "http://0177.0.0.1/"),
    BAD(TARGET, "an IPv4 address with a trailing dot", GET, "http://127.0.0.1./"),
    BAD(TARGET, "five parts", GET, "http://1.2.3.4.5/"),
    BAD(TARGET, "a part past 255", GET, "http://1.2.3.256/"),
    BAD(TARGET, "a name that ends in a number", GET, "http://a.b.1/"),
    BAD(TARGET, "IPv6 without brackets", GET, "http://::1/"),
    BAD(TARGET, "IPv6 without the closing bracket", GET, "http://[::1/"),
    BAD(TARGET, "bytes behind the bracket", GET, "http://[::1]a/"),
    BAD(TARGET, "empty brackets", GET, "http://[]/"),
    BAD(TARGET, "a name in brackets", GET, "http://[o.test]/"),
    BAD(TARGET, "an IPv4 address in brackets", GET, "http://[127.0.0.1]/"),
    BAD(TARGET, "a future address", GET, "http://[v1.a]/"),
    BAD(TARGET, "a zone, 9844", GET, "http://[fe80::1%25eth0]/"),
    BAD(TARGET, "a bare zone", GET, "http://[fe80::1%eth0]/"),
    BAD(TARGET, "an overlong literal", GET,
        "http://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]/"),
    BAD(TARGET, "asterisk form for GET", GET, "*"),
    BAD(TARGET, "CONNECT without port", CONNECT, "o.test"),
    BAD(TARGET, "CONNECT with an empty port", CONNECT, "o.test:"),
    BAD(TARGET, "CONNECT to port 0", CONNECT, "o.test:0"),
    BAD(TARGET, "CONNECT without host", CONNECT, ":443"),
    BAD(TARGET, "CONNECT with userinfo", CONNECT, "u@o.test:443"),
    BAD(TARGET, "CONNECT with a path", CONNECT, "o.test:443/"),
    BAD(TARGET, "CONNECT in absolute form", CONNECT, "http://o.test:443"),
    BAD(TARGET, "CONNECT in origin form", CONNECT, "/"),
};

static struct head
head_with(enum method method, const char *target)
{
    return (struct head){.method = method, .target = slice_of(target), .minor = 1};
}

static bool
is_same(const struct target *a, const struct target *b)
{
    return a->form == b->form && slice_equal(a->host, b->host) && a->port == b->port &&
           a->has_port == b->has_port && a->is_secure == b->is_secure &&
           a->is_bracketed == b->is_bracketed && slice_equal(a->path, b->path);
}

static void
targets_are_taken_apart_strictly(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct head head = head_with(rows[i].method, rows[i].text);
        enum refusal refusal = REFUSAL_NONE;
        struct target target = {0};
        enum parse parse = target_parse(&head, &target, &refusal);

        if (refusal != rows[i].refusal || (parse == PARSE_DONE) != (refusal == REFUSAL_NONE))
            fail_msg("%s: answer %d, refusal %d", rows[i].claim, parse, refusal);
        if (!is_same(&target, &rows[i].target))
            fail_msg("%s: host \"%.*s\" port %d path \"%.*s\"", rows[i].claim,
                     SLICE_ARGS(target.host), target.port, SLICE_ARGS(target.path));
    }
}

static void
an_ipv6_literal_loses_its_brackets(void **state)
{
    static const struct {
        enum method method;
        const char *text;
        const char *host;
        uint16_t port;
    } literals[] = {
        {METHOD_GET, "http://[::1]/", "::1", 80},
        {METHOD_GET, "http://[2001:DB8::7]:8080", "2001:DB8::7", 8080},
        {METHOD_GET, "http://u@[::ffff:127.0.0.1]:/", "::ffff:127.0.0.1", 80},
        {METHOD_CONNECT, "[::1]:443", "::1", 443},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(literals); i++) {
        struct head head = head_with(literals[i].method, literals[i].text);
        enum refusal refusal;
        struct target target;

        assert_int_equal(target_parse(&head, &target, &refusal), PARSE_DONE);
        assert_true(target.is_bracketed);
        assert_true(slice_equal(target.host, slice_of(literals[i].host)));
        assert_int_equal(target.port, literals[i].port);
    }
}

static void
a_port_given_to_connect_is_always_said(void **state)
{
    struct head head = head_with(METHOD_CONNECT, "o.test:80");
    enum refusal refusal;
    struct target target;

    (void)state;
    assert_int_equal(target_parse(&head, &target, &refusal), PARSE_DONE);
    assert_true(target.has_port);
}

/* The head parser lets none of these through; the target parser does not trust it. */
static void
bytes_that_are_in_no_target_are_refused(void **state)
{
    static const struct slice targets[] = {
        {"", 0}, {"/\0", 2}, {"http://a\0b/", 11}, {"http://a /", 10}, {"/\x80", 2}};

    (void)state;
    for (size_t i = 0; i < COUNT(targets); i++) {
        struct head head = {.method = METHOD_GET, .target = targets[i], .minor = 1};
        enum refusal refusal = REFUSAL_NONE;
        struct target target;

        assert_int_equal(target_parse(&head, &target, &refusal), PARSE_REFUSE);
        assert_int_equal(refusal, REFUSAL_TARGET);
    }
}

static void
host_fields_are_checked(void **state)
{
    static const struct {
        const char *claim;
        const char *text;
        bool is_fine;
    } hosts[] = {
        {"one", "GET / HTTP/1.1\r\nHost: o.test\r\n\r\n", true},
        {"with a port", "GET / HTTP/1.1\r\nHost: o.test:81\r\n\r\n", true},
        {"with an empty port", "GET / HTTP/1.1\r\nHost: o.test:\r\n\r\n", true},
        {"IPv6", "GET / HTTP/1.1\r\nHost: [::1]:81\r\n\r\n", true},
        {"empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", true},
        {"none in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", true},
        {"one in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", true},
        {"another than the target's", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", true},
        {"none in HTTP/1.1", "GET / HTTP/1.1\r\n\r\n", false},
        {"two", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", false},
        {"the same twice", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", false},
        {"two in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", false},
        {"malformed in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a b\r\n\r\n", false},
        {"with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", false},
        {"a list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", false},
        {"with userinfo", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", false},
        {"with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", false},
        {"a URL", "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", false},
        {"beyond ASCII", "GET / HTTP/1.1\r\nHost: \xc3\xbc\r\n\r\n", false},
        {"with a bad port", "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", false},
        {"with port 65536", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", false},
    };
    struct given given;

    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        const struct head *head = given_request(&given, hosts[i].text);
        enum refusal refusal = REFUSAL_NONE;
        bool is_fine = target_check_host(head, &refusal) == PARSE_DONE;

        if (is_fine != hosts[i].is_fine || refusal != (is_fine ? REFUSAL_NONE : REFUSAL_HOST))
            fail_msg("Host: %s: refusal %d", hosts[i].claim, refusal);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_taken_apart_strictly),
        cmocka_unit_test(an_ipv6_literal_loses_its_brackets),
        cmocka_unit_test(a_port_given_to_connect_is_always_said),
        cmocka_unit_test(bytes_that_are_in_no_target_are_refused),
        cmocka_unit_test(host_fields_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
