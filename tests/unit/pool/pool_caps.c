/* What the shelf promises: what suits whom, caps, evictions, what the janitor sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/pool/rig.h"

static void
young_takes_what_was_used_a_moment_ago(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};

    rig_park(rig, "a.test");
    rig_advance_ms(500);
    assert_int_equal(rig_take(rig, &taker, "a.test", SHELF_YOUNG), SHELF_GOT_STREAM);
    rig_close(rig, taker.got.stream);
}

static void
young_refuses_what_lay_for_longer(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};

    rig_park(rig, "a.test");
    rig_advance_ms(501);
    assert_int_equal(rig_take(rig, &taker, "a.test", SHELF_YOUNG), SHELF_GOT_SLOT);
    drop_dial(rig, &taker);
    assert_int_equal(counts_of(rig).parked, 1);
}

static void
fresh_at_the_cap_evicts_a_parked_one_of_its_host(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};
    uint64_t oldest;

    rig->settings.max_per_host = 2;
    rig_configure(rig);
    rig_park(rig, "b.test");
    rig_advance_ms(1);
    oldest = rig_park(rig, "a.test");
    rig_advance_ms(1);
    rig_give(rig, rig_dial(rig, "a.test"));
    assert_int_equal(rig_take(rig, &taker, "a.test", SHELF_FRESH), SHELF_GOT_SLOT);
    assert_int_equal(rig->evicted, 1);
    assert_true(rig->last_evicted_id == oldest);
    assert_int_equal(counts_of(rig).open, 3);
    drop_dial(rig, &taker);
}

static void
waiting_fresh_gets_the_slot_of_a_returned_stream(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};
    struct upstream *stream;

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    assert_int_equal(rig_take(rig, &taker, "a.test", SHELF_FRESH), SHELF_GOT_QUEUE);
    rig_give(rig, stream);
    assert_int_equal(taker.grants, 1);
    assert_null(taker.waiter.gift.stream);
    assert_int_equal(rig->evicted, 1);
    drop_gift(rig, &taker);
}

static void
waiting_young_takes_a_just_returned_stream(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};
    struct upstream *stream;

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    assert_int_equal(rig_take(rig, &taker, "a.test", SHELF_YOUNG), SHELF_GOT_QUEUE);
    rig_give(rig, stream);
    assert_ptr_equal(taker.waiter.gift.stream, stream);
    drop_gift(rig, &taker);
}

static void
waiting_fresh_takes_a_connection_that_nobody_used(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};
    struct upstream *stream;

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    rig_take(rig, &taker, "a.test", SHELF_FRESH);
    shelf_give(rig->shelf, stream);
    assert_ptr_equal(taker.waiter.gift.stream, stream);
    drop_gift(rig, &taker);
}

static void
slot_only_takes_no_stream_at_all(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};

    rig_take(rig, &taker, "a.test", SHELF_SLOT);
    shelf_give(rig->shelf, rig_dial(rig, "a.test"));
    assert_int_equal(taker.grants, 0);
    assert_int_equal(counts_of(rig).parked, 1);
    drop_dial(rig, &taker);
}

static void
parked_ones_beyond_the_cap_push_out_the_oldest(void **state)
{
    struct rig *rig = *state;
    struct upstream *streams[3];

    rig->settings.max_parked_per_host = 2;
    rig_configure(rig);
    for (int i = 0; i < 3; i++)
        streams[i] = rig_dial(rig, "a.test");
    for (int i = 0; i < 3; i++) {
        rig_advance_ms(1);
        rig_give(rig, streams[i]);
    }
    assert_int_equal(rig->evicted, 1);
    assert_true(rig->last_evicted_id == 1);
    assert_int_equal(counts_of(rig).parked, 2);
    assert_int_equal(counts_of(rig).open, 2);
}

static void
nothing_parks_when_no_parking_is_allowed(void **state)
{
    struct rig *rig = *state;

    rig->settings.max_parked_per_host = 0;
    rig_configure(rig);
    rig_park(rig, "a.test");
    assert_int_equal(rig->evicted, 1);
    assert_int_equal(counts_of(rig).open, 0);
}

static void
total_cap_evicts_the_least_recently_used_of_all(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};
    uint64_t oldest;

    rig->settings.max_total = 3;
    rig_configure(rig);
    oldest = rig_park(rig, "a.test");
    rig_advance_ms(1);
    rig_park(rig, "b.test");
    rig_advance_ms(1);
    rig_park(rig, "c.test");
    assert_int_equal(rig_take(rig, &taker, "d.test", SHELF_ANY), SHELF_GOT_SLOT);
    assert_int_equal(rig->evicted, 1);
    assert_true(rig->last_evicted_id == oldest);
    assert_int_equal(counts_of(rig).open, 3);
    assert_int_equal(taker.grants, 0);
    drop_dial(rig, &taker);
}

static void
waiter_at_the_total_cap_is_served_by_any_freed_slot(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};
    struct upstream *stream;

    rig->settings.max_total = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    assert_int_equal(rig_take(rig, &taker, "b.test", SHELF_ANY), SHELF_GOT_QUEUE);
    rig_close(rig, stream);
    assert_int_equal(taker.grants, 1);
    assert_non_null(taker.waiter.gift.slot);
    assert_int_equal(counts_of(rig).open, 1);
    drop_gift(rig, &taker);
}

static void
waiter_at_the_total_cap_is_served_by_evicting_what_parks(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};
    struct upstream *stream;

    rig->settings.max_total = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    rig_take(rig, &taker, "b.test", SHELF_ANY);
    rig_give(rig, stream);
    assert_int_equal(taker.grants, 1);
    assert_non_null(taker.waiter.gift.slot);
    assert_int_equal(rig->evicted, 1);
    drop_gift(rig, &taker);
}

static void
freed_slot_goes_to_the_host_that_starved_longest(void **state)
{
    struct rig *rig = *state;
    struct taker takers[3] = {{.grants = 0}};
    struct upstream *stream;

    rig->settings.max_total = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    rig_take(rig, &takers[0], "b.test", SHELF_ANY);
    rig_take(rig, &takers[1], "c.test", SHELF_ANY);
    rig_take(rig, &takers[2], "a.test", SHELF_ANY);
    rig_close(rig, stream);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(takers[i].grants, 1);
        for (int k = i + 1; k < 3; k++)
            assert_int_equal(takers[k].grants, 0);
        drop_gift(rig, &takers[i]);
    }
}

static void
evicted_for_descriptors_frees_its_slot(void **state)
{
    struct rig *rig = *state;

    rig_park(rig, "a.test");
    assert_true(shelf_evict(rig->shelf));
    assert_int_equal(counts_of(rig).open, 0);
    assert_false(shelf_evict(rig->shelf));
}

static void
low_descriptors_evict_one_parked_stream_and_no_leased_one(void **state)
{
    struct rig *rig = *state;
    struct upstream *leased = rig_dial(rig, "a.test");
    uint64_t oldest = rig_park(rig, "b.test");

    rig_advance_ms(1);
    rig_park(rig, "a.test");
    rig_park(rig, "c.test");
    assert_true(shelf_evict(rig->shelf));
    assert_int_equal(rig->evicted, 1);
    assert_true(rig->last_evicted_id == oldest);
    assert_int_equal(counts_of(rig).parked, 2);
    assert_true(shelf_evict(rig->shelf));
    assert_true(shelf_evict(rig->shelf));
    assert_false(shelf_evict(rig->shelf));
    assert_int_equal(counts_of(rig).open, 1);
    rig_close(rig, leased);
}

static void
parked_ones_of_all_hosts_beyond_their_cap_push_out_the_oldest(void **state)
{
    struct rig *rig = *state;
    struct taker waiting = {0};
    struct upstream *leased;
    uint64_t oldest;

    rig->settings.max_parked = 2;
    rig->settings.max_total = 4;
    rig_configure(rig);
    leased = rig_dial(rig, "d.test");
    oldest = rig_park(rig, "a.test");
    rig_advance_ms(1);
    rig_park(rig, "b.test");
    assert_int_equal(rig->evicted, 0);
    rig_advance_ms(1);
    rig_park(rig, "c.test");
    assert_int_equal(rig->evicted, 1);
    assert_true(rig->last_evicted_id == oldest);
    assert_int_equal(counts_of(rig).parked, 2);
    /* Its share of the total is free. */
    assert_int_equal(rig_take(rig, &waiting, "e.test", SHELF_ANY), SHELF_GOT_SLOT);
    assert_int_equal(rig->evicted, 1);
    drop_dial(rig, &waiting);
    rig_close(rig, leased);
}

