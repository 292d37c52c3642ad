/*
 * What other pools broke: one test for each, named after what must hold. More of them:
 * keys_with_equal_hashes_never_mix and cancelled_grant_can_be_given_back (pool_shelf),
 * low_descriptors_evict_one_parked_stream_and_no_leased_one (pool_caps), what may be parked and
 * how old it is then (pool_parking; a body unsent: answer_before_the_body_ended.wire), changed
 * rules (pool_lease), names (pool_follow) and source addresses (pool_keys). That counts equal
 * the lists at any time is looked at on four threads, too (pool_model).
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/pool/rig.h"

static bool
has_id(const struct upstream *upstream, const void *id)
{
    return upstream->id == *(const uint64_t *)id;
}

/* The stream with that id, if it still parks. */
static struct upstream *
pulled(struct rig *rig, const char *host, uint64_t id)
{
    struct upstream_list list = TAILQ_HEAD_INITIALIZER(list);
    struct upstream *stream;

    shelf_pull(rig->shelf, rig_shard(host), has_id, &id, &list);
    stream = TAILQ_FIRST(&list);
    if (stream != NULL)
        TAILQ_REMOVE(&list, stream, in_shard);
    return stream;
}

static void
stream_is_on_the_shelf_or_leased_or_closed_and_never_two_of_these(void **state)
{
    struct rig *rig = *state;
    struct taker first = {0};
    struct taker second = {0};
    uint64_t id;

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    id = rig_park(rig, "a.test");
    /* Leased: nobody else finds it, neither a taker nor the janitor nor who evicts. */
    assert_int_equal(rig_take(rig, &first, "a.test", SHELF_ANY), SHELF_GOT_STREAM);
    assert_int_equal(rig_take(rig, &second, "a.test", SHELF_ANY), SHELF_GOT_QUEUE);
    assert_null(pulled(rig, "a.test", id));
    assert_false(shelf_evict(rig->shelf));
    /* Granted: it does not lie on the shelf on its way. */
    rig_give(rig, first.got.stream);
    assert_true(second.waiter.gift.stream->id == id);
    assert_int_equal(counts_of(rig).parked, 0);
    assert_null(pulled(rig, "a.test", id));
    assert_false(shelf_evict(rig->shelf));
    /* Parked, then closed: nobody is given it any more. */
    rig_give(rig, second.waiter.gift.stream);
    assert_true(shelf_evict(rig->shelf));
    assert_int_equal(atomic_load(&rig->living), 0);
    assert_null(pulled(rig, "a.test", id));
    assert_int_equal(rig_take(rig, &first, "a.test", SHELF_ANY), SHELF_GOT_SLOT);
    drop_dial(rig, &first);
}

static void
counts_equal_the_lists_after_every_step_of_a_connection(void **state)
{
    struct rig *rig = *state;
    struct taker dialing = {0};
    struct taker queued = {0};
    struct upstream *stream;

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    rig_take(rig, &dialing, "a.test", SHELF_ANY);
    assert_int_equal(counts_of(rig).open, 1);
    rig_take(rig, &queued, "a.test", SHELF_ANY);
    assert_int_equal(counts_of(rig).waiting, 1);
    stream = rig_open(rig, dialing.got.slot);
    assert_true(shelf_dialed(rig->shelf, &dialing.waiter, stream));
    assert_int_equal(counts_of(rig).open, 1);
    rig_give(rig, stream);
    assert_int_equal(counts_of(rig).waiting, 0);
    assert_int_equal(counts_of(rig).parked, 0);
    rig_give(rig, queued.waiter.gift.stream);
    assert_int_equal(counts_of(rig).parked, 1);
    stream = pulled(rig, "a.test", stream->id);
    assert_int_equal(counts_of(rig).parked, 0);
    assert_int_equal(counts_of(rig).open, 1);
    rig_close(rig, stream);
    assert_int_equal(counts_of(rig).open, 0);
    assert_int_equal(counts_of(rig).buckets, 0);
}

/* ---- a close that races a take ---- */

enum { ROUNDS = 3000 };

struct race {
    struct rig *rig;
    pthread_barrier_t barrier;
    uint64_t id;
    struct upstream *janitors;
};

static void *
pull_each_round(void *arg)
{
    struct race *race = arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&race->barrier);
        race->janitors = pulled(race->rig, "a.test", race->id);
        pthread_barrier_wait(&race->barrier);
    }
    return NULL;
}

