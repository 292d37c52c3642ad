/*
 * Four workers' lanes on one pool with real sockets: leases asked for, held, parked, discarded
 * and cancelled at random, origins that close when they like. In the end nothing is left.
 * CARPOOL_TEST_SECONDS makes it longer.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dns/cache.h"
#include "pool/lease.h"
#include "pool/tuple.h"
#include "pool/waiting.h"
#include "tests/unit/dice.h"
#include "tests/unit/pool/bench.h"

enum { LANES = 4, GUESTS = 8, ORIGINS = 3, HELD = 512 };

struct crossing;

/* One of a worker's customers: asks, holds for a few turns, gives back. */
struct visitor {
    struct lease *lease;
    struct address client;
    unsigned turns; /* since it asked */
    unsigned heard;
};

struct worker {
    struct crossing *crossing;
    pthread_t thread;
    struct event_base *base;
    struct mailbox *mailbox;
    struct cache *cache;
    struct resolver *resolver;
    struct lane *lane;
    stat_counter stats[POOL_STAT_COUNT];
    stat_counter dns_stats[DNS_STAT_COUNT];
    struct visitor visitors[GUESTS];
    struct dice dice;
    unsigned held;
};

struct crossing {
    struct pool *pool;
    struct worker workers[LANES];
    int origins[ORIGINS];
    uint16_t ports[ORIGINS];
    _Atomic bool is_over;
    _Atomic unsigned done;
};

/* ---- the origins: accept, and close some of what they have at any time ---- */

static void
accept_some(struct crossing *crossing, int *held, struct dice *dice)
{
    struct pollfd polls[ORIGINS];

    for (int i = 0; i < ORIGINS; i++)
        polls[i] = (struct pollfd){.fd = crossing->origins[i], .events = POLLIN};
    if (poll(polls, ORIGINS, 5) <= 0)
        return;
    for (int i = 0; i < ORIGINS; i++) {
        unsigned place = dice_draw(dice, HELD);

        if (polls[i].revents == 0)
            continue;
        if (held[place] != -1)
            close(held[place]);
        held[place] = accept4(polls[i].fd, NULL, NULL, SOCK_CLOEXEC);
    }
}

static void *
run_origins(void *arg)
{
    struct crossing *crossing = arg;
    struct dice dice = dice_of(LANES);
    int held[HELD];

    for (int i = 0; i < HELD; i++)
        held[i] = -1;
    while (atomic_load(&crossing->done) < LANES) {
        unsigned place = dice_draw(&dice, HELD);

        accept_some(crossing, held, &dice);
        if (held[place] != -1)
            close(held[place]);
        held[place] = -1;
    }
    for (int i = 0; i < HELD; i++)
        if (held[i] != -1)
            close(held[i]);
    return NULL;
}

/* ---- the workers ---- */

static enum err
rule(const void *arg, const struct address *address, bool is_by_dns)
{
    uintptr_t bits = (uintptr_t)arg >> 4;

    (void)is_by_dns;
    /* Some visitors may not go to some of the origins: also not over a parked connection. */
    return (bits + address_port(address)) % 7 == 0 ? ERR_FORBIDDEN : ERR_OK;
}

static void
on_lease(void *arg)
{
    struct visitor *visitor = arg;

    /* Once per lease, and only when there is something to say. */
    if (visitor->heard++ > 0 || lease_state(visitor->lease) == LEASE_WAITING)
        abort();
}

static void
ask(struct worker *worker, struct visitor *visitor)
{
    static const enum lease_want wants[] = {LEASE_ANY,   LEASE_ANY,   LEASE_ANY,
                                            LEASE_YOUNG, LEASE_FRESH, LEASE_TUNNEL};
    struct pool_key key;
    const struct lease_request request = {
        .key = &key,
        .want = wants[dice_draw(&worker->dice, 6)],
        .rule = rule,
        .rule_arg = visitor,
        .client = &visitor->client,
        .on_lease = on_lease,
        .arg = visitor,
    };

    if (pool_key_init(&key, SLICE("127.0.0.1"),
                      worker->crossing->ports[dice_draw(&worker->dice, ORIGINS)]) != ERR_OK)
        abort();
    /* Another one each time, as those who look on must see it whole. */
    visitor->client.v4.sin_family = AF_INET;
    visitor->client.v4.sin_addr.s_addr = (in_addr_t)dice_draw(&worker->dice, 1u << 30);
    address_set_port(&visitor->client, (uint16_t)visitor->client.v4.sin_addr.s_addr);
    visitor->heard = 0;
    visitor->turns = 0;
    visitor->lease = lease_checkout(worker->lane, &request);
    /* Told from the loop only. */
    if (visitor->heard != 0)
        abort();
}

