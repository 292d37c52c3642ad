/* The order in which addresses are handed out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dns/order.h"

static void
add(struct family_list *list, const char *text)
{
    struct address address;

    assert_int_equal(address_parse_ip(slice_of(text), 80, &address), ERR_OK);
    family_add(list, &address);
}

static void
assert_order(struct answer *answer, const char *const *texts, size_t count)
{
    char text[ADDRESS_TEXT_SIZE];

    assert_non_null(answer);
    assert_int_equal(answer->count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(address_format_ip(&answer->addresses[i], text), texts[i]);
    answer_unref(answer);
}

static void
families_alternate_with_ipv6_first(void **state)
{
    static const char *expected[] = {"::1", "10.0.0.1", "::2", "10.0.0.2", "::3"};
    struct family_list v6 = {.count = 0};
    struct family_list v4 = {.count = 0};

    (void)state;
    add(&v4, "10.0.0.1");
    add(&v4, "10.0.0.2");
    add(&v6, "::1");
    add(&v6, "::2");
    add(&v6, "::3");
    assert_order(order_answer(&v6, &v4), expected, 5);
}

static void
one_family_keeps_its_order(void **state)
{
    static const char *expected[] = {"10.0.0.9", "10.0.0.1"};
    struct family_list v6 = {.count = 0};
    struct family_list v4 = {.count = 0};

    (void)state;
    add(&v4, "10.0.0.9");
    add(&v4, "10.0.0.1");
    assert_order(order_answer(&v6, &v4), expected, 2);
}

static void
no_address_is_no_answer(void **state)
{
    struct family_list none = {.count = 0};

    (void)state;
    assert_null(order_answer(&none, &none));
}

static void
address_is_listed_once_and_without_port(void **state)
{
    struct family_list v4 = {.count = 0};

    (void)state;
    add(&v4, "10.0.0.1");
    add(&v4, "10.0.0.2");
    add(&v4, "10.0.0.1");
    assert_int_equal(v4.count, 2);
    assert_int_equal(address_port(&v4.addresses[0]), 0);
}

static void
list_takes_no_more_than_it_holds(void **state)
{
    struct family_list v4 = {.count = 0};
    char text[32];

    (void)state;
    for (unsigned i = 0; i < 2 * FAMILY_MOST; i++) {
        snprintf(text, sizeof(text), "10.0.0.%u", i);
        add(&v4, text);
    }
    assert_int_equal(v4.count, FAMILY_MOST);
}

/* What is tried first to last in a turn. */
static void
assert_turn(struct answer *answer, unsigned turn, const char *const *texts)
{
    char text[ADDRESS_TEXT_SIZE];

    for (size_t i = 0; i < answer->count; i++) {
        struct address address = order_pick(answer, i, turn);

        assert_string_equal(address_format_ip(&address, text), texts[i]);
    }
}

static void
each_turn_begins_with_the_next_of_a_family(void **state)
{
    static const char *turns[][5] = {
        {"::1", "10.0.0.1", "::2", "10.0.0.2", "::3"},
        {"::2", "10.0.0.2", "::3", "10.0.0.1", "::1"},
        {"::3", "10.0.0.1", "::1", "10.0.0.2", "::2"},
        {"::1", "10.0.0.2", "::2", "10.0.0.1", "::3"},
    };
    struct family_list v6 = {.count = 0};
    struct family_list v4 = {.count = 0};
    struct answer *answer;

    (void)state;
    add(&v4, "10.0.0.1");
    add(&v4, "10.0.0.2");
    add(&v6, "::1");
    add(&v6, "::2");
    add(&v6, "::3");
    answer = order_answer(&v6, &v4);
    for (unsigned turn = 0; turn < 4; turn++)
        assert_turn(answer, turn, turns[turn]);
    assert_turn(answer, 6 * 1000, turns[0]);
    answer_unref(answer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_alternate_with_ipv6_first),
        cmocka_unit_test(one_family_keeps_its_order),
        cmocka_unit_test(each_turn_begins_with_the_next_of_a_family),
        cmocka_unit_test(no_address_is_no_answer),
        cmocka_unit_test(address_is_listed_once_and_without_port),
        cmocka_unit_test(list_takes_no_more_than_it_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
