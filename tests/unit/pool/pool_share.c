/* Hosts at one address share connections, over real sockets; names are what the oracle says. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/fakes.h"

static void
set_sharing(struct bench *bench)
{
    bench->settings.share_by_address = true;
    pool_configure(bench->pool, &bench->settings);
}

/* Which of 127.0.0.N the guest's connection leads to. */
static unsigned
far_end(const struct guest *guest)
{
    return ntohl(lease_facts(guest->lease)->remote.v4.sin_addr.s_addr) - 0x7f000000;
}

static void
names_of_one_address_share(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    struct guest other = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    set_sharing(bench);
    bench_host(bench, "127.0.0.1", "a.test");
    bench_host(bench, "127.0.0.1", "b.test");
    guest_hold(bench, &guest, "a.test", origin_port(origin));
    guest_park(&guest);
    guest_hold(bench, &other, "b.test", origin_port(origin));
    assert_true(lease_facts(other.lease)->is_reused);
    guest_park(&other);
    assert_int_equal(count_of(bench, POOL_STAT_OPENED), 1);
    close(origin);
}

static void
order_of_addresses_splits_nothing(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    struct guest other = {0};
    struct twins twins;

    twins_open(bench, 8, &twins);
    set_sharing(bench);
    bench_host(bench, "127.0.0.3", "turned.test");
    bench_host(bench, "127.0.0.2", "turned.test");
    guest_hold(bench, &guest, "turned.test", twins.port);
    assert_int_equal(far_end(&guest), 2);
    guest_park(&guest);
    guest_hold(bench, &other, "two.test", twins.port);
    assert_true(lease_facts(other.lease)->is_reused);
    lease_discard(&other.lease);
    twins_close(&twins);
}

/* Where nobody listens at the lower of the two addresses, by which they share. */
static void
hold_at_the_higher(struct bench *bench, struct guest *guest, struct twins *twins)
{
    twins_open(bench, ORIGIN_CLOSED, twins);
    set_sharing(bench);
    guest_hold(bench, guest, "two.test", twins->port);
    assert_int_equal(far_end(guest), 3);
}

static void
connection_to_another_address_is_nobody_elses(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    struct twins twins;

    hold_at_the_higher(bench, &guest, &twins);
    guest_park(&guest);
    nothing_is_open(bench);
    twins_close(&twins);
}

static void
pin_to_another_address_lasts_for_its_client(void **state)
{
    static const struct park_terms no_terms = {0};
    struct bench *bench = *state;
    struct guest guest = {0};
    struct twins twins;

    hold_at_the_higher(bench, &guest, &twins);
    assert_int_equal(lease_pin(guest.lease), ERR_OK);
    assert_true(lease_rest(guest.lease, &no_terms) > 0);
    lease_discard(&guest.lease);
    twins_close(&twins);
}

static void
address_that_the_rule_refuses_is_no_key(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {.only = "127.0.0.3"};
    struct guest other = {.only = "127.0.0.2"};
    struct twins twins;

    twins_open(bench, 8, &twins);
    set_sharing(bench);
    guest_hold(bench, &guest, "two.test", twins.port);
    assert_int_equal(far_end(&guest), 3);
    guest_park(&guest);
    guest_hold(bench, &other, "two.test", twins.port);
    assert_false(lease_facts(other.lease)->is_reused);
    assert_int_equal(far_end(&other), 2);
    lease_discard(&other.lease);
    twins_close(&twins);
}

static void
rule_hears_how_this_name_was_found(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    struct guest named = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    set_sharing(bench);
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_false(guest.was_by_dns);
    guest_park(&guest);
    /* The connection was not opened by DNS, but this request is led to it by DNS. */
    fakes.has_oracle = true;
    guest_ask(bench, &named, "rebound.test", origin_port(origin), LEASE_ANY);
    assert_int_equal(lease_state(named.lease), LEASE_WAITING);
    oracle_says("127.0.0.1", NULL, true);
    assert_int_equal(named.calls, 1);
    assert_int_equal(lease_state(named.lease), LEASE_HELD);
    assert_true(lease_facts(named.lease)->is_reused);
    assert_true(named.was_by_dns);
    lease_discard(&named.lease);
    close(origin);
}

static void
all_of_the_addresses_are_waited_for(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.2", 0, 8);

    set_sharing(bench);
    fakes.has_oracle = true;
    guest_ask(bench, &guest, "slow.test", origin_port(origin), LEASE_ANY);
    assert_true(lease_is_dialing(guest.lease));
    oracle_says("127.0.0.3", NULL, false);
    assert_int_equal(lease_state(guest.lease), LEASE_WAITING);
    assert_int_equal(bench_gauges(bench).open, 0);
    oracle_says("127.0.0.3", "127.0.0.2", true);
    /* The dial asks once more; in earnest the cache knows. */
    oracle_says("127.0.0.3", "127.0.0.2", true);
    guest_wait(&guest);
    assert_int_equal(lease_state(guest.lease), LEASE_HELD);
    assert_int_equal(far_end(&guest), 2);
    lease_discard(&guest.lease);
    close(origin);
}

static void
name_without_an_address_is_told(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};

    set_sharing(bench);
    fakes.has_oracle = true;
    guest_ask(bench, &guest, "gone.test", 80, LEASE_ANY);
    oracle_fails(ERR_DNS_NOT_FOUND);
    assert_int_equal(guest.calls, 1);
    assert_int_equal(lease_state(guest.lease), LEASE_FAILED);
    assert_int_equal(lease_error(guest.lease), ERR_DNS_NOT_FOUND);
    lease_cancel(&guest.lease);
    nothing_is_open(bench);
}

static void
name_that_stays_unknown_is_a_dns_timeout(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};

    set_sharing(bench);
    bench->settings.connect_timeout_ms = 50;
    pool_configure(bench->pool, &bench->settings);
    fakes.has_oracle = true;
    guest_ask(bench, &guest, "slow.test", 80, LEASE_ANY);
    fails_with(bench, &guest, ERR_DNS_TIMEOUT);
    assert_true(fakes.is_cancelled);
}

static void
cancelled_lease_asks_no_more(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};

    set_sharing(bench);
    fakes.has_oracle = true;
    guest_ask(bench, &guest, "slow.test", 80, LEASE_ANY);
    lease_cancel(&guest.lease);
    assert_true(fakes.is_cancelled);
    nothing_is_open(bench);
}

static void
tunnels_share_nothing(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.3", 0, 8);

    set_sharing(bench);
    bench_host(bench, "127.0.0.3", "a.test");
    guest_ask(bench, &guest, "a.test", origin_port(origin), LEASE_TUNNEL);
    guest_wait(&guest);
    assert_int_equal(lease_state(guest.lease), LEASE_HELD);
    lease_discard(&guest.lease);
    nothing_is_open(bench);
    close(origin);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_of_one_address_share),
        TEST(order_of_addresses_splits_nothing),
        TEST(connection_to_another_address_is_nobody_elses),
        TEST(pin_to_another_address_lasts_for_its_client),
        TEST(address_that_the_rule_refuses_is_no_key),
        TEST(rule_hears_how_this_name_was_found),
        TEST(all_of_the_addresses_are_waited_for),
        TEST(name_without_an_address_is_told),
        TEST(name_that_stays_unknown_is_a_dns_timeout),
        TEST(cancelled_lease_asks_no_more),
        TEST(tunnels_share_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
