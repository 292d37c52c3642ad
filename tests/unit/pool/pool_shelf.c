/* What the shelf promises: order, caps, who is served, what is evicted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/pool/rig.h"

static int
setup(void **state)
{
    struct rig *rig = malloc(sizeof(*rig));

    rig_init(rig);
    *state = rig;
    return 0;
}

static int
teardown(void **state)
{
    struct rig *rig = *state;

    assert_true(shelf_is_sound(rig->shelf));
    rig_fini(rig);
    free(rig);
    return 0;
}

static struct shelf_counts
counts_of(struct rig *rig)
{
    struct shelf_counts counts;

    assert_true(shelf_is_sound(rig->shelf));
    shelf_count(rig->shelf, &counts);
    return counts;
}

/* Takes what must be parked there and returns its id; the stream is closed. */
static uint64_t
taken_id(struct rig *rig, const char *host)
{
    struct taker taker = {0};
    uint64_t id;

    assert_int_equal(rig_take(rig, &taker, host, SHELF_ANY), SHELF_GOT_STREAM);
    id = taker.got.stream->id;
    rig_close(rig, taker.got.stream);
    return id;
}

/* What a taker was granted is dropped: a dial that fails at once, or a close. */
static void
drop_gift(struct rig *rig, struct taker *taker)
{
    if (taker->waiter.gift.stream != NULL)
        rig_close(rig, taker->waiter.gift.stream);
    else
        shelf_release(rig->shelf, taker->waiter.gift.slot);
}

/* Leaves a dial of the taker's own and releases its slot. */
static void
drop_dial(struct rig *rig, struct taker *taker)
{
    assert_true(shelf_leave(rig->shelf, &taker->waiter));
    shelf_release(rig->shelf, taker->got.slot);
}

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
    /* Its dial arrives: it is too late to leave, and the connection is parked. */
    assert_false(shelf_leave(rig->shelf, &dialing.waiter));
    stream = rig_open(rig, dialing.got.slot);
    dialed_id = stream->id;
    shelf_give(rig->shelf, stream);
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
    shelf_release(rig->shelf, dialing.got.slot);
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
one_who_must_wait_again_keeps_its_turn(void **state)
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
    rig_give(rig, rig_open(rig, second.waiter.gift.slot));
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
    unsigned shard = (unsigned)(rig_key("a.test").hash >> 58);
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

static void
janitor_pulls_by_id_only_what_still_parks(void **state)
{
    struct rig *rig = *state;
    struct upstream_list pulled = TAILQ_HEAD_INITIALIZER(pulled);
    unsigned shard = (unsigned)(rig_key("a.test").hash >> 58);
    uint64_t ids[2];

    ids[0] = rig_park(rig, "a.test");
    taken_id(rig, "a.test");
    rig_advance_ms(1);
    ids[1] = rig_park(rig, "a.test");
    shelf_pull(rig->shelf, shard, ids, 2, &pulled);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        TEST(one_who_must_wait_again_keeps_its_turn),
        TEST(cancelled_wait_leaves_nothing_behind),
        TEST(cancelled_grant_can_be_given_back),
        TEST(too_many_waiters_are_refused),
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
        TEST(raised_total_serves_those_who_wait),
        TEST(lowered_cap_closes_what_comes_back),
        TEST(unused_stream_returns_to_its_place_by_age),
        TEST(janitor_finds_what_is_spent_and_what_is_not),
        TEST(janitor_pulls_by_id_only_what_still_parks),
        TEST(limits_say_when_a_stream_is_spent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
