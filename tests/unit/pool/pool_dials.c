/* What the shelf promises of dials: how many there may be, and who may dial next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/pool/rig.h"

static void
cap_dials(struct rig *rig, unsigned most)
{
    rig->settings.max_dials_per_host = most;
    rig_configure(rig);
}

static void
dials_beyond_the_cap_wait(void **state)
{
    struct rig *rig = *state;
    struct taker takers[3] = {{.grants = 0}};

    cap_dials(rig, 1);
    assert_int_equal(rig_take(rig, &takers[0], "a.test", SHELF_ANY), SHELF_GOT_SLOT);
    assert_int_equal(rig_take(rig, &takers[1], "a.test", SHELF_ANY), SHELF_GOT_QUEUE);
    assert_int_equal(rig_take(rig, &takers[2], "b.test", SHELF_ANY), SHELF_GOT_SLOT);
    assert_int_equal(counts_of(rig).waiting, 1);
    assert_true(shelf_leave(rig->shelf, &takers[1].waiter));
    drop_dial(rig, &takers[0]);
    drop_dial(rig, &takers[2]);
}

static void
finished_dial_lets_the_oldest_waiter_dial(void **state)
{
    struct rig *rig = *state;
    struct taker takers[3] = {{.grants = 0}};
    struct upstream *stream;

    cap_dials(rig, 1);
    for (int i = 0; i < 3; i++)
        rig_take(rig, &takers[i], "a.test", SHELF_ANY);
    stream = rig_open(rig, takers[0].got.slot);
    assert_true(shelf_dialed(rig->shelf, &takers[0].waiter, stream));
    assert_int_equal(takers[1].grants, 1);
    assert_non_null(takers[1].waiter.gift.slot);
    assert_int_equal(takers[2].grants, 0);
    assert_int_equal(counts_of(rig).open, 2);
    /* One more fails: the next one's turn, in the same slot. */
    drop_gift(rig, &takers[1]);
    assert_int_equal(takers[2].grants, 1);
    drop_gift(rig, &takers[2]);
    rig_close(rig, stream);
}

static void
closed_stream_lets_nobody_dial_at_the_cap_of_dials(void **state)
{
    struct rig *rig = *state;
    struct taker dialing = {0};
    struct taker queued = {0};
    struct upstream *stream = rig_dial(rig, "a.test");

    cap_dials(rig, 1);
    rig_take(rig, &dialing, "a.test", SHELF_ANY);
    rig_take(rig, &queued, "a.test", SHELF_ANY);
    rig_close(rig, stream);
    assert_int_equal(queued.grants, 0);
    assert_int_equal(counts_of(rig).open, 1);
    drop_dial(rig, &dialing);
    assert_int_equal(queued.grants, 1);
    drop_gift(rig, &queued);
}

static void
waiter_at_the_cap_of_dials_takes_what_comes_back(void **state)
{
    struct rig *rig = *state;
    struct taker dialing = {0};
    struct taker queued = {0};
    struct upstream *stream = rig_dial(rig, "a.test");

    cap_dials(rig, 1);
    rig_take(rig, &dialing, "a.test", SHELF_SLOT);
    assert_int_equal(rig_take(rig, &queued, "a.test", SHELF_ANY), SHELF_GOT_QUEUE);
    rig_give(rig, stream);
    assert_ptr_equal(queued.waiter.gift.stream, stream);
    drop_gift(rig, &queued);
    drop_dial(rig, &dialing);
}

static void
dial_without_its_waiter_still_counts(void **state)
{
    struct rig *rig = *state;
    struct taker first = {0};
    struct taker second = {0};
    struct upstream *returned = rig_dial(rig, "a.test");
    struct upstream *dialed;

    cap_dials(rig, 1);
    rig_take(rig, &first, "a.test", SHELF_ANY);
    rig_give(rig, returned);
    assert_int_equal(first.grants, 1);
    assert_int_equal(rig_take(rig, &second, "a.test", SHELF_ANY), SHELF_GOT_QUEUE);
    /* What the first one no longer needs serves the second. */
    dialed = rig_open(rig, first.got.slot);
    assert_false(shelf_dialed(rig->shelf, NULL, dialed));
    assert_ptr_equal(second.waiter.gift.stream, dialed);
    assert_int_equal(second.grants, 1);
    drop_gift(rig, &first);
    drop_gift(rig, &second);
}

