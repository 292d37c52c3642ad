/* What is remembered of names, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dns/fake_clock.h"
#include "tests/unit/dns/parties.h"

static void
answer_lives_until_its_time_is_up(void **state)
{
    put(*state, "o.test", ERR_OK, 1000);
    fake_now_us += 999999;
    assert_true(knows(*state, "o.test"));
    fake_now_us += 1;
    assert_false(knows(*state, "o.test"));
}

static void
answer_of_no_time_is_not_remembered(void **state)
{
    put(*state, "o.test", ERR_OK, 0);
    assert_false(knows(*state, "o.test"));
}

static void
error_is_remembered_as_it_is(void **state)
{
    struct counter *counter = *state;
    struct answer *answer = NULL;
    enum err err = ERR_OK;
    bool due;

    put(counter, "o.test", ERR_DNS_NOT_FOUND, 1000);
    assert_true(cache_find(counter->cache, SLICE("o.test"), &err, &answer, &due));
    assert_int_equal(err, ERR_DNS_NOT_FOUND);
    assert_null(answer);
}

static void
least_recently_used_name_goes_first(void **state)
{
    put(*state, "a.test", ERR_OK, 1000);
    put(*state, "b.test", ERR_OK, 1000);
    put(*state, "c.test", ERR_OK, 1000);
    assert_true(knows(*state, "a.test"));
    put(*state, "d.test", ERR_OK, 1000);
    assert_false(knows(*state, "b.test"));
    assert_true(knows(*state, "a.test"));
    assert_true(knows(*state, "c.test"));
    assert_true(knows(*state, "d.test"));
}

static void
name_that_is_asked_for_is_not_evicted(void **state)
{
    struct counter *counter = *state;
    struct party first;
    struct party second;
    enum err err = ERR_OK;

    assert_int_equal(claim(counter, &first, "a.test"), CACHE_OURS);
    for (int i = 0; i < 2 * COUNTER_NAMES_MOST; i++) {
        char name[32];

        snprintf(name, sizeof(name), "n%d.test", i);
        put(counter, name, ERR_OK, 1000);
    }
    assert_int_equal(claim(counter, &second, "a.test"), CACHE_THEIRS);
    settle(counter, &first, ERR_OK, 1000);
    assert_int_equal(letters(counter), 1);
    assert_int_equal(news(&second, &err), CACHE_SETTLED);
}

static void
old_answer_stands_in_for_servers_that_fail(void **state)
{
    struct counter *counter = *state;
    struct party party;

    put(counter, "o.test", ERR_OK, 1000);
    fake_now_us += 2000000;
    assert_int_equal(claim(counter, &party, "o.test"), CACHE_OURS);
    assert_int_equal(settle(counter, &party, ERR_DNS_SERVER, 1000), ERR_OK);
    assert_true(knows(counter, "o.test"));
    /* RFC 8767 §5: the servers are tried again after 30 seconds. */
    fake_now_us += 30000000;
    assert_false(knows(counter, "o.test"));
}

static void
old_answer_does_not_outlive_its_bound(void **state)
{
    struct counter *counter = *state;
    struct party party;

    put(counter, "o.test", ERR_OK, 1000);
    fake_now_us += 1000000 + (uint64_t)COUNTER_STALE_MS * 1000;
    assert_int_equal(claim(counter, &party, "o.test"), CACHE_OURS);
    assert_int_equal(settle(counter, &party, ERR_DNS_TIMEOUT, 1000), ERR_DNS_TIMEOUT);
}

static void
old_answer_does_not_stand_in_for_a_name_that_is_gone(void **state)
{
    struct counter *counter = *state;
    struct party party;

    put(counter, "o.test", ERR_OK, 1000);
    fake_now_us += 2000000;
    assert_int_equal(claim(counter, &party, "o.test"), CACHE_OURS);
    assert_int_equal(settle(counter, &party, ERR_DNS_NOT_FOUND, 1000), ERR_DNS_NOT_FOUND);
}