static void
give_back(struct worker *worker, struct visitor *visitor)
{
    const struct park_terms terms = {0};

    worker->held++;
    lease_count(visitor->lease, 10, 20);
    if (dice_draw(&worker->dice, 4) == 0)
        lease_discard(&visitor->lease);
    else
        lease_park(&visitor->lease, &terms);
}

static void
step_visitor(struct worker *worker, struct visitor *visitor)
{
    visitor->turns++;
    if (visitor->lease == NULL) {
        if (!atomic_load(&worker->crossing->is_over))
            ask(worker, visitor);
        return;
    }
    switch (lease_state(visitor->lease)) {
    case LEASE_WAITING:
        if (dice_draw(&worker->dice, 40) == 0)
            lease_cancel(&visitor->lease);
        break;
    case LEASE_HELD:
        if (visitor->turns > dice_draw(&worker->dice, 4))
            give_back(worker, visitor);
        break;
    case LEASE_FAILED:
        lease_cancel(&visitor->lease);
        break;
    }
}

static bool
has_guests(const struct worker *worker)
{
    for (int i = 0; i < GUESTS; i++)
        if (worker->visitors[i].lease != NULL)
            return true;
    return false;
}

static void *
run_worker(void *arg)
{
    struct worker *worker = arg;

    while (!atomic_load(&worker->crossing->is_over) || has_guests(worker)) {
        event_base_loop(worker->base, EVLOOP_NONBLOCK);
        for (int i = 0; i < GUESTS; i++)
            step_visitor(worker, &worker->visitors[i]);
    }
    atomic_fetch_add(&worker->crossing->done, 1);
    return NULL;
}

static void
worker_open(struct worker *worker, struct crossing *crossing, unsigned index)
{
    struct resolver_settings settings = {
        .timeout_ms = 1000, .tries = 1, .cache_size = 10, .max_inflight = 10};

    worker->crossing = crossing;
    worker->dice = dice_of(index);
    worker->base = event_base_new();
    worker->mailbox = mailbox_new(worker->base);
    worker->cache = cache_new(&settings);
    assert_int_equal(resolver_new(&(struct resolver_setup){worker->base, worker->mailbox,
                                                           worker->cache, worker->dns_stats},
                                  &settings, &worker->resolver),
                     ERR_OK);
    worker->lane = lane_new(crossing->pool, worker->base, worker->mailbox, worker->resolver,
                            worker->stats);
}

static void
worker_close(struct worker *worker)
{
    mailbox_free(worker->mailbox);
    lane_free(worker->lane);
    resolver_free(worker->resolver);
    cache_free(worker->cache);
    event_base_free(worker->base);
}

static void
look_at_row(const struct tuple_view *view, void *arg)
{
    uint32_t ip = view->client.v4.sin_addr.s_addr;

    (void)arg;
    if (view->client.any.sa_family != AF_UNSPEC && address_port(&view->client) != (uint16_t)ip)
        abort();
}

static void
look_at_waiting(const struct waiting_view *view, void *arg)
{
    (void)arg;
    if (strcmp(view->host, "127.0.0.1") != 0 ||
        address_port(&view->client) != (uint16_t)view->client.v4.sin_addr.s_addr)
        abort();
}

static void
watch_over(struct crossing *crossing, unsigned ms)
{
    struct timespec moment = {0, 20000000};
    uint64_t end_ms = clock_now_ms() + ms;

    /* As the main thread does: sweeps, looks at the table, clears or closes a host now and
     * then. */
    for (unsigned i = 0; clock_now_ms() < end_ms; i++) {
        pool_sweep(crossing->pool);
        pool_each_connection(crossing->pool, look_at_row, NULL);
        pool_each_waiting(crossing->pool, look_at_waiting, NULL);
        if (i % 10 == 9)
            pool_clear(crossing->pool);
        if (i % 10 == 4)
            pool_close_parked(crossing->pool, "127.0.0.1", crossing->ports[i % ORIGINS]);
        nanosleep(&moment, NULL);
    }
    atomic_store(&crossing->is_over, true);
}

static uint64_t
sum_of(const struct crossing *crossing, enum pool_stat stat)
{
    uint64_t sum = stat_read(&pool_stats(crossing->pool)[stat]);

    for (unsigned i = 0; i < LANES; i++)
        sum += stat_read(&crossing->workers[i].stats[stat]);
    return sum;
}

