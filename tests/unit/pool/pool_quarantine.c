/* What the quarantine promises, on a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "pool/quarantine.h"
#include "tests/unit/pool/rig.h"

static struct pool_key
key_of(unsigned number)
{
    char host[32];

    snprintf(host, sizeof(host), "h%u.test", number);
    return rig_key(host);
}

static void
caught_host_is_held_for_its_time(void **state)
{
    struct quarantine *quarantine = quarantine_new();
    struct pool_key caught = key_of(1);
    struct pool_key other = key_of(2);

    (void)state;
    assert_false(quarantine_holds(quarantine, &caught));
    assert_true(quarantine_add(quarantine, &caught, 1000));
    rig_advance_ms(999);
    assert_true(quarantine_holds(quarantine, &caught));
    assert_false(quarantine_holds(quarantine, &other));
    assert_int_equal(quarantine_size(quarantine), 1);
    rig_advance_ms(1);
    assert_false(quarantine_holds(quarantine, &caught));
    assert_int_equal(quarantine_size(quarantine), 0);
    quarantine_free(quarantine);
}

static void
time_counts_from_the_last_catch(void **state)
{
    struct quarantine *quarantine = quarantine_new();
    struct pool_key caught = key_of(1);

    (void)state;
    assert_true(quarantine_add(quarantine, &caught, 1000));
    rig_advance_ms(600);
    assert_false(quarantine_add(quarantine, &caught, 1000));
    rig_advance_ms(600);
    assert_true(quarantine_holds(quarantine, &caught));
    rig_advance_ms(400);
    assert_true(quarantine_add(quarantine, &caught, 1000));
    quarantine_free(quarantine);
}

static void
shorter_time_does_not_end_what_others_have(void **state)
{
    struct quarantine *quarantine = quarantine_new();
    struct pool_key caught_long = key_of(1);
    struct pool_key caught_short = key_of(2);

    (void)state;
    quarantine_add(quarantine, &caught_long, 5000);
    quarantine_add(quarantine, &caught_short, 1000);
    rig_advance_ms(1000);
    assert_false(quarantine_holds(quarantine, &caught_short));
    assert_true(quarantine_holds(quarantine, &caught_long));
    quarantine_free(quarantine);
}

static void
beyond_its_room_the_oldest_is_let_go(void **state)
{
    struct quarantine *quarantine = quarantine_new();
    struct pool_key key;

    (void)state;
    for (unsigned i = 0; i < QUARANTINE_MOST; i++) {
        key = key_of(i);
        quarantine_add(quarantine, &key, 1000);
    }
    /* Caught once more: now the second is the oldest. */
    key = key_of(0);
    assert_false(quarantine_add(quarantine, &key, 1000));
    key = key_of(QUARANTINE_MOST);
    assert_true(quarantine_add(quarantine, &key, 1000));
    assert_int_equal(quarantine_size(quarantine), QUARANTINE_MOST);
    key = key_of(0);
    assert_true(quarantine_holds(quarantine, &key));
    key = key_of(1);
    assert_false(quarantine_holds(quarantine, &key));
    key = key_of(QUARANTINE_MOST);
    assert_true(quarantine_holds(quarantine, &key));
    quarantine_free(quarantine);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(caught_host_is_held_for_its_time),
        cmocka_unit_test(time_counts_from_the_last_catch),
        cmocka_unit_test(shorter_time_does_not_end_what_others_have),
        cmocka_unit_test(beyond_its_room_the_oldest_is_let_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
