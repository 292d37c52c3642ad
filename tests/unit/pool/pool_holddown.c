/* What the memory of failed addresses promises, on a clock that the test moves. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "pool/holddown.h"
#include "tests/unit/pool/rig.h"

static struct address
address_of(unsigned number)
{
    char text[32];
    struct address address;

    snprintf(text, sizeof(text), "10.0.%u.%u:80", number / 256, number % 256);
    assert_int_equal(address_parse(slice_of(text), &address), ERR_OK);
    return address;
}

/* Of any host: only the source counts. */
static struct pool_key
key_from(const char *source)
{
    struct pool_key key = rig_key("any.test");
    struct address address;

    assert_int_equal(address_parse_ip(slice_of(source), 0, &address), ERR_OK);
    pool_key_set_source(&key, &address, NULL);
    return key;
}

static enum standing
standing_of(struct holddown *holddown, unsigned number)
{
    struct pool_key key = rig_key("any.test");
    struct address address = address_of(number);
    enum err err = ERR_OK;

    return holddown_ask(holddown, &key, &address, &err);
}

static void
fails(struct holddown *holddown, unsigned number, enum err err, unsigned for_ms)
{
    struct pool_key key = rig_key("any.test");
    struct address address = address_of(number);

    holddown_note_failure(holddown, &key, &address, err, for_ms);
}

static void
failed_address_is_held_down_then_doubtful_then_good(void **state)
{
    struct holddown *holddown = holddown_new();
    struct pool_key key = rig_key("any.test");
    struct address failed = address_of(1);
    enum err err = ERR_OK;

    (void)state;
    assert_int_equal(standing_of(holddown, 1), STANDING_GOOD);
    fails(holddown, 1, ERR_REFUSED, 1000);
    rig_advance_ms(999);
    assert_int_equal(holddown_ask(holddown, &key, &failed, &err), STANDING_HELD);
    assert_int_equal(err, ERR_REFUSED);
    assert_int_equal(standing_of(holddown, 2), STANDING_GOOD);
    assert_int_equal(holddown_size(holddown), 1);
    rig_advance_ms(1);
    assert_int_equal(standing_of(holddown, 1), STANDING_DOUBTFUL);
    assert_int_equal(holddown_size(holddown), 0);
    rig_advance_ms(HOLDDOWN_DOUBT_MS - 1000);
    assert_int_equal(standing_of(holddown, 1), STANDING_GOOD);
    holddown_free(holddown);
}

static void
other_port_is_another_matter(void **state)
{
    struct holddown *holddown = holddown_new();
    struct pool_key key = rig_key("any.test");
    struct address other = address_of(1);
    enum err err;

    (void)state;
    fails(holddown, 1, ERR_REFUSED, 1000);
    address_set_port(&other, 81);
    assert_int_equal(holddown_ask(holddown, &key, &other, &err), STANDING_GOOD);
    holddown_free(holddown);
}

static void
from_another_source_it_may_be_reached(void **state)
{
    struct holddown *holddown = holddown_new();
    struct pool_key key = key_from("127.0.0.2");
    struct pool_key other = key_from("127.0.0.3");
    struct address address = address_of(1);
    enum err err;

    (void)state;
    holddown_note_failure(holddown, &key, &address, ERR_UNREACHABLE, 1000);
    assert_int_equal(holddown_ask(holddown, &key, &address, &err), STANDING_HELD);
    assert_int_equal(holddown_ask(holddown, &other, &address, &err), STANDING_GOOD);
    assert_int_equal(standing_of(holddown, 1), STANDING_GOOD);
    holddown_free(holddown);
}

static void
connection_clears_it(void **state)
{
    struct holddown *holddown = holddown_new();
    struct pool_key key = rig_key("any.test");
    struct address address = address_of(1);

    (void)state;
    fails(holddown, 1, ERR_TIMEOUT, 1000);
    fails(holddown, 2, ERR_TIMEOUT, 1000);
    holddown_clear(holddown, &key, &address);
    assert_int_equal(standing_of(holddown, 1), STANDING_GOOD);
    assert_int_equal(standing_of(holddown, 2), STANDING_HELD);
    holddown_free(holddown);
}

