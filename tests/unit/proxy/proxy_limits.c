/* What proxy/policy/limit_* promises: how allowances are used up, and whose they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/policy/limit_place.h"
#include "proxy/policy/limit_table.h"

#define SECOND UINT64_C(1000000000)
/* Of a rate per second, what that is per hour. */
#define HOUR 3600
#define MSEC UINT64_C(1000000)
/* A clock that has run for a while. */
#define NOW (1000 * SECOND)

/* ---- allowances ---- */

static unsigned
take_all(struct limit_allowance *allowance, const struct limit_rate *rate, uint64_t now_ns)
{
    uint64_t wait_ns;
    unsigned taken = 0;

    while (taken < 1000000 && limit_allowance_take(allowance, rate, now_ns, &wait_ns))
        taken++;
    return taken;
}

static void
burst_is_what_was_saved_up(void **state)
{
    struct limit_rate rate = limit_rate_of_requests(5 * HOUR, 2000);
    struct limit_allowance allowance = {0};

    (void)state;
    assert_int_equal(take_all(&allowance, &rate, NOW), 10);
    assert_int_equal(take_all(&allowance, &rate, NOW + SECOND), 5);
    /* However long nothing was asked for, no more than the burst is saved. */
    assert_int_equal(take_all(&allowance, &rate, NOW + 3600 * SECOND), 10);
}

static void
one_is_always_allowed_in_the_end(void **state)
{
    /* The burst is shorter than what one request costs. */
    struct limit_rate rate = limit_rate_of_requests(1 * HOUR, 1);
    struct limit_allowance allowance = {0};
    uint64_t wait_ns = 0;

    (void)state;
    assert_true(limit_allowance_take(&allowance, &rate, NOW, &wait_ns));
    assert_false(limit_allowance_take(&allowance, &rate, NOW + SECOND - 1, &wait_ns));
    assert_int_equal(wait_ns, 1);
    assert_true(limit_allowance_take(&allowance, &rate, NOW + SECOND, &wait_ns));
}

static void
refusal_says_how_long_to_wait_and_costs_nothing(void **state)
{
    struct limit_rate rate = limit_rate_of_requests(4 * HOUR, 1000);
    struct limit_allowance allowance = {0};
    uint64_t wait_ns = 0;

    (void)state;
    assert_int_equal(take_all(&allowance, &rate, NOW), 4);
    for (unsigned i = 0; i < 100; i++)
        assert_false(limit_allowance_take(&allowance, &rate, NOW, &wait_ns));
    assert_int_equal(wait_ns, 250 * MSEC);
    assert_true(limit_allowance_take(&allowance, &rate, NOW + wait_ns, &wait_ns));
    assert_false(limit_allowance_take(&allowance, &rate, NOW + 250 * MSEC, &wait_ns));
}

static void
slow_rates_are_waited_for_as_long_as_they_take(void **state)
{
    struct limit_rate rate = limit_rate_of_requests(1, 1000);
    struct limit_allowance allowance = {0};
    uint64_t wait_ns = 0;

    (void)state;
    assert_true(limit_allowance_take(&allowance, &rate, NOW, &wait_ns));
    assert_false(limit_allowance_take(&allowance, &rate, NOW + 600 * SECOND, &wait_ns));
    assert_int_equal(wait_ns, 3000 * SECOND);
    assert_true(limit_allowance_take(&allowance, &rate, NOW + 3600 * SECOND, &wait_ns));
}

static void
rate_that_divides_no_second_is_not_exceeded(void **state)
{
    struct limit_rate rate = limit_rate_of_requests(7 * HOUR, 1000);
    struct limit_allowance allowance = {0};
    unsigned taken = 0;

    (void)state;
    /* For an hour, asked a hundred times a second. */
    for (unsigned i = 0; i < 360000; i++)
        taken += take_all(&allowance, &rate, NOW + i * 10 * MSEC);
    assert_in_range(taken, 7 * 3600 - 1, 7 * 3600 + 7);
}

