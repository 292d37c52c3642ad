/* What may be asked for as a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dns/name.h"

static enum err
read_text(const char *text, struct name *name)
{
    return name_read(slice_of(text), name);
}

static void
assert_all_refused(const char *const *texts, size_t count)
{
    struct name name;

    for (size_t i = 0; i < count; i++)
        if (read_text(texts[i], &name) != ERR_DNS_NAME)
            fail_msg("%s was taken for a name", texts[i]);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
ordinary_names_are_taken(void **state)
{
    static const char *texts[] = {
        "o.test",     "a",        "xn--bcher-kva.example", "_dmarc.o.test",
        "-odd-.test", "3com.com", "1.2.3.4.in-addr.arpa",  "0x7g",
        "x7"};
    struct name name;

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        if (read_text(texts[i], &name) != ERR_OK)
            fail_msg("%s was refused", texts[i]);
}

static void
names_are_lower_cased_and_lose_their_last_dot(void **state)
{
    struct name name;

    (void)state;
    assert_int_equal(read_text("WWW.O.Test.", &name), ERR_OK);
    assert_string_equal(name.text, "www.o.test");
    assert_int_equal(name.size, 10);
    assert_int_equal(name.dots, 2);
    assert_true(name.is_absolute);
}

static void
addresses_in_disguise_are_no_names(void **state)
{
    static const char *texts[] = {"2130706433",  "017700000001", "0x7f000001", "127.1",
                                  "0x7f.1",      "127.0.0.0x1",  "127.0.0.1.", "0X7F.0X1",
                                  "127.0.0.256", "foo.0x",       "1.2.3.4.5",  "o.test.1"};

    (void)state;
    assert_all_refused(texts, COUNT(texts));
}

static void
what_no_host_is_called_is_refused(void **state)
{
    static const char *texts[] = {"",        ".",        "..",       ".o.test",
                                  "o..test", "o.test..", "o test",   "o/test",
                                  "o:80",    "[::1",     "o\\.test", "b\xc3\xbc.test",
                                  "*.test",  "o,test",   "o\ttest",  "user@o.test"};

    (void)state;
    assert_all_refused(texts, COUNT(texts));
    assert_int_equal(name_read((struct slice){"o\0.test", 7}, &(struct name){0}), ERR_DNS_NAME);
}

static void
labels_end_at_63_and_names_at_253_characters(void **state)
{
    struct name name;
    char text[256];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(name_read((struct slice){text, 63}, &name), ERR_OK);
    assert_int_equal(name_read((struct slice){text, 64}, &name), ERR_DNS_NAME);
    for (size_t i = 49; i < sizeof(text); i += 50)
        text[i] = '.';
    assert_int_equal(name_read((struct slice){text, 253}, &name), ERR_OK);
    assert_int_equal(name_read((struct slice){text, 254}, &name), ERR_DNS_NAME);
    text[253] = '.';
    assert_int_equal(name_read((struct slice){text, 254}, &name), ERR_OK);
    assert_int_equal(name.size, 253);
}

static void
localhost_is_known_with_all_below_it(void **state)
{
    struct name name;

    (void)state;
    assert_int_equal(read_text("LocalHost.", &name), ERR_OK);
    assert_true(name_is_localhost(&name));
    assert_int_equal(read_text("app.localhost", &name), ERR_OK);
    assert_true(name_is_localhost(&name));
    assert_int_equal(read_text("notlocalhost", &name), ERR_OK);
    assert_false(name_is_localhost(&name));
    assert_int_equal(read_text("localhost.test", &name), ERR_OK);
    assert_false(name_is_localhost(&name));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_names_are_taken),
        cmocka_unit_test(names_are_lower_cased_and_lose_their_last_dot),
        cmocka_unit_test(addresses_in_disguise_are_no_names),
        cmocka_unit_test(what_no_host_is_called_is_refused),
        cmocka_unit_test(labels_end_at_63_and_names_at_253_characters),
        cmocka_unit_test(localhost_is_known_with_all_below_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
