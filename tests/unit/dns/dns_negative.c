/* How long a name server's "no" may be believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dns/negative.h"

/* Header: one question, so many answers and authorities. */
#define HEADER(answers, authorities) "\0\7\201\203\0\1\0" answers "\0" authorities "\0\0"
#define QUESTION "\1o\4test\0\0\1\0\1"
/* Two names, four numbers, and MINIMUM. */
#define SOA_NUMBERS "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4"
#define SOA(ttl, minimum) "\300\016\0\6\0\1" ttl "\0\030\300\016\300\016" SOA_NUMBERS minimum
#define ALIAS "\300\014\0\5\0\1\0\0\0\5\0\2\300\016"
#define NAME_SERVER "\300\016\0\2\0\1\0\0\0\7\0\2\300\016"

static void
expect(const char *message, size_t size, int64_t expected)
{
    uint32_t ttl_s = 0;
    bool is_there = negative_ttl((const unsigned char *)message, size - 1, &ttl_s);

    assert_int_equal(is_there ? (int64_t)ttl_s : -1, expected);
}

#define EXPECT(message, expected) expect(message, sizeof(message), expected)

static void
lesser_of_ttl_and_minimum_counts(void **state)
{
    (void)state;
    EXPECT(HEADER("\0", "\1") QUESTION SOA("\0\0\0\36", "\0\0\0\74"), 30);
    EXPECT(HEADER("\0", "\1") QUESTION SOA("\0\0\0\74", "\0\0\0\36"), 30);
}

static void
aliases_and_other_records_are_passed_over(void **state)
{
    (void)state;
    EXPECT(HEADER("\1", "\2") QUESTION ALIAS NAME_SERVER SOA("\0\0\0\36", "\0\0\0\74"), 30);
}

static void
ttl_with_its_top_bit_set_is_zero(void **state)
{
    (void)state;
    EXPECT(HEADER("\0", "\1") QUESTION SOA("\377\0\0\0", "\0\0\0\74"), 0);
    EXPECT(HEADER("\0", "\1") QUESTION SOA("\0\0\0\74", "\200\0\0\0"), 0);
}

static void
soa_in_the_answer_section_says_nothing(void **state)
{
    (void)state;
    EXPECT(HEADER("\1", "\0") QUESTION SOA("\0\0\0\36", "\0\0\0\74"), -1);
}

static void
message_without_soa_says_nothing(void **state)
{
    (void)state;
    EXPECT(HEADER("\0", "\0") QUESTION, -1);
    EXPECT(HEADER("\0", "\1") QUESTION NAME_SERVER, -1);
}

static void
message_that_ends_too_soon_says_nothing(void **state)
{
    static const char whole[] = HEADER("\0", "\1") QUESTION SOA("\0\0\0\36", "\0\0\0\74");
    uint32_t ttl_s;

    (void)state;
    for (size_t size = 0; size < sizeof(whole) - 1; size++)
        assert_false(negative_ttl((const unsigned char *)whole, size, &ttl_s));
}

static void
soa_of_another_size_says_nothing(void **state)
{
    (void)state;
    EXPECT(HEADER("\0", "\1") QUESTION "\300\016\0\6\0\1\0\0\0\36\0\4\300\016\300\016", -1);
}

static void
label_that_is_no_label_says_nothing(void **state)
{
    (void)state;
    EXPECT(HEADER("\0", "\1") "\1o\104test\0\0\1\0\1" SOA("\0\0\0\36", "\0\0\0\74"), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lesser_of_ttl_and_minimum_counts),
        cmocka_unit_test(aliases_and_other_records_are_passed_over),
        cmocka_unit_test(ttl_with_its_top_bit_set_is_zero),
        cmocka_unit_test(soa_in_the_answer_section_says_nothing),
        cmocka_unit_test(message_without_soa_says_nothing),
        cmocka_unit_test(message_that_ends_too_soon_says_nothing),
        cmocka_unit_test(soa_of_another_size_says_nothing),
        cmocka_unit_test(label_that_is_no_label_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
