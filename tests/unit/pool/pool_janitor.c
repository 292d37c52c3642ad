/* What the sweep closes and what it leaves alone, and what an operator closes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/pool/yard.h"

static void
quiet_connection_stays(void **state)
{
    struct yard *yard = *state;
    int peer = yard_park(yard);

    rig_advance_ms(59999);
    yard_sweep_leaves(yard, 1);
    close(peer);
}

static void
idle_connection_is_closed_in_time(void **state)
{
    struct yard *yard = *state;
    int old = yard_park(yard);
    int young;
    char byte;

    rig_advance_ms(30000);
    young = yard_park(yard);
    rig_advance_ms(30000);
    yard_sweep_leaves(yard, 1);
    assert_int_equal(read(old, &byte, 1), 0);
    close(old);
    close(young);
}

static void
connection_that_its_origin_closed_is_closed(void **state)
{
    struct yard *yard = *state;
    int first = yard_park(yard);
    int second = yard_park(yard);

    close(first);
    yard_sweep_leaves(yard, 1);
    close(second);
}

static void
connection_with_unasked_bytes_is_closed(void **state)
{
    struct yard *yard = *state;
    int peer = yard_park(yard);

    assert_int_equal(write(peer, "x", 1), 1);
    yard_sweep_leaves(yard, 0);
    close(peer);
}

static void
what_only_looked_readable_stays(void **state)
{
    struct yard *yard = *state;
    int peer = yard_park(yard);

    /* As when the number was another socket's while it was polled. */
    yard->polls_readable = true;
    yard_sweep_leaves(yard, 1);
    close(peer);
}

static void
false_alarm_does_not_make_a_connection_younger(void **state)
{
    struct yard *yard = *state;
    int peer = yard_park(yard);

    yard->polls_readable = true;
    rig_advance_ms(40000);
    yard_sweep_leaves(yard, 1);
    rig_advance_ms(20000);
    yard_sweep_leaves(yard, 0);
    close(peer);
}

static void
connection_taken_meanwhile_is_its_takers(void **state)
{
    struct yard *yard = *state;
    struct taker taker = {0};
    struct pool_gauges gauges;
    int peer = yard_park(yard);

    close(peer);
    yard->polls_take = &taker;
    pool_sweep(yard->pool);
    /* Its end is seen by the taker, and by nobody else. */
    pool_gauges(yard->pool, &gauges);
    assert_int_equal(gauges.open, 1);
    assert_int_equal(stream_pulse(&taker.got.stream->stream), PULSE_GONE);
    pool_discard(yard->pool, taker.got.stream);
}

static void
old_connection_is_closed_however_much_used(void **state)
{
    struct yard *yard = *state;
    struct taker taker = {0};
    int peer = yard_park(yard);

    for (int i = 0; i < 11; i++) {
        rig_advance_ms(50000);
        yard_sweep_leaves(yard, 1);
        yard_take(yard, &taker);
        taker.got.stream->used_us = clock_now_us();
        shelf_give(yard->pool->shelf, taker.got.stream);
    }
    rig_advance_ms(50000);
    yard_sweep_leaves(yard, 0);
    close(peer);
}

static void
clearing_closes_all_that_is_parked(void **state)
{
    struct yard *yard = *state;
    int first = yard_park(yard);
    int second = yard_park(yard);

    pool_clear(yard->pool);
    yard_sweep_leaves(yard, 0);
    close(first);
    close(second);
}

static void
closing_a_host_leaves_others_alone(void **state)
{
    struct yard *yard = *state;
    int peers[] = {yard_park_at(yard, "a.test", 80), yard_park_at(yard, "a.test", 81),
                   yard_park_at(yard, "b.test", 80), yard_park_at(yard, "a.test", 80)};

    assert_int_equal(pool_close_parked(yard->pool, "c.test", 0), 0);
    yard_sweep_leaves(yard, 4);
    assert_int_equal(pool_close_parked(yard->pool, "a.test", 80), 2);
    yard_sweep_leaves(yard, 2);
    assert_int_equal(pool_close_parked(yard->pool, "a.test", 0), 1);
    yard_sweep_leaves(yard, 1);
    assert_int_equal(pool_close_parked(yard->pool, NULL, 0), 1);
    yard_sweep_leaves(yard, 0);
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
        close(peers[i]);
}

static void
closing_a_host_leaves_what_is_in_use(void **state)
{
    struct yard *yard = *state;
    struct taker taker = {.waiter = {.want = SHELF_SLOT, .on_granted = rig_on_granted}};
    struct pool_key key = rig_key("a.test");
    struct taker holder = {.waiter = {.want = SHELF_ANY, .on_granted = rig_on_granted}};
    int peer = yard_park(yard);

    yard->settings.max_per_host = 1;
    pool_configure(yard->pool, &yard->settings);
    yard_take(yard, &holder);
    assert_int_equal(shelf_take(yard->pool->shelf, &key, &taker.waiter, &taker.got),
                     SHELF_GOT_QUEUE);
    /* It is in use, so it is none of those that are closed. */
    assert_int_equal(pool_close_parked(yard->pool, "a.test", 0), 0);
    assert_int_equal(taker.grants, 0);
    pool_discard(yard->pool, holder.got.stream);
    assert_int_equal(taker.grants, 1);
    shelf_undial(yard->pool->shelf, taker.waiter.gift.slot);
    close(peer);
}

static void
closing_by_id_closes_one_that_is_parked(void **state)
{
    struct yard *yard = *state;
    struct taker holder = {.waiter = {.want = SHELF_ANY, .on_granted = rig_on_granted}};
    int peers[] = {yard_park(yard), yard_park_at(yard, "b.test", 80), yard_park(yard)};
    uint64_t held;

    assert_false(pool_close_id(yard->pool, 4));
    yard_sweep_leaves(yard, 3);
    assert_true(pool_close_id(yard->pool, 2));
    yard_sweep_leaves(yard, 2);
    assert_false(pool_close_id(yard->pool, 2));
    yard_take(yard, &holder);
    held = holder.got.stream->id;
    /* It is in use: neither closed nor taken from its holder. */
    assert_false(pool_close_id(yard->pool, held));
    assert_int_equal(stream_pulse(&holder.got.stream->stream), PULSE_QUIET);
    shelf_give(yard->pool->shelf, holder.got.stream);
    assert_true(pool_close_id(yard->pool, held));
    yard_sweep_leaves(yard, 1);
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
        close(peers[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, yard_set_up, yard_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(quiet_connection_stays),
        TEST(idle_connection_is_closed_in_time),
        TEST(connection_that_its_origin_closed_is_closed),
        TEST(connection_with_unasked_bytes_is_closed),
        TEST(what_only_looked_readable_stays),
        TEST(false_alarm_does_not_make_a_connection_younger),
        TEST(connection_taken_meanwhile_is_its_takers),
        TEST(old_connection_is_closed_however_much_used),
        TEST(clearing_closes_all_that_is_parked),
        TEST(closing_a_host_leaves_others_alone),
        TEST(closing_a_host_leaves_what_is_in_use),
        TEST(closing_by_id_closes_one_that_is_parked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
