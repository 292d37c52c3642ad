/* Where tests of the janitor park connections. */
#include "tests/unit/pool/yard.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pool/hosts.h"

static struct yard *yard_of_poll;

int __real_poll(struct pollfd *polls, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *polls, nfds_t count, int timeout_ms);

void
yard_take(struct yard *yard, struct taker *taker)
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
        yard_take(yard, yard->polls_take);
    if (!yard->polls_readable)
        return ready;
    for (nfds_t i = 0; i < count; i++)
        polls[i].revents = POLLIN;
    return (int)count;
}

int
yard_set_up(void **state)
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

int
yard_tear_down(void **state)
{
    struct yard *yard = *state;

    pool_free(yard->pool);
    free(yard);
    return 0;
}

int
yard_park_at(struct yard *yard, const char *host, uint16_t port)
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

int
yard_park(struct yard *yard)
{
    return yard_park_at(yard, "a.test", 80);
}

void
yard_sweep_leaves(struct yard *yard, unsigned parked)
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
