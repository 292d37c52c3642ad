/* What proxy/http/basic promises (RFC 7617, RFC 4648). */
#include "proxy/http/basic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A second, plainer writer of base64, so that the reader is held against something. */
static void
encode(const char *bytes, size_t size, char *to)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < size; i += 3) {
        unsigned bits = (unsigned)(unsigned char)bytes[i] << 16;

        if (i + 1 < size)
            bits |= (unsigned)(unsigned char)bytes[i + 1] << 8;
        if (i + 2 < size)
            bits |= (unsigned char)bytes[i + 2];
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = i + 1 < size ? digits[bits >> 6 & 63] : '=';
        *to++ = i + 2 < size ? digits[bits & 63] : '=';
    }
    *to = '\0';
}

static enum parse
parse_plain(const char *plain, size_t size, struct basic *basic)
{
    char value[2048] = "Basic ";

    encode(plain, size, value + 6);
    return basic_parse(slice_of(value), basic);
}

static void
name_and_password_are_read(void **state)
{
    static const struct {
        const char *plain;
        size_t user_size;
    } read[] = {
        {"a:", 1},
        {"a:b", 1},
        {"ab:cd", 2},
        {"user:pa:ss", 4},
        {"al ice: x ", 6},
        {"b\xc3\xb6:\xff\x80", 3},
        {"Aladdin:open sesame", 7},
    };
    struct basic basic;

    (void)state;
    for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++) {
        assert_int_equal(parse_plain(read[i].plain, strlen(read[i].plain), &basic), PARSE_DONE);
        assert_string_equal(basic.text, read[i].plain);
        assert_int_equal(basic.user_size, read[i].user_size);
    }
    /* the example of RFC 7617 §2, and a scheme in any case behind any number of spaces */
    assert_int_equal(basic_parse(SLICE("bAsIc   QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), &basic),
                     PARSE_DONE);
    assert_string_equal(basic.text, "Aladdin:open sesame");
}

static void
every_byte_of_a_password_survives(void **state)
{
    struct basic basic;
    char plain[4] = "a:x";

    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        bool is_fine = byte >= 0x20 && byte != 0x7f;

        plain[2] = (char)byte;
        assert_int_equal(parse_plain(plain, 3, &basic), is_fine ? PARSE_DONE : PARSE_REFUSE);
        if (is_fine)
            assert_memory_equal(basic.text, plain, 4);
    }
}

static void
what_is_not_basic_or_not_canonical_is_refused(void **state)
{
    static const char *const values[] = {
        "",
        "Basic",
        "Basic ",
        "Basic\tYTpi",
        "BasicYTpi",
        "Basi YTpi",
        "Digest YTpi",
        "Negotiate YTpi",
        "Basic YTp",      /* no whole group */
        "Basic YTo",      /* unpadded */
        "Basic YTp=",     /* bits that say nothing */
        "Basic YR==",     /* the same */
        "Basic YTpi====", /* padding of its own */
        "Basic YTo=YTpi", /* padding within */
        "Basic YT=i",     /* the same */
        "Basic =TpiYTpi",
        "Basic ====",
        "Basic YTpi YTpi",
        "Basic YTpi, Basic YTpi",
        "Basic YT-_", /* the alphabet of URLs */
        "Basic YTpi\t",
        "Basic YWFh", /* no colon */
        "Basic OmFh", /* no name */
    };
    struct basic basic;

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (basic_parse(slice_of(values[i]), &basic) != PARSE_REFUSE)
            fail_msg("\"%s\" is taken", values[i]);
}

static void
names_and_passwords_have_a_longest(void **state)
{
    static char plain[BASIC_USER_MOST + 1 + BASIC_PASSWORD_MOST + 3];
    struct basic basic;
    size_t most = BASIC_USER_MOST + 1 + BASIC_PASSWORD_MOST;

    (void)state;
    memset(plain, 'a', sizeof(plain));
    plain[BASIC_USER_MOST] = ':';
    assert_int_equal(parse_plain(plain, most, &basic), PARSE_DONE);
    assert_int_equal(basic.user_size, BASIC_USER_MOST);
    assert_int_equal(strlen(basic.text), most);
    assert_int_equal(parse_plain(plain, most + 1, &basic), PARSE_REFUSE);
    assert_int_equal(parse_plain(plain, most + 2, &basic), PARSE_REFUSE);
    /* one too many here, though there is room for it there */
    plain[BASIC_USER_MOST] = 'a';
    plain[BASIC_USER_MOST + 1] = ':';
    assert_int_equal(parse_plain(plain, most, &basic), PARSE_REFUSE);
    plain[3] = ':';
    assert_int_equal(parse_plain(plain, 4 + BASIC_PASSWORD_MOST, &basic), PARSE_DONE);
    assert_int_equal(parse_plain(plain, 5 + BASIC_PASSWORD_MOST, &basic), PARSE_REFUSE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_and_password_are_read),
        cmocka_unit_test(every_byte_of_a_password_survives),
        cmocka_unit_test(what_is_not_basic_or_not_canonical_is_refused),
        cmocka_unit_test(names_and_passwords_have_a_longest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