static void
name_in_use_is_due_in_the_last_tenth_of_its_time(void **state)
{
    struct counter *counter = *state;
    struct party party;

    put(counter, "o.test", ERR_OK, 10000);
    fake_now_us += 8999999;
    assert_false(is_due(counter, "o.test"));
    fake_now_us += 1;
    assert_true(is_due(counter, "o.test"));
    assert_int_equal(claim_again(counter, &party, "o.test"), CACHE_OURS);
    /* One is enough. */
    assert_false(is_due(counter, "o.test"));
    /* What is still good is not lost to a failure. */
    settle(counter, &party, ERR_DNS_TIMEOUT, 1000);
    assert_true(knows(counter, "o.test"));
}

/* RFC 8767 §5: servers that failed are left alone for a while, however long the answer's time.
 */
static void
failed_refresh_is_not_due_again_at_once(void **state)
{
    struct counter *counter = *state;
    struct party party;

    put(counter, "o.test", ERR_OK, 3600000);
    fake_now_us += 3400000000;
    assert_true(is_due(counter, "o.test"));
    assert_int_equal(claim_again(counter, &party, "o.test"), CACHE_OURS);
    settle(counter, &party, ERR_DNS_SERVER, 1000);
    assert_false(is_due(counter, "o.test"));
    fake_now_us += 29999999;
    assert_false(is_due(counter, "o.test"));
    fake_now_us += 1;
    assert_true(is_due(counter, "o.test"));
}

static void
rows_tell_state_and_age(void **state)
{
    struct counter *counter = *state;
    struct cache_row rows[COUNTER_NAMES_MOST];
    struct party party;
    size_t total;

    put(counter, "old.test", ERR_OK, 1000);
    fake_now_us += 3000000;
    put(counter, "gone.test", ERR_DNS_NOT_FOUND, 5000);
    assert_int_equal(claim(counter, &party, "new.test"), CACHE_OURS);
    assert_int_equal(cache_rows(counter->cache, rows, COUNTER_NAMES_MOST, &total), 3);
    assert_int_equal(total, 3);
    assert_string_equal(rows[0].name, "new.test");
    assert_true(rows[0].is_asked && !rows[0].is_known);
    assert_string_equal(rows[1].name, "gone.test");
    assert_int_equal(rows[1].err, ERR_DNS_NOT_FOUND);
    assert_int_equal(rows[1].ttl_left_ms, 5000);
    assert_string_equal(rows[2].name, "old.test");
    assert_int_equal(rows[2].ttl_left_ms, -2000);
    answer_unref(rows[2].answer);
    cache_leave(counter->cache, &party.claim);
    assert_int_equal(cache_rows(counter->cache, rows, 0, &total), 0);
    assert_int_equal(total, 2);
}

static void
row_shows_the_family_that_is_there_already(void **state)
{
    struct counter *counter = *state;
    struct answer *part = answer_new(NULL, 0);
    struct cache_row row;
    struct party party;
    size_t total;

    assert_int_equal(claim(counter, &party, "o.test"), CACHE_OURS);
    cache_publish(counter->cache, &party.claim, part);
    assert_int_equal(cache_rows(counter->cache, &row, 1, &total), 1);
    assert_true(row.is_asked && !row.is_known);
    assert_ptr_equal(row.answer, part);
    answer_unref(row.answer);
    answer_unref(part);
    cache_leave(counter->cache, &party.claim);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, counter_set_up, counter_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(answer_lives_until_its_time_is_up),
        CLAIM(answer_of_no_time_is_not_remembered),
        CLAIM(error_is_remembered_as_it_is),
        CLAIM(least_recently_used_name_goes_first),
        CLAIM(name_that_is_asked_for_is_not_evicted),
        CLAIM(old_answer_stands_in_for_servers_that_fail),
        CLAIM(old_answer_does_not_outlive_its_bound),
        CLAIM(old_answer_does_not_stand_in_for_a_name_that_is_gone),
        CLAIM(name_in_use_is_due_in_the_last_tenth_of_its_time),
        CLAIM(failed_refresh_is_not_due_again_at_once),
        CLAIM(rows_tell_state_and_age),
        CLAIM(row_shows_the_family_that_is_there_already),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
