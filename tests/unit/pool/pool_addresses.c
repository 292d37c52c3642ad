/* Which of a host's addresses is dialed, over real sockets on loopback. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "pool/holddown.h"
#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/fakes.h"

#define HOLDDOWN_MS 5000

static void
hold_down(struct bench *bench, unsigned ms)
{
    bench->settings.holddown_ms = ms;
    pool_configure(bench->pool, &bench->settings);
}

/* Asks and fails; says how many connections that took. */
static unsigned
connects_until_failure(struct bench *bench, uint16_t port, enum lease_want want, enum err err)
{
    struct guest guest = {0};
    unsigned before = fakes.connects;

    guest_ask(bench, &guest, "127.0.0.1", port, want);
    guest_wait(&guest);
    assert_int_equal(lease_state(guest.lease), LEASE_FAILED);
    assert_int_equal(lease_is_held_down(guest.lease), fakes.connects == before);
    fails_with(bench, &guest, err);
    return fakes.connects - before;
}

/* Dials two.test and says to which address, as 127.0.0.N. */
static unsigned
dialed(struct bench *bench, uint16_t port)
{
    struct guest guest = {0};
    unsigned last;

    guest_ask(bench, &guest, "two.test", port, LEASE_FRESH);
    guest_wait(&guest);
    assert_int_equal(lease_state(guest.lease), LEASE_HELD);
    last = ntohl(lease_facts(guest.lease)->remote.v4.sin_addr.s_addr) & 0xff;
    lease_discard(&guest.lease);
    return last;
}

/* ---- the race ---- */

static void
next_address_is_tried_when_one_is_silent(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    struct twins twins;
    uint64_t start_ms;
    uint64_t took_ms;
    int jams[4];

    twins_open(bench, 0, &twins);
    origin_jam(twins.low, jams, 4);
    start_ms = clock_now_ms();
    guest_hold(bench, &guest, "two.test", twins.port);
    took_ms = clock_now_ms() - start_ms;
    /* RFC 8305 §5: 250 ms after the first one; long before the first would give up. */
    assert_true(took_ms >= 249 && took_ms < 3000);
    assert_true(lease_facts(guest.lease)->connect_ms >= 249);
    assert_int_equal(lease_facts(guest.lease)->remote.v4.sin_addr.s_addr, htonl(0x7f000003));
    lease_discard(&guest.lease);
    nothing_is_open(bench);
    for (int i = 0; i < 4; i++)
        close(jams[i]);
    twins_close(&twins);
}

static void
next_address_is_tried_at_once_when_one_refuses(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    struct twins twins;
    bool was_quick = false;

    twins_open(bench, ORIGIN_CLOSED, &twins);
    /* By its time it would never take less than 250 ms; a busy machine may once be slow. Every
       other dial begins with the good one, as soon as the bad one's failure is forgotten. */
    for (int i = 0; i < 10 && !was_quick; i++) {
        unsigned connects = fakes.connects;
        uint64_t start_ms = clock_now_ms();

        guest_hold(bench, &guest, "two.test", twins.port);
        was_quick = fakes.connects - connects == 2 && clock_now_ms() - start_ms < 200;
        lease_discard(&guest.lease);
        fakes.added_us += HOLDDOWN_DOUBT_MS * 1000;
    }
    assert_true(was_quick);
    twins_close(&twins);
}

static void
dead_ipv6_does_not_hide_a_good_ipv4(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int good = origin_open("127.0.0.1", 0, 8);

    /* ::1 refuses, or there is no IPv6 at all. */
    guest_hold(bench, &guest, "localhost", origin_port(good));
    assert_int_equal(lease_facts(guest.lease)->remote.any.sa_family, AF_INET);
    lease_discard(&guest.lease);
    close(good);
}

static void
address_that_the_rule_refuses_is_not_connected_to(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {.only = "127.0.0.3"};
    struct twins twins;

    twins_open(bench, 8, &twins);
    guest_hold(bench, &guest, "two.test", twins.port);
    assert_int_equal(lease_facts(guest.lease)->remote.v4.sin_addr.s_addr, htonl(0x7f000003));
    assert_int_equal(guest.rule_calls, 2);
    lease_discard(&guest.lease);
    twins_close(&twins);
}

static void
rule_that_refuses_all_is_the_reason(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {.verdict = ERR_SELF};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), LEASE_ANY);
    /* A literal needs no loop: the answer is there at once, and nobody is called. */
    assert_int_equal(lease_state(guest.lease), LEASE_FAILED);
    fails_with(bench, &guest, ERR_SELF);
    close(origin);
}

