/* What the shelf promises: who is served, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/pool/rig.h"

static void
newest_parked_is_taken_first(void **state)
{
    struct rig *rig = *state;
    struct upstream *first = rig_dial(rig, "a.test");
    struct upstream *second = rig_dial(rig, "a.test");
    uint64_t first_id = first->id;
    uint64_t second_id = second->id;

    rig_give(rig, second);
    rig_advance_ms(1);
    rig_give(rig, first);
    assert_true(taken_id(rig, "a.test") == first_id);
    assert_true(taken_id(rig, "a.test") == second_id);
}

static void
empty_shelf_gives_a_slot_and_counts_it(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};

    assert_int_equal(rig_take(rig, &taker, "a.test", SHELF_ANY), SHELF_GOT_SLOT);
    assert_int_equal(counts_of(rig).open, 1);
    drop_dial(rig, &taker);
    assert_int_equal(counts_of(rig).open, 0);
}

static void
empty_bucket_is_freed(void **state)
{
    struct rig *rig = *state;

    rig_park(rig, "a.test");
    assert_int_equal(counts_of(rig).buckets, 1);
    taken_id(rig, "a.test");
    assert_int_equal(counts_of(rig).buckets, 0);
}

static void
keys_with_equal_hashes_never_mix(void **state)
{
    struct rig *rig = *state;
    struct pool_key other = rig_key("b.test");
    struct taker taker = {.waiter = {.want = SHELF_ANY}};

    rig_park(rig, "a.test");
    other.hash = rig_key("a.test").hash;
    assert_int_equal(shelf_take(rig->shelf, &other, &taker.waiter, &taker.got), SHELF_GOT_SLOT);
    drop_dial(rig, &taker);
    taken_id(rig, "a.test");
}

static void
returned_stream_goes_to_the_oldest_waiter(void **state)
{
    struct rig *rig = *state;
    struct taker first = {0};
    struct taker second = {0};
    struct upstream *stream;

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    assert_int_equal(rig_take(rig, &first, "a.test", SHELF_ANY), SHELF_GOT_QUEUE);
    assert_int_equal(rig_take(rig, &second, "a.test", SHELF_ANY), SHELF_GOT_QUEUE);
    assert_int_equal(counts_of(rig).waiting, 2);
    rig_give(rig, stream);
    assert_int_equal(first.grants, 1);
    assert_ptr_equal(first.waiter.gift.stream, stream);
    assert_int_equal(second.grants, 0);
    assert_int_equal(counts_of(rig).parked, 0);
    rig_give(rig, first.waiter.gift.stream);
    assert_ptr_equal(second.waiter.gift.stream, stream);
    drop_gift(rig, &second);
}

static void
closed_stream_hands_its_slot_to_the_oldest_waiter(void **state)
{
    struct rig *rig = *state;
    struct taker first = {0};
    struct upstream *stream;

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    rig_take(rig, &first, "a.test", SHELF_ANY);
    rig_close(rig, stream);
    assert_int_equal(first.grants, 1);
    assert_null(first.waiter.gift.stream);
    assert_non_null(first.waiter.gift.slot);
    assert_int_equal(counts_of(rig).open, 1);
    drop_gift(rig, &first);
}

static void
slot_goes_past_those_who_dial_already(void **state)
{
    struct rig *rig = *state;
    struct taker dialing = {0};
    struct taker queued = {0};
    struct upstream *stream;

    rig->settings.max_per_host = 2;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    assert_int_equal(rig_take(rig, &dialing, "a.test", SHELF_ANY), SHELF_GOT_SLOT);
    assert_int_equal(rig_take(rig, &queued, "a.test", SHELF_ANY), SHELF_GOT_QUEUE);
    rig_close(rig, stream);
    assert_int_equal(dialing.grants, 0);
    assert_int_equal(queued.grants, 1);
    drop_gift(rig, &queued);
    drop_dial(rig, &dialing);
}

static void
returned_stream_is_used_before_the_dialed_one(void **state)
{
    struct rig *rig = *state;
    struct upstream *stream = rig_dial(rig, "a.test");
    struct taker dialing = {0};
    uint64_t dialed_id;

    rig_take(rig, &dialing, "a.test", SHELF_ANY);
    rig_give(rig, stream);
    assert_ptr_equal(dialing.waiter.gift.stream, stream);
    /* Its dial arrives: it has what it needs, and the connection is parked. */
    stream = rig_open(rig, dialing.got.slot);
    dialed_id = stream->id;
    assert_false(shelf_dialed(rig->shelf, &dialing.waiter, stream));
    assert_int_equal(counts_of(rig).parked, 1);
    drop_gift(rig, &dialing);
    assert_true(taken_id(rig, "a.test") == dialed_id);
}

static void
grant_leaves_alone_what_take_returned(void **state)
{
    struct rig *rig = *state;
    struct upstream *stream = rig_dial(rig, "a.test");
    struct taker dialing = {0};

    /* On another thread this may come before the taker has looked at its slot. */
    assert_int_equal(rig_take(rig, &dialing, "a.test", SHELF_ANY), SHELF_GOT_SLOT);
    rig_give(rig, stream);
    assert_non_null(dialing.got.slot);
    shelf_undial(rig->shelf, dialing.got.slot);
    drop_gift(rig, &dialing);
}