static void
stream_that_no_waiter_may_have_parks_at_the_cap_of_dials(void **state)
{
    struct rig *rig = *state;
    struct taker dialing = {0};
    struct taker retry = {0};
    struct upstream *stream = rig_dial(rig, "a.test");

    cap_dials(rig, 1);
    rig_take(rig, &dialing, "a.test", SHELF_FRESH);
    assert_int_equal(rig_take(rig, &retry, "a.test", SHELF_FRESH), SHELF_GOT_QUEUE);
    rig_give(rig, stream);
    /* Its slot would help nobody. */
    assert_int_equal(rig->evicted, 0);
    assert_int_equal(counts_of(rig).parked, 1);
    drop_dial(rig, &dialing);
    assert_int_equal(retry.grants, 1);
    drop_gift(rig, &retry);
}

static void
finished_dial_at_the_cap_of_its_host_evicts_what_suits_nobody(void **state)
{
    struct rig *rig = *state;
    struct taker dialing = {0};
    struct taker retry = {0};
    struct upstream *stream = rig_dial(rig, "a.test");

    rig->settings.max_per_host = 2;
    cap_dials(rig, 1);
    rig_take(rig, &dialing, "a.test", SHELF_FRESH);
    rig_take(rig, &retry, "a.test", SHELF_FRESH);
    rig_give(rig, stream);
    stream = rig_open(rig, dialing.got.slot);
    assert_true(shelf_dialed(rig->shelf, &dialing.waiter, stream));
    assert_int_equal(rig->evicted, 1);
    assert_int_equal(retry.grants, 1);
    assert_non_null(retry.waiter.gift.slot);
    assert_int_equal(counts_of(rig).open, 2);
    drop_gift(rig, &retry);
    rig_close(rig, stream);
}

static void
dead_stream_is_dialed_again_in_its_own_slot(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {.waiter = {.want = SHELF_FRESH, .on_granted = rig_on_granted}};
    struct taker queued = {0};
    struct upstream *stream;
    struct bucket *slot;

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    rig_take(rig, &queued, "a.test", SHELF_ANY);
    slot = stream->bucket;
    rig_drop(stream);
    assert_true(shelf_redial(rig->shelf, slot, &taker.waiter));
    assert_int_equal(queued.grants, 0);
    stream = rig_open(rig, slot);
    assert_true(shelf_dialed(rig->shelf, &taker.waiter, stream));
    rig_give(rig, stream);
    assert_ptr_equal(queued.waiter.gift.stream, stream);
    drop_gift(rig, &queued);
}

static void
dead_streams_are_not_all_dialed_again_at_once(void **state)
{
    struct rig *rig = *state;
    struct taker takers[3] = {{.waiter.want = SHELF_FRESH}};
    struct taker newcomer = {0};
    struct upstream *streams[3];
    struct bucket *slots[3];

    for (int i = 0; i < 3; i++)
        streams[i] = rig_dial(rig, "a.test");
    cap_dials(rig, 1);
    for (int i = 0; i < 3; i++) {
        takers[i].waiter.want = SHELF_FRESH;
        takers[i].waiter.on_granted = rig_on_granted;
        slots[i] = streams[i]->bucket;
        rig_drop(streams[i]);
        assert_int_equal(shelf_redial(rig->shelf, slots[i], &takers[i].waiter), i == 0);
        if (i == 0)
            rig_take(rig, &newcomer, "a.test", SHELF_ANY);
    }
    assert_int_equal(counts_of(rig).open, 1);
    assert_int_equal(counts_of(rig).waiting, 3);
    /* Whoever had one already comes before who only now asks for one, though it came later. */
    takers[0].got.slot = slots[0];
    drop_dial(rig, &takers[0]);
    assert_int_equal(takers[1].grants, 1);
    drop_gift(rig, &takers[1]);
    assert_int_equal(takers[2].grants, 1);
    assert_int_equal(newcomer.grants, 0);
    drop_gift(rig, &takers[2]);
    assert_int_equal(newcomer.grants, 1);
    drop_gift(rig, &newcomer);
}

