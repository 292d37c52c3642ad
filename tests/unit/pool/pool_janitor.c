/*
 * What the sweep closes and what it leaves alone: socketpairs, a clock that the test moves, and
 * a poll() in which things can happen.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pool/hosts.h"
#include "pool/lane.h"
#include "tests/unit/pool/rig.h"

struct yard {
    struct pool_settings settings;
    struct pool *pool;
    unsigned opened;
    unsigned uses; /* of what is parked */
    unsigned connect_ms;
    /* What happens while the janitor polls. */
    bool polls_readable;
    struct taker *polls_take;
};

static struct yard *yard_of_poll;

int __real_poll(struct pollfd *polls, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *polls, nfds_t count, int timeout_ms);

static void
take(struct yard *yard, struct taker *taker)
{
    struct pool_key key = rig_key("a.test");

    taker->waiter.want = SHELF_ANY;
    taker->waiter.on_granted = rig_on_granted;
    assert_int_equal(shelf_take(yard->pool->shelf, &key, &taker->waiter, &taker->got),
                     SHELF_GOT_STREAM);
}

int
__wrap_poll(struct pollfd *polls, nfds_t count, int timeout_ms)
{
    struct yard *yard = yard_of_poll;
    int ready = __real_poll(polls, count, timeout_ms);

    assert_int_equal(timeout_ms, 0);
    if (yard->polls_take != NULL)
        take(yard, yard->polls_take);
    if (!yard->polls_readable)
        return ready;
    for (nfds_t i = 0; i < count; i++)
        polls[i].revents = POLLIN;
    return (int)count;
}

static int
setup(void **state)
{
    struct yard *yard = xcalloc(1, sizeof(*yard));

    yard->settings = (struct pool_settings){.idle_timeout_ms = 60000,
                                            .learns_idle_timeout = true,
                                            .max_age_ms = 600000,
                                            .max_per_host = 10,
                                            .max_parked_per_host = 10,
                                            .max_dials_per_host = 10,
                                            .max_total = 10,
                                            .max_parked = 1000,
                                            .max_waiting = 10,
                                            .max_hosts = 16};
    yard->uses = 1;
    yard->pool = pool_new(&yard->settings);
    yard_of_poll = yard;
    *state = yard;
    return 0;
}

static int
teardown(void **state)
{
    struct yard *yard = *state;

    pool_free(yard->pool);
    free(yard);
    return 0;
}

/* Parks one end of a socketpair under a key; returns the other. */
static int
park_at(struct yard *yard, const char *host, uint16_t port)
{
    struct taker taker = {0};
    struct pool_key key;
    struct address local;
    struct address remote;
    struct upstream *upstream;
    int ends[2];

    assert_int_equal(pool_key_init(&key, slice_of(host), port), ERR_OK);
    taker.waiter.want = SHELF_SLOT;
    assert_int_equal(shelf_take(yard->pool->shelf, &key, &taker.waiter, &taker.got),
                     SHELF_GOT_SLOT);
    assert_true(shelf_leave(yard->pool->shelf, &taker.waiter));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(address_parse(SLICE("10.0.0.1:1"), &local), ERR_OK);
    assert_int_equal(address_parse(SLICE("10.0.0.2:80"), &remote), ERR_OK);
    address_set_port(&local, (uint16_t)++yard->opened);
    upstream = xcalloc(1, sizeof(*upstream));
    upstream->stream.fd = ends[0];
    upstream->row = tuple_insert(yard->pool->table, &key, &local, &remote);
    upstream->bucket = taker.got.slot;
    upstream->host = hosts_obtain(yard->pool->hosts, &key);
    upstream->id = upstream->row->id;
    upstream->opened_us = clock_now_us();
    upstream->used_us = upstream->opened_us;
    upstream->uses = yard->uses;
    upstream->connect_ms = yard->connect_ms;
    assert_false(shelf_dialed(yard->pool->shelf, NULL, upstream));
    return ends[1];
}

static int
park(struct yard *yard)
{
    return park_at(yard, "a.test", 80);
}