static void
debt_is_paid_before_more_is_left(void **state)
{
    struct limit_rate rate = limit_rate_of_bytes(100000, 1000);
    struct limit_allowance allowance = {0};

    (void)state;
    assert_int_equal(limit_allowance_left(&allowance, &rate, NOW, 65536), 65536);
    /* All of the burst, and three seconds more. */
    assert_int_equal(limit_allowance_charge(&allowance, &rate, NOW, 400000), NOW + 3 * SECOND);
    assert_int_equal(limit_allowance_left(&allowance, &rate, NOW + 3 * SECOND, 65536), 0);
    assert_int_equal(
        limit_allowance_left(&allowance, &rate, NOW + 3 * SECOND + 20 * MSEC, 65536), 2000);
    assert_false(limit_allowance_is_full(&allowance, NOW + 4 * SECOND - 1));
    assert_true(limit_allowance_is_full(&allowance, NOW + 4 * SECOND));
}

static void
refund_undoes_a_charge_and_saves_up_nothing(void **state)
{
    struct limit_rate rate = limit_rate_of_bytes(100000, 1000);
    struct limit_allowance allowance = {0};

    (void)state;
    limit_allowance_charge(&allowance, &rate, NOW, 333);
    limit_allowance_refund(&allowance, &rate, 333);
    assert_true(limit_allowance_is_full(&allowance, NOW));
    limit_allowance_refund(&allowance, &rate, SIZE_MAX);
    assert_int_equal(limit_allowance_charge(&allowance, &rate, NOW, 100000), NOW);
    assert_int_equal(limit_allowance_left(&allowance, &rate, NOW, 65536), 0);
}

static void
extremes_do_not_wrap_around(void **state)
{
    struct limit_rate slow = limit_rate_of_bytes(1, 3600000);
    struct limit_rate fast = limit_rate_of_bytes(UINT64_C(8) << 30, 3600000);
    struct limit_allowance allowance = {0};

    (void)state;
    assert_int_equal(slow.portion, 1);
    assert_int_equal(fast.portion, 65536);
    /* Nothing is free, however small and however fast. */
    limit_allowance_charge(&allowance, &fast, NOW, 1);
    assert_false(limit_allowance_is_full(&allowance, NOW));
    assert_int_equal(limit_allowance_left(&allowance, &fast, NOW, 65536), 65536);
    for (unsigned i = 0; i < 10; i++)
        limit_allowance_charge(&allowance, &slow, NOW, SIZE_MAX);
    assert_int_equal(limit_allowance_left(&allowance, &slow, UINT64_MAX / 2, 65536), 0);
    assert_int_equal(limit_allowance_left(&allowance, &fast, UINT64_MAX / 2, 65536), 0);
}

/* ---- places in the line ---- */

static void
no_limit_leaves_no_trace(void **state)
{
    struct limit_rate none = limit_rate_of_bytes(0, 1000);
    struct limit_allowance allowance = {0};
    struct limit_place place = {0};

    (void)state;
    assert_int_equal(limit_place_room(&place, &allowance, &none, NOW, 65536), 65536);
    limit_place_charge(&place, &allowance, &none, NOW, 1000000);
    limit_place_leave(&place, &allowance, &none);
    assert_int_equal(allowance.paid_ns, 0);
}

static void
portions_come_in_the_order_of_arrival(void **state)
{
    /* A hundred portions of 1000 bytes a second. */
    struct limit_rate rate = limit_rate_of_bytes(200000, 1000);
    struct limit_allowance allowance = {0};
    struct limit_place places[3] = {{0}};

    (void)state;
    assert_int_equal(rate.portion, 2000);
    limit_allowance_charge(&allowance, &rate, NOW, 200000);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(limit_place_room(&places[i], &allowance, &rate, NOW, 65536), 0);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t due_ns = NOW + (i + 1) * 10 * MSEC;

        assert_int_equal(places[i].due_ns, due_ns);
        assert_int_equal(limit_place_room(&places[i], &allowance, &rate, due_ns - 1, 65536), 0);
        assert_int_equal(limit_place_room(&places[i], &allowance, &rate, due_ns, 65536), 2000);
        limit_place_charge(&places[i], &allowance, &rate, due_ns, 2000);
        /* Who was served is last in the line again. */
        assert_int_equal(limit_place_room(&places[i], &allowance, &rate, due_ns, 65536), 0);
        assert_int_equal(places[i].due_ns, NOW + (i + 4) * 10 * MSEC);
    }
}

