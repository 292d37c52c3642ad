/* What may be parked, and as what, over real sockets on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/fakes.h"

/* Gives back a connection at whose other end something has happened: it is not parked. */
static void
is_closed_after(struct bench *bench, void (*happens)(int accepted))
{
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    int accepted;

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    accepted = origin_accept(origin);
    happens(accepted);
    guest_park(&guest);
    nothing_is_open(bench);
    assert_int_equal(count_of(bench, POOL_STAT_PARKED), 0);
    close(accepted);
    close(origin);
}

static void
say_a_byte(int accepted)
{
    assert_int_equal(write(accepted, "x", 1), 1);
}

static void
nothing_is_parked_with_bytes_unread(void **state)
{
    is_closed_after(*state, say_a_byte);
}

static void
say_the_end(int accepted)
{
    assert_int_equal(shutdown(accepted, SHUT_WR), 0);
}

static void
nothing_is_parked_with_a_shutdown_pending(void **state)
{
    is_closed_after(*state, say_the_end);
}

/* It was in use for longer than connections may rest. */
static void
idle_time_is_set_before_a_stream_becomes_visible(void **state)
{
    struct bench *bench = *state;
    struct guest first = {0};
    struct guest waiting = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.max_per_host = 1;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    guest_ask(bench, &waiting, "127.0.0.1", origin_port(origin), LEASE_YOUNG);
    fakes.added_us += (uint64_t)bench->settings.idle_timeout_ms * 1000;
    guest_park(&first);
    guest_wait(&waiting);
    assert_int_equal(lease_state(waiting.lease), LEASE_HELD);
    assert_true(lease_facts(waiting.lease)->is_reused);
    assert_true(lease_facts(waiting.lease)->idle_ms < bench->settings.idle_timeout_ms);
    fakes.added_us += (uint64_t)bench->settings.idle_timeout_ms * 1000;
    guest_park(&waiting);
    pool_sweep(bench->pool);
    assert_int_equal(bench_gauges(bench).parked, 1);
    pool_clear(bench->pool);
    close(origin);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_parked_with_bytes_unread),
        TEST(nothing_is_parked_with_a_shutdown_pending),
        TEST(idle_time_is_set_before_a_stream_becomes_visible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