static void
sweep_leaves(struct yard *yard, unsigned parked)
{
    struct pool_gauges gauges;

    pool_sweep(yard->pool);
    pool_gauges(yard->pool, &gauges);
    assert_int_equal(gauges.parked, parked);
    assert_int_equal(gauges.open, parked);
    assert_int_equal(tuple_count(yard->pool->table), parked);
    assert_int_equal(stat_read(&pool_stats(yard->pool)[POOL_STAT_CLOSED]),
                     yard->opened - parked);
}

static void
quiet_connection_stays(void **state)
{
    struct yard *yard = *state;
    int peer = park(yard);

    rig_advance_ms(59999);
    sweep_leaves(yard, 1);
    close(peer);
}

static void
idle_connection_is_closed_in_time(void **state)
{
    struct yard *yard = *state;
    int old = park(yard);
    int young;
    char byte;

    rig_advance_ms(30000);
    young = park(yard);
    rig_advance_ms(30000);
    sweep_leaves(yard, 1);
    assert_int_equal(read(old, &byte, 1), 0);
    close(old);
    close(young);
}

static void
connection_that_its_origin_closed_is_closed(void **state)
{
    struct yard *yard = *state;
    int first = park(yard);
    int second = park(yard);

    close(first);
    sweep_leaves(yard, 1);
    close(second);
}

static void
connection_with_unasked_bytes_is_closed(void **state)
{
    struct yard *yard = *state;
    int peer = park(yard);

    assert_int_equal(write(peer, "x", 1), 1);
    sweep_leaves(yard, 0);
    close(peer);
}

static void
what_only_looked_readable_stays(void **state)
{
    struct yard *yard = *state;
    int peer = park(yard);

    /* As when the number was another socket's while it was polled. */
    yard->polls_readable = true;
    sweep_leaves(yard, 1);
    close(peer);
}

static void
false_alarm_does_not_make_a_connection_younger(void **state)
{
    struct yard *yard = *state;
    int peer = park(yard);

    yard->polls_readable = true;
    rig_advance_ms(40000);
    sweep_leaves(yard, 1);
    rig_advance_ms(20000);
    sweep_leaves(yard, 0);
    close(peer);
}

static void
connection_taken_meanwhile_is_its_takers(void **state)
{
    struct yard *yard = *state;
    struct taker taker = {0};
    struct pool_gauges gauges;
    int peer = park(yard);

    close(peer);
    yard->polls_take = &taker;
    pool_sweep(yard->pool);
    /* Its end is seen by the taker, and by nobody else. */
    pool_gauges(yard->pool, &gauges);
    assert_int_equal(gauges.open, 1);
    assert_int_equal(stream_pulse(&taker.got.stream->stream), PULSE_GONE);
    pool_discard(yard->pool, taker.got.stream);
}

static void
old_connection_is_closed_however_much_used(void **state)
{
    struct yard *yard = *state;
    struct taker taker = {0};
    int peer = park(yard);

    for (int i = 0; i < 11; i++) {
        rig_advance_ms(50000);
        sweep_leaves(yard, 1);
        take(yard, &taker);
        taker.got.stream->used_us = clock_now_us();
        shelf_give(yard->pool->shelf, taker.got.stream);
    }
    rig_advance_ms(50000);
    sweep_leaves(yard, 0);
    close(peer);
}

static void
clearing_closes_all_that_is_parked(void **state)
{
    struct yard *yard = *state;
    int first = park(yard);
    int second = park(yard);

    pool_clear(yard->pool);
    sweep_leaves(yard, 0);
    close(first);
    close(second);
}

static void
closing_a_host_leaves_others_alone(void **state)
{
    struct yard *yard = *state;
    int peers[] = {park_at(yard, "a.test", 80), park_at(yard, "a.test", 81),
                   park_at(yard, "b.test", 80), park_at(yard, "a.test", 80)};

    assert_int_equal(pool_close_parked(yard->pool, "c.test", 0), 0);
    sweep_leaves(yard, 4);
    assert_int_equal(pool_close_parked(yard->pool, "a.test", 80), 2);
    sweep_leaves(yard, 2);
    assert_int_equal(pool_close_parked(yard->pool, "a.test", 0), 1);
    sweep_leaves(yard, 1);
    assert_int_equal(pool_close_parked(yard->pool, NULL, 0), 1);
    sweep_leaves(yard, 0);
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
        close(peers[i]);
}

