/* The hosts file in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "dns/hosts.h"
#include "tests/unit/dns/fake_clock.h"

#define SECOND_US 1000000

static char path[64];
static struct hosts hosts;

static void
write_file(const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int
set_up(void **state)
{
    int fd;

    (void)state;
    snprintf(path, sizeof(path), "/tmp/carpool-hosts-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd != -1);
    close(fd);
    hosts_init(&hosts, path);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    hosts_fini(&hosts);
    unlink(path);
    return 0;
}

/* The addresses in one line; empty if there are none. Borrowed until the next call. */
static const char *
find(const char *name, enum dns_family family)
{
    static char all[512];
    struct answer *answer = hosts_find(&hosts, slice_of(name), family);
    char text[ADDRESS_TEXT_SIZE];

    all[0] = '\0';
    for (size_t i = 0, size = 0; answer != NULL && i < answer->count; i++)
        size += (size_t)snprintf(all + size, sizeof(all) - size, "%s%s", i > 0 ? " " : "",
                                 address_format_ip(&answer->addresses[i], text));
    answer_unref(answer);
    return all;
}

static void
every_name_on_a_line_has_its_address(void **state)
{
    (void)state;
    write_file("127.0.0.1\tlocalhost\n10.0.0.1  printer.test   Printer # upstairs\n");
    assert_string_equal(find("printer.test", DNS_ANY), "10.0.0.1");
    assert_string_equal(find("printer", DNS_ANY), "10.0.0.1");
    assert_string_equal(find("upstairs", DNS_ANY), "");
}

static void
lines_for_the_same_name_add_up(void **state)
{
    (void)state;
    write_file("10.0.0.1 o.test\n10.0.0.2 o.test\nfd00::1 o.test\n10.0.0.1 o.test\n");
    assert_string_equal(find("o.test", DNS_ANY), "fd00::1 10.0.0.1 10.0.0.2");
}

static void
only_the_family_asked_for_is_found(void **state)
{
    (void)state;
    write_file("10.0.0.1 o.test four.test\nfd00::1 o.test\n");
    assert_string_equal(find("o.test", DNS_IPV4), "10.0.0.1");
    assert_string_equal(find("o.test", DNS_IPV6), "fd00::1");
    assert_string_equal(find("four.test", DNS_IPV6), "");
}

static void
what_cannot_be_read_is_passed_over(void **state)
{
    (void)state;
    write_file("nonsense\n10.0.0 a.test\n10.0.0.1\n#10.0.0.1 b.test\n10.0.0.1 b\xff.test c.test"
               "\n\n10.0.0.2 last.test");
    assert_string_equal(find("a.test", DNS_ANY), "");
    assert_string_equal(find("b.test", DNS_ANY), "");
    assert_string_equal(find("c.test", DNS_ANY), "10.0.0.1");
    assert_string_equal(find("last.test", DNS_ANY), "10.0.0.2");
}

static void
change_is_seen_after_a_second_and_not_before(void **state)
{
    (void)state;
    write_file("10.0.0.1 o.test\n");
    assert_string_equal(find("o.test", DNS_ANY), "10.0.0.1");
    write_file("10.0.0.22 o.test\n");
    fake_now_us += SECOND_US - 1;
    assert_string_equal(find("o.test", DNS_ANY), "10.0.0.1");
    fake_now_us += 1;
    assert_string_equal(find("o.test", DNS_ANY), "10.0.0.22");
}

static void
file_that_goes_away_leaves_no_names(void **state)
{
    (void)state;
    write_file("10.0.0.1 o.test\n");
    assert_string_equal(find("o.test", DNS_ANY), "10.0.0.1");
    unlink(path);
    fake_now_us += SECOND_US;
    assert_string_equal(find("o.test", DNS_ANY), "");
}

static void
file_that_appears_later_is_read(void **state)
{
    (void)state;
    unlink(path);
    assert_string_equal(find("o.test", DNS_ANY), "");
    write_file("10.0.0.1 o.test\n");
    fake_now_us += SECOND_US;
    assert_string_equal(find("o.test", DNS_ANY), "10.0.0.1");
}

static void
names_stay_while_the_file_cannot_be_opened(void **state)
{
    struct rlimit before;
    struct rlimit none = {0};

    (void)state;
    write_file("10.0.0.1 o.test\n");
    assert_string_equal(find("o.test", DNS_ANY), "10.0.0.1");
    write_file("10.0.0.2 o.test # later\n");
    fake_now_us += SECOND_US;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_string_equal(find("o.test", DNS_ANY), "10.0.0.1");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    fake_now_us += SECOND_US;
    assert_string_equal(find("o.test", DNS_ANY), "10.0.0.2");
}

static void
no_file_is_no_names(void **state)
{
    (void)state;
    hosts_init(&hosts, "");
    assert_string_equal(find("localhost", DNS_ANY), "");
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(every_name_on_a_line_has_its_address),
        CLAIM(lines_for_the_same_name_add_up),
        CLAIM(only_the_family_asked_for_is_found),
        CLAIM(what_cannot_be_read_is_passed_over),
        CLAIM(change_is_seen_after_a_second_and_not_before),
        CLAIM(file_that_goes_away_leaves_no_names),
        CLAIM(file_that_appears_later_is_read),
        CLAIM(names_stay_while_the_file_cannot_be_opened),
        CLAIM(no_file_is_no_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
