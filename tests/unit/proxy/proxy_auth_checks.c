/* What proxy/policy/auth_checks promises: whose turn it is, and what is remembered how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "proxy/policy/auth_checks.h"

uint64_t __wrap_clock_now_us(void);

static uint64_t now_us = 1000000;

uint64_t
__wrap_clock_now_us(void)
{
    return now_us;
}

static struct address
at(const char *text)
{
    struct address address;

    assert_int_equal(address_parse_ip(slice_of(text), 9, &address), ERR_OK);
    return address;
}

/* A digest of its own for each text. */
static const unsigned char *
digest_of(const char *text, unsigned char *digest)
{
    memset(digest, 0, CHECK_DIGEST_SIZE);
    snprintf((char *)digest, CHECK_DIGEST_SIZE, "%s", text);
    return digest;
}

static struct check *
find(struct checks *checks, const char *text)
{
    unsigned char digest[CHECK_DIGEST_SIZE];

    return checks_find(checks, digest_of(text, digest));
}

static struct check *
queue(struct checks *checks, const char *text, const char *client, size_t most)
{
    unsigned char digest[CHECK_DIGEST_SIZE];
    struct address address = at(client);

    return checks_queue(checks, digest_of(text, digest), text, &address, most);
}

static void
remember(struct checks *checks, const char *text, bool is_good, unsigned for_ms)
{
    struct check *check = queue(checks, text, "127.0.0.1", 100);

    assert_ptr_equal(checks_next(checks), check);
    checks_remember(checks, check, is_good, for_ms, 3);
}

static void
remembered_until_its_time_is_over(void **state)
{
    struct checks checks = {0};

    (void)state;
    checks_init(&checks);
    remember(&checks, "a:b", true, 5000);
    now_us += 4999999;
    assert_int_equal(find(&checks, "a:b")->state, CHECK_GOOD);
    now_us += 1;
    assert_null(find(&checks, "a:b"));
    assert_int_equal(checks.by_digest.size, 0);
    remember(&checks, "a:c", false, 5000);
    assert_int_equal(find(&checks, "a:c")->state, CHECK_BAD);
    now_us += 5000000;
    checks_forget(&checks, false);
    assert_int_equal(checks.by_digest.size, 0);
    checks_fini(&checks);
}

static void
not_remembered_at_all_if_the_time_is_zero(void **state)
{
    struct checks checks = {0};

    (void)state;
    checks_init(&checks);
    remember(&checks, "a:b", true, 0);
    assert_null(find(&checks, "a:b"));
    checks_fini(&checks);
}

static void
the_oldest_are_forgotten_for_want_of_room(void **state)
{
    struct checks checks = {0};

    (void)state;
    checks_init(&checks);
    remember(&checks, "right", true, 60000);
    for (unsigned i = 0; i < 5; i++) {
        char text[16];

        now_us++;
        snprintf(text, sizeof(text), "wrong%u", i);
        remember(&checks, text, false, 60000);
    }
    assert_null(find(&checks, "wrong0"));
    assert_null(find(&checks, "wrong1"));
    assert_non_null(find(&checks, "wrong2"));
    assert_non_null(find(&checks, "wrong4"));
    /* wrong passwords, which anybody can make up, take no room from right ones */
    assert_non_null(find(&checks, "right"));
    checks_fini(&checks);
}

static void
the_text_is_gone_once_it_was_checked(void **state)
{
    struct checks checks = {0};

    (void)state;
    checks_init(&checks);
    assert_string_equal(queue(&checks, "a:b", "127.0.0.1", 100)->text, "a:b");
    checks_remember(&checks, checks_next(&checks), true, 60000, 3);
    assert_null(find(&checks, "a:b")->text);
    checks_fini(&checks);
}