static void
next_failure_counts_anew(void **state)
{
    struct holddown *holddown = holddown_new();
    struct pool_key key = rig_key("any.test");
    struct address address = address_of(1);
    enum err err = ERR_OK;

    (void)state;
    fails(holddown, 1, ERR_TIMEOUT, 1000);
    rig_advance_ms(1500);
    fails(holddown, 1, ERR_REFUSED, 1000);
    rig_advance_ms(999);
    assert_int_equal(holddown_ask(holddown, &key, &address, &err), STANDING_HELD);
    assert_int_equal(err, ERR_REFUSED);
    holddown_free(holddown);
}

static void
without_holddown_it_is_only_doubtful(void **state)
{
    struct holddown *holddown = holddown_new();

    (void)state;
    fails(holddown, 1, ERR_REFUSED, 0);
    assert_int_equal(standing_of(holddown, 1), STANDING_DOUBTFUL);
    holddown_free(holddown);
}

static void
what_failed_at_our_own_end_is_not_noted(void **state)
{
    static const enum err ours[] = {ERR_NO_PORTS, ERR_NO_DESCRIPTORS, ERR_NO_MEMORY,
                                    ERR_PERMISSION, ERR_IO};
    static const enum err theirs[] = {ERR_REFUSED, ERR_RESET, ERR_TIMEOUT, ERR_UNREACHABLE};
    struct holddown *holddown = holddown_new();

    (void)state;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        fails(holddown, (unsigned)i, ours[i], 1000);
    assert_int_equal(holddown_size(holddown), 0);
    for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
        fails(holddown, (unsigned)i, theirs[i], 1000);
    assert_int_equal(holddown_size(holddown), 4);
    holddown_free(holddown);
}

static void
beyond_its_room_the_oldest_is_forgotten(void **state)
{
    struct holddown *holddown = holddown_new();

    (void)state;
    for (unsigned i = 0; i <= HOLDDOWN_MOST; i++)
        fails(holddown, i, ERR_REFUSED, 1000);
    assert_int_equal(holddown_size(holddown), HOLDDOWN_MOST);
    assert_int_equal(standing_of(holddown, 0), STANDING_GOOD);
    assert_int_equal(standing_of(holddown, 1), STANDING_HELD);
    assert_int_equal(standing_of(holddown, HOLDDOWN_MOST), STANDING_HELD);
    holddown_free(holddown);
}

/* Each thread has addresses of its own, and sees what it did itself, whatever others do. */
struct party {
    pthread_t thread;
    struct holddown *holddown;
    unsigned first;
    unsigned wrong;
};

static void *
fail_and_clear(void *arg)
{
    struct party *party = arg;

    for (unsigned i = 0; i < 2000; i++) {
        struct pool_key key = rig_key("any.test");
        struct address address = address_of(party->first + i % 50);

        holddown_note_failure(party->holddown, &key, &address, ERR_REFUSED, 60000);
        party->wrong += standing_of(party->holddown, party->first + i % 50) != STANDING_HELD;
        holddown_clear(party->holddown, &key, &address);
        party->wrong += standing_of(party->holddown, party->first + i % 50) != STANDING_GOOD;
    }
    return NULL;
}

static void
threads_do_not_disturb_each_other(void **state)
{
    struct party parties[4] = {0};
    struct holddown *holddown = holddown_new();

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        parties[i].holddown = holddown;
        parties[i].first = i * 100;
        assert_int_equal(pthread_create(&parties[i].thread, NULL, fail_and_clear, &parties[i]),
                         0);
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(parties[i].thread, NULL);
        assert_int_equal(parties[i].wrong, 0);
    }
    assert_int_equal(holddown_size(holddown), 0);
    holddown_free(holddown);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failed_address_is_held_down_then_doubtful_then_good),
        cmocka_unit_test(other_port_is_another_matter),
        cmocka_unit_test(from_another_source_it_may_be_reached),
        cmocka_unit_test(connection_clears_it),
        cmocka_unit_test(next_failure_counts_anew),
        cmocka_unit_test(without_holddown_it_is_only_doubtful),
        cmocka_unit_test(what_failed_at_our_own_end_is_not_noted),
        cmocka_unit_test(beyond_its_room_the_oldest_is_forgotten),
        cmocka_unit_test(threads_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
