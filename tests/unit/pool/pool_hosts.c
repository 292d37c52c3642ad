/* What the records of hosts promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "pool/hosts.h"
#include "tests/unit/pool/rig.h"

#define MOST 64

struct hall {
    struct pool_limits limits;
    struct hosts *hosts;
};

static void
hall_open(struct hall *hall)
{
    struct pool_settings settings = {.max_hosts = MOST};

    limits_set(&hall->limits, &settings);
    hall->hosts = hosts_new(&hall->limits);
}

static struct host *
obtain(struct hall *hall, unsigned number)
{
    char name[32];
    struct pool_key key;

    snprintf(name, sizeof(name), "h%u.test", number);
    key = rig_key(name);
    return hosts_obtain(hall->hosts, &key);
}

static void
count_references(const struct host *host, void *arg)
{
    *(unsigned *)arg += host->references;
}

static uint64_t
forgotten(const struct hall *hall)
{
    struct hosts_forgotten forgotten = {0};
    unsigned references = 0;

    hosts_each(hall->hosts, count_references, &references, &forgotten);
    return forgotten.hosts;
}

static void
all_of_a_host_share_one_record(void **state)
{
    struct hall hall;
    struct host *first;
    struct host *second;
    struct host *other;

    (void)state;
    hall_open(&hall);
    first = obtain(&hall, 1);
    second = obtain(&hall, 1);
    other = obtain(&hall, 2);
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, other);
    assert_string_equal(first->key.host, "h1.test");
    assert_int_equal(hosts_size(hall.hosts), 2);
    hosts_leave(first);
    hosts_leave(second);
    hosts_leave(other);
    hosts_free(hall.hosts);
}

static void
record_is_there_when_its_host_comes_back(void **state)
{
    struct hall hall;
    struct host *before;
    struct host *after;

    (void)state;
    hall_open(&hall);
    before = obtain(&hall, 1);
    hosts_leave(before);
    after = obtain(&hall, 1);
    assert_ptr_equal(before, after);
    assert_int_equal(forgotten(&hall), 0);
    hosts_leave(after);
    hosts_free(hall.hosts);
}

static void
resting_records_are_bounded(void **state)
{
    struct hall hall;

    (void)state;
    hall_open(&hall);
    for (unsigned i = 0; i < 100 * MOST; i++)
        hosts_leave(obtain(&hall, i));
    assert_in_range(hosts_size(hall.hosts), 1, MOST);
    assert_int_equal(hosts_size(hall.hosts) + forgotten(&hall), 100 * MOST);
    hosts_free(hall.hosts);
}

static void
nobody_is_forgotten_who_is_referred_to(void **state)
{
    struct host *held[4 * MOST];
    struct hall hall;

    (void)state;
    hall_open(&hall);
    for (unsigned i = 0; i < 4 * MOST; i++)
        held[i] = obtain(&hall, i);
    assert_int_equal(hosts_size(hall.hosts), 4 * MOST);
    assert_int_equal(forgotten(&hall), 0);
    for (unsigned i = 0; i < 4 * MOST; i++)
        hosts_leave(held[i]);
    assert_in_range(hosts_size(hall.hosts), 1, MOST);
    hosts_free(hall.hosts);
}

static void
lowered_limit_holds_with_the_next_leave(void **state)
{
    const struct pool_settings lower = {.max_hosts = 0};
    struct hall hall;

    (void)state;
    hall_open(&hall);
    for (unsigned i = 0; i < MOST / 2; i++)
        hosts_leave(obtain(&hall, i));
    limits_set(&hall.limits, &lower);
    /* Each shard when somebody leaves one of its records. */
    for (unsigned i = 0; i < MOST / 2; i++)
        hosts_leave(obtain(&hall, i));
    assert_int_equal(hosts_size(hall.hosts), 0);
    assert_true(forgotten(&hall) >= MOST / 2);
    hosts_free(hall.hosts);
}

static void
visitors_see_every_record(void **state)
{
    struct hall hall;
    unsigned references = 0;
    struct host *first;
    struct host *second;

    (void)state;
    hall_open(&hall);
    first = obtain(&hall, 1);
    second = obtain(&hall, 2);
    assert_ptr_equal(obtain(&hall, 2), second);
    hosts_each(hall.hosts, count_references, &references, NULL);
    assert_int_equal(references, 3);
    hosts_leave(first);
    hosts_leave(second);
    hosts_leave(second);
    hosts_free(hall.hosts);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_a_host_share_one_record),
        cmocka_unit_test(record_is_there_when_its_host_comes_back),
        cmocka_unit_test(resting_records_are_bounded),
        cmocka_unit_test(nobody_is_forgotten_who_is_referred_to),
        cmocka_unit_test(lowered_limit_holds_with_the_next_leave),
        cmocka_unit_test(visitors_see_every_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