static void
raised_cap_of_dials_serves_those_who_wait(void **state)
{
    struct rig *rig = *state;
    struct taker takers[3] = {{.grants = 0}};

    cap_dials(rig, 1);
    for (int i = 0; i < 3; i++)
        rig_take(rig, &takers[i], "a.test", SHELF_ANY);
    cap_dials(rig, 2);
    shelf_refresh(rig->shelf);
    assert_int_equal(takers[1].grants, 1);
    assert_int_equal(takers[2].grants, 0);
    assert_true(shelf_leave(rig->shelf, &takers[2].waiter));
    drop_gift(rig, &takers[1]);
    drop_dial(rig, &takers[0]);
}

/* A host whose bucket is in the shard of another one's, or is not. */
static void
find_host(const char *other, bool is_same, char host[32])
{
    unsigned i = 0;

    do
        snprintf(host, 32, "h%u.test", i++);
    while ((rig_shard(host) == rig_shard(other)) != is_same);
}

/* Even where that does not help its own, and its shard has others who came later. */
static void
share_of_what_was_evicted_goes_to_who_starved_longest(void **state)
{
    struct rig *rig = *state;
    struct taker dials[3] = {{.grants = 0}};
    struct taker queued[3] = {{.grants = 0}};
    char hosts[3][32] = {"a.test"};
    struct upstream *stream;

    find_host(hosts[0], false, hosts[1]);
    find_host(hosts[0], true, hosts[2]);
    rig->settings.max_per_host = 3;
    rig->settings.max_dials_per_host = 1;
    rig->settings.max_total = 5;
    rig_configure(rig);
    stream = rig_dial(rig, hosts[0]);
    rig_park(rig, hosts[0]);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rig_take(rig, &dials[i], hosts[i], SHELF_FRESH), SHELF_GOT_SLOT);
        assert_int_equal(rig_take(rig, &queued[i], hosts[i], SHELF_FRESH), SHELF_GOT_QUEUE);
    }
    rig->settings.max_per_host = 2;
    rig->settings.max_dials_per_host = 2;
    rig_configure(rig);
    shelf_refresh(rig->shelf);
    assert_int_equal(rig->evicted, 1);
    assert_int_equal(queued[0].grants, 0);
    assert_int_equal(queued[1].grants, 1);
    assert_int_equal(queued[2].grants, 0);
    drop_gift(rig, &queued[1]);
    drop_gift(rig, &queued[2]);
    drop_dial(rig, &dials[0]);
    drop_gift(rig, &queued[0]);
    drop_dial(rig, &dials[1]);
    drop_dial(rig, &dials[2]);
    rig_close(rig, stream);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dials_beyond_the_cap_wait),
        TEST(finished_dial_lets_the_oldest_waiter_dial),
        TEST(closed_stream_lets_nobody_dial_at_the_cap_of_dials),
        TEST(waiter_at_the_cap_of_dials_takes_what_comes_back),
        TEST(dial_without_its_waiter_still_counts),
        TEST(stream_that_no_waiter_may_have_parks_at_the_cap_of_dials),
        TEST(finished_dial_at_the_cap_of_its_host_evicts_what_suits_nobody),
        TEST(dead_stream_is_dialed_again_in_its_own_slot),
        TEST(dead_streams_are_not_all_dialed_again_at_once),
        TEST(raised_cap_of_dials_serves_those_who_wait),
        TEST(share_of_what_was_evicted_goes_to_who_starved_longest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
