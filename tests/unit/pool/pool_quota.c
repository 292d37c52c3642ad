/* What a client's quota promises: who enters, in which order, and that nothing is left of it.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pool/quota.h"
#include "tests/unit/dice.h"
#include "tests/unit/pool/rig.h"

struct yard {
    struct pool_limits limits;
    struct pool_settings settings;
    struct quotas *quotas;
};

/* A pass, and what it heard. */
struct visitor {
    struct quota_pass pass;
    _Atomic unsigned calls;
};

static void
yard_configure(struct yard *yard, unsigned most, unsigned waiting)
{
    yard->settings.max_per_client = most;
    yard->settings.max_waiting = waiting;
    limits_set(&yard->limits, &yard->settings);
}

static int
setup(void **state)
{
    struct yard *yard = calloc(1, sizeof(*yard));

    yard_configure(yard, 1, 100);
    yard->quotas = quotas_new(&yard->limits);
    *state = yard;
    return 0;
}

static int
teardown(void **state)
{
    struct yard *yard = *state;

    assert_int_equal(quotas_count(yard->quotas), 0);
    assert_int_equal(quotas_waiting(yard->quotas), 0);
    quotas_free(yard->quotas);
    free(yard);
    return 0;
}

static void
on_entered(struct quota_pass *pass)
{
    atomic_fetch_add(&((struct visitor *)(void *)pass)->calls, 1);
}

static enum quota_got
enter(struct yard *yard, struct visitor *visitor, const char *host, const char *client)
{
    struct pool_key key = rig_key(host);

    visitor->pass.on_entered = on_entered;
    return quota_enter(yard->quotas, &key, slice_of(client), &visitor->pass);
}

static void
leave(struct yard *yard, struct visitor *visitor)
{
    quota_leave(yard->quotas, &visitor->pass);
}

static void
one_client_waits_at_its_cap_while_others_pass(void **state)
{
    struct yard *yard = *state;
    struct visitor visitors[4] = {{.calls = 0}};

    assert_int_equal(enter(yard, &visitors[0], "a.test", "one"), QUOTA_ENTERED);
    assert_int_equal(enter(yard, &visitors[1], "a.test", "one"), QUOTA_WAITS);
    assert_int_equal(enter(yard, &visitors[2], "a.test", "two"), QUOTA_ENTERED);
    assert_int_equal(enter(yard, &visitors[3], "b.test", "one"), QUOTA_ENTERED);
    assert_int_equal(quotas_count(yard->quotas), 3);
    assert_int_equal(quotas_waiting(yard->quotas), 1);
    leave(yard, &visitors[2]);
    leave(yard, &visitors[3]);
    assert_int_equal(visitors[1].calls, 0);
    leave(yard, &visitors[0]);
    assert_int_equal(visitors[1].calls, 1);
    leave(yard, &visitors[1]);
}

static void
those_who_wait_enter_in_the_order_in_which_they_came(void **state)
{
    struct yard *yard = *state;
    struct visitor visitors[4] = {{.calls = 0}};

    for (int i = 0; i < 4; i++)
        enter(yard, &visitors[i], "a.test", "one");
    for (int i = 0; i < 3; i++) {
        leave(yard, &visitors[i]);
        for (int k = 1; k < 4; k++)
            assert_int_equal(visitors[k].calls, k <= i + 1);
    }
    leave(yard, &visitors[3]);
}

static void
one_who_gave_up_is_passed_over(void **state)
{
    struct yard *yard = *state;
    struct visitor visitors[3] = {{.calls = 0}};

    for (int i = 0; i < 3; i++)
        enter(yard, &visitors[i], "a.test", "one");
    assert_true(quota_cancel(yard->quotas, &visitors[1].pass));
    leave(yard, &visitors[0]);
    assert_int_equal(visitors[1].calls, 0);
    assert_int_equal(visitors[2].calls, 1);
    /* Too late: it has entered. */
    assert_false(quota_cancel(yard->quotas, &visitors[2].pass));
    leave(yard, &visitors[2]);
}

static void
leaving_twice_is_leaving_once(void **state)
{
    struct yard *yard = *state;
    struct visitor visitors[3] = {{.calls = 0}};

    for (int i = 0; i < 3; i++)
        enter(yard, &visitors[i], "a.test", "one");
    leave(yard, &visitors[0]);
    leave(yard, &visitors[0]);
    assert_int_equal(visitors[2].calls, 0);
    leave(yard, &visitors[1]);
    leave(yard, &visitors[2]);
}

static void
too_many_who_wait_are_refused(void **state)
{
    struct yard *yard = *state;
    struct visitor visitors[3] = {{.calls = 0}};

    yard_configure(yard, 1, 1);
    enter(yard, &visitors[0], "a.test", "one");
    assert_int_equal(enter(yard, &visitors[1], "a.test", "one"), QUOTA_WAITS);
    assert_int_equal(enter(yard, &visitors[2], "a.test", "one"), QUOTA_FULL);
    leave(yard, &visitors[2]);
    leave(yard, &visitors[0]);
    leave(yard, &visitors[1]);
}

static void
without_a_cap_or_a_name_nothing_is_counted(void **state)
{
    struct yard *yard = *state;
    struct visitor visitors[2] = {{.calls = 0}};

    assert_int_equal(enter(yard, &visitors[0], "a.test", ""), QUOTA_ENTERED);
    yard_configure(yard, 0, 100);
    assert_int_equal(enter(yard, &visitors[1], "a.test", "one"), QUOTA_ENTERED);
    assert_int_equal(quotas_count(yard->quotas), 0);
    leave(yard, &visitors[0]);
    leave(yard, &visitors[1]);
}

