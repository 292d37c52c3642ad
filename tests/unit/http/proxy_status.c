/* What proxy/http/proxy_status promises: a field that structured field parsers read. */
#include "proxy/http/proxy_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
error_and_details_are_parameters_of_our_name(void **state)
{
    char field[PROXY_STATUS_SIZE];

    (void)state;
    proxy_status_write("carpool", "dns_timeout", "o.test port 80", field);
    assert_string_equal(
        field, "Proxy-Status: carpool; error=dns_timeout; details=\"o.test port 80\"\r\n");
}

static void
quotes_and_backslashes_are_escaped(void **state)
{
    char field[PROXY_STATUS_SIZE];

    (void)state;
    proxy_status_write("carpool", "dns_error", "a\"b\\c", field);
    assert_string_equal(field,
                        "Proxy-Status: carpool; error=dns_error; details=\"a\\\"b\\\\c\"\r\n");
}

static void
what_a_string_cannot_say_is_replaced(void **state)
{
    char field[PROXY_STATUS_SIZE];

    (void)state;
    proxy_status_write("carpool", "dns_error", "a\r\nb\x7f\xc3\xa9~", field);
    assert_string_equal(field,
                        "Proxy-Status: carpool; error=dns_error; details=\"a??b???~\"\r\n");
}

static void
long_details_are_cut_within_the_room(void **state)
{
    char field[PROXY_STATUS_SIZE];
    char details[2 * PROXY_STATUS_SIZE];

    (void)state;
    memset(details, '"', sizeof(details));
    details[sizeof(details) - 1] = '\0';
    for (size_t skipped = 0; skipped < 2; skipped++) {
        details[skipped] = 'x';
        proxy_status_write("carpool", "dns_error", details, field);
        assert_true(strlen(field) > PROXY_STATUS_SIZE - 4);
        assert_true(strlen(field) < PROXY_STATUS_SIZE);
        assert_string_equal(field + strlen(field) - 5, "\\\"\"\r\n");
    }
}

static void
names_that_are_no_tokens_are_strings(void **state)
{
    static const struct {
        const char *name;
        const char *start;
    } rows[] = {
        {"gate-7.example", "Proxy-Status: gate-7.example; error="},
        {"Zoo", "Proxy-Status: Zoo; error="},
        {"7th-gate", "Proxy-Status: \"7th-gate\"; error="},
        {"_", "Proxy-Status: \"_\"; error="},
    };
    char field[PROXY_STATUS_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        proxy_status_write(rows[i].name, "dns_error", "", field);
        assert_memory_equal(field, rows[i].start, strlen(rows[i].start));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_and_details_are_parameters_of_our_name),
        cmocka_unit_test(quotes_and_backslashes_are_escaped),
        cmocka_unit_test(what_a_string_cannot_say_is_replaced),
        cmocka_unit_test(names_that_are_no_tokens_are_strings),
        cmocka_unit_test(long_details_are_cut_within_the_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
