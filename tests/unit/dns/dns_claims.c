/* Who asks for a name, who waits for the answer, and what they hear of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/dns/parties.h"

/* The first asks the name servers, the second waits for it. */
static void
two_ask(struct counter *counter, struct party *first, struct party *second)
{
    assert_int_equal(claim(counter, first, "o.test"), CACHE_OURS);
    assert_int_equal(claim(counter, second, "o.test"), CACHE_THEIRS);
}

static void
second_who_asks_waits_for_the_first(void **state)
{
    struct counter *counter = *state;
    struct party first;
    struct party second;
    enum err err = ERR_AGAIN;

    two_ask(counter, &first, &second);
    assert_int_equal(letters(counter), 0);
    settle(counter, &first, ERR_DNS_NOT_FOUND, 1000);
    assert_int_equal(letters(counter), 1);
    assert_int_equal(news(&second, &err), CACHE_SETTLED);
    assert_int_equal(err, ERR_DNS_NOT_FOUND);
}

static void
waiter_hears_an_outcome_that_may_not_be_remembered(void **state)
{
    struct counter *counter = *state;
    struct party first;
    struct party second;
    enum err err = ERR_AGAIN;

    two_ask(counter, &first, &second);
    settle(counter, &first, ERR_OK, 0);
    assert_int_equal(letters(counter), 1);
    assert_int_equal(news(&second, &err), CACHE_SETTLED);
    assert_int_equal(err, ERR_OK);
}

static void
part_of_an_answer_is_heard_once_and_by_those_who_join_late(void **state)
{
    struct counter *counter = *state;
    struct answer *part = answer_new(NULL, 0);
    struct party first;
    struct party second;
    struct party third;
    enum err err = ERR_OK;

    two_ask(counter, &first, &second);
    cache_publish(counter->cache, &first.claim, part);
    answer_unref(part);
    assert_int_equal(claim(counter, &third, "o.test"), CACHE_THEIRS);
    assert_int_equal(letters(counter), 2);
    assert_int_equal(news(&second, &err), CACHE_PARTIAL);
    assert_int_equal(news(&second, &err), CACHE_NOTHING);
    assert_int_equal(news(&third, &err), CACHE_PARTIAL);
    settle(counter, &first, ERR_OK, 1000);
    assert_int_equal(letters(counter), 4);
    assert_int_equal(news(&second, &err), CACHE_SETTLED);
    assert_int_equal(news(&third, &err), CACHE_SETTLED);
}

static void
waiters_ask_themselves_when_the_one_who_asked_leaves(void **state)
{
    struct counter *counter = *state;
    struct party first;
    struct party second;
    enum err err = ERR_OK;

    two_ask(counter, &first, &second);
    cache_leave(counter->cache, &first.claim);
    assert_int_equal(letters(counter), 1);
    assert_int_equal(news(&second, &err), CACHE_ABANDONED);
    put(counter, "o.test", ERR_OK, 1000);
    assert_true(knows(counter, "o.test"));
}

static void
waiter_that_left_hears_nothing(void **state)
{
    struct counter *counter = *state;
    struct party first;
    struct party second;

    two_ask(counter, &first, &second);
    cache_leave(counter->cache, &second.claim);
    settle(counter, &first, ERR_OK, 1000);
    assert_int_equal(letters(counter), 0);
}

static void
question_from_before_a_clearing_tells_its_own_askers_only(void **state)
{
    struct counter *counter = *state;
    struct party old;
    struct party waiter;
    struct party fresh;
    enum err err = ERR_OK;

    two_ask(counter, &old, &waiter);
    cache_clear(counter->cache, &counter_settings);
    assert_int_equal(claim(counter, &fresh, "o.test"), CACHE_OURS);
    settle(counter, &old, ERR_DNS_NOT_FOUND, 1000);
    assert_false(knows(counter, "o.test"));
    assert_int_equal(letters(counter), 1);
    assert_int_equal(news(&waiter, &err), CACHE_SETTLED);
    assert_int_equal(err, ERR_DNS_NOT_FOUND);
    settle(counter, &fresh, ERR_OK, 1000);
    assert_true(knows(counter, "o.test"));
}

/* Between cache_find(), which said that it is due, and the claim all was forgotten. */
static void
refresh_of_a_forgotten_name_waits_for_whoever_asks(void **state)
{
    struct counter *counter = *state;
    struct party first;
    struct party second;
    enum err err = ERR_AGAIN;

    assert_int_equal(claim(counter, &first, "o.test"), CACHE_OURS);
    assert_int_equal(claim_again(counter, &second, "o.test"), CACHE_THEIRS);
    settle(counter, &first, ERR_OK, 1000);
    assert_int_equal(letters(counter), 1);
    assert_int_equal(news(&second, &err), CACHE_SETTLED);
    assert_int_equal(err, ERR_OK);
}

static void
questions_at_once_are_bounded(void **state)
{
    struct counter *counter = *state;

    assert_int_equal(cache_reserve(counter->cache, 2), ERR_OK);
    assert_int_equal(cache_reserve(counter->cache, 2), ERR_OK);
    assert_int_equal(cache_reserve(counter->cache, 1), ERR_DNS_BUSY);
    cache_release(counter->cache, 2);
    assert_int_equal(cache_reserve(counter->cache, 1), ERR_OK);
    cache_release(counter->cache, 3);
}

static void
one_question_is_always_let_through(void **state)
{
    struct counter *counter = *state;

    assert_int_equal(cache_reserve(counter->cache, 100), ERR_OK);
    cache_release(counter->cache, 100);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, counter_set_up, counter_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(second_who_asks_waits_for_the_first),
        CLAIM(waiter_hears_an_outcome_that_may_not_be_remembered),
        CLAIM(part_of_an_answer_is_heard_once_and_by_those_who_join_late),
        CLAIM(waiters_ask_themselves_when_the_one_who_asked_leaves),
        CLAIM(waiter_that_left_hears_nothing),
        CLAIM(question_from_before_a_clearing_tells_its_own_askers_only),
        CLAIM(refresh_of_a_forgotten_name_waits_for_whoever_asks),
        CLAIM(questions_at_once_are_bounded),
        CLAIM(one_question_is_always_let_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