static void
rate_holds_for_all_places_together(void **state)
{
    struct limit_rate rate = limit_rate_of_bytes(1000000, 100);
    struct limit_allowance allowance = {0};
    struct limit_place places[7] = {{0}};
    size_t moved[7] = {0};
    size_t all = 0;

    (void)state;
    /* Ten seconds in which everybody moves what he may, every half millisecond. */
    for (uint64_t now_ns = NOW; now_ns < NOW + 10 * SECOND; now_ns += MSEC / 2)
        for (unsigned i = 0; i < 7; i++) {
            size_t room = limit_place_room(&places[i], &allowance, &rate, now_ns, 65536);

            if (room == 0)
                continue;
            limit_place_charge(&places[i], &allowance, &rate, now_ns, room);
            moved[i] += room;
            all += room;
        }
    assert_in_range(all, 9990000, 10100000);
    for (unsigned i = 0; i < 7; i++)
        assert_in_range(moved[i], all / 7 - 70000, all / 7 + 70000);
}

static void
what_was_not_used_is_given_back(void **state)
{
    struct limit_rate rate = limit_rate_of_bytes(200000, 1000);
    struct limit_allowance allowance = {0};
    struct limit_place place = {0};
    uint64_t before_ns;

    (void)state;
    limit_allowance_charge(&allowance, &rate, NOW, 300000);
    before_ns = allowance.paid_ns;
    assert_int_equal(limit_place_room(&place, &allowance, &rate, NOW, 65536), 0);
    limit_place_leave(&place, &allowance, &rate);
    assert_int_equal(allowance.paid_ns, before_ns);
    assert_int_equal(limit_place_room(&place, &allowance, &rate, NOW, 65536), 0);
    limit_place_charge(&place, &allowance, &rate, place.due_ns, 500);
    assert_int_equal(allowance.paid_ns, before_ns + 500 * (SECOND / 200000));
    assert_int_equal(place.portion, 0);
}

/* ---- accounts ---- */

static struct limit_account *
hold(struct limit_table *table, const char *name)
{
    return limit_table_hold(table, LIMIT_USER, slice_of(name));
}

static void
account_is_the_same_for_all_who_hold_it(void **state)
{
    struct limit_table *table = limit_table_new(1024);
    struct limit_account *one = hold(table, "ann");
    struct limit_account *two = hold(table, "ann");
    struct limit_account *other = hold(table, "ben");
    struct limit_account *client = limit_table_hold(table, LIMIT_CLIENT, SLICE("ann"));

    (void)state;
    assert_ptr_equal(one, two);
    assert_ptr_not_equal(one, other);
    assert_ptr_not_equal(one, client);
    assert_int_equal(limit_table_count(table), 3);
    limit_table_let_go(table, &one, NOW);
    assert_null(one);
    assert_int_equal(limit_table_count(table), 3);
    limit_table_let_go(table, &two, NOW);
    assert_int_equal(limit_table_count(table), 2);
    limit_table_let_go(table, &other, NOW);
    limit_table_let_go(table, &client, NOW);
    assert_int_equal(limit_table_count(table), 0);
    limit_table_free(table);
}

static void
leaving_does_not_fill_an_allowance(void **state)
{
    struct limit_rate rate = limit_rate_of_requests(1 * HOUR, 1000);
    struct limit_table *table = limit_table_new(1024);
    struct limit_account *account = hold(table, "ann");
    uint64_t wait_ns;

    (void)state;
    assert_true(limit_allowance_take(&account->requests, &rate, NOW, &wait_ns));
    limit_table_let_go(table, &account, NOW);
    limit_table_sweep(table, NOW + SECOND - 1);
    assert_int_equal(limit_table_count(table), 1);
    account = hold(table, "ann");
    assert_false(limit_allowance_take(&account->requests, &rate, NOW, &wait_ns));
    limit_table_let_go(table, &account, NOW);
    limit_table_sweep(table, NOW + SECOND);
    assert_int_equal(limit_table_count(table), 0);
    limit_table_free(table);
}

