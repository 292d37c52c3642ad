/* What is remembered of names, for how long, and who asks for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dns/answer.h"
#include "dns/cache.h"
#include "tests/unit/dns/fake_clock.h"

#define CACHE_MOST 3
#define STALE_MS 60000

static const struct resolver_settings settings = {
    .cache_size = CACHE_MOST,
    .serve_stale_ms = STALE_MS,
    .max_inflight = 4,
};

struct counter {
    struct cache *cache;
    struct event_base *base;
    struct mailbox *mailbox;
    unsigned letters;
};

/* One who takes part. */
struct party {
    struct cache_claim claim; /* first: its letter leads here */
    struct counter *counter;
};

static void
on_mail(struct letter *letter)
{
    struct party *party =
        (struct party *)(void *)((char *)letter - offsetof(struct cache_claim, letter));

    party->counter->letters++;
}

static int
set_up(void **state)
{
    static struct counter counter;

    counter = (struct counter){.cache = cache_new(&settings), .base = event_base_new()};
    counter.mailbox = mailbox_new(counter.base);
    *state = &counter;
    return 0;
}

static int
tear_down(void **state)
{
    struct counter *counter = *state;

    mailbox_free(counter->mailbox);
    event_base_free(counter->base);
    cache_free(counter->cache);
    return 0;
}

static enum cache_part
claim(struct counter *counter, struct party *party, const char *name)
{
    struct cache_outcome outcome;
    enum cache_part part;

    *party = (struct party){.counter = counter};
    party->claim.mailbox = counter->mailbox;
    party->claim.letter.on_mail = on_mail;
    part = cache_claim(counter->cache, slice_of(name), &party->claim, false, &outcome);
    answer_unref(outcome.answer);
    return part;
}

static enum err
settle(struct counter *counter, struct party *party, enum err err, uint64_t ttl_ms)
{
    struct cache_outcome outcome = {.err = err, .ttl_ms = ttl_ms};

    if (err == ERR_OK)
        outcome.answer = answer_new(NULL, 0);
    cache_settle(counter->cache, &party->claim, &outcome);
    answer_unref(outcome.answer);
    return outcome.err;
}

static void
put(struct counter *counter, const char *name, enum err err, uint64_t ttl_ms)
{
    struct party party;

    assert_int_equal(claim(counter, &party, name), CACHE_OURS);
    settle(counter, &party, err, ttl_ms);
}

static bool
knows(struct counter *counter, const char *name)
{
    struct answer *answer = NULL;
    enum err err;
    bool is_due;
    bool is_known = cache_find(counter->cache, slice_of(name), &err, &answer, &is_due);

    answer_unref(answer);
    return is_known;
}

static bool
is_due(struct counter *counter, const char *name)
{
    struct answer *answer = NULL;
    bool due = false;
    enum err err;

    assert_true(cache_find(counter->cache, slice_of(name), &err, &answer, &due));
    answer_unref(answer);
    return due;
}

static enum cache_news
news(struct party *party, enum err *err)
{
    struct answer *answer = NULL;
    enum cache_news heard = cache_read(party->counter->cache, &party->claim, err, &answer);

    answer_unref(answer);
    return heard;
}

