/* What the resolver remembers, and for how long. */
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

static struct cache cache;

static int
set_up(void **state)
{
    (void)state;
    cache_init(&cache, CACHE_MOST);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    cache_clear(&cache);
    return 0;
}

static void
put(const char *name, uint64_t ttl_ms)
{
    struct answer *answer = answer_new(NULL, 0);

    cache_put(&cache, slice_of(name), ERR_OK, answer, ttl_ms);
    answer_unref(answer);
}

static bool
knows(const char *name)
{
    struct answer *answer;
    enum err err;

    return cache_find(&cache, slice_of(name), &err, &answer);
}

static void
answer_lives_until_its_time_is_up(void **state)
{
    (void)state;
    put("o.test", 1000);
    fake_now_us += 999999;
    assert_true(knows("o.test"));
    fake_now_us += 1;
    assert_false(knows("o.test"));
}

static void
time_that_is_up_frees_the_place(void **state)
{
    (void)state;
    put("o.test", 1000);
    fake_now_us += 1000000;
    assert_false(knows("o.test"));
    assert_int_equal(cache.names.size, 0);
}

static void
ttl_of_zero_is_not_remembered(void **state)
{
    (void)state;
    put("o.test", 1000);
    put("o.test", 0);
    assert_false(knows("o.test"));
}

static void
errors_are_remembered_as_they_are(void **state)
{
    struct answer *answer = NULL;
    enum err err = ERR_OK;

    (void)state;
    cache_put(&cache, SLICE("x.test"), ERR_DNS_NOT_FOUND, NULL, 1000);
    assert_true(cache_find(&cache, SLICE("x.test"), &err, &answer));
    assert_int_equal(err, ERR_DNS_NOT_FOUND);
    assert_null(answer);
}

static void
newer_answer_takes_the_place_of_the_older(void **state)
{
    struct answer *newer = answer_new(NULL, 0);
    struct answer *found = NULL;
    enum err err = ERR_OK;

    (void)state;
    put("o.test", 1000);
    cache_put(&cache, SLICE("o.test"), ERR_OK, newer, 1000);
    assert_int_equal(cache.names.size, 1);
    assert_true(cache_find(&cache, SLICE("o.test"), &err, &found));
    assert_ptr_equal(found, newer);
    answer_unref(newer);
}

static void
full_cache_forgets_what_was_not_asked_for_longest(void **state)
{
    (void)state;
    put("a.test", 1000);
    put("b.test", 1000);
    put("c.test", 1000);
    assert_true(knows("a.test"));
    put("d.test", 1000);
    assert_false(knows("b.test"));
    assert_true(knows("a.test") && knows("c.test") && knows("d.test"));
    assert_int_equal(cache.names.size, CACHE_MOST);
}

static void
answer_in_use_outlives_the_cache(void **state)
{
    struct answer *answer = NULL;
    enum err err = ERR_OK;

    (void)state;
    put("o.test", 1000);
    assert_true(cache_find(&cache, SLICE("o.test"), &err, &answer));
    answer_ref(answer);
    cache_clear(&cache);
    assert_int_equal(answer->references, 1);
    answer_unref(answer);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(answer_lives_until_its_time_is_up),
        CLAIM(time_that_is_up_frees_the_place),
        CLAIM(ttl_of_zero_is_not_remembered),
        CLAIM(errors_are_remembered_as_they_are),
        CLAIM(newer_answer_takes_the_place_of_the_older),
        CLAIM(full_cache_forgets_what_was_not_asked_for_longest),
        CLAIM(answer_in_use_outlives_the_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