static void
one_client_has_a_quarter_of_the_queue(void **state)
{
    static const char *const same[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1", "::ffff:192.0.2.1"},
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9"},
    };
    static const char *const others[] = {"192.0.2.2", "2001:db8:1:3::1", "2001:db8:2:2::1"};

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct checks checks = {0};

        checks_init(&checks);
        assert_non_null(queue(&checks, "1", same[i][0], 8));
        assert_non_null(queue(&checks, "2", same[i][1], 8));
        assert_null(queue(&checks, "3", same[i][0], 8));
        assert_null(queue(&checks, "3", same[i][1], 8));
        assert_non_null(queue(&checks, "3", others[i], 8));
        /* what runs has left the queue */
        assert_non_null(checks_next(&checks));
        assert_non_null(queue(&checks, "4", same[i][0], 8));
        checks_remember(&checks, (struct check *)checks.running, false, 0, 3);
        checks_fini(&checks);
    }
}

static void
the_queue_has_an_end(void **state)
{
    struct checks checks = {0};

    (void)state;
    checks_init(&checks);
    assert_non_null(queue(&checks, "1", "192.0.2.1", 2));
    assert_non_null(queue(&checks, "2", "192.0.2.2", 2));
    assert_null(queue(&checks, "3", "192.0.2.3", 2));
    checks_drop(&checks, find(&checks, "1"));
    assert_non_null(queue(&checks, "3", "192.0.2.3", 2));
    checks_fini(&checks);
}

static void
clients_take_turns(void **state)
{
    static const char *const order[] = {"a1", "b1", "c1", "a2", "b2", "a3", "a4"};
    struct checks checks = {0};
    struct check *check;

    (void)state;
    checks_init(&checks);
    assert_non_null(queue(&checks, "a1", "192.0.2.1", 100));
    assert_non_null(queue(&checks, "a2", "192.0.2.1", 100));
    assert_non_null(queue(&checks, "a3", "192.0.2.1", 100));
    assert_non_null(queue(&checks, "b1", "192.0.2.2", 100));
    assert_non_null(queue(&checks, "b2", "192.0.2.2", 100));
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        check = checks_next(&checks);
        assert_string_equal(check->text, order[i]);
        /* comes last, but has not had a turn */
        if (i == 0)
            assert_non_null(queue(&checks, "c1", "192.0.2.3", 100));
        if (i == 1)
            assert_non_null(queue(&checks, "a4", "192.0.2.1", 100));
        checks_remember(&checks, check, false, 60000, 100);
    }
    assert_null(checks_next(&checks));
    checks_fini(&checks);
}

static void
who_just_had_a_turn_comes_behind_the_others(void **state)
{
    struct checks checks = {0};
    struct check *running;

    (void)state;
    checks_init(&checks);
    assert_non_null(queue(&checks, "a1", "192.0.2.1", 100));
    running = checks_next(&checks);
    assert_non_null(queue(&checks, "a2", "192.0.2.1", 100));
    assert_non_null(queue(&checks, "b1", "192.0.2.2", 100));
    checks_remember(&checks, running, false, 60000, 100);
    running = checks_next(&checks);
    assert_string_equal(running->text, "b1");
    checks_remember(&checks, running, false, 60000, 100);
    checks_fini(&checks);
}

static void
what_runs_again_goes_first(void **state)
{
    struct checks checks = {0};
    struct check *check;

    (void)state;
    checks_init(&checks);
    check = queue(&checks, "1", "192.0.2.1", 100);
    assert_non_null(queue(&checks, "2", "192.0.2.2", 100));
    assert_ptr_equal(checks_next(&checks), check);
    checks_requeue(&checks, check);
    assert_int_equal(checks.waiting, 2);
    assert_ptr_equal(checks_next(&checks), check);
    checks_remember(&checks, check, false, 60000, 100);
    checks_fini(&checks);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembered_until_its_time_is_over),
        cmocka_unit_test(not_remembered_at_all_if_the_time_is_zero),
        cmocka_unit_test(the_oldest_are_forgotten_for_want_of_room),
        cmocka_unit_test(the_text_is_gone_once_it_was_checked),
        cmocka_unit_test(one_client_has_a_quarter_of_the_queue),
        cmocka_unit_test(the_queue_has_an_end),
        cmocka_unit_test(clients_take_turns),
        cmocka_unit_test(who_just_had_a_turn_comes_behind_the_others),
        cmocka_unit_test(what_runs_again_goes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