/* Reads the letters that were posted. */
static unsigned
letters(struct counter *counter)
{
    event_base_loop(counter->base, EVLOOP_NONBLOCK);
    return counter->letters;
}

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
    for (int i = 0; i < 2 * CACHE_MOST; i++) {
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
second_who_asks_waits_for_the_first(void **state)
{
    struct counter *counter = *state;
    struct party first;
    struct party second;
    enum err err = ERR_AGAIN;

    assert_int_equal(claim(counter, &first, "o.test"), CACHE_OURS);
    assert_int_equal(claim(counter, &second, "o.test"), CACHE_THEIRS);
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

    assert_int_equal(claim(counter, &first, "o.test"), CACHE_OURS);
    assert_int_equal(claim(counter, &second, "o.test"), CACHE_THEIRS);
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

    assert_int_equal(claim(counter, &first, "o.test"), CACHE_OURS);
    assert_int_equal(claim(counter, &second, "o.test"), CACHE_THEIRS);
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

    assert_int_equal(claim(counter, &first, "o.test"), CACHE_OURS);
    assert_int_equal(claim(counter, &second, "o.test"), CACHE_THEIRS);
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

    assert_int_equal(claim(counter, &first, "o.test"), CACHE_OURS);
    assert_int_equal(claim(counter, &second, "o.test"), CACHE_THEIRS);
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

    assert_int_equal(claim(counter, &old, "o.test"), CACHE_OURS);
    assert_int_equal(claim(counter, &waiter, "o.test"), CACHE_THEIRS);
    cache_clear(counter->cache, &settings);
    assert_int_equal(claim(counter, &fresh, "o.test"), CACHE_OURS);
    settle(counter, &old, ERR_DNS_NOT_FOUND, 1000);
    assert_false(knows(counter, "o.test"));
    assert_int_equal(letters(counter), 1);
    assert_int_equal(news(&waiter, &err), CACHE_SETTLED);
    assert_int_equal(err, ERR_DNS_NOT_FOUND);
    settle(counter, &fresh, ERR_OK, 1000);
    assert_true(knows(counter, "o.test"));
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
    fake_now_us += 1000000 + (uint64_t)STALE_MS * 1000;
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
    struct cache_outcome outcome;
    struct party party;

    put(counter, "o.test", ERR_OK, 10000);
    fake_now_us += 8999999;
    assert_false(is_due(counter, "o.test"));
    fake_now_us += 1;
    assert_true(is_due(counter, "o.test"));
    party = (struct party){.counter = counter, .claim.mailbox = counter->mailbox};
    assert_int_equal(cache_claim(counter->cache, SLICE("o.test"), &party.claim, true, &outcome),
                     CACHE_OURS);
    answer_unref(outcome.answer);
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
    struct cache_outcome outcome;
    struct party party = {.counter = counter, .claim.mailbox = counter->mailbox};

    put(counter, "o.test", ERR_OK, 3600000);
    fake_now_us += 3400000000;
    assert_true(is_due(counter, "o.test"));
    assert_int_equal(cache_claim(counter->cache, SLICE("o.test"), &party.claim, true, &outcome),
                     CACHE_OURS);
    answer_unref(outcome.answer);
    settle(counter, &party, ERR_DNS_SERVER, 1000);
    assert_false(is_due(counter, "o.test"));
    fake_now_us += 29999999;
    assert_false(is_due(counter, "o.test"));
    fake_now_us += 1;
    assert_true(is_due(counter, "o.test"));
}

/* Between cache_find(), which said that it is due, and the claim all was forgotten. */
static void
refresh_of_a_forgotten_name_waits_for_whoever_asks(void **state)
{
    struct counter *counter = *state;
    struct party first;
    struct party second = {.counter = counter, .claim.mailbox = counter->mailbox};
    struct cache_outcome outcome;
    enum err err = ERR_AGAIN;

    second.claim.letter.on_mail = on_mail;
    assert_int_equal(claim(counter, &first, "o.test"), CACHE_OURS);
    assert_int_equal(
        cache_claim(counter->cache, SLICE("o.test"), &second.claim, true, &outcome),
        CACHE_THEIRS);
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

static void
rows_tell_state_and_age(void **state)
{
    struct counter *counter = *state;
    struct cache_row rows[CACHE_MOST];
    struct party party;
    size_t total;

    put(counter, "old.test", ERR_OK, 1000);
    fake_now_us += 3000000;
    put(counter, "gone.test", ERR_DNS_NOT_FOUND, 5000);
    assert_int_equal(claim(counter, &party, "new.test"), CACHE_OURS);
    assert_int_equal(cache_rows(counter->cache, rows, CACHE_MOST, &total), 3);
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

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(answer_lives_until_its_time_is_up),
        CLAIM(answer_of_no_time_is_not_remembered),
        CLAIM(error_is_remembered_as_it_is),
        CLAIM(least_recently_used_name_goes_first),
        CLAIM(name_that_is_asked_for_is_not_evicted),
        CLAIM(second_who_asks_waits_for_the_first),
        CLAIM(waiter_hears_an_outcome_that_may_not_be_remembered),
        CLAIM(part_of_an_answer_is_heard_once_and_by_those_who_join_late),
        CLAIM(waiters_ask_themselves_when_the_one_who_asked_leaves),
        CLAIM(waiter_that_left_hears_nothing),
        CLAIM(question_from_before_a_clearing_tells_its_own_askers_only),
        CLAIM(old_answer_stands_in_for_servers_that_fail),
        CLAIM(old_answer_does_not_outlive_its_bound),
        CLAIM(old_answer_does_not_stand_in_for_a_name_that_is_gone),
        CLAIM(name_in_use_is_due_in_the_last_tenth_of_its_time),
        CLAIM(failed_refresh_is_not_due_again_at_once),
        CLAIM(refresh_of_a_forgotten_name_waits_for_whoever_asks),
        CLAIM(questions_at_once_are_bounded),
        CLAIM(one_question_is_always_let_through),
        CLAIM(rows_tell_state_and_age),
        CLAIM(row_shows_the_family_that_is_there_already),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
