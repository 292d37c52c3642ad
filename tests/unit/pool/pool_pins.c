/* What pinned leases promise, over real sockets on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "pool/hosts.h"
#include "pool/lease_inside.h"
#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/fakes.h"

static const struct park_terms no_terms = {0};

/* What a pinned lease is asked for its next request. */
static enum err
say(const void *arg, const struct address *address, bool is_by_dns)
{
    (void)address;
    (void)is_by_dns;
    return *(const enum err *)arg;
}

static enum err
resume(struct guest *guest, enum err verdict)
{
    return lease_resume(guest->lease, say, &verdict);
}

static void
pinned_connection_is_never_parked(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_int_equal(lease_pin(guest.lease), ERR_OK);
    guest_park(&guest);
    assert_int_equal(count_of(bench, POOL_STAT_PARKED), 0);
    assert_int_equal(count_of(bench, POOL_STAT_PINNED), 1);
    nothing_is_open(bench);
    close(origin);
}

static void
pin_gives_its_slot_to_who_waits(void **state)
{
    struct bench *bench = *state;
    struct guest pinned = {0};
    struct guest second = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.max_per_host = 1;
    bench->settings.max_total = 1;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &pinned, "127.0.0.1", origin_port(origin));
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_ANY);
    assert_int_equal(bench_gauges(bench).waiting, 1);
    assert_int_equal(lease_pin(pinned.lease), ERR_OK);
    guest_wait(&second);
    assert_int_equal(lease_state(second.lease), LEASE_HELD);
    assert_int_equal(bench_gauges(bench).open, 1);
    assert_int_equal(bench_gauges(bench).pinned, 1);
    lease_discard(&second.lease);
    lease_discard(&pinned.lease);
    nothing_is_open(bench);
    close(origin);
}

static void
pin_rests_no_longer_than_its_origin_waits(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    struct habit *habit;

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_int_equal(lease_pin(guest.lease), ERR_OK);
    assert_int_equal(lease_rest(guest.lease, &no_terms), 60000);
    habit = &guest.lease->upstream->host->habit;
    habit_note_end(habit, 8000, 8000, 10000000);
    habit_note_end(habit, 8000, 8000, 20000000);
    assert_in_range(lease_rest(guest.lease, &no_terms), 6500, 7000);
    assert_int_equal(lease_rest(guest.lease, &(struct park_terms){.idle_timeout_ms = 5000}),
                     4000);
    lease_discard(&guest.lease);
    close(origin);
}

static void
pins_have_a_cap_of_their_own(void **state)
{
    struct bench *bench = *state;
    struct guest first = {0};
    struct guest second = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.max_pinned = 1;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    guest_hold(bench, &second, "127.0.0.1", origin_port(origin));
    assert_int_equal(lease_pin(first.lease), ERR_OK);
    assert_int_equal(lease_pin(first.lease), ERR_OK);
    assert_int_equal(lease_pin(second.lease), ERR_PINS_FULL);
    /* It is as it was: one like others. */
    guest_park(&second);
    assert_int_equal(bench_gauges(bench).parked, 1);
    lease_discard(&first.lease);
    guest_hold(bench, &second, "127.0.0.1", origin_port(origin));
    assert_int_equal(lease_pin(second.lease), ERR_OK);
    lease_discard(&second.lease);
    nothing_is_open(bench);
    close(origin);
}

static void
pinned_tunnel_counts_as_pinned_only(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), LEASE_TUNNEL);
    guest_wait(&guest);
    assert_int_equal(lease_pin(guest.lease), ERR_OK);
    assert_int_equal(bench_gauges(bench).tunnels, 0);
    assert_int_equal(bench_gauges(bench).pinned, 1);
    lease_cancel(&guest.lease);
    nothing_is_open(bench);
    close(origin);
}

static void
resting_pin_is_used_again(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    uint64_t id;

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    id = lease_facts(guest.lease)->id;
    assert_int_equal(lease_pin(guest.lease), ERR_OK);
    assert_int_equal(lease_rest(guest.lease, &no_terms), bench->settings.idle_timeout_ms);
    assert_int_equal(resume(&guest, ERR_OK), ERR_OK);
    assert_true(lease_facts(guest.lease)->is_reused);
    assert_true(lease_facts(guest.lease)->may_be_stale);
    assert_int_equal(lease_facts(guest.lease)->uses, 2);
    assert_true(lease_facts(guest.lease)->id == id);
    lease_discard(&guest.lease);
    nothing_is_open(bench);
    close(origin);
}

static void
rule_holds_for_resting_pins(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_int_equal(lease_pin(guest.lease), ERR_OK);
    assert_true(lease_rest(guest.lease, &no_terms) > 0);
    assert_int_equal(resume(&guest, ERR_RULE), ERR_RULE);
    lease_discard(&guest.lease);
    nothing_is_open(bench);
    close(origin);
}

static void
dead_pin_is_not_used_again(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    int accepted;

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    accepted = origin_accept(origin);
    assert_int_equal(lease_pin(guest.lease), ERR_OK);
    assert_true(lease_rest(guest.lease, &no_terms) > 0);
    close(accepted);
    assert_int_equal(resume(&guest, ERR_OK), ERR_CLOSED);
    assert_int_equal(count_of(bench, POOL_STAT_PROBE_FAILED), 1);
    assert_int_equal(
        atomic_load(&guest.lease->upstream->host->ledger.counts[LEDGER_FOUND_DEAD]), 1);
    lease_discard(&guest.lease);
    nothing_is_open(bench);
    close(origin);
}

static void
pin_rests_only_where_it_may_serve_again(void **state)
{
    static const struct park_terms last_use = {.has_uses_left = true};
    static const struct park_terms short_rest = {.idle_timeout_ms = 3000};
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_int_equal(lease_pin(guest.lease), ERR_OK);
    assert_int_equal(lease_rest(guest.lease, &short_rest), 2000);
    assert_int_equal(lease_rest(guest.lease, &last_use), 0);
    lease_discard(&guest.lease);
    nothing_is_open(bench);
    close(origin);
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, bench_setup, bench_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pinned_connection_is_never_parked),
        TEST(pin_gives_its_slot_to_who_waits),
        TEST(pin_rests_no_longer_than_its_origin_waits),
        TEST(pins_have_a_cap_of_their_own),
        TEST(pinned_tunnel_counts_as_pinned_only),
        TEST(resting_pin_is_used_again),
        TEST(rule_holds_for_resting_pins),
        TEST(dead_pin_is_not_used_again),
        TEST(pin_rests_only_where_it_may_serve_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
