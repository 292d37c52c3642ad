/*
 * What is learned from the ends of idle connections: origins that close them after a time of
 * their own, and a clock that is only counted.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pool/habit.h"

#define OUR_PATIENCE_MS 60000u

/* An origin, the habit that it shows, and how both of us look at each other. */
struct origin {
    struct habit habit;
    unsigned timeout_ms;
    unsigned jitter_ms; /* its timeout is somewhere between timeout_ms and so much more */
    unsigned blur_ms;   /* an end is seen up to so much later; 0: its time is known */
    uint64_t now_ms;
    uint32_t seed;
    unsigned surprises; /* connections that it closed before they were retired */
    unsigned scouts;
};

static unsigned
pick(struct origin *origin, unsigned below)
{
    origin->seed = origin->seed * 1664525u + 1013904223u;
    return below == 0 ? 0 : (origin->seed >> 8) % below;
}

static void
note_end(struct origin *origin, unsigned age_ms)
{
    unsigned late_ms = pick(origin, origin->blur_ms);
    unsigned early_ms = origin->blur_ms - late_ms;

    habit_note_end(&origin->habit, age_ms > early_ms ? age_ms - early_ms : 0, age_ms + late_ms,
                   origin->now_ms * 1000);
}

/* One connection is parked, and nobody takes it. */
static void
one_life(struct origin *origin)
{
    unsigned limit_ms = habit_limit_ms(&origin->habit);
    unsigned end_ms = origin->timeout_ms + pick(origin, origin->jitter_ms);

    origin->now_ms += 2000 + pick(origin, 1000);
    if (limit_ms != 0 && limit_ms < end_ms) {
        if (!habit_sends_scout(&origin->habit))
            return;
        origin->scouts++;
    } else if (limit_ms != 0) {
        origin->surprises++;
    }
    origin->now_ms += end_ms;
    if (end_ms >= OUR_PATIENCE_MS)
        habit_note_outlived(&origin->habit, origin->now_ms * 1000);
    else
        note_end(origin, end_ms);
}

static void
lives(struct origin *origin, unsigned count)
{
    while (count-- > 0)
        one_life(origin);
}

static unsigned
limit_of_habit(const struct origin *origin)
{
    return habit_limit_ms(&origin->habit);
}

static void
limit_comes_shortly_before_the_timeout(void **state)
{
    const unsigned timeouts_ms[] = {1000, 2000, 5000, 15000, 45000};

    (void)state;
    for (size_t i = 0; i < sizeof(timeouts_ms) / sizeof(timeouts_ms[0]); i++) {
        struct origin origin = {.timeout_ms = timeouts_ms[i]};

        lives(&origin, 2);
        assert_in_range(limit_of_habit(&origin), timeouts_ms[i] * 7 / 8, timeouts_ms[i] - 100);
        assert_true(timeouts_ms[i] - limit_of_habit(&origin) <= 1000);
        lives(&origin, 1000);
        assert_in_range(limit_of_habit(&origin), timeouts_ms[i] * 7 / 8, timeouts_ms[i] - 100);
        assert_int_equal(origin.surprises, 0);
    }
}

/* Where only the janitor's looks tell, once a second, the last one that found it alive counts.
 */
static void
coarse_looks_never_overestimate(void **state)
{
    const unsigned timeouts_ms[] = {2000, 5000, 15000};

    (void)state;
    for (size_t i = 0; i < sizeof(timeouts_ms) / sizeof(timeouts_ms[0]); i++) {
        struct origin origin = {.timeout_ms = timeouts_ms[i], .blur_ms = 1000};

        lives(&origin, 1000);
        assert_in_range(limit_of_habit(&origin), (timeouts_ms[i] - 1000) * 7 / 8 - 100,
                        timeouts_ms[i] - 100);
        assert_int_equal(origin.surprises, 0);
    }
}

static void
one_end_alone_says_nothing(void **state)
{
    struct origin origin = {.timeout_ms = 5000};

    (void)state;
    lives(&origin, 1);
    assert_int_equal(limit_of_habit(&origin), 0);
}

static void
ends_of_one_moment_count_once(void **state)
{
    struct origin origin = {.now_ms = 1000};

    (void)state;
    for (int i = 0; i < 10; i++)
        note_end(&origin, 5000);
    assert_int_equal(limit_of_habit(&origin), 0);
    origin.now_ms += 5000;
    note_end(&origin, 5000);
    assert_in_range(limit_of_habit(&origin), 4000, 4900);
}

static void
longer_timeout_is_found_by_scouts(void **state)
{
    struct origin origin = {.timeout_ms = 2000};

    (void)state;
    lives(&origin, 50);
    origin.timeout_ms = 15000;
    lives(&origin, 50);
    assert_in_range(limit_of_habit(&origin), 14000, 14900);
    /* It closes none any more that we would not have closed: there is nothing to come before.
     */
    origin.timeout_ms = OUR_PATIENCE_MS + 1;
    lives(&origin, 50);
    assert_int_equal(limit_of_habit(&origin), 0);
}