static void
failed_dial_frees_its_slot_for_one_waiter_only(void **state)
{
    struct rig *rig = *state;
    struct taker dialing = {0};
    struct taker first = {0};
    struct taker second = {0};

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    rig_take(rig, &dialing, "a.test", SHELF_ANY);
    rig_take(rig, &first, "a.test", SHELF_ANY);
    rig_take(rig, &second, "a.test", SHELF_ANY);
    drop_dial(rig, &dialing);
    assert_int_equal(first.grants, 1);
    assert_int_equal(second.grants, 0);
    assert_true(shelf_leave(rig->shelf, &second.waiter));
    drop_gift(rig, &first);
}

static void
newcomer_does_not_overtake_the_queue(void **state)
{
    struct rig *rig = *state;
    struct taker first = {0};
    struct taker second = {0};
    struct upstream *stream;

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    rig_take(rig, &first, "a.test", SHELF_ANY);
    /* More room, not yet given out: the next one must not snatch it. */
    rig->settings.max_per_host = 2;
    rig_configure(rig);
    assert_int_equal(rig_take(rig, &second, "a.test", SHELF_ANY), SHELF_GOT_QUEUE);
    shelf_refresh(rig->shelf);
    assert_int_equal(first.grants, 1);
    assert_int_equal(second.grants, 0);
    rig_close(rig, stream);
    assert_int_equal(second.grants, 1);
    drop_gift(rig, &first);
    drop_gift(rig, &second);
}

static void
one_who_must_wait_again_keeps_its_rank(void **state)
{
    struct rig *rig = *state;
    struct taker first = {0};
    struct taker second = {0};
    struct taker third = {0};
    struct upstream *stream;

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    rig_take(rig, &first, "a.test", SHELF_ANY);
    rig_take(rig, &second, "a.test", SHELF_ANY);
    rig_give(rig, stream);
    /* The gift was dead: its slot goes to the second, who dials. */
    rig_close(rig, first.waiter.gift.stream);
    assert_int_equal(second.grants, 1);
    rig_take(rig, &third, "a.test", SHELF_ANY);
    assert_int_equal(rig_take(rig, &first, "a.test", SHELF_ANY), SHELF_GOT_QUEUE);
    shelf_dialed(rig->shelf, NULL, rig_open(rig, second.waiter.gift.slot));
    assert_int_equal(first.grants, 2);
    assert_int_equal(third.grants, 0);
    assert_true(shelf_leave(rig->shelf, &third.waiter));
    drop_gift(rig, &first);
}

static void
cancelled_wait_leaves_nothing_behind(void **state)
{
    struct rig *rig = *state;
    struct taker first = {0};
    struct upstream *stream;

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    rig_take(rig, &first, "a.test", SHELF_ANY);
    assert_true(shelf_leave(rig->shelf, &first.waiter));
    rig_give(rig, stream);
    assert_int_equal(first.grants, 0);
    assert_int_equal(counts_of(rig).parked, 1);
}

static void
cancelled_grant_can_be_given_back(void **state)
{
    struct rig *rig = *state;
    struct taker first = {0};
    struct upstream *stream;

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    rig_take(rig, &first, "a.test", SHELF_ANY);
    rig_give(rig, stream);
    assert_false(shelf_leave(rig->shelf, &first.waiter));
    shelf_give(rig->shelf, first.waiter.gift.stream);
    assert_int_equal(counts_of(rig).parked, 1);
}

static void
too_many_waiters_are_refused(void **state)
{
    struct rig *rig = *state;
    struct taker first = {0};
    struct taker second = {0};
    struct upstream *stream;

    rig->settings.max_per_host = 1;
    rig->settings.max_waiting = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    assert_int_equal(rig_take(rig, &first, "a.test", SHELF_ANY), SHELF_GOT_QUEUE);
    assert_int_equal(rig_take(rig, &second, "a.test", SHELF_ANY), SHELF_GOT_FULL);
    assert_int_equal(counts_of(rig).waiting, 1);
    rig_close(rig, stream);
    drop_gift(rig, &first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(newest_parked_is_taken_first),
        TEST(empty_shelf_gives_a_slot_and_counts_it),
        TEST(empty_bucket_is_freed),
        TEST(keys_with_equal_hashes_never_mix),
        TEST(returned_stream_goes_to_the_oldest_waiter),
        TEST(closed_stream_hands_its_slot_to_the_oldest_waiter),
        TEST(slot_goes_past_those_who_dial_already),
        TEST(returned_stream_is_used_before_the_dialed_one),
        TEST(grant_leaves_alone_what_take_returned),
        TEST(failed_dial_frees_its_slot_for_one_waiter_only),
        TEST(newcomer_does_not_overtake_the_queue),
        TEST(one_who_must_wait_again_keeps_its_rank),
        TEST(cancelled_wait_leaves_nothing_behind),
        TEST(cancelled_grant_can_be_given_back),
        TEST(too_many_waiters_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
