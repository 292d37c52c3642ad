/* Why a request found nothing to reuse, with real sockets: each reason by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "pool/hosts.h"
#include "pool/lane.h"
#include "pool/lease.h"
#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/fakes.h"

static uint64_t
misses_of(struct bench *bench, enum miss miss)
{
    return count_of(bench, (enum pool_stat)(POOL_STAT_MISSES + (miss - MISS_COLD)));
}

/* So many misses so far, the last one for this reason; their sum is that of the dials. */
static void
last_miss_is(struct bench *bench, enum miss miss, uint64_t all)
{
    struct host_sums sums;
    uint64_t sum = 0;

    assert_in_range(misses_of(bench, miss), 1, all);
    pool_hosts(bench->pool, HOSTS_BY_OPENED, NULL, 0, &sums);
    for (enum miss each = MISS_COLD; each < MISS_END; each++) {
        assert_int_equal(sums.total.counts[ledger_miss(each)], misses_of(bench, each));
        sum += misses_of(bench, each);
    }
    assert_int_equal(sum, all);
    assert_int_equal(count_of(bench, POOL_STAT_DIALS), all);
}

static void
hold(struct bench *bench, struct guest *guest, int origin)
{
    guest_hold(bench, guest, "127.0.0.1", origin_port(origin));
}

static void
hold_as(struct bench *bench, struct guest *guest, int origin, enum lease_want want)
{
    guest_ask(bench, guest, "127.0.0.1", origin_port(origin), want);
    guest_wait(guest);
    assert_int_equal(lease_state(guest->lease), LEASE_HELD);
}

/* One connection was opened (cold) and parked; the origin's side of it. */
static int
park_one(struct bench *bench, int origin)
{
    struct guest guest = {0};

    hold(bench, &guest, origin);
    guest_park(&guest);
    last_miss_is(bench, MISS_COLD, 1);
    return origin_accept(origin);
}

/* The next request is a miss, for this reason. */
static void
next_misses(struct bench *bench, int origin, enum miss miss)
{
    struct guest guest = {0};

    hold(bench, &guest, origin);
    last_miss_is(bench, miss, 2);
    lease_discard(&guest.lease);
}

static void
first_request_is_cold_and_the_second_no_miss(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 32);
    int far = park_one(bench, origin);
    struct guest guest = {0};

    hold(bench, &guest, origin);
    last_miss_is(bench, MISS_COLD, 1);
    guest_park(&guest);
    close(far);
    close(origin);
}

static void
connections_in_use_are_busy(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 32);
    struct guest first = {0};
    struct guest second = {0};

    hold(bench, &first, origin);
    hold(bench, &second, origin);
    last_miss_is(bench, MISS_BUSY, 2);
    lease_discard(&first.lease);
    lease_discard(&second.lease);
    close(origin);
}

static void
dial_under_way_is_busy(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 32);
    struct guest first = {0};
    struct guest second = {0};

    guest_ask(bench, &first, "127.0.0.1", origin_port(origin), LEASE_ANY);
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_ANY);
    last_miss_is(bench, MISS_BUSY, 2);
    lease_cancel(&first.lease);
    lease_cancel(&second.lease);
    close(origin);
}

static void
long_rest_is_told_from_old_age_and_many_uses(void **state)
{
    static const struct {
        unsigned max_age_ms;
        unsigned max_uses;
        unsigned wait_ms;
        enum miss miss;
    } ends[] = {
        {0, 0, 60000, MISS_EXPIRED_IDLE},
        {1000, 0, 1000, MISS_EXPIRED_AGE},
        {0, 1, 0, MISS_EXPIRED_USES},
    };

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct bench *bench = *state;
        int origin = origin_open("127.0.0.1", 0, 32);
        int far;

        bench->settings.max_age_ms = ends[i].max_age_ms;
        bench->settings.max_uses = ends[i].max_uses;
        pool_configure(bench->pool, &bench->settings);
        far = park_one(bench, origin);
        fakes.added_us += (uint64_t)ends[i].wait_ms * 1000;
        next_misses(bench, origin, ends[i].miss);
        close(far);
        close(origin);
        assert_int_equal(bench_teardown(state), 0);
        assert_int_equal(bench_setup(state), 0);
    }
}

static void
rest_too_long_for_its_host_is_no_want_of_the_request(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 32);
    int far = park_one(bench, origin);
    struct pool_key key;
    struct host *host;

    assert_int_equal(pool_key_init(&key, SLICE("127.0.0.1"), origin_port(origin)), ERR_OK);
    host = hosts_obtain(bench->pool->hosts, &key);
    atomic_store(&host->habit.limit_ms, 3000);
    hosts_leave(host);
    fakes.added_us += UINT64_C(3000) * 1000;
    next_misses(bench, origin, MISS_EXPIRED_IDLE);
    close(far);
    close(origin);
}

static void
what_the_janitor_took_explains_the_next_miss(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 32);
    int far = park_one(bench, origin);

    fakes.added_us += UINT64_C(60000) * 1000;
    pool_sweep(bench->pool);
    next_misses(bench, origin, MISS_EXPIRED_IDLE);
    close(far);
    close(origin);
}

static void
close_seen_by_the_janitor_is_told_from_one_seen_by_the_probe(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 32);
    struct guest guest = {0};

    close(park_one(bench, origin));
    pool_sweep(bench->pool);
    hold(bench, &guest, origin);
    last_miss_is(bench, MISS_CLOSED, 2);
    guest_park(&guest);
    close(origin_accept(origin));
    hold(bench, &guest, origin);
    last_miss_is(bench, MISS_PROBE, 3);
    lease_discard(&guest.lease);
    close(origin);
}

