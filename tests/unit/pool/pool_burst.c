/*
 * Hundreds who want the same host at once, over real sockets on loopback: how many connections
 * they open, counted where they arrive, and how many dials are under way at any time.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/fakes.h"

enum { GUESTS = 500, CAP = 256, DIALS = 32 };

struct burst {
    struct bench *bench;
    struct guest guests[GUESTS];
    int origin;
    int accepted[2 * CAP];
    size_t accepted_count; /* still open on the origin's side */
    uint64_t arrived;      /* in all */
    uint64_t connects;
    uint64_t most_dialing;
};

static void
on_connect(void *arg)
{
    struct burst *burst = arg;
    uint64_t ended = count_of(burst->bench, POOL_STAT_OPENED) +
                     count_of(burst->bench, POOL_STAT_DIAL_FAILED);

    burst->connects++;
    if (burst->connects - ended > burst->most_dialing)
        burst->most_dialing = burst->connects - ended;
}

static void
burst_init(struct burst *burst, struct bench *bench)
{
    memset(burst, 0, sizeof(*burst));
    burst->bench = bench;
    bench->settings.max_per_host = CAP;
    bench->settings.max_parked_per_host = CAP;
    bench->settings.max_dials_per_host = DIALS;
    bench->settings.max_total = 2 * CAP;
    bench->settings.max_waiting = GUESTS;
    pool_configure(bench->pool, &bench->settings);
    burst->origin = origin_open("127.0.0.1", 0, GUESTS);
    assert_int_not_equal(fcntl(burst->origin, F_SETFL, O_NONBLOCK), -1);
    fakes.on_connect = on_connect;
    fakes.on_connect_arg = burst;
}

static void
accept_all(struct burst *burst)
{
    int fd;

    while ((fd = accept(burst->origin, NULL, NULL)) != -1) {
        burst->accepted[burst->accepted_count++] = fd;
        burst->arrived++;
    }
    assert_int_equal(errno, EAGAIN);
}

static void
close_all(struct burst *burst)
{
    while (burst->accepted_count > 0)
        close(burst->accepted[--burst->accepted_count]);
}

static void
ask_all(struct burst *burst, size_t count)
{
    burst->most_dialing = 0;
    for (size_t i = 0; i < count; i++)
        guest_ask(burst->bench, &burst->guests[i], "127.0.0.1", origin_port(burst->origin),
                  LEASE_ANY);
}

/* Until each was served once; with is_kept they hold what they got. */
static void
serve_all(struct burst *burst, size_t count, bool is_kept)
{
    size_t served = 0;

    while (served < count) {
        served = 0;
        for (size_t i = 0; i < count; i++) {
            struct guest *guest = &burst->guests[i];

            if (guest->lease != NULL && lease_state(guest->lease) != LEASE_WAITING) {
                assert_int_equal(lease_state(guest->lease), LEASE_HELD);
                if (!is_kept)
                    guest_park(guest);
            }
            served += guest->lease == NULL || lease_state(guest->lease) == LEASE_HELD;
        }
        if (served < count)
            bench_wait(burst->bench);
    }
    accept_all(burst);
}

static void
burst_fini(struct burst *burst)
{
    close_all(burst);
    close(burst->origin);
    pool_clear(burst->bench->pool);
    nothing_is_open(burst->bench);
}

static void
burst_opens_no_more_than_the_cap_of_its_host(void **state)
{
    struct burst burst;

    burst_init(&burst, *state);
    ask_all(&burst, GUESTS);
    assert_int_equal(burst.most_dialing, DIALS);
    serve_all(&burst, GUESTS, false);
    assert_int_equal(burst.most_dialing, DIALS);
    assert_true(burst.arrived >= DIALS && burst.arrived <= CAP);
    assert_int_equal(burst.arrived, burst.connects);
    burst_fini(&burst);
}

static void
burst_opens_no_more_than_are_needed_at_once(void **state)
{
    struct burst burst;

    burst_init(&burst, *state);
    ask_all(&burst, 2 * DIALS);
    serve_all(&burst, 2 * DIALS, false);
    assert_int_equal(burst.most_dialing, DIALS);
    assert_true(burst.arrived <= 2 * DIALS);
    /* The same again finds them all, and opens what those who waited did not have to. */
    ask_all(&burst, 2 * DIALS);
    serve_all(&burst, 2 * DIALS, false);
    assert_true(burst.arrived <= 2 * DIALS);
    burst_fini(&burst);
}

static void
mass_close_by_the_origin_causes_no_stampede(void **state)
{
    struct bench *bench = *state;
    struct burst burst;
    uint64_t parked;

    burst_init(&burst, bench);
    ask_all(&burst, CAP);
    serve_all(&burst, CAP, true);
    serve_all(&burst, CAP, false);
    parked = bench_gauges(bench).parked;
    assert_int_equal(parked, CAP);
    close_all(&burst);
    burst.arrived = 0;
    ask_all(&burst, GUESTS);
    /* All of them were found dead before anything was sent on them. */
    assert_int_equal(count_of(bench, POOL_STAT_PROBE_FAILED), parked);
    serve_all(&burst, GUESTS, false);
    assert_int_equal(burst.most_dialing, DIALS);
    assert_true(burst.arrived >= DIALS && burst.arrived <= CAP);
    burst_fini(&burst);
}

static void
requests_that_met_dead_connections_are_no_stampede(void **state)
{
    struct bench *bench = *state;
    struct burst burst;
    size_t dialing = 0;

    burst_init(&burst, bench);
    ask_all(&burst, CAP);
    serve_all(&burst, CAP, true);
    close_all(&burst);
    burst.arrived = 0;
    burst.most_dialing = 0;
    for (size_t i = 0; i < CAP; i++)
        lease_renew(burst.guests[i].lease);
    for (size_t i = 0; i < CAP; i++)
        dialing += lease_is_dialing(burst.guests[i].lease);
    assert_int_equal(dialing, DIALS);
    assert_int_equal(bench_gauges(bench).waiting, CAP - DIALS);
    serve_all(&burst, CAP, true);
    assert_int_equal(burst.most_dialing, DIALS);
    /* Each has one of its own, as it asked for: none of them goes to another old one. */
    assert_int_equal(burst.arrived, CAP);
    serve_all(&burst, CAP, false);
    burst_fini(&burst);
}

static void
refusing_host_fails_one_waiter_for_each_dial(void **state)
{
    struct bench *bench = *state;
    struct burst burst;
    size_t failed = 0;

    burst_init(&burst, bench);
    fakes.connect_errno = ECONNREFUSED;
    ask_all(&burst, 2 * DIALS);
    for (;;) {
        failed = 0;
        for (size_t i = 0; i < 2 * DIALS; i++)
            failed += lease_state(burst.guests[i].lease) == LEASE_FAILED;
        assert_int_equal(failed, count_of(bench, POOL_STAT_DIAL_FAILED));
        if (failed == 2 * DIALS)
            break;
        bench_wait(bench);
    }
    for (size_t i = 0; i < 2 * DIALS; i++)
        lease_cancel(&burst.guests[i].lease);
    burst_fini(&burst);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(burst_opens_no_more_than_the_cap_of_its_host),
        TEST(burst_opens_no_more_than_are_needed_at_once),
        TEST(mass_close_by_the_origin_causes_no_stampede),
        TEST(requests_that_met_dead_connections_are_no_stampede),
        TEST(refusing_host_fails_one_waiter_for_each_dial),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