static void
close_that_races_a_take_is_seen_by_exactly_one_side(void **state)
{
    struct race race = {.rig = *state};
    unsigned taken = 0;
    pthread_t janitor;

    assert_int_equal(pthread_barrier_init(&race.barrier, NULL, 2), 0);
    assert_int_equal(pthread_create(&janitor, NULL, pull_each_round, &race), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct taker taker = {0};
        enum shelf_got got;

        race.id = rig_park(race.rig, "a.test");
        pthread_barrier_wait(&race.barrier);
        got = rig_take(race.rig, &taker, "a.test", SHELF_ANY);
        pthread_barrier_wait(&race.barrier);
        assert_true((got == SHELF_GOT_STREAM) == (race.janitors == NULL));
        if (got == SHELF_GOT_STREAM) {
            taken++;
            rig_close(race.rig, taker.got.stream);
        } else {
            drop_dial(race.rig, &taker);
            rig_close(race.rig, race.janitors);
        }
    }
    pthread_join(janitor, NULL);
    pthread_barrier_destroy(&race.barrier);
    print_message("taken %u times of %d\n", taken, ROUNDS);
    assert_int_equal(counts_of(race.rig).open, 0);
}

/* ---- those who wait for a slot ---- */

static void
retired_stream_wakes_a_waiter_for_its_slot(void **state)
{
    struct rig *rig = *state;
    struct taker waiting = {0};
    struct upstream *stream;

    rig->settings.max_per_host = 1;
    rig_configure(rig);
    stream = pulled(rig, "a.test", rig_park(rig, "a.test"));
    /* The janitor looks at it: nobody has it, and its slot is not free. */
    assert_int_equal(rig_take(rig, &waiting, "a.test", SHELF_ANY), SHELF_GOT_QUEUE);
    rig_close(rig, stream);
    assert_int_equal(waiting.grants, 1);
    assert_non_null(waiting.waiter.gift.slot);
    drop_gift(rig, &waiting);
}

static void
evicted_stream_wakes_a_waiter_for_its_slot(void **state)
{
    struct rig *rig = *state;
    struct taker waiting = {0};
    struct upstream *first;
    struct upstream *second;

    rig->settings.max_total = 2;
    rig->settings.max_parked = 0;
    rig_configure(rig);
    first = rig_dial(rig, "a.test");
    second = rig_dial(rig, "b.test");
    assert_int_equal(rig_take(rig, &waiting, "c.test", SHELF_ANY), SHELF_GOT_QUEUE);
    rig_give(rig, first);
    assert_int_equal(rig->evicted, 1);
    assert_int_equal(waiting.grants, 1);
    assert_non_null(waiting.waiter.gift.slot);
    drop_gift(rig, &waiting);
    rig_close(rig, second);
}

static unsigned
thin_all(struct rig *rig)
{
    unsigned count = 0;

    while (shelf_thin(rig->shelf))
        count++;
    return count;
}

static void
low_descriptors_that_last_never_evict_all(void **state)
{
    struct rig *rig = *state;
    struct upstream *leased[15];

    rig_park(rig, "a.test");
    rig_advance_ms(1);
    rig_park(rig, "b.test");
    assert_int_equal(thin_all(rig), 1);
    assert_int_equal(counts_of(rig).parked, 1);
    /* The more are at work, the more stay: one parked in eight that are open. */
    for (int i = 0; i < 15; i++)
        leased[i] = rig_dial(rig, "c.test");
    for (int i = 0; i < 5; i++)
        rig_park(rig, "d.test");
    assert_int_equal(counts_of(rig).open, 21);
    assert_int_equal(thin_all(rig), 3);
    assert_int_equal(counts_of(rig).parked, 3);
    assert_int_equal(counts_of(rig).open, 18);
    for (int i = 0; i < 15; i++)
        rig_close(rig, leased[i]);
}

static void *
run_short_of_descriptors(void *rig)
{
    thin_all(rig);
    return NULL;
}

static void
two_who_need_descriptors_at_one_moment_leave_the_last_one(void **state)
{
    struct rig *rig = *state;
    pthread_t thread;

    for (int i = 0; i < 500; i++) {
        rig_park(rig, "a.test");
        rig_park(rig, "b.test");
        assert_int_equal(pthread_create(&thread, NULL, run_short_of_descriptors, rig), 0);
        thin_all(rig);
        pthread_join(thread, NULL);
        assert_int_equal(counts_of(rig).parked, 1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stream_is_on_the_shelf_or_leased_or_closed_and_never_two_of_these),
        TEST(counts_equal_the_lists_after_every_step_of_a_connection),
        TEST(close_that_races_a_take_is_seen_by_exactly_one_side),
        TEST(retired_stream_wakes_a_waiter_for_its_slot),
        TEST(evicted_stream_wakes_a_waiter_for_its_slot),
        TEST(low_descriptors_that_last_never_evict_all),
        TEST(two_who_need_descriptors_at_one_moment_leave_the_last_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