static void
first_addresses_are_tried_before_the_others_are_known(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    fakes.has_oracle = true;
    guest_ask(bench, &guest, "slow.test", origin_port(origin), LEASE_ANY);
    oracle_says("127.0.0.1", NULL, false);
    guest_wait(&guest);
    assert_int_equal(lease_state(guest.lease), LEASE_HELD);
    /* The rest of the answer is not waited for. */
    assert_true(fakes.is_cancelled);
    lease_discard(&guest.lease);
    close(origin);
}

static void
failed_first_addresses_wait_for_the_others(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    struct twins twins;

    twins_open(bench, ORIGIN_CLOSED, &twins);
    fakes.has_oracle = true;
    guest_ask(bench, &guest, "slow.test", twins.port, LEASE_ANY);
    oracle_says("127.0.0.2", NULL, false);
    for (int i = 0; i < 3; i++)
        bench_turn(bench);
    assert_int_equal(lease_state(guest.lease), LEASE_WAITING);
    oracle_says("127.0.0.3", "127.0.0.2", true);
    guest_wait(&guest);
    assert_int_equal(lease_state(guest.lease), LEASE_HELD);
    assert_int_equal(lease_facts(guest.lease)->remote.v4.sin_addr.s_addr, htonl(0x7f000003));
    /* Nobody was asked for the same address twice. */
    assert_int_equal(guest.rule_calls, 2);
    lease_discard(&guest.lease);
    twins_close(&twins);
}

static void
failure_of_the_second_part_does_not_hide_the_first(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int closed = origin_open("127.0.0.1", 0, ORIGIN_CLOSED);

    fakes.has_oracle = true;
    guest_ask(bench, &guest, "slow.test", origin_port(closed), LEASE_ANY);
    oracle_says("127.0.0.1", NULL, false);
    oracle_fails(ERR_DNS_TIMEOUT);
    fails_with(bench, &guest, ERR_REFUSED);
    close(closed);
}

/* ---- what failed before ---- */

static void
refused_host_is_not_dialed_again_for_a_moment(void **state)
{
    struct bench *bench = *state;
    int closed = origin_open("127.0.0.1", 0, ORIGIN_CLOSED);
    uint16_t port = origin_port(closed);

    hold_down(bench, HOLDDOWN_MS);
    assert_int_equal(connects_until_failure(bench, port, LEASE_ANY, ERR_REFUSED), 1);
    for (int i = 0; i < 100; i++)
        assert_int_equal(connects_until_failure(bench, port, LEASE_ANY, ERR_REFUSED), 0);
    assert_int_equal(connects_until_failure(bench, port, LEASE_TUNNEL, ERR_REFUSED), 0);
    assert_int_equal(count_of(bench, POOL_STAT_HELD_DOWN), 101);
    assert_int_equal(count_of(bench, POOL_STAT_DIAL_FAILED), 102);
    assert_int_equal(bench_gauges(bench).held_down, 1);
    fakes.added_us += HOLDDOWN_MS * 1000;
    assert_int_equal(bench_gauges(bench).held_down, 0);
    assert_int_equal(connects_until_failure(bench, port, LEASE_ANY, ERR_REFUSED), 1);
    close(closed);
}

static void
without_holddown_each_dial_tries(void **state)
{
    struct bench *bench = *state;
    int closed = origin_open("127.0.0.1", 0, ORIGIN_CLOSED);
    uint16_t port = origin_port(closed);

    for (int i = 0; i < 3; i++)
        assert_int_equal(connects_until_failure(bench, port, LEASE_ANY, ERR_REFUSED), 1);
    assert_int_equal(count_of(bench, POOL_STAT_HELD_DOWN), 0);
    close(closed);
}

static void
silent_host_is_held_down_once_its_time_was_over(void **state)
{
    struct bench *bench = *state;
    int silent = origin_open("127.0.0.1", 0, 0);
    int jams[4];

    origin_jam(silent, jams, 4);
    bench->settings.connect_timeout_ms = 100;
    hold_down(bench, HOLDDOWN_MS);
    assert_int_equal(connects_until_failure(bench, origin_port(silent), LEASE_ANY, ERR_TIMEOUT),
                     1);
    assert_int_equal(connects_until_failure(bench, origin_port(silent), LEASE_ANY, ERR_TIMEOUT),
                     0);
    for (int i = 0; i < 4; i++)
        close(jams[i]);
    close(silent);
}