static void
retry_after_a_dead_connection_says_closed(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 32);
    int far = park_one(bench, origin);
    struct guest guest = {0};

    hold(bench, &guest, origin);
    lease_renew(guest.lease);
    guest_wait(&guest);
    last_miss_is(bench, MISS_CLOSED, 2);
    lease_discard(&guest.lease);
    close(far);
    close(origin);
}

static void
eviction_and_an_operator_are_told_apart(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 32);
    int far = park_one(bench, origin);
    struct guest guest = {0};

    assert_true(shelf_evict(bench->pool->shelf));
    hold(bench, &guest, origin);
    last_miss_is(bench, MISS_EVICTED, 2);
    guest_park(&guest);
    assert_int_equal(pool_close_parked(bench->pool, NULL, 0), 1);
    hold(bench, &guest, origin);
    last_miss_is(bench, MISS_CLEARED, 3);
    lease_discard(&guest.lease);
    close(far);
    close(origin);
}

static void
what_http_noted_explains_the_next_miss(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 32);
    struct guest guest = {0};

    hold(bench, &guest, origin);
    lease_note_loss(guest.lease, MISS_SAID_CLOSE);
    lease_discard(&guest.lease);
    hold(bench, &guest, origin);
    last_miss_is(bench, MISS_SAID_CLOSE, 2);
    lease_discard(&guest.lease);
    /* Where nothing was noted the exchange came to no end. */
    hold(bench, &guest, origin);
    last_miss_is(bench, MISS_UNFINISHED, 3);
    lease_discard(&guest.lease);
    close(origin);
}

static void
loss_explains_one_miss_only(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 32);
    int far = park_one(bench, origin);
    struct guest guest = {0};

    assert_true(shelf_evict(bench->pool->shelf));
    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), LEASE_ANY);
    last_miss_is(bench, MISS_EVICTED, 2);
    lease_cancel(&guest.lease);
    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), LEASE_ANY);
    assert_int_equal(misses_of(bench, MISS_EVICTED), 1);
    guest_wait(&guest);
    lease_discard(&guest.lease);
    close(far);
    close(origin);
}

static void
what_is_parked_may_not_suit(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 32);
    int far = park_one(bench, origin);
    struct guest guest = {0};

    fakes.added_us += UINT64_C(1000) * 1000;
    hold_as(bench, &guest, origin, LEASE_YOUNG);
    last_miss_is(bench, MISS_NON_IDEMPOTENT, 2);
    lease_discard(&guest.lease);
    hold_as(bench, &guest, origin, LEASE_FRESH);
    last_miss_is(bench, MISS_UNREPEATABLE, 3);
    lease_discard(&guest.lease);
    guest.verdict = ERR_FORBIDDEN;
    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), LEASE_ANY);
    guest_wait(&guest);
    last_miss_is(bench, MISS_REFUSED, 4);
    lease_cancel(&guest.lease);
    close(far);
    close(origin);
}

static void
pinned_connection_is_lost_to_others(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 32);
    struct guest pinned = {0};
    struct guest guest = {0};

    hold(bench, &pinned, origin);
    assert_int_equal(lease_pin(pinned.lease), ERR_OK);
    hold(bench, &guest, origin);
    last_miss_is(bench, MISS_BOUND, 2);
    /* Its end is no loss to others. */
    lease_discard(&pinned.lease);
    guest_park(&guest);
    assert_true(shelf_evict(bench->pool->shelf));
    hold(bench, &guest, origin);
    last_miss_is(bench, MISS_EVICTED, 3);
    lease_discard(&guest.lease);
    close(origin);
}

static void
host_in_quarantine_is_a_reason(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 32);
    struct guest guest = {0};
    struct guest other = {0};
    int far;

    bench->settings.quarantine_ms = 60000;
    pool_configure(bench->pool, &bench->settings);
    far = park_one(bench, origin);
    hold(bench, &other, origin);
    hold(bench, &guest, origin);
    guest_park(&guest);
    lease_note_stray(other.lease);
    lease_discard(&other.lease);
    hold(bench, &guest, origin);
    last_miss_is(bench, MISS_QUARANTINED, 3);
    lease_discard(&guest.lease);
    close(far);
    close(origin);
}

static void
tunnels_are_no_misses(void **state)
{
    struct bench *bench = *state;
    int origin = origin_open("127.0.0.1", 0, 32);
    struct guest guest = {0};

    hold_as(bench, &guest, origin, LEASE_TUNNEL);
    assert_int_equal(count_of(bench, POOL_STAT_DIALS), 0);
    lease_discard(&guest.lease);
    hold(bench, &guest, origin);
    last_miss_is(bench, MISS_COLD, 1);
    lease_discard(&guest.lease);
    close(origin);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(first_request_is_cold_and_the_second_no_miss),
        CLAIM(connections_in_use_are_busy),
        CLAIM(dial_under_way_is_busy),
        CLAIM(long_rest_is_told_from_old_age_and_many_uses),
        CLAIM(rest_too_long_for_its_host_is_no_want_of_the_request),
        CLAIM(what_the_janitor_took_explains_the_next_miss),
        CLAIM(close_seen_by_the_janitor_is_told_from_one_seen_by_the_probe),
        CLAIM(retry_after_a_dead_connection_says_closed),
        CLAIM(eviction_and_an_operator_are_told_apart),
        CLAIM(what_http_noted_explains_the_next_miss),
        CLAIM(loss_explains_one_miss_only),
        CLAIM(what_is_parked_may_not_suit),
        CLAIM(pinned_connection_is_lost_to_others),
        CLAIM(host_in_quarantine_is_a_reason),
        CLAIM(tunnels_are_no_misses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