static void
idle_accounts_are_bounded_and_held_ones_stay(void **state)
{
    struct limit_rate rate = limit_rate_of_requests(1 * HOUR, 1000);
    struct limit_table *table = limit_table_new(64);
    struct limit_account *held = hold(table, "ann");
    struct limit_account *oldest = hold(table, "old");
    struct limit_account *account;
    uint64_t wait_ns;

    (void)state;
    assert_true(limit_allowance_take(&held->requests, &rate, NOW, &wait_ns));
    assert_true(limit_allowance_take(&oldest->requests, &rate, NOW, &wait_ns));
    limit_table_let_go(table, &oldest, NOW);
    for (unsigned i = 0; i < 5000; i++) {
        char name[16];

        snprintf(name, sizeof(name), "%u", i);
        account = hold(table, name);
        assert_true(limit_allowance_take(&account->requests, &rate, NOW, &wait_ns));
        limit_table_let_go(table, &account, NOW);
        assert_true(limit_table_count(table) <= 64 + 1);
    }
    assert_int_equal(limit_table_count(table), 64 + 1);
    /* The one that was left longest ago was forgotten, the one in use was not. */
    oldest = hold(table, "old");
    assert_true(limit_allowance_take(&oldest->requests, &rate, NOW, &wait_ns));
    assert_false(limit_allowance_take(&held->requests, &rate, NOW, &wait_ns));
    limit_table_let_go(table, &oldest, NOW);
    limit_table_let_go(table, &held, NOW);
    limit_table_free(table);
}

static void
count_stops_at_its_limit(void **state)
{
    _Atomic unsigned count = 0;

    (void)state;
    assert_true(limit_count(&count, 2));
    assert_true(limit_count(&count, 2));
    assert_false(limit_count(&count, 2));
    assert_int_equal(count, 2);
    assert_true(limit_count(&count, 0));
}

/* ---- names of clients ---- */

static bool
is_one_client(const char *a, const char *b, unsigned prefix)
{
    unsigned char room_a[LIMIT_NAME_SIZE];
    unsigned char room_b[LIMIT_NAME_SIZE];
    struct address one;
    struct address other;

    assert_int_equal(address_parse_ip(slice_of(a), 1, &one), ERR_OK);
    assert_int_equal(address_parse_ip(slice_of(b), 2, &other), ERR_OK);
    return slice_equal(limit_client_name(&one, prefix, room_a),
                       limit_client_name(&other, prefix, room_b));
}

static void
client_is_an_address_or_a_network(void **state)
{
    (void)state;
    assert_true(is_one_client("192.0.2.1", "192.0.2.1", 64));
    assert_false(is_one_client("192.0.2.1", "192.0.2.2", 64));
    assert_true(is_one_client("::ffff:192.0.2.1", "192.0.2.1", 64));
    assert_true(is_one_client("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", 64));
    assert_false(is_one_client("2001:db8:1:2::1", "2001:db8:1:3::1", 64));
    assert_true(is_one_client("2001:db8:1:200::1", "2001:db8:1:2ff::1", 56));
    assert_false(is_one_client("2001:db8:1:200::1", "2001:db8:1:300::1", 56));
    assert_true(is_one_client("2001:db8:1:210::1", "2001:db8:1:21f::1", 60));
    assert_false(is_one_client("2001:db8:1:210::1", "2001:db8:1:220::1", 60));
    assert_false(is_one_client("2001:db8::1", "2001:db8::2", 128));
    assert_true(is_one_client("2001:db8::1", "2001:db8::1", 128));
    /* Neighbours on a link share these 64 bits. */
    assert_false(is_one_client("fe80::1", "fe80::2", 64));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burst_is_what_was_saved_up),
        cmocka_unit_test(one_is_always_allowed_in_the_end),
        cmocka_unit_test(refusal_says_how_long_to_wait_and_costs_nothing),
        cmocka_unit_test(slow_rates_are_waited_for_as_long_as_they_take),
        cmocka_unit_test(rate_that_divides_no_second_is_not_exceeded),
        cmocka_unit_test(debt_is_paid_before_more_is_left),
        cmocka_unit_test(refund_undoes_a_charge_and_saves_up_nothing),
        cmocka_unit_test(extremes_do_not_wrap_around),
        cmocka_unit_test(no_limit_leaves_no_trace),
        cmocka_unit_test(portions_come_in_the_order_of_arrival),
        cmocka_unit_test(rate_holds_for_all_places_together),
        cmocka_unit_test(what_was_not_used_is_given_back),
        cmocka_unit_test(account_is_the_same_for_all_who_hold_it),
        cmocka_unit_test(leaving_does_not_fill_an_allowance),
        cmocka_unit_test(idle_accounts_are_bounded_and_held_ones_stay),
        cmocka_unit_test(count_stops_at_its_limit),
        cmocka_unit_test(client_is_an_address_or_a_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