static void
lowered_cap_of_parked_ones_closes_what_is_too_many(void **state)
{
    struct rig *rig = *state;

    for (int i = 0; i < 4; i++)
        rig_park(rig, i % 2 == 0 ? "a.test" : "b.test");
    assert_int_equal(counts_of(rig).parked, 4);
    rig->settings.max_parked = 1;
    rig_configure(rig);
    shelf_refresh(rig->shelf);
    assert_int_equal(counts_of(rig).parked, 1);
    assert_int_equal(rig->evicted, 3);
}

static void
raised_total_serves_those_who_wait(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};
    struct upstream *stream;

    rig->settings.max_total = 1;
    rig_configure(rig);
    stream = rig_dial(rig, "a.test");
    rig_take(rig, &taker, "b.test", SHELF_ANY);
    rig->settings.max_total = 2;
    rig_configure(rig);
    shelf_refresh(rig->shelf);
    assert_int_equal(taker.grants, 1);
    drop_gift(rig, &taker);
    rig_close(rig, stream);
}

static void
lowered_cap_closes_what_comes_back(void **state)
{
    struct rig *rig = *state;
    struct upstream *first = rig_dial(rig, "a.test");
    struct upstream *second = rig_dial(rig, "a.test");

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    rig_give(rig, first);
    assert_int_equal(rig->evicted, 1);
    rig_give(rig, second);
    assert_int_equal(rig->evicted, 1);
    assert_int_equal(counts_of(rig).parked, 1);
}

