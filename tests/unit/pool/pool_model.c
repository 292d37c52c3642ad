/*
 * Random checkouts against the shelf. Alone, every call is compared with a model that is easy
 * to believe; on four threads, what must hold whatever the order is checked: a stream has one
 * owner, caps hold, everybody is served, and in the end all counts are zero.
 *
 * CARPOOL_TEST_SEED repeats a run; CARPOOL_TEST_SECONDS makes it longer.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/dice.h"
#include "tests/unit/pool/crowd.h"
#include "tests/unit/pool/model.h"
#include "tests/unit/pool/rig.h"

enum { THREADS = 4 };

static double
wall_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
expect_empty(struct rig *rig)
{
    struct shelf_counts counts;

    assert_true(shelf_is_sound(rig->shelf));
    while (shelf_evict(rig->shelf))
        continue;
    shelf_count(rig->shelf, &counts);
    assert_int_equal(counts.open, 0);
    assert_int_equal(counts.waiting, 0);
    assert_int_equal(counts.buckets, 0);
    assert_int_equal(atomic_load(&rig->living), 0);
}

/* ---- alone ---- */

static void
run_alone(uint64_t seed, unsigned steps)
{
    struct rig *rig = xcalloc(1, sizeof(*rig));
    struct model *model = xcalloc(1, sizeof(*model));
    struct crowd *crowd = xcalloc(1, sizeof(*crowd));

    rig_init(rig);
    rig->on_evicted = crowd_on_evicted;
    rig->on_evicted_arg = crowd;
    crowd_init(crowd, rig, seed);
    crowd->model = model;
    crowd_configure(crowd);
    for (unsigned i = 0; i < steps; i++)
        crowd_step(crowd);
    crowd_wind_down(crowd);
    rig->on_evicted = NULL;
    expect_empty(rig);
    rig_fini(rig);
    free(crowd);
    free(model);
    free(rig);
}

static void
shelf_does_what_its_model_does(void **state)
{
    double end = wall_clock() + dice_seconds();
    uint64_t seed = dice_seed(0);
    struct dice dice = dice_of(seed);
    bool is_repeat = getenv(DICE_SEED) != NULL;
    unsigned runs = 1;

    (void)state;
    run_alone(seed, 5000);
    for (; !is_repeat && wall_clock() < end; runs++) {
        seed = dice_roll(&dice);
        printf(DICE_SEED "=%llu\n", (unsigned long long)seed);
        run_alone(seed, 5000);
    }
    printf("%u runs of 5000 steps\n", runs);
}

/* ---- on threads ---- */

struct hall {
    struct rig rig;
    _Atomic unsigned quiet; /* crowds that have nothing left to do */
    _Atomic bool is_over;
    _Atomic unsigned dialing[MODEL_KEYS];
    struct crowd crowds[THREADS];
};

struct seat {
    struct hall *hall;
    struct crowd *crowd;
};

static void
check_caps(struct crowd *crowd)
{
    struct shelf_counts counts;

    shelf_count(crowd->rig->shelf, &counts);
    /* What is parked too much goes at once, but each may be about to see to it. */
    if (counts.open > crowd->rig->settings.max_total ||
        counts.parked > crowd->rig->settings.max_parked + THREADS ||
        !shelf_buckets_are_sound(crowd->rig->shelf))
        abort();
}

static void *
run_crowd(void *arg)
{
    struct seat *seat = arg;
    struct crowd *crowd = seat->crowd;
    bool was_quiet = false;

    while (!atomic_load(&seat->hall->is_over)) {
        crowd_step(crowd);
        if (crowd->steps % 64 == 0)
            check_caps(crowd);
        if (crowd->steps % 16 == 0)
            rig_advance_ms(1);
    }
    /* Until all are quiet: each may have to give what another one waits for. */
    crowd->is_winding_down = true;
    while (atomic_load(&seat->hall->quiet) < THREADS) {
        crowd_step(crowd);
        if (!was_quiet && crowd_is_quiet(crowd)) {
            was_quiet = true;
            atomic_fetch_add(&seat->hall->quiet, 1);
        }
    }
    return NULL;
}

static void
sit_and_wait(struct hall *hall, double seconds)
{
    double end = wall_clock() + seconds;
    struct timespec moment = {0, 10000000};

    while (wall_clock() < end)
        nanosleep(&moment, NULL);
    atomic_store(&hall->is_over, true);
    end = wall_clock() + 30;
    while (atomic_load(&hall->quiet) < THREADS) {
        if (wall_clock() > end) {
            fprintf(stderr, "somebody is never served\n");
            abort();
        }
        nanosleep(&moment, NULL);
    }
}

static void
shelf_stays_whole_under_four_threads(void **state)
{
    struct hall *hall = xcalloc(1, sizeof(*hall));
    struct seat seats[THREADS];
    pthread_t threads[THREADS];
    uint64_t seed = dice_seed(0);
    uint64_t steps = 0;

    (void)state;
    rig_init(&hall->rig);
    hall->rig.settings.max_per_host = 6;
    hall->rig.settings.max_parked_per_host = 3;
    hall->rig.settings.max_dials_per_host = 2;
    hall->rig.settings.max_total = 16;
    hall->rig.settings.max_parked = 5;
    hall->rig.settings.max_waiting = 3 * CLIENTS;
    hall->rig.settings.fresh_for_unsafe_ms = 5;
    rig_configure(&hall->rig);
    for (unsigned i = 0; i < THREADS; i++) {
        crowd_init(&hall->crowds[i], &hall->rig, seed + i * 2);
        hall->crowds[i].dialing = hall->dialing;
        seats[i] = (struct seat){.hall = hall, .crowd = &hall->crowds[i]};
        assert_int_equal(pthread_create(&threads[i], NULL, run_crowd, &seats[i]), 0);
    }
    sit_and_wait(hall, dice_seconds());
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        steps += hall->crowds[i].steps;
    }
    expect_empty(&hall->rig);
    rig_fini(&hall->rig);
    printf("%llu calls\n", (unsigned long long)steps);
    free(hall);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shelf_does_what_its_model_does),
        cmocka_unit_test(shelf_stays_whole_under_four_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
