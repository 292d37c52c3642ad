/* What carpool report makes of what /hosts says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/report_table.h"

/* What every row has, and most tests do not ask about. */
#define COUNTS "\"requests\":12,\"opened\":3,\"reused\":9,\"tunnels\":0,\"reuse_ratio\":0.75,"
#define PLAIN COUNTS "\"handshakes_full\":0,\"handshakes_resumed\":0,\"saved_us\":1500"
#define SUM "\"hosts\":1,\"forgotten\":0," PLAIN
#define PAGE(hosts)                                                                            \
    "{\"hosts\":[" hosts "],\"rest\":{" SUM "},\"total\":{" SUM                                \
    ",\"misses\":{\"cold\":3}},\"model\":\"how\"}"

/* The table of a page, to be freed; NULL where it is none. */
static char *
table_of(const char *page)
{
    json_t *parsed = json_loads(page, 0, NULL);
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    enum err err;

    assert_non_null(parsed);
    err = report_table_print(parsed, to);
    fclose(to);
    json_decref(parsed);
    if (err == ERR_OK)
        return text;
    assert_int_equal(size, 0);
    free(text);
    return NULL;
}

static void
shows(const char *page, const char *line)
{
    char *table = table_of(page);

    assert_non_null(table);
    if (strstr(table, line) == NULL)
        fail_msg("\"%s\" is not in\n%s", line, table);
    free(table);
}

static void
host_shows_handshakes_and_what_was_learned(void **state)
{
    (void)state;
    shows(PAGE("{\"host\":\"a.test\",\"port\":443,\"tls\":true," COUNTS
               "\"handshakes_full\":1,\"handshakes_resumed\":24,\"idle_limit_ms\":4750,"
               "\"connect_median_us\":52,\"dns_median_us\":null,\"saved_us\":1500}"),
          "HOST       REQUESTS OPENED REUSED  RATIO TUNNELS FULL RESUMED   IDLE CONNECT DNS  "
          "SAVED\n"
          "a.test:443       12      3      9 75.00%       0    1      24 4.75 s   52 us   - "
          "1.5 ms\n");
}

static void
plain_host_has_no_handshakes(void **state)
{
    (void)state;
    shows(PAGE("{\"host\":\"a.test\",\"port\":80,\"tls\":false,\"idle_limit_ms\":null," PLAIN
               "}"),
          "\na.test:80        12      3      9 75.00%       0    -       -    -       -   - "
          "1.5 ms\n");
}

static void
sums_are_of_all_handshakes(void **state)
{
    (void)state;
    shows(PAGE(""),
          "\nall (1)          12      3      9 75.00%       0    0       0    -       "
          "-   - 1.5 ms\n");
}

static void
reasons_stand_below(void **state)
{
    (void)state;
    shows(PAGE(""), "\nNothing was reused because of: cold 3\n");
}

#define LONG "a-name-that-is-longer-than-any-that-people-like-to-type.test"

static void
long_name_makes_its_own_line_wider_only(void **state)
{
    (void)state;
    shows(PAGE("{\"host\":\"" LONG "\",\"port\":80,\"tls\":false," PLAIN "}"),
          "\n" LONG ":80       12      3 ");
    shows(PAGE("{\"host\":\"" LONG "\",\"port\":80,\"tls\":false," PLAIN "}"),
          "\nall (1)          12      3 ");
}

static void
name_cannot_speak_to_the_terminal(void **state)
{
    (void)state;
    shows(PAGE("{\"host\":\"\\u001b[2J\",\"port\":80,\"tls\":false," PLAIN "}"), "\n?[2J:80 ");
}

static void
address_with_colons_stands_in_brackets(void **state)
{
    (void)state;
    shows(PAGE("{\"host\":\"::1\",\"port\":80,\"tls\":false," PLAIN "}"), "\n[::1]:80 ");
}

static void
what_is_no_report_prints_nothing(void **state)
{
    (void)state;
    assert_null(table_of("{}"));
    assert_null(table_of("{\"hosts\":[],\"model\":\"how\"}"));
    assert_null(table_of(PAGE("{\"host\":\"a.test\",\"port\":80}")));
    assert_null(table_of(PAGE("{\"port\":80,\"tls\":false," PLAIN "}")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_shows_handshakes_and_what_was_learned),
        cmocka_unit_test(plain_host_has_no_handshakes),
        cmocka_unit_test(sums_are_of_all_handshakes),
        cmocka_unit_test(reasons_stand_below),
        cmocka_unit_test(long_name_makes_its_own_line_wider_only),
        cmocka_unit_test(name_cannot_speak_to_the_terminal),
        cmocka_unit_test(address_with_colons_stands_in_brackets),
        cmocka_unit_test(what_is_no_report_prints_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