static void
unused_stream_returns_to_its_place_by_age(void **state)
{
    struct rig *rig = *state;
    struct taker taker = {0};
    uint64_t newest;

    rig_give(rig, rig_dial(rig, "a.test"));
    assert_int_equal(rig_take(rig, &taker, "a.test", SHELF_ANY), SHELF_GOT_STREAM);
    rig_advance_ms(5);
    newest = rig_park(rig, "a.test");
    /* The taker's rules refused it: it goes back as old as it is. */
    shelf_give(rig->shelf, taker.got.stream);
    assert_true(taken_id(rig, "a.test") == newest);
}

static void
janitor_finds_what_is_spent_and_what_is_not(void **state)
{
    struct rig *rig = *state;
    struct upstream_list spent = TAILQ_HEAD_INITIALIZER(spent);
    unsigned shard = rig_shard("a.test");
    struct shelf_entry entries[4];
    struct upstream *stream;
    uint64_t id;

    rig_park(rig, "a.test");
    rig_advance_ms(59999);
    stream = rig_dial(rig, "a.test");
    id = stream->id;
    rig_give(rig, stream);
    rig_advance_ms(1);
    assert_int_equal(shelf_look(rig->shelf, shard, &spent, entries, 4), 1);
    assert_true(entries[0].id == id);
    stream = TAILQ_FIRST(&spent);
    assert_non_null(stream);
    TAILQ_REMOVE(&spent, stream, in_shard);
    assert_true(TAILQ_EMPTY(&spent));
    rig_close(rig, stream);
}

static bool
is_one_of_two(const struct upstream *upstream, const void *arg)
{
    const uint64_t *ids = arg;

    return upstream->id == ids[0] || upstream->id == ids[1];
}