static void
closing_a_host_leaves_what_is_in_use(void **state)
{
    struct yard *yard = *state;
    struct taker taker = {.waiter = {.want = SHELF_SLOT, .on_granted = rig_on_granted}};
    struct pool_key key = rig_key("a.test");
    struct taker holder = {.waiter = {.want = SHELF_ANY, .on_granted = rig_on_granted}};
    int peer = park(yard);

    yard->settings.max_per_host = 1;
    pool_configure(yard->pool, &yard->settings);
    take(yard, &holder);
    assert_int_equal(shelf_take(yard->pool->shelf, &key, &taker.waiter, &taker.got),
                     SHELF_GOT_QUEUE);
    /* It is in use, so it is none of those that are closed. */
    assert_int_equal(pool_close_parked(yard->pool, "a.test", 0), 0);
    assert_int_equal(taker.grants, 0);
    pool_discard(yard->pool, holder.got.stream);
    assert_int_equal(taker.grants, 1);
    shelf_undial(yard->pool->shelf, taker.waiter.gift.slot);
    close(peer);
}

static struct habit *
habit_of(struct yard *yard)
{
    struct pool_key key = rig_key("a.test");
    struct host *host = hosts_obtain(yard->pool->hosts, &key);

    hosts_leave(host);
    return &host->habit;
}

/* The only parked connection is closed by its origin, once it was idle for almost idle_ms. */
static void
origin_closes(struct yard *yard, int peer, unsigned idle_ms)
{
    rig_advance_ms(idle_ms);
    sweep_leaves(yard, 1);
    close(peer);
    rig_advance_ms(100);
    sweep_leaves(yard, 0);
}

/* Two that were closed after 5 s make a habit. */
static void
teach(struct yard *yard)
{
    origin_closes(yard, park(yard), 4900);
    assert_int_equal(habit_limit_ms(habit_of(yard)), 0);
    origin_closes(yard, park(yard), 4900);
    /* It was last seen alive at 4900, and an eighth of that is kept as a margin. */
    assert_int_equal(habit_limit_ms(habit_of(yard)), 4900 - 4900 / 8);
}

static void
ends_teach_when_the_origin_loses_patience(void **state)
{
    struct yard *yard = *state;

    teach(yard);
}

static void
connections_are_retired_before_their_origin_closes_them(void **state)
{
    struct yard *yard = *state;
    int peers[10];
    char byte;

    teach(yard);
    for (size_t i = 0; i < 10; i++)
        peers[i] = park(yard);
    rig_advance_ms(4287);
    sweep_leaves(yard, 10);
    rig_advance_ms(1);
    /* All but the scout. */
    sweep_leaves(yard, 1);
    assert_int_equal(stat_read(&pool_stats(yard->pool)[POOL_STAT_RETIRED]), 9);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(recv(peers[i], &byte, 1, MSG_DONTWAIT), i == 0 ? -1 : 0);
        close(peers[i]);
    }
    sweep_leaves(yard, 0);
}

static void
far_origin_is_met_earlier(void **state)
{
    struct yard *yard = *state;
    int peer;

    teach(yard);
    /* The first is a scout, the second is not. */
    close(park(yard));
    rig_advance_ms(4288);
    sweep_leaves(yard, 0);
    assert_int_equal(habit_of(yard)->reached, 1);
    yard->connect_ms = 300;
    peer = park(yard);
    rig_advance_ms(4288 - 301);
    sweep_leaves(yard, 1);
    rig_advance_ms(1);
    sweep_leaves(yard, 0);
    close(peer);
}

static void
patience_with_a_first_request_is_no_habit(void **state)
{
    struct yard *yard = *state;
    int peer;

    yard->uses = 0;
    origin_closes(yard, park(yard), 4900);
    origin_closes(yard, park(yard), 4900);
    assert_int_equal(habit_limit_ms(habit_of(yard)), 0);
    yard->uses = 1;
    teach(yard);
    yard->uses = 0;
    peer = park(yard);
    rig_advance_ms(59999);
    sweep_leaves(yard, 1);
    assert_int_equal(habit_of(yard)->reached, 0);
    close(peer);
}