static void
shorter_timeout_is_believed_the_second_time(void **state)
{
    struct origin origin = {.timeout_ms = 15000};

    (void)state;
    lives(&origin, 50);
    origin.timeout_ms = 5000;
    lives(&origin, 2);
    assert_in_range(limit_of_habit(&origin), 4000, 4900);
    assert_int_equal(origin.surprises, 2);
}

/* Whatever was parked dies at once, be it ever so young. */
static void
restart(struct origin *origin)
{
    const unsigned ages_ms[] = {700, 12000, 3000, 900, 8000};

    origin->now_ms += 3000;
    for (size_t i = 0; i < sizeof(ages_ms) / sizeof(ages_ms[0]); i++)
        note_end(origin, ages_ms[i]);
}

static void
restarts_teach_nothing(void **state)
{
    struct origin origin = {.timeout_ms = 15000};

    (void)state;
    for (int i = 0; i < 20; i++)
        restart(&origin);
    assert_int_equal(limit_of_habit(&origin), 0);
    for (int i = 0; i < 20; i++) {
        lives(&origin, 3);
        restart(&origin);
        assert_in_range(limit_of_habit(&origin), 14000, 14900);
    }
    assert_int_equal(origin.surprises, 0);
}

static void
accident_of_one_connection_changes_nothing(void **state)
{
    struct origin origin = {.timeout_ms = 15000};

    (void)state;
    lives(&origin, 200);
    origin.now_ms += 3000;
    note_end(&origin, 1500);
    assert_in_range(limit_of_habit(&origin), 14000, 14900);
}

static void
end_soon_after_an_answer_is_no_timeout(void **state)
{
    struct origin origin = {.timeout_ms = 15000};

    (void)state;
    for (int i = 0; i < 20; i++) {
        origin.now_ms += 3000;
        note_end(&origin, 5);
    }
    assert_int_equal(limit_of_habit(&origin), 0);
}

/* The least of several origins behind one name counts, and what varies is met from below. */
static void
varying_timeout_rarely_surprises(void **state)
{
    struct origin origin = {.timeout_ms = 1600, .jitter_ms = 800};

    (void)state;
    lives(&origin, 10);
    origin.surprises = 0;
    lives(&origin, 10000);
    assert_in_range(origin.surprises, 0, 10000 / 50);
    assert_in_range(limit_of_habit(&origin), 1400, 2300);
}

static void
one_in_sixteen_is_a_scout(void **state)
{
    struct origin origin = {.timeout_ms = 5000};

    (void)state;
    lives(&origin, 2);
    lives(&origin, 1600);
    assert_int_equal(origin.scouts, 100);
    assert_int_equal(origin.habit.reached, 1600);
}

static void
surprised_scouts_are_followed_by_more(void **state)
{
    struct origin origin = {.timeout_ms = 5000};

    (void)state;
    lives(&origin, 2 + 16);
    origin.timeout_ms = 15000;
    origin.scouts = 0;
    lives(&origin, 15);
    assert_in_range(origin.scouts, 6, 8);
}

static void *
watch_ends(void *arg)
{
    struct habit *habit = arg;

    for (unsigned i = 1; i < 20000; i++) {
        habit_note_end(habit, 5000, 5000, (uint64_t)i * 2000000);
        habit_sends_scout(habit);
        if (habit_limit_ms(habit) > 5000)
            return habit;
    }
    return NULL;
}

static void
many_may_look_at_once(void **state)
{
    struct habit habit = {.limit_ms = 0};
    pthread_t watchers[4];
    void *broken = NULL;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&watchers[i], NULL, watch_ends, &habit), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(watchers[i], &broken), 0);
        assert_null(broken);
    }
    assert_in_range(habit_limit_ms(&habit), 4000, 4900);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limit_comes_shortly_before_the_timeout),
        cmocka_unit_test(coarse_looks_never_overestimate),
        cmocka_unit_test(one_end_alone_says_nothing),
        cmocka_unit_test(ends_of_one_moment_count_once),
        cmocka_unit_test(longer_timeout_is_found_by_scouts),
        cmocka_unit_test(shorter_timeout_is_believed_the_second_time),
        cmocka_unit_test(restarts_teach_nothing),
        cmocka_unit_test(accident_of_one_connection_changes_nothing),
        cmocka_unit_test(end_soon_after_an_answer_is_no_timeout),
        cmocka_unit_test(varying_timeout_rarely_surprises),
        cmocka_unit_test(one_in_sixteen_is_a_scout),
        cmocka_unit_test(surprised_scouts_are_followed_by_more),
        cmocka_unit_test(many_may_look_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