static void
janitor_pulls_by_id_only_what_still_parks(void **state)
{
    struct rig *rig = *state;
    struct upstream_list pulled = TAILQ_HEAD_INITIALIZER(pulled);
    unsigned shard = rig_shard("a.test");
    uint64_t ids[2];

    ids[0] = rig_park(rig, "a.test");
    taken_id(rig, "a.test");
    rig_advance_ms(1);
    ids[1] = rig_park(rig, "a.test");
    shelf_pull(rig->shelf, shard, is_one_of_two, ids, &pulled);
    assert_true(TAILQ_FIRST(&pulled)->id == ids[1]);
    assert_null(TAILQ_NEXT(TAILQ_FIRST(&pulled), in_shard));
    shelf_give(rig->shelf, TAILQ_FIRST(&pulled));
}

static void
limits_say_when_a_stream_is_spent(void **state)
{
    struct rig *rig = *state;
    struct upstream stream = {.opened_us = 1000000, .used_us = 5000000, .uses = 9};

    rig->settings.max_age_ms = 10000;
    rig->settings.max_uses = 10;
    rig_configure(rig);
    assert_false(upstream_is_spent(&stream, &rig->limits, 10999999));
    assert_true(upstream_is_spent(&stream, &rig->limits, 11000000));
    stream.idle_limit_ms = 2000;
    assert_false(upstream_is_spent(&stream, &rig->limits, 6999999));
    assert_true(upstream_is_spent(&stream, &rig->limits, 7000000));
    stream.uses = 10;
    assert_true(upstream_is_spent(&stream, &rig->limits, 5000000));
    stream.uses = 0;
    stream.is_used_up = true;
    assert_true(upstream_is_spent(&stream, &rig->limits, 5000000));
}

static void
streams_opened_together_grow_too_old_one_after_another(void **state)
{
    enum { STREAMS = 1000 };
    struct rig *rig = *state;
    unsigned spent[3] = {0};

    rig->settings.max_age_ms = 100000;
    rig->settings.idle_timeout_ms = 1000000;
    rig_configure(rig);
    for (uint64_t id = 1; id <= STREAMS; id++) {
        struct upstream stream = {.id = id, .opened_us = 1000000, .used_us = 1000000};

        for (unsigned i = 0; i < 3; i++)
            spent[i] += upstream_is_spent(&stream, &rig->limits, 90999999 + i * 5000001);
    }
    assert_int_equal(spent[0], 0);
    assert_in_range(spent[1], STREAMS * 49 / 100, STREAMS * 51 / 100);
    assert_int_equal(spent[2], STREAMS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(young_takes_what_was_used_a_moment_ago),
        TEST(young_refuses_what_lay_for_longer),
        TEST(fresh_at_the_cap_evicts_a_parked_one_of_its_host),
        TEST(waiting_fresh_gets_the_slot_of_a_returned_stream),
        TEST(waiting_young_takes_a_just_returned_stream),
        TEST(waiting_fresh_takes_a_connection_that_nobody_used),
        TEST(slot_only_takes_no_stream_at_all),
        TEST(parked_ones_beyond_the_cap_push_out_the_oldest),
        TEST(nothing_parks_when_no_parking_is_allowed),
        TEST(total_cap_evicts_the_least_recently_used_of_all),
        TEST(waiter_at_the_total_cap_is_served_by_any_freed_slot),
        TEST(waiter_at_the_total_cap_is_served_by_evicting_what_parks),
        TEST(freed_slot_goes_to_the_host_that_starved_longest),
        TEST(evicted_for_descriptors_frees_its_slot),
        TEST(low_descriptors_evict_one_parked_stream_and_no_leased_one),
        TEST(parked_ones_of_all_hosts_beyond_their_cap_push_out_the_oldest),
        TEST(lowered_cap_of_parked_ones_closes_what_is_too_many),
        TEST(raised_total_serves_those_who_wait),
        TEST(lowered_cap_closes_what_comes_back),
        TEST(unused_stream_returns_to_its_place_by_age),
        TEST(janitor_finds_what_is_spent_and_what_is_not),
        TEST(janitor_pulls_by_id_only_what_still_parks),
        TEST(limits_say_when_a_stream_is_spent),
        TEST(streams_opened_together_grow_too_old_one_after_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
