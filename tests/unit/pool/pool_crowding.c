/* What leases promise about their client's quota, over real sockets on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "pool/lease_inside.h"
#include "tests/unit/pool/bench.h"

static void
client_at_its_quota_waits_for_itself(void **state)
{
    struct bench *bench = *state;
    struct guest first = {.quota = "one"};
    struct guest second = {.quota = "one"};
    struct guest other = {.quota = "two"};
    int origin = origin_open("127.0.0.1", 0, 8);
    uint64_t id;

    bench->settings.max_per_client = 1;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    id = lease_facts(first.lease)->id;
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_ANY);
    assert_int_equal(lease_state(second.lease), LEASE_WAITING);
    assert_int_equal(bench_gauges(bench).waiting, 1);
    guest_hold(bench, &other, "127.0.0.1", origin_port(origin));
    guest_park(&first);
    guest_wait(&second);
    assert_true(lease_facts(second.lease)->id == id);
    assert_true(lease_facts(second.lease)->is_queued);
    lease_discard(&second.lease);
    lease_discard(&other.lease);
    nothing_is_open(bench);
    close(origin);
}

static void
held_back_lease_can_be_cancelled_at_any_time(void **state)
{
    struct bench *bench = *state;
    struct guest guests[3] = {{.quota = "one"}, {.quota = "one"}, {.quota = "one"}};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.max_per_client = 1;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &guests[0], "127.0.0.1", origin_port(origin));
    for (int i = 1; i < 3; i++)
        guest_ask(bench, &guests[i], "127.0.0.1", origin_port(origin), LEASE_ANY);
    /* The second has entered, but has not read so. */
    lease_discard(&guests[0].lease);
    lease_cancel(&guests[1].lease);
    guest_wait(&guests[2]);
    assert_int_equal(lease_state(guests[2].lease), LEASE_HELD);
    guest_ask(bench, &guests[0], "127.0.0.1", origin_port(origin), LEASE_ANY);
    lease_cancel(&guests[0].lease);
    lease_discard(&guests[2].lease);
    nothing_is_open(bench);
    close(origin);
}

static void
held_back_lease_waits_no_longer_than_its_deadline(void **state)
{
    struct bench *bench = *state;
    struct guest first = {.quota = "one"};
    struct guest second = {.quota = "one"};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.max_per_client = 1;
    bench->settings.queue_timeout_ms = 20;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_ANY);
    guest_wait(&second);
    assert_int_equal(lease_error(second.lease), ERR_QUEUE_TIMEOUT);
    lease_cancel(&second.lease);
    lease_discard(&first.lease);
    nothing_is_open(bench);
    close(origin);
}

static void
deadline_counts_from_the_first_queue(void **state)
{
    struct bench *bench = *state;
    struct guest first = {.quota = "one"};
    struct guest second = {.quota = "one"};
    struct guest other = {.quota = "two"};
    int origin = origin_open("127.0.0.1", 0, 8);
    struct timeval deadline;

    bench->settings.max_per_client = 1;
    bench->settings.max_per_host = 1;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_ANY);
    assert_true(second.lease->is_held_back);
    deadline = second.lease->queue_timer.ev_timeout;
    /* Another one would be told apart from the first, however quickly it came. */
    bench->settings.queue_timeout_ms *= 2;
    pool_configure(bench->pool, &bench->settings);
    lease_discard(&first.lease);
    guest_hold(bench, &other, "127.0.0.1", origin_port(origin));
    /* Its client may have it now, and the host not yet. */
    assert_false(second.lease->is_held_back);
    assert_int_equal(lease_state(second.lease), LEASE_WAITING);
    assert_true(evutil_timercmp(&second.lease->queue_timer.ev_timeout, &deadline, ==));
    lease_cancel(&second.lease);
    lease_discard(&other.lease);
    nothing_is_open(bench);
    close(origin);
}

static void
failed_and_pinned_leases_count_under_no_quota(void **state)
{
    struct bench *bench = *state;
    struct guest pinned = {.quota = "one"};
    struct guest failing = {.quota = "one", .verdict = ERR_FORBIDDEN};
    struct guest last = {.quota = "one"};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.max_per_client = 1;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &pinned, "127.0.0.1", origin_port(origin));
    assert_int_equal(lease_pin(pinned.lease), ERR_OK);
    guest_ask(bench, &failing, "127.0.0.1", origin_port(origin), LEASE_ANY);
    guest_wait(&failing);
    assert_int_equal(lease_error(failing.lease), ERR_FORBIDDEN);
    lease_cancel(&failing.lease);
    guest_hold(bench, &last, "127.0.0.1", origin_port(origin));
    lease_discard(&last.lease);
    lease_discard(&pinned.lease);
    nothing_is_open(bench);
    close(origin);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(client_at_its_quota_waits_for_itself),
        TEST(held_back_lease_can_be_cancelled_at_any_time),
        TEST(held_back_lease_waits_no_longer_than_its_deadline),
        TEST(deadline_counts_from_the_first_queue),
        TEST(failed_and_pinned_leases_count_under_no_quota),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
