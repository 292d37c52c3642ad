/* Connections whose address has left DNS, over real sockets; what is known of names is faked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/fakes.h"

/* A host at 127.0.0.1, as a name server said, with one connection parked. Returns the origin.
 */
static int
park_one(struct bench *bench, struct guest *guest)
{
    int origin = origin_open("127.0.0.1", 0, 8);

    fakes.has_oracle = true;
    guest_ask(bench, guest, "named.test", origin_port(origin), LEASE_ANY);
    oracle_says("127.0.0.1", NULL, true);
    guest_wait(guest);
    assert_int_equal(lease_state(guest->lease), LEASE_HELD);
    guest_park(guest);
    return origin;
}

static void
set_following(struct bench *bench)
{
    bench->settings.follow_dns = true;
    pool_configure(bench->pool, &bench->settings);
}

/* The connection is used again, or it is gone and the name is asked for. */
static void
takes_parked(struct bench *bench, struct guest *guest, int origin, bool expected)
{
    guest_ask(bench, guest, "named.test", origin_port(origin), LEASE_ANY);
    assert_int_equal(lease_state(guest->lease), expected ? LEASE_HELD : LEASE_WAITING);
    assert_int_equal(bench_gauges(bench).parked, 0);
    if (expected)
        guest_park(guest);
    else
        lease_cancel(&guest->lease);
}

static void
address_that_left_dns_is_not_used_again(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin;

    set_following(bench);
    origin = park_one(bench, &guest);
    fakes.look_address = "127.0.0.2";
    takes_parked(bench, &guest, origin, false);
    assert_int_equal(count_of(bench, POOL_STAT_CLOSED), 1);
    assert_int_equal(count_of(bench, POOL_STAT_MISS_MOVED), 1);
    close(origin);
}

static void
host_that_left_dns_is_not_met_again(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin;

    set_following(bench);
    origin = park_one(bench, &guest);
    fakes.look_err = ERR_DNS_NOT_FOUND;
    takes_parked(bench, &guest, origin, false);
    close(origin);
}

static void
same_address_is_used_and_not_asked_about_until_its_time_is_over(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin;

    set_following(bench);
    origin = park_one(bench, &guest);
    fakes.look_address = "127.0.0.1";
    fakes.look_until_us = clock_now_us() + 10000000;
    takes_parked(bench, &guest, origin, true);
    fakes.look_address = "127.0.0.2";
    takes_parked(bench, &guest, origin, true);
    assert_int_equal(fakes.looks, 1);
    fakes.added_us += 10000000;
    takes_parked(bench, &guest, origin, false);
    assert_int_equal(fakes.looks, 2);
    close(origin);
}

static void
unknown_name_is_asked_for_while_its_connection_serves(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin;

    set_following(bench);
    origin = park_one(bench, &guest);
    fakes.look_err = ERR_AGAIN;
    takes_parked(bench, &guest, origin, true);
    takes_parked(bench, &guest, origin, true);
    /* Not with every request. */
    assert_int_equal(fakes.looks, 1);
    fakes.added_us += 1000000;
    fakes.look_err = ERR_OK;
    fakes.look_address = "127.0.0.2";
    takes_parked(bench, &guest, origin, false);
    close(origin);
}

static void
servers_that_fail_end_nothing(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin;

    set_following(bench);
    origin = park_one(bench, &guest);
    fakes.look_err = ERR_DNS_TIMEOUT;
    takes_parked(bench, &guest, origin, true);
    close(origin);
}

static void
names_are_not_followed_unless_it_is_on(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = park_one(bench, &guest);

    fakes.look_address = "127.0.0.2";
    takes_parked(bench, &guest, origin, true);
    assert_int_equal(fakes.looks, 0);
    close(origin);
}

static void
what_no_name_server_said_is_not_followed(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    set_following(bench);
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    guest_park(&guest);
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_true(lease_facts(guest.lease)->is_reused);
    assert_int_equal(fakes.looks, 0);
    lease_discard(&guest.lease);
    close(origin);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(address_that_left_dns_is_not_used_again),
        TEST(host_that_left_dns_is_not_met_again),
        TEST(same_address_is_used_and_not_asked_about_until_its_time_is_over),
        TEST(unknown_name_is_asked_for_while_its_connection_serves),
        TEST(servers_that_fail_end_nothing),
        TEST(names_are_not_followed_unless_it_is_on),
        TEST(what_no_name_server_said_is_not_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