static void
lack_of_ports_holds_nobody_down(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    hold_down(bench, HOLDDOWN_MS);
    fakes.connect_errno = EADDRNOTAVAIL;
    assert_int_equal(
        connects_until_failure(bench, origin_port(origin), LEASE_ANY, ERR_NO_PORTS), 1);
    fakes.connect_errno = 0;
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    lease_discard(&guest.lease);
    close(origin);
}

static void
no_route_of_our_own_holds_nobody_down(void **state)
{
    struct bench *bench = *state;
    int closed = origin_open("127.0.0.1", 0, ORIGIN_CLOSED);
    uint16_t port = origin_port(closed);

    hold_down(bench, HOLDDOWN_MS);
    fakes.connect_errno = ENETUNREACH;
    for (int i = 0; i < 2; i++)
        assert_int_equal(connects_until_failure(bench, port, LEASE_ANY, ERR_UNREACHABLE), 1);
    close(closed);
}

/* Between the failure and the retry the origin has come back. */
static void
retry_reaches_an_origin_that_is_back(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, ORIGIN_CLOSED);
    uint16_t port = origin_port(origin);

    hold_down(bench, HOLDDOWN_MS);
    assert_int_equal(connects_until_failure(bench, port, LEASE_ANY, ERR_REFUSED), 1);
    assert_int_equal(connects_until_failure(bench, port, LEASE_FRESH, ERR_REFUSED), 0);
    assert_int_equal(listen(origin, 8), 0);
    guest_ask(bench, &guest, "127.0.0.1", port, LEASE_RETRY);
    guest_wait(&guest);
    assert_int_equal(lease_state(guest.lease), LEASE_HELD);
    lease_discard(&guest.lease);
    /* And is so for everybody. */
    guest_hold(bench, &guest, "127.0.0.1", port);
    lease_discard(&guest.lease);
    close(origin);
}

static void
rule_speaks_before_what_is_remembered(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {.verdict = ERR_FORBIDDEN};
    int closed = origin_open("127.0.0.1", 0, ORIGIN_CLOSED);
    uint16_t port = origin_port(closed);

    hold_down(bench, HOLDDOWN_MS);
    assert_int_equal(connects_until_failure(bench, port, LEASE_ANY, ERR_REFUSED), 1);
    guest_ask(bench, &guest, "127.0.0.1", port, LEASE_ANY);
    fails_with(bench, &guest, ERR_FORBIDDEN);
    close(closed);
}

static void
dials_begin_with_one_address_after_the_other(void **state)
{
    struct bench *bench = *state;
    struct twins twins;

    twins_open(bench, 8, &twins);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(dialed(bench, twins.port), 2 + i % 2);
    twins_close(&twins);
}

static void
failed_address_is_passed_over_and_then_comes_last(void **state)
{
    struct bench *bench = *state;
    struct twins twins;
    unsigned before;

    hold_down(bench, HOLDDOWN_MS);
    twins_open(bench, ORIGIN_CLOSED, &twins);
    assert_int_equal(dialed(bench, twins.port), 3);
    before = fakes.connects;
    for (int i = 0; i < 4; i++)
        assert_int_equal(dialed(bench, twins.port), 3);
    assert_int_equal(fakes.connects - before, 4);
    /* It listens again, and is not held down any more; but another is known to be good. */
    assert_int_equal(listen(twins.low, 8), 0);
    fakes.added_us += HOLDDOWN_MS * 1000;
    for (int i = 0; i < 4; i++)
        assert_int_equal(dialed(bench, twins.port), 3);
    /* When that one goes, it is tried, and good again. */
    close(twins.high);
    assert_int_equal(dialed(bench, twins.port), 2);
    close(twins.low);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(next_address_is_tried_when_one_is_silent),
        TEST(next_address_is_tried_at_once_when_one_refuses),
        TEST(dead_ipv6_does_not_hide_a_good_ipv4),
        TEST(address_that_the_rule_refuses_is_not_connected_to),
        TEST(rule_that_refuses_all_is_the_reason),
        TEST(first_addresses_are_tried_before_the_others_are_known),
        TEST(failed_first_addresses_wait_for_the_others),
        TEST(failure_of_the_second_part_does_not_hide_the_first),
        TEST(refused_host_is_not_dialed_again_for_a_moment),
        TEST(without_holddown_each_dial_tries),
        TEST(silent_host_is_held_down_once_its_time_was_over),
        TEST(lack_of_ports_holds_nobody_down),
        TEST(no_route_of_our_own_holds_nobody_down),
        TEST(retry_reaches_an_origin_that_is_back),
        TEST(rule_speaks_before_what_is_remembered),
        TEST(dials_begin_with_one_address_after_the_other),
        TEST(failed_address_is_passed_over_and_then_comes_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