static void
raised_cap_lets_in_those_who_wait(void **state)
{
    struct yard *yard = *state;
    struct visitor visitors[5] = {{.calls = 0}};

    for (int i = 0; i < 5; i++)
        enter(yard, &visitors[i], "a.test", "one");
    yard_configure(yard, 3, 100);
    quotas_refresh(yard->quotas);
    assert_int_equal(quotas_waiting(yard->quotas), 2);
    assert_int_equal(visitors[2].calls, 1);
    assert_int_equal(visitors[3].calls, 0);
    yard_configure(yard, 0, 100);
    quotas_refresh(yard->quotas);
    assert_int_equal(visitors[4].calls, 1);
    for (int i = 0; i < 5; i++)
        leave(yard, &visitors[i]);
}

static void
lowered_cap_lets_nobody_in_before_it_is_met(void **state)
{
    struct yard *yard = *state;
    struct visitor visitors[4] = {{.calls = 0}};

    yard_configure(yard, 3, 100);
    for (int i = 0; i < 4; i++)
        enter(yard, &visitors[i], "a.test", "one");
    yard_configure(yard, 1, 100);
    quotas_refresh(yard->quotas);
    leave(yard, &visitors[0]);
    leave(yard, &visitors[1]);
    assert_int_equal(visitors[3].calls, 0);
    leave(yard, &visitors[2]);
    assert_int_equal(visitors[3].calls, 1);
    leave(yard, &visitors[3]);
}

/* ---- on threads ---- */

enum { THREADS = 4, VISITORS = 8, STEPS = 50000, NAMES = 3, MOST = 5 };

/* One thread's visitors: each is outside, waits or is inside. */
struct group {
    struct yard *yard;
    _Atomic int *inside; /* per name, of all groups */
    struct dice dice;
    struct visitor visitors[VISITORS];
    enum { OUTSIDE, WAITING, GAVE_UP, INSIDE } places[VISITORS];
    unsigned seen[VISITORS];
    size_t names[VISITORS];
};

/* Counted after it entered and before it leaves, so that it is never more than are inside. */
static void
count(struct group *group, size_t name, int change)
{
    if (atomic_fetch_add(&group->inside[name], change) + change > MOST) {
        fprintf(stderr, "more are inside than may be\n");
        abort();
    }
}

static void
step(struct group *group, unsigned i, bool is_ending)
{
    static const char *const names[NAMES] = {"one", "two", "three"};
    struct visitor *visitor = &group->visitors[i];

    if (group->places[i] == OUTSIDE) {
        if (is_ending)
            return;
        group->names[i] = dice_draw(&group->dice, NAMES);
        group->places[i] =
            enter(group->yard, visitor, "a.test", names[group->names[i]]) == QUOTA_ENTERED
                ? INSIDE
                : WAITING;
        if (group->places[i] == INSIDE)
            count(group, group->names[i], 1);
    } else if (group->places[i] == INSIDE) {
        count(group, group->names[i], -1);
        leave(group->yard, visitor);
        group->places[i] = OUTSIDE;
    } else if (atomic_load(&visitor->calls) != group->seen[i]) {
        group->seen[i]++;
        if (group->places[i] == GAVE_UP) {
            leave(group->yard, visitor);
            group->places[i] = OUTSIDE;
        } else {
            count(group, group->names[i], 1);
            group->places[i] = INSIDE;
        }
    } else if (group->places[i] == WAITING && !is_ending && dice_draw(&group->dice, 8) == 0) {
        group->places[i] =
            quota_cancel(group->yard->quotas, &visitor->pass) ? OUTSIDE : GAVE_UP;
    }
}

static bool
is_over(const struct group *group)
{
    for (unsigned i = 0; i < VISITORS; i++)
        if (group->places[i] != OUTSIDE)
            return false;
    return true;
}

static void *
run_group(void *arg)
{
    struct group *group = arg;

    for (unsigned n = 0; n < STEPS; n++)
        step(group, dice_draw(&group->dice, VISITORS), false);
    for (unsigned i = 0; !is_over(group); i = (i + 1) % VISITORS)
        step(group, i, true);
    return NULL;
}

static void
caps_hold_and_everybody_enters_under_four_threads(void **state)
{
    struct yard *yard = *state;
    _Atomic int inside[NAMES] = {0};
    struct group *groups = calloc(THREADS, sizeof(*groups));
    pthread_t threads[THREADS];
    uint64_t seed = dice_seed(0);

    yard_configure(yard, MOST, 100);
    for (unsigned i = 0; i < THREADS; i++) {
        groups[i].yard = yard;
        groups[i].inside = inside;
        groups[i].dice = dice_of(seed + i);
        assert_int_equal(pthread_create(&threads[i], NULL, run_group, &groups[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < NAMES; i++)
        assert_int_equal(inside[i], 0);
    free(groups);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_client_waits_at_its_cap_while_others_pass),
        TEST(those_who_wait_enter_in_the_order_in_which_they_came),
        TEST(one_who_gave_up_is_passed_over),
        TEST(leaving_twice_is_leaving_once),
        TEST(too_many_who_wait_are_refused),
        TEST(without_a_cap_or_a_name_nothing_is_counted),
        TEST(raised_cap_lets_in_those_who_wait),
        TEST(lowered_cap_lets_nobody_in_before_it_is_met),
        TEST(caps_hold_and_everybody_enters_under_four_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