static void
nothing_is_retired_if_that_is_off(void **state)
{
    struct yard *yard = *state;
    int peer;

    teach(yard);
    yard->settings.learns_idle_timeout = false;
    pool_configure(yard->pool, &yard->settings);
    close(park(yard));
    sweep_leaves(yard, 0);
    peer = park(yard);
    rig_advance_ms(59999);
    sweep_leaves(yard, 1);
    assert_int_equal(habit_of(yard)->reached, 0);
    close(peer);
}

static void
retired_connection_is_nobodys(void **state)
{
    struct yard *yard = *state;
    struct taker taker = {.waiter = {.want = SHELF_ANY, .on_granted = rig_on_granted}};
    struct pool_key key = rig_key("a.test");
    int peer;

    teach(yard);
    peer = park(yard);
    rig_advance_ms(4288);
    assert_int_equal(shelf_take(yard->pool->shelf, &key, &taker.waiter, &taker.got),
                     SHELF_GOT_SLOT);
    assert_true(shelf_leave(yard->pool->shelf, &taker.waiter));
    shelf_undial(yard->pool->shelf, taker.got.slot);
    /* The first of them is a scout. */
    sweep_leaves(yard, 1);
    close(peer);
}

static void
scouts_tell_that_the_origin_waits_longer(void **state)
{
    struct yard *yard = *state;

    teach(yard);
    /* From the first surprise on every other is a scout; the eighth age pushes out the first.
     */
    for (int i = 0; i < 13; i++) {
        int peer = park(yard);

        rig_advance_ms(5000);
        pool_sweep(yard->pool);
        if (habit_of(yard)->reached % 2 == 1) {
            origin_closes(yard, peer, 4900);
            continue;
        }
        sweep_leaves(yard, 0);
        close(peer);
    }
    assert_int_equal(habit_limit_ms(habit_of(yard)), 9900 - 1000);
}

static void
scout_ends_with_our_own_patience(void **state)
{
    struct yard *yard = *state;
    int peer;

    teach(yard);
    peer = park(yard);
    rig_advance_ms(59999);
    sweep_leaves(yard, 1);
    rig_advance_ms(1);
    sweep_leaves(yard, 0);
    close(peer);
    assert_true(habit_of(yard)->is_doubted);
}

static void
closing_by_id_closes_one_that_is_parked(void **state)
{
    struct yard *yard = *state;
    struct taker holder = {.waiter = {.want = SHELF_ANY, .on_granted = rig_on_granted}};
    int peers[] = {park(yard), park_at(yard, "b.test", 80), park(yard)};
    uint64_t held;

    assert_false(pool_close_id(yard->pool, 4));
    sweep_leaves(yard, 3);
    assert_true(pool_close_id(yard->pool, 2));
    sweep_leaves(yard, 2);
    assert_false(pool_close_id(yard->pool, 2));
    take(yard, &holder);
    held = holder.got.stream->id;
    /* It is in use: neither closed nor taken from its holder. */
    assert_false(pool_close_id(yard->pool, held));
    assert_int_equal(stream_pulse(&holder.got.stream->stream), PULSE_QUIET);
    shelf_give(yard->pool->shelf, holder.got.stream);
    assert_true(pool_close_id(yard->pool, held));
    sweep_leaves(yard, 1);
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
        close(peers[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(quiet_connection_stays),
        TEST(idle_connection_is_closed_in_time),
        TEST(connection_that_its_origin_closed_is_closed),
        TEST(connection_with_unasked_bytes_is_closed),
        TEST(what_only_looked_readable_stays),
        TEST(false_alarm_does_not_make_a_connection_younger),
        TEST(connection_taken_meanwhile_is_its_takers),
        TEST(old_connection_is_closed_however_much_used),
        TEST(clearing_closes_all_that_is_parked),
        TEST(closing_a_host_leaves_others_alone),
        TEST(closing_a_host_leaves_what_is_in_use),
        TEST(ends_teach_when_the_origin_loses_patience),
        TEST(connections_are_retired_before_their_origin_closes_them),
        TEST(far_origin_is_met_earlier),
        TEST(patience_with_a_first_request_is_no_habit),
        TEST(nothing_is_retired_if_that_is_off),
        TEST(retired_connection_is_nobodys),
        TEST(scouts_tell_that_the_origin_waits_longer),
        TEST(scout_ends_with_our_own_patience),
        TEST(closing_by_id_closes_one_that_is_parked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
