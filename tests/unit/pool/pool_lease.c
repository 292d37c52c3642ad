/* What leases promise, over real sockets on loopback. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/fakes.h"

/* One holds the only connection that may be, while another asks for one. */
static void
hold_only(struct bench *bench, int origin, struct guest *holder, struct guest *other)
{
    bench->settings.max_per_host = 1;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, holder, "127.0.0.1", origin_port(origin));
    guest_ask(bench, other, "127.0.0.1", origin_port(origin), LEASE_ANY);
}

/* ---- reuse ---- */

static void
parked_connection_is_used_again(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    uint64_t id;

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    id = lease_facts(guest.lease)->id;
    guest_park(&guest);
    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), LEASE_ANY);
    assert_int_equal(lease_state(guest.lease), LEASE_HELD);
    assert_true(lease_facts(guest.lease)->is_reused);
    assert_true(lease_facts(guest.lease)->id == id);
    assert_int_equal(lease_facts(guest.lease)->uses, 2);
    assert_int_equal(count_of(bench, POOL_STAT_REUSED), 1);
    assert_int_equal(count_of(bench, POOL_STAT_PARKED), 1);
    lease_discard(&guest.lease);
    close(origin);
}

static void
dead_parked_connection_is_replaced(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    guest_park(&guest);
    close(origin_accept(origin));
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_false(lease_facts(guest.lease)->is_reused);
    assert_int_equal(count_of(bench, POOL_STAT_PROBE_FAILED), 1);
    assert_int_equal(bench_gauges(bench).open, 1);
    lease_discard(&guest.lease);
    close(origin);
}

static void
announced_end_of_uses_is_obeyed(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    const struct park_terms terms = {.has_uses_left = true};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    lease_park(&guest.lease, &terms);
    nothing_is_open(bench);
    close(origin);
}

/* Parks a new connection under these terms and says whether it is used again after so long. */
static bool
is_used_after(struct bench *bench, int origin, const struct park_terms *terms,
              enum lease_want want, unsigned ms)
{
    struct guest guest = {0};
    bool is_reused;

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    lease_park(&guest.lease, terms);
    fakes.added_us += (uint64_t)ms * 1000;
    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), want);
    guest_wait(&guest);
    assert_int_equal(lease_state(guest.lease), LEASE_HELD);
    is_reused = lease_facts(guest.lease)->is_reused;
    assert_true(!is_reused || lease_facts(guest.lease)->idle_ms >= ms);
    lease_discard(&guest.lease);
    pool_clear(bench->pool);
    return is_reused;
}

static void
announced_timeout_retires_a_connection_before_its_origin(void **state)
{
    struct bench *bench = *state;
    const struct park_terms five = {.idle_timeout_ms = 5000};
    const struct park_terms one = {.idle_timeout_ms = 1000};
    int origin = origin_open("127.0.0.1", 0, 32);

    assert_true(is_used_after(bench, origin, &five, LEASE_ANY, 3000));
    assert_false(is_used_after(bench, origin, &five, LEASE_ANY, 4000));
    assert_false(is_used_after(bench, origin, &one, LEASE_ANY, 500));
    close(origin);
}

static void
longer_announced_timeout_does_not_lengthen_ours(void **state)
{
    struct bench *bench = *state;
    const struct park_terms long_one = {.idle_timeout_ms = 600000};
    int origin = origin_open("127.0.0.1", 0, 32);

    assert_false(is_used_after(bench, origin, &long_one, LEASE_ANY, 60000));
    close(origin);
}

static void
unsafe_request_takes_only_what_was_just_used(void **state)
{
    struct bench *bench = *state;
    const struct park_terms terms = {0};
    int origin = origin_open("127.0.0.1", 0, 32);

    /* fresh_for_unsafe_ms is 1000 here. */
    assert_true(is_used_after(bench, origin, &terms, LEASE_YOUNG, 500));
    assert_false(is_used_after(bench, origin, &terms, LEASE_YOUNG, 1001));
    close(origin);
}

static void
retry_never_takes_a_parked_connection(void **state)
{
    struct bench *bench = *state;
    const struct park_terms terms = {0};
    int origin = origin_open("127.0.0.1", 0, 32);

    assert_false(is_used_after(bench, origin, &terms, LEASE_FRESH, 0));
    close(origin);
}

static void
retry_waits_for_its_own_dial(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    struct guest other = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    guest_hold(bench, &other, "127.0.0.1", origin_port(origin));
    lease_renew(guest.lease);
    /* What comes back meanwhile may be as dead as the one before. */
    guest_park(&other);
    assert_int_equal(bench_gauges(bench).parked, 1);
    guest_wait(&guest);
    assert_false(lease_facts(guest.lease)->may_be_stale);
    lease_discard(&guest.lease);
    close(origin);
}

static void
connection_used_often_enough_is_closed(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.max_uses = 2;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    guest_park(&guest);
    assert_int_equal(bench_gauges(bench).parked, 1);
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    guest_park(&guest);
    nothing_is_open(bench);
    close(origin);
}

