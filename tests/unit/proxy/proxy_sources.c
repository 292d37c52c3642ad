/* Which source a request gets, and what is wrong with a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/policy/sources.h"

/* A question, whose texts and addresses live as long as the next call. */
static struct rules_question
question(const char *listener, const char *client, const char *host)
{
    static struct address addresses[2];

    assert_int_equal(address_parse(slice_of(listener), &addresses[0]), ERR_OK);
    assert_int_equal(address_parse_ip(slice_of(client), 0, &addresses[1]), ERR_OK);
    return (struct rules_question){.listener = &addresses[0],
                                   .client = &addresses[1],
                                   .host = slice_of(host),
                                   .port = 80,
                                   .method = SLICE("GET")};
}

static struct sources *
read(const char *text)
{
    struct sources *sources = NULL;
    char why[900] = "";

    if (sources_new(text, true, &sources, why, sizeof(why)) != ERR_OK)
        fail_msg("%s", why);
    return sources;
}

/* The number of the line that decides; 0: the kernel chooses. */
static size_t
line_for(const char *text, const struct rules_question *asked)
{
    struct sources *sources = read(text);
    const struct source *source = sources_find(sources, asked);
    size_t number = source != NULL ? source_number(source) : 0;

    sources_free(sources);
    return number;
}

static void
assert_refused(const char *text, const char *expected)
{
    struct sources *sources = NULL;
    char why[900];

    assert_int_equal(sources_new(text, false, &sources, why, sizeof(why)), ERR_SYNTAX);
    assert_string_equal(why, expected);
}

static void
nothing_given_leaves_it_to_the_kernel(void **state)
{
    struct rules_question asked = question("127.0.0.1:3128", "10.0.0.1", "a.test");

    (void)state;
    assert_int_equal(line_for("", &asked), 0);
    assert_int_equal(line_for("192.0.2.1 host b.test", &asked), 0);
}

static void
first_line_that_matches_decides(void **state)
{
    static const char text[] = "192.0.2.1 host .a.test port 80\n"
                               "any client 10.0.0.0/8  # inside\n"
                               "192.0.2.2; 192.0.2.3";
    struct rules_question asked = question("127.0.0.1:3128", "10.0.0.1", "www.a.test");

    (void)state;
    assert_int_equal(line_for(text, &asked), 1);
    asked.port = 81;
    assert_int_equal(line_for(text, &asked), 0);
    asked = question("127.0.0.1:3128", "192.168.0.1", "b.test");
    assert_int_equal(line_for(text, &asked), 3);
}

static void
listener_is_matched_by_address_and_port(void **state)
{
    struct rules_question asked = question("127.0.0.2:3128", "10.0.0.1", "a.test");

    (void)state;
    assert_int_equal(line_for("192.0.2.1 listener 127.0.0.2", &asked), 1);
    assert_int_equal(line_for("192.0.2.1 listener 127.0.0.2:3128", &asked), 1);
    assert_int_equal(line_for("192.0.2.1 listener 0.0.0.0:3128", &asked), 1);
    assert_int_equal(line_for("192.0.2.1 listener [::]:3128", &asked), 1);
    assert_int_equal(line_for("192.0.2.1 listener 127.0.0.2:3129", &asked), 0);
    assert_int_equal(line_for("192.0.2.1 listener 127.0.0.1, ::1", &asked), 0);
    assert_int_equal(line_for("192.0.2.1 listener !127.0.0.1", &asked), 1);
    asked = question("[::ffff:127.0.0.2]:3128", "10.0.0.1", "a.test");
    assert_int_equal(line_for("192.0.2.1 listener 127.0.0.2", &asked), 1);
}

static void
user_is_asked_for_by_no_source(void **state)
{
    struct rules_question asked = question("127.0.0.1:3128", "10.0.0.1", "a.test");

    (void)state;
    assert_int_equal(line_for("192.0.2.1 user alice; 192.0.2.2", &asked), 2);
    asked.user = SLICE("alice");
    assert_int_equal(line_for("192.0.2.1 user alice; 192.0.2.2", &asked), 1);
}

static void
one_address_of_each_family_may_be_given(void **state)
{
    struct rules_question asked = question("127.0.0.1:3128", "10.0.0.1", "a.test");
    struct sources *sources = read("192.0.2.1, 2001:db8::1 host a.test; 2001:db8::2");
    const struct source *source = sources_find(sources, &asked);
    char text[ADDRESS_TEXT_SIZE];

    (void)state;
    assert_string_equal(address_format_ip(source_address(source, AF_INET), text), "192.0.2.1");
    assert_string_equal(address_format_ip(source_address(source, AF_INET6), text),
                        "2001:db8::1");
    asked.host = SLICE("b.test");
    source = sources_find(sources, &asked);
    assert_null(source_address(source, AF_INET));
    assert_string_equal(address_format_ip(source_address(source, AF_INET6), text),
                        "2001:db8::2");
    sources_free(sources);
}

static void
bad_lines_are_named(void **state)
{
    static const char expected[] = "expected an IPv4 address, an IPv6 address or one of each, "
                                   "such as 192.0.2.1,2001:db8::1, or any";
    static const char *const bad[] = {"a.test",  "192.0.2.1,192.0.2.2", "192.0.2.0/24",
                                      "0.0.0.0", "192.0.2.1,any",       "224.0.0.1"};
    char line[256];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(line, sizeof(line), "line 1: \"%s\" is not accepted; %s", bad[i], expected);
        assert_refused(bad[i], line);
    }
    assert_refused("any\n192.0.2.1 address private",
                   "line 2: address is not accepted; expected host, as the source is chosen "
                   "before the host's address is known");
    assert_refused("192.0.2.1 from a.test",
                   "line 1: \"from\" is not accepted; expected listener, client, user, host, "
                   "address, port, method or scheme");
    assert_refused("192.0.2.1 listener here",
                   "line 1: listener \"here\" is not accepted; expected addresses of this "
                   "proxy as ADDR or ADDR:PORT");
    assert_refused("192.0.2.1 user alice", "line 1: it names users, and there are none; "
                                           "expected auth.users_file");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given_leaves_it_to_the_kernel),
        cmocka_unit_test(first_line_that_matches_decides),
        cmocka_unit_test(listener_is_matched_by_address_and_port),
        cmocka_unit_test(user_is_asked_for_by_no_source),
        cmocka_unit_test(one_address_of_each_family_may_be_given),
        cmocka_unit_test(bad_lines_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
