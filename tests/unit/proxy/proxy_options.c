/* The program around the data plane, as far as it is pure: cores, options, URLs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/commands.h"
#include "proxy/cores.h"
#include "proxy/options.h"

static void
a_quota_is_rounded_up_to_cores(void **state)
{
    (void)state;
    assert_int_equal(cores_of_quota("100000 100000\n"), 1);
    assert_int_equal(cores_of_quota("150000 100000\n"), 2);
    assert_int_equal(cores_of_quota("1000 100000\n"), 1);
    assert_int_equal(cores_of_quota("800000 100000"), 8);
}

static void
what_is_no_quota_limits_nothing(void **state)
{
    static const char *texts[] = {
        "max 100000\n", "", "100000", "0 100000\n", "100000 0\n", "-1 100000\n", "100000 x\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(cores_of_quota(texts[i]), 0);
}

static void
there_is_always_a_core(void **state)
{
    (void)state;
    assert_true(cores_usable() >= 1);
}

static void
assert_url(const char *listener, const char *expected)
{
    struct address address;
    char url[128];

    assert_int_equal(address_parse(slice_of(listener), &address), ERR_OK);
    command_url(&address, "/healthz", url);
    assert_string_equal(url, expected);
}

static void
a_wildcard_listener_is_reached_over_loopback(void **state)
{
    (void)state;
    assert_url("0.0.0.0:3128", "http://127.0.0.1:3128/healthz");
    assert_url("[::]:3128", "http://[::1]:3128/healthz");
    assert_url("192.0.2.7:80", "http://192.0.2.7:80/healthz");
}

#define PARSE(options, complaint, ...)                                                         \
    options_parse((int)(sizeof((const char *[]){"carpool", __VA_ARGS__}) / sizeof(char *)),    \
                  (const char *const[]){"carpool", __VA_ARGS__, NULL}, options, complaint)

static void
listeners_add_up_to_one_setting(void **state)
{
    struct options options;
    struct complaint complaint;

    (void)state;
    assert_int_equal(PARSE(&options, &complaint, "--listen", "1.1.1.1:1", "--workers=3",
                           "--listen=2.2.2.2:2"),
                     ERR_OK);
    assert_int_equal(options.action, ACTION_RUN);
    assert_int_equal(options.assignment_count, 2);
    assert_ptr_equal(options.assignments[0].setting, setting_at(SETTING_proxy_listen));
    assert_string_equal(options.assignments[0].text, "1.1.1.1:1, 2.2.2.2:2");
    assert_string_equal(options.assignments[1].text, "3");
    options_fini(&options);
}

static void
a_value_may_hold_an_equals_sign(void **state)
{
    struct options options;
    struct complaint complaint;

    (void)state;
    assert_int_equal(PARSE(&options, &complaint, "run", "--set=log.access=/tmp/a=b"), ERR_OK);
    assert_ptr_equal(options.assignments[0].setting, setting_at(SETTING_log_access));
    assert_string_equal(options.assignments[0].text, "/tmp/a=b");
    options_fini(&options);
}

static void
a_command_takes_only_its_own_options(void **state)
{
    struct options options;
    struct complaint complaint;

    (void)state;
    assert_int_equal(PARSE(&options, &complaint, "health", "--url", "http://x/"), ERR_OK);
    assert_int_equal(options.action, ACTION_HEALTH);
    assert_string_equal(options.url, "http://x/");
    assert_int_equal(PARSE(&options, &complaint, "health", "--workers", "1"), ERR_SYNTAX);
    assert_string_equal(complaint.text, "--workers is no option of health; expected one that "
                                        "carpool --help lists for it");
}

static void
rows_are_chosen_or_closed_but_not_both(void **state)
{
    struct options options;
    struct complaint complaint;

    (void)state;
    assert_int_equal(PARSE(&options, &complaint, "connections", "--host=*.test", "--client",
                           "::1", "--local=*:1", "--remote=*:2", "--state=parked", "--json"),
                     ERR_OK);
    assert_int_equal(options.action, ACTION_CONNECTIONS);
    assert_string_equal(options.connections.host, "*.test");
    assert_string_equal(options.connections.client, "::1");
    assert_string_equal(options.connections.local, "*:1");
    assert_string_equal(options.connections.remote, "*:2");
    assert_string_equal(options.connections.state, "parked");
    assert_true(options.as_json);
    assert_null(options.connections.close);
    assert_int_equal(PARSE(&options, &complaint, "connections", "--close=12", "--client=::1"),
                     ERR_SYNTAX);
    assert_string_equal(complaint.text, "--close chooses by itself; expected it alone");
    assert_int_equal(PARSE(&options, &complaint, "run", "--state=parked"), ERR_SYNTAX);
}

static void
too_many_settings_are_refused(void **state)
{
    const char *arguments[2 * OPTIONS_AT_MOST + 4] = {"carpool"};
    struct options options;
    struct complaint complaint;
    int count = 1;

    (void)state;
    while (count < 2 * OPTIONS_AT_MOST + 3) {
        arguments[count++] = "--set";
        arguments[count++] = "pool.max_uses=1";
    }
    assert_int_equal(options_parse(count, arguments, &options, &complaint), ERR_SYNTAX);
    assert_string_equal(complaint.text, "--set: more than 256 settings; expected a file");
}

static void
report_has_an_address_and_a_form(void **state)
{
    struct options options;
    struct complaint complaint;

    (void)state;
    assert_int_equal(PARSE(&options, &complaint, "report", "--admin", "127.0.0.1:9"), ERR_OK);
    assert_int_equal(options.action, ACTION_REPORT);
    assert_false(options.as_json);
    assert_int_equal(PARSE(&options, &complaint, "report", "--json"), ERR_OK);
    assert_true(options.as_json);
    assert_int_equal(PARSE(&options, &complaint, "report", "--close=all"), ERR_SYNTAX);
    assert_string_equal(complaint.text, "--close is no option of report; expected one that "
                                        "carpool --help lists for it");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quota_is_rounded_up_to_cores),
        cmocka_unit_test(what_is_no_quota_limits_nothing),
        cmocka_unit_test(there_is_always_a_core),
        cmocka_unit_test(a_wildcard_listener_is_reached_over_loopback),
        cmocka_unit_test(listeners_add_up_to_one_setting),
        cmocka_unit_test(a_value_may_hold_an_equals_sign),
        cmocka_unit_test(a_command_takes_only_its_own_options),
        cmocka_unit_test(rows_are_chosen_or_closed_but_not_both),
        cmocka_unit_test(report_has_an_address_and_a_form),
        cmocka_unit_test(too_many_settings_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
