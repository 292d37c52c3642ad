/* How the end of a connection is seen, by whom, and what it teaches: real sockets over
 * loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "pool/hosts.h"
#include "pool/lease_inside.h"
#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/fakes.h"

/* Parks a connection; returns the origin's side of it. */
static int
park(struct bench *bench, int origin)
{
    struct guest guest = {0};
    int theirs;

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    theirs = origin_accept(origin);
    guest_park(&guest);
    return theirs;
}

static struct host *
host_at(struct bench *bench, int origin)
{
    struct pool_key key;
    struct host *host;

    assert_int_equal(pool_key_init(&key, SLICE("127.0.0.1"), origin_port(origin)), ERR_OK);
    host = hosts_obtain(bench->pool->hosts, &key);
    hosts_leave(host);
    return host;
}

static unsigned
first_age_ms(struct bench *bench, int origin)
{
    return host_at(bench, origin)->habit.ages_ms[0];
}

static uint64_t
counted(struct bench *bench, int origin, enum ledger_count count)
{
    return atomic_load(&host_at(bench, origin)->ledger.counts[count]);
}

static void
pass_ms(unsigned ms)
{
    fakes.added_us += (uint64_t)ms * 1000;
}

/* The end has been here for so long, really. */
static void
let_it_lie(const struct stream *stream, unsigned ms)
{
    unsigned age_ms = 0;

    do
        assert_true(stream_end_age(stream, &age_ms));
    while (age_ms < ms);
}

static void
end_is_dated_by_the_kernel(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 8);
    struct guest guest = {0};
    struct stream stream;
    uint64_t parked_us;
    unsigned idle_ms;
    int theirs;

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    theirs = origin_accept(origin);
    stream = *lease_stream(guest.lease);
    guest_park(&guest);
    parked_us = clock_now_us();
    pass_ms(5000);
    close(theirs);
    idle_ms = (unsigned)((clock_now_us() - parked_us) / 1000);
    let_it_lie(&stream, 100);
    pool_sweep(bench->pool);
    assert_int_equal(counted(bench, origin, LEDGER_ENDED), 1);
    assert_in_range(first_age_ms(bench, origin), 4980, idle_ms + 20);
    nothing_is_open(bench);
    close(origin);
}

static void
broken_off_connection_counts_as_last_seen_alive(void **state)
{
    const struct linger at_once = {.l_onoff = 1};
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 8);
    int theirs = park(bench, origin);

    pass_ms(5000);
    pool_sweep(bench->pool);
    pass_ms(2000);
    assert_int_equal(setsockopt(theirs, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    close(theirs);
    pool_sweep(bench->pool);
    assert_int_equal(counted(bench, origin, LEDGER_ENDED), 1);
    assert_in_range(first_age_ms(bench, origin), 5000, 6000);
    nothing_is_open(bench);
    close(origin);
}

static void
taker_of_a_dead_connection_teaches_too(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 8);
    struct guest guest = {0};
    int theirs = park(bench, origin);

    pass_ms(5000);
    close(theirs);
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_int_equal(counted(bench, origin, LEDGER_ENDED), 1);
    assert_int_equal(counted(bench, origin, LEDGER_FOUND_DEAD), 1);
    assert_in_range(first_age_ms(bench, origin), 4980, 6000);
    lease_discard(&guest.lease);
    close(origin);
}

static void
stray_is_no_end(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 8);
    int theirs = park(bench, origin);

    pass_ms(5000);
    assert_int_equal(write(theirs, "x", 1), 1);
    pool_sweep(bench->pool);
    nothing_is_open(bench);
    assert_int_equal(counted(bench, origin, LEDGER_ENDED), 0);
    close(theirs);
    close(origin);
}

static void
request_that_meets_the_end_is_counted(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 8);
    struct guest guest = {0};
    int theirs = park(bench, origin);

    pass_ms(5000);
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_true(lease_facts(guest.lease)->is_reused);
    /* Whatever came, it did not end the connection. */
    lease_note_dead(guest.lease);
    assert_int_equal(counted(bench, origin, LEDGER_MET_DEAD), 0);
    close(theirs);
    lease_note_dead(guest.lease);
    assert_int_equal(counted(bench, origin, LEDGER_MET_DEAD), 1);
    assert_int_equal(count_of(bench, POOL_STAT_MET_DEAD), 1);
    assert_in_range(first_age_ms(bench, origin), 5000, 6000);
    lease_discard(&guest.lease);
    close(origin);
}

static void
retired_connection_is_not_taken(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 8);
    struct guest guest = {0};
    int theirs;

    for (int i = 0; i < 2; i++) {
        theirs = park(bench, origin);
        pass_ms(5000);
        close(theirs);
        pool_sweep(bench->pool);
    }
    theirs = park(bench, origin);
    pass_ms(4900);
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_false(lease_facts(guest.lease)->is_reused);
    assert_int_equal(count_of(bench, POOL_STAT_PROBE_FAILED), 0);
    lease_discard(&guest.lease);
    close(theirs);
    close(origin);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(end_is_dated_by_the_kernel),
        TEST(broken_off_connection_counts_as_last_seen_alive),
        TEST(taker_of_a_dead_connection_teaches_too),
        TEST(stray_is_no_end),
        TEST(request_that_meets_the_end_is_counted),
        TEST(retired_connection_is_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
