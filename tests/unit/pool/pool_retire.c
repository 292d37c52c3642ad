/* What the janitor learns from ends, and what it retires before its origin closes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "pool/hosts.h"
#include "tests/unit/pool/yard.h"

static struct habit *
habit_of(struct yard *yard)
{
    struct pool_key key = rig_key("a.test");
    struct host *host = hosts_obtain(yard->pool->hosts, &key);

    hosts_leave(host);
    return &host->habit;
}

/* The only parked connection is closed by its origin, once it was idle for almost idle_ms. */
static void
origin_closes(struct yard *yard, int peer, unsigned idle_ms)
{
    rig_advance_ms(idle_ms);
    yard_sweep_leaves(yard, 1);
    close(peer);
    rig_advance_ms(100);
    yard_sweep_leaves(yard, 0);
}

/* Two that were closed after 5 s make a habit. */
static void
teach(struct yard *yard)
{
    origin_closes(yard, yard_park(yard), 4900);
    assert_int_equal(habit_limit_ms(habit_of(yard)), 0);
    origin_closes(yard, yard_park(yard), 4900);
    /* It was last seen alive at 4900, and an eighth of that is kept as a margin. */
    assert_int_equal(habit_limit_ms(habit_of(yard)), 4900 - 4900 / 8);
}

static void
ends_teach_when_the_origin_loses_patience(void **state)
{
    struct yard *yard = *state;

    teach(yard);
}

static void
connections_are_retired_before_their_origin_closes_them(void **state)
{
    struct yard *yard = *state;
    int peers[10];
    char byte;

    teach(yard);
    for (size_t i = 0; i < 10; i++)
        peers[i] = yard_park(yard);
    rig_advance_ms(4287);
    yard_sweep_leaves(yard, 10);
    rig_advance_ms(1);
    /* All but the scout. */
    yard_sweep_leaves(yard, 1);
    assert_int_equal(stat_read(&pool_stats(yard->pool)[POOL_STAT_RETIRED]), 9);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(recv(peers[i], &byte, 1, MSG_DONTWAIT), i == 0 ? -1 : 0);
        close(peers[i]);
    }
    yard_sweep_leaves(yard, 0);
}

static void
far_origin_is_met_earlier(void **state)
{
    struct yard *yard = *state;
    int peer;

    teach(yard);
    /* The first is a scout, the second is not. */
    close(yard_park(yard));
    rig_advance_ms(4288);
    yard_sweep_leaves(yard, 0);
    assert_int_equal(habit_of(yard)->reached, 1);
    yard->connect_ms = 300;
    peer = yard_park(yard);
    rig_advance_ms(4288 - 301);
    yard_sweep_leaves(yard, 1);
    rig_advance_ms(1);
    yard_sweep_leaves(yard, 0);
    close(peer);
}

static void
patience_with_a_first_request_is_no_habit(void **state)
{
    struct yard *yard = *state;
    int peer;

    yard->uses = 0;
    origin_closes(yard, yard_park(yard), 4900);
    origin_closes(yard, yard_park(yard), 4900);
    assert_int_equal(habit_limit_ms(habit_of(yard)), 0);
    yard->uses = 1;
    teach(yard);
    yard->uses = 0;
    peer = yard_park(yard);
    rig_advance_ms(59999);
    yard_sweep_leaves(yard, 1);
    assert_int_equal(habit_of(yard)->reached, 0);
    close(peer);
}

static void
nothing_is_retired_if_that_is_off(void **state)
{
    struct yard *yard = *state;
    int peer;

    teach(yard);
    yard->settings.learns_idle_timeout = false;
    pool_configure(yard->pool, &yard->settings);
    close(yard_park(yard));
    yard_sweep_leaves(yard, 0);
    peer = yard_park(yard);
    rig_advance_ms(59999);
    yard_sweep_leaves(yard, 1);
    assert_int_equal(habit_of(yard)->reached, 0);
    close(peer);
}

/* Takes what the shelf has for a GET, and closes it again. Returns its id; 0: only a slot. */
static uint64_t
take_id(struct yard *yard)
{
    struct taker taker = {.waiter = {.want = SHELF_ANY, .on_granted = rig_on_granted}};
    struct pool_key key = rig_key("a.test");
    uint64_t id = 0;

    if (shelf_take(yard->pool->shelf, &key, &taker.waiter, &taker.got) == SHELF_GOT_STREAM) {
        id = taker.got.stream->id;
        pool_discard(yard->pool, taker.got.stream);
    } else {
        assert_true(shelf_leave(yard->pool->shelf, &taker.waiter));
        shelf_undial(yard->pool->shelf, taker.got.slot);
    }
    return id;
}

static void
retired_connection_is_nobodys(void **state)
{
    struct yard *yard = *state;
    int peer;

    teach(yard);
    peer = yard_park(yard);
    rig_advance_ms(4288);
    assert_int_equal(take_id(yard), 0);
    /* The first of them is a scout. */
    yard_sweep_leaves(yard, 1);
    close(peer);
}

static void
retired_connection_hides_none_with_more_time(void **state)
{
    struct yard *yard = *state;
    int peers[3];

    teach(yard);
    yard->uses = 0;
    peers[0] = yard_park(yard);
    rig_advance_ms(1);
    yard->uses = 1;
    peers[1] = yard_park(yard);
    rig_advance_ms(1);
    yard->connect_ms = 300;
    peers[2] = yard_park(yard);
    /* The newest has the longest way, and the oldest has not served yet. */
    rig_advance_ms(4288 - 300);
    assert_int_equal(take_id(yard), 4);
    rig_advance_ms(300);
    assert_int_equal(take_id(yard), 3);
    assert_int_equal(take_id(yard), 0);
    for (size_t i = 0; i < 3; i++)
        close(peers[i]);
}

static void
scouts_tell_that_the_origin_waits_longer(void **state)
{
    struct yard *yard = *state;

    teach(yard);
    /* From the first surprise on every other is a scout; the eighth age pushes out the first.
     */
    for (int i = 0; i < 13; i++) {
        int peer = yard_park(yard);

        rig_advance_ms(5000);
        pool_sweep(yard->pool);
        if (habit_of(yard)->reached % 2 == 1) {
            origin_closes(yard, peer, 4900);
            continue;
        }
        yard_sweep_leaves(yard, 0);
        close(peer);
    }
    assert_int_equal(habit_limit_ms(habit_of(yard)), 9900 - 1000);
}

static void
scout_ends_with_our_own_patience(void **state)
{
    struct yard *yard = *state;
    int peer;

    teach(yard);
    peer = yard_park(yard);
    rig_advance_ms(59999);
    yard_sweep_leaves(yard, 1);
    rig_advance_ms(1);
    yard_sweep_leaves(yard, 0);
    close(peer);
    assert_true(habit_of(yard)->is_doubted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, yard_set_up, yard_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ends_teach_when_the_origin_loses_patience),
        TEST(connections_are_retired_before_their_origin_closes_them),
        TEST(far_origin_is_met_earlier),
        TEST(patience_with_a_first_request_is_no_habit),
        TEST(nothing_is_retired_if_that_is_off),
        TEST(retired_connection_is_nobodys),
        TEST(retired_connection_hides_none_with_more_time),
        TEST(scouts_tell_that_the_origin_waits_longer),
        TEST(scout_ends_with_our_own_patience),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
