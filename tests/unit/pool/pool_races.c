/*
 * What happens on two threads at one moment, with real sockets: the janitor sweeps, and origins
 * close, just when connections are taken and given back. The clock is the test's.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "pool/lane.h"
#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/rig.h"

enum { ROUNDS = 3000 };

static uint64_t
closed_by_anyone(struct bench *bench)
{
    return stat_read(&bench->stats[POOL_STAT_CLOSED]) +
           stat_read(&pool_stats(bench->pool)[POOL_STAT_CLOSED]);
}

/* ---- the time of the last use, and the janitor ---- */

struct sweeper {
    struct pool *pool;
    _Atomic bool is_over;
};

static void *
run_sweeper(void *arg)
{
    struct sweeper *sweeper = arg;

    while (!atomic_load(&sweeper->is_over))
        pool_sweep(sweeper->pool);
    return NULL;
}

static void
time_in_use_is_no_idle_time_whenever_the_janitor_looks(void **state)
{
    struct bench *bench = *state;
    struct sweeper sweeper = {.pool = bench->pool};
    int origin = origin_open("127.0.0.1", 0, 8);
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run_sweeper, &sweeper), 0);
    for (unsigned i = 0; i < ROUNDS * 4; i++) {
        struct guest guest = {0};

        guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
        assert_int_equal(lease_facts(guest.lease)->idle_ms, 0);
        rig_advance_ms(2 * bench->settings.idle_timeout_ms);
        guest_park(&guest);
    }
    atomic_store(&sweeper.is_over, true);
    pthread_join(thread, NULL);
    assert_int_equal(stat_read(&bench->stats[POOL_STAT_OPENED]), 1);
    assert_int_equal(closed_by_anyone(bench), 0);
    close(origin);
}

/* ---- the origin's close, the janitor and a taker ---- */

struct race {
    struct bench *bench;
    pthread_barrier_t start;
    pthread_barrier_t end;
    _Atomic int theirs; /* the origin's side of what is parked; -1: no more rounds */
};

static void *
run_origin(void *arg)
{
    struct race *race = arg;

    for (;;) {
        pthread_barrier_wait(&race->start);
        if (atomic_load(&race->theirs) == -1)
            return NULL;
        close(atomic_load(&race->theirs));
        pthread_barrier_wait(&race->end);
    }
}

static void *
run_janitor(void *arg)
{
    struct race *race = arg;

    for (;;) {
        pthread_barrier_wait(&race->start);
        if (atomic_load(&race->theirs) == -1)
            return NULL;
        pool_sweep(race->bench->pool);
        pthread_barrier_wait(&race->end);
    }
}

/* Parks a connection; then it is closed, swept and taken at once. True: the taker got it. */
static bool
race_once(struct race *race, int origin)
{
    struct bench *bench = race->bench;
    struct guest first = {0};
    struct guest second = {0};
    uint64_t closed = closed_by_anyone(bench);
    uint64_t id;
    bool is_taken;

    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    id = lease_facts(first.lease)->id;
    atomic_store(&race->theirs, origin_accept(origin));
    guest_park(&first);
    pthread_barrier_wait(&race->start);
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_ANY);
    pthread_barrier_wait(&race->end);
    guest_wait(&second);
    assert_int_equal(lease_state(second.lease), LEASE_HELD);
    is_taken = lease_facts(second.lease)->id == id;
    /* Whoever saw the close has closed it, once; who has it still is the only one. */
    assert_int_equal(closed_by_anyone(bench) - closed, is_taken ? 0 : 1);
    assert_int_equal(bench_gauges(bench).open, 1);
    lease_discard(&second.lease);
    if (!is_taken)
        close(origin_accept(origin));
    assert_int_equal(bench_gauges(bench).open, 0);
    assert_int_equal(bench_gauges(bench).hosts, 0);
    assert_true(shelf_is_sound(bench->pool->shelf));
    return is_taken;
}

static void
close_that_races_a_take_is_seen_by_one_side(void **state)
{
    struct race race = {.bench = *state};
    int origin = origin_open("127.0.0.1", 0, 8);
    pthread_t threads[2];
    unsigned taken = 0;
    uint64_t met;

    pthread_barrier_init(&race.start, NULL, 3);
    pthread_barrier_init(&race.end, NULL, 3);
    assert_int_equal(pthread_create(&threads[0], NULL, run_origin, &race), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, run_janitor, &race), 0);
    for (unsigned i = 0; i < ROUNDS; i++)
        taken += race_once(&race, origin);
    atomic_store(&race.theirs, -1);
    pthread_barrier_wait(&race.start);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    met = stat_read(&race.bench->stats[POOL_STAT_PROBE_FAILED]);
    printf("of %d: %u were taken, %llu found dead by the taker, the others by the janitor\n",
           ROUNDS, taken, (unsigned long long)met);
    assert_in_range(taken + met, 0, ROUNDS);
    pthread_barrier_destroy(&race.start);
    pthread_barrier_destroy(&race.end);
    close(origin);
}

static int
setup(void **state)
{
    static struct bench bench;

    bench_init(&bench);
    bench.settings.learns_idle_timeout = false;
    pool_configure(bench.pool, &bench.settings);
    *state = &bench;
    return 0;
}

static int
teardown(void **state)
{
    bench_fini(*state);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(time_in_use_is_no_idle_time_whenever_the_janitor_looks,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(close_that_races_a_take_is_seen_by_one_side, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