static void
rule_holds_for_parked_connections_too(void **state)
{
    struct bench *bench = *state;
    struct guest first = {0};
    struct guest second = {.only = "127.0.0.3"};
    struct twins twins;

    twins_open(bench, 8, &twins);
    guest_hold(bench, &first, "two.test", twins.port);
    guest_park(&first);
    guest_hold(bench, &second, "two.test", twins.port);
    assert_false(lease_facts(second.lease)->is_reused);
    assert_int_equal(lease_facts(second.lease)->remote.v4.sin_addr.s_addr, htonl(0x7f000003));
    /* It is still there for those who may. */
    assert_int_equal(bench_gauges(bench).parked, 1);
    lease_discard(&second.lease);
    twins_close(&twins);
}

static void
rule_holds_for_granted_connections_too(void **state)
{
    struct bench *bench = *state;
    struct guest first = {0};
    struct guest second = {.verdict = ERR_FORBIDDEN};
    int origin = origin_open("127.0.0.1", 0, 8);

    hold_only(bench, origin, &first, &second);
    assert_int_equal(lease_state(second.lease), LEASE_WAITING);
    guest_park(&first);
    guest_wait(&second);
    assert_int_equal(lease_error(second.lease), ERR_FORBIDDEN);
    lease_cancel(&second.lease);
    close(origin);
}

static void
rule_is_told_that_an_address_needs_no_dns(void **state)
{
    struct bench *bench = *state;
    struct guest first = {.was_by_dns = true};
    struct guest second = {.was_by_dns = true};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    assert_false(first.was_by_dns);
    guest_park(&first);
    guest_hold(bench, &second, "127.0.0.1", origin_port(origin));
    assert_true(lease_facts(second.lease)->is_reused);
    assert_false(second.was_by_dns);
    lease_discard(&second.lease);
    close(origin);
}

/* ---- waiting ---- */

static void
returned_connection_is_granted_to_who_waits(void **state)
{
    struct bench *bench = *state;
    struct guest first = {0};
    struct guest second = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    uint64_t id;

    hold_only(bench, origin, &first, &second);
    id = lease_facts(first.lease)->id;
    assert_int_equal(bench_gauges(bench).waiting, 1);
    assert_false(lease_is_dialing(second.lease));
    guest_park(&first);
    assert_int_equal(second.calls, 0);
    guest_wait(&second);
    assert_true(lease_facts(second.lease)->id == id);
    assert_true(lease_facts(second.lease)->is_queued);
    assert_int_equal(count_of(bench, POOL_STAT_QUEUED), 1);
    lease_discard(&second.lease);
    close(origin);
}

static void
freed_slot_is_dialed_by_who_waits(void **state)
{
    struct bench *bench = *state;
    struct guest first = {0};
    struct guest second = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    hold_only(bench, origin, &first, &second);
    lease_discard(&first.lease);
    guest_wait(&second);
    assert_int_equal(lease_state(second.lease), LEASE_HELD);
    assert_false(lease_facts(second.lease)->is_reused);
    lease_discard(&second.lease);
    nothing_is_open(bench);
    close(origin);
}

static void
wait_in_vain_ends_at_its_deadline(void **state)
{
    struct bench *bench = *state;
    struct guest first = {0};
    struct guest second = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.queue_timeout_ms = 20;
    hold_only(bench, origin, &first, &second);
    guest_wait(&second);
    assert_int_equal(lease_error(second.lease), ERR_QUEUE_TIMEOUT);
    assert_int_equal(count_of(bench, POOL_STAT_QUEUE_TIMEOUT), 1);
    lease_cancel(&second.lease);
    lease_discard(&first.lease);
    nothing_is_open(bench);
    close(origin);
}

static void
full_queue_refuses_at_once(void **state)
{
    struct bench *bench = *state;
    struct guest first = {0};
    struct guest second = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.max_waiting = 0;
    hold_only(bench, origin, &first, &second);
    assert_int_equal(lease_state(second.lease), LEASE_FAILED);
    assert_int_equal(lease_error(second.lease), ERR_QUEUE_FULL);
    lease_cancel(&second.lease);
    lease_discard(&first.lease);
    close(origin);
}

static void
cancelled_grant_goes_back(void **state)
{
    struct bench *bench = *state;
    struct guest first = {0};
    struct guest second = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    hold_only(bench, origin, &first, &second);
    guest_park(&first);
    lease_cancel(&second.lease);
    assert_int_equal(bench_gauges(bench).parked, 0);
    bench_until_parked(bench, 1);
    assert_int_equal(second.calls, 0);
    close(origin);
}

static void
granted_connection_that_died_is_replaced(void **state)
{
    struct bench *bench = *state;
    struct guest first = {0};
    struct guest second = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    hold_only(bench, origin, &first, &second);
    guest_park(&first);
    close(origin_accept(origin));
    guest_wait(&second);
    assert_int_equal(lease_state(second.lease), LEASE_HELD);
    assert_false(lease_facts(second.lease)->is_reused);
    assert_int_equal(count_of(bench, POOL_STAT_PROBE_FAILED), 1);
    lease_discard(&second.lease);
    nothing_is_open(bench);
    close(origin);
}