/* Each dial has its reason, and what hosts count is what the lanes count. */
static void
figures_agree(const struct crossing *crossing)
{
    static const struct {
        enum ledger_count count;
        enum pool_stat stat;
    } pairs[] = {
        {LEDGER_OPENED, POOL_STAT_OPENED},
        {LEDGER_REUSED, POOL_STAT_REUSED},
        {LEDGER_TUNNELS, POOL_STAT_TUNNELS},
        {LEDGER_DIAL_FAILED, POOL_STAT_DIAL_FAILED},
        {LEDGER_SAVED_CONNECT, POOL_STAT_SAVED_CONNECT},
    };
    struct host_sums sums;
    uint64_t misses = 0;

    pool_hosts(crossing->pool, HOSTS_BY_SAVED, NULL, 0, &sums);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_int_equal(sums.total.counts[pairs[i].count], sum_of(crossing, pairs[i].stat));
    for (enum miss miss = MISS_COLD; miss < MISS_END; miss++) {
        enum pool_stat stat = (enum pool_stat)(POOL_STAT_MISSES + (miss - MISS_COLD));

        assert_int_equal(sums.total.counts[ledger_miss(miss)], sum_of(crossing, stat));
        misses += sums.total.counts[ledger_miss(miss)];
    }
    assert_int_equal(misses, sum_of(crossing, POOL_STAT_DIALS));
    assert_true(sum_of(crossing, POOL_STAT_OPENED) <= misses);
    assert_true(sums.total.counts[LEDGER_SAVED_CONNECT] > 0);
}

static const struct pool_settings settings = {.idle_timeout_ms = 60000,
                                              .max_per_host = 6,
                                              .max_parked_per_host = 3,
                                              .max_dials_per_host = 2,
                                              .max_total = 12,
                                              .max_parked = 5,
                                              .max_tunnels = 4,
                                              .max_waiting = 20,
                                              .fresh_for_unsafe_ms = 5,
                                              .connect_timeout_ms = 5000,
                                              .queue_timeout_ms = 200};

static struct crossing *
crossing_new(void)
{
    struct crossing *crossing = xcalloc(1, sizeof(*crossing));

    crossing->pool = pool_new(&settings);
    for (int i = 0; i < ORIGINS; i++) {
        crossing->origins[i] = origin_open("127.0.0.1", 0, 128);
        crossing->ports[i] = origin_port(crossing->origins[i]);
    }
    for (unsigned i = 0; i < LANES; i++)
        worker_open(&crossing->workers[i], crossing, i);
    return crossing;
}

/* Ends the workers; how many leases they held in their time. */
static unsigned
close_workers(struct crossing *crossing)
{
    unsigned held = 0;

    for (unsigned i = 0; i < LANES; i++) {
        held += crossing->workers[i].held;
        worker_close(&crossing->workers[i]);
    }
    return held;
}

static void
crossing_free(struct crossing *crossing)
{
    pool_free(crossing->pool);
    for (int i = 0; i < ORIGINS; i++)
        close(crossing->origins[i]);
    free(crossing);
}

static void
nothing_is_left(struct crossing *crossing)
{
    struct pool_gauges gauges;

    pool_clear(crossing->pool);
    pool_gauges(crossing->pool, &gauges);
    assert_int_equal(gauges.open, 0);
    assert_int_equal(gauges.waiting, 0);
    assert_int_equal(gauges.tunnels, 0);
    assert_int_equal(gauges.hosts, 0);
}

static void
lanes_share_one_pool_and_leave_nothing(void **state)
{
    struct crossing *crossing = crossing_new();
    pthread_t origins;
    unsigned held;

    (void)state;
    assert_int_equal(pthread_create(&origins, NULL, run_origins, crossing), 0);
    for (unsigned i = 0; i < LANES; i++)
        assert_int_equal(pthread_create(&crossing->workers[i].thread, NULL, run_worker,
                                        &crossing->workers[i]),
                         0);
    watch_over(crossing, (unsigned)(dice_seconds() * 1000));
    for (unsigned i = 0; i < LANES; i++)
        pthread_join(crossing->workers[i].thread, NULL);
    pthread_join(origins, NULL);
    held = close_workers(crossing);
    assert_true(held > 0);
    nothing_is_left(crossing);
    figures_agree(crossing);
    printf("%u leases held\n", held);
    crossing_free(crossing);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_share_one_pool_and_leave_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