static void
returned_connection_is_used_while_the_dial_goes_on(void **state)
{
    struct bench *bench = *state;
    struct guest first = {0};
    struct guest second = {0};
    int origin = origin_open("127.0.0.1", 0, 0);
    int accepted;
    int jams[4];

    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    accepted = origin_accept(origin);
    origin_jam(origin, jams, 4);
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_ANY);
    assert_true(lease_is_dialing(second.lease));
    guest_park(&first);
    guest_wait(&second);
    assert_int_equal(lease_state(second.lease), LEASE_HELD);
    assert_true(lease_facts(second.lease)->is_reused);
    /* The dial goes on without it; the origin makes room, and what arrives is parked. */
    assert_int_equal(bench_gauges(bench).open, 2);
    for (int i = 0; i < 4; i++)
        close(jams[i]);
    close(origin_accept(origin));
    bench_until_parked(bench, 1);
    lease_discard(&second.lease);
    close(accepted);
    close(origin);
}

/* ---- tunnels ---- */

static void
tunnels_have_a_cap_of_their_own(void **state)
{
    struct bench *bench = *state;
    struct guest tunnel = {0};
    struct guest second = {0};
    struct guest plain = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.max_tunnels = 1;
    bench->settings.max_per_host = 1;
    pool_configure(bench->pool, &bench->settings);
    guest_ask(bench, &tunnel, "127.0.0.1", origin_port(origin), LEASE_TUNNEL);
    guest_wait(&tunnel);
    assert_int_equal(lease_state(tunnel.lease), LEASE_HELD);
    assert_int_equal(bench_gauges(bench).tunnels, 1);
    assert_int_equal(bench_gauges(bench).open, 0);
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_TUNNEL);
    assert_int_equal(lease_error(second.lease), ERR_TUNNELS_FULL);
    lease_cancel(&second.lease);
    guest_hold(bench, &plain, "127.0.0.1", origin_port(origin));
    lease_discard(&plain.lease);
    lease_discard(&tunnel.lease);
    assert_int_equal(count_of(bench, POOL_STAT_TUNNELS), 1);
    nothing_is_open(bench);
    close(origin);
}

static void
tunnel_never_takes_a_parked_connection(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    struct guest tunnel = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    guest_park(&guest);
    guest_ask(bench, &tunnel, "127.0.0.1", origin_port(origin), LEASE_TUNNEL);
    guest_wait(&tunnel);
    assert_false(lease_facts(tunnel.lease)->is_reused);
    assert_int_equal(bench_gauges(bench).parked, 1);
    lease_discard(&tunnel.lease);
    close(origin);
}

static void
cancelled_tunnel_leaves_nothing(void **state)
{
    struct bench *bench = *state;
    struct guest tunnel = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_ask(bench, &tunnel, "127.0.0.1", origin_port(origin), LEASE_TUNNEL);
    assert_int_equal(lease_state(tunnel.lease), LEASE_WAITING);
    lease_cancel(&tunnel.lease);
    nothing_is_open(bench);
    close(origin);
}

static void
failed_tunnel_is_not_counted(void **state)
{
    struct bench *bench = *state;
    struct guest tunnel = {0};
    int closed = origin_open("127.0.0.1", 0, ORIGIN_CLOSED);

    guest_ask(bench, &tunnel, "127.0.0.1", origin_port(closed), LEASE_TUNNEL);
    fails_with(bench, &tunnel, ERR_REFUSED);
    close(closed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parked_connection_is_used_again),
        TEST(dead_parked_connection_is_replaced),
        TEST(announced_end_of_uses_is_obeyed),
        TEST(announced_timeout_retires_a_connection_before_its_origin),
        TEST(longer_announced_timeout_does_not_lengthen_ours),
        TEST(unsafe_request_takes_only_what_was_just_used),
        TEST(retry_never_takes_a_parked_connection),
        TEST(retry_waits_for_its_own_dial),
        TEST(connection_used_often_enough_is_closed),
        TEST(rule_holds_for_parked_connections_too),
        TEST(rule_holds_for_granted_connections_too),
        TEST(rule_is_told_that_an_address_needs_no_dns),
        TEST(returned_connection_is_granted_to_who_waits),
        TEST(freed_slot_is_dialed_by_who_waits),
        TEST(wait_in_vain_ends_at_its_deadline),
        TEST(full_queue_refuses_at_once),
        TEST(cancelled_grant_goes_back),
        TEST(granted_connection_that_died_is_replaced),
        TEST(returned_connection_is_used_while_the_dial_goes_on),
        TEST(tunnels_have_a_cap_of_their_own),
        TEST(tunnel_never_takes_a_parked_connection),
        TEST(cancelled_tunnel_leaves_nothing),
        TEST(failed_tunnel_is_not_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
