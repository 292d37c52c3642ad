/*
 * What dials and leases promise, over real sockets on loopback. With an argument: only the
 * tests whose names match it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "pool/tuple.h"
#include "tests/unit/pool/bench.h"

/* What connect() of a stream socket fails with, for what cannot be brought about otherwise. */
static int connect_errno;

int __real_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);

int
__wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    int type;
    socklen_t type_size = sizeof(type);

    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size);
    if (connect_errno != 0 && type == SOCK_STREAM) {
        errno = connect_errno;
        return -1;
    }
    return __real_connect(fd, address, size);
}

/* Real time, and what a test adds to it. */
static uint64_t added_us;

uint64_t __real_clock_now_us(void);
uint64_t __wrap_clock_now_us(void);

uint64_t
__wrap_clock_now_us(void)
{
    return __real_clock_now_us() + added_us;
}

static int
setup(void **state)
{
    struct bench *bench = malloc(sizeof(*bench));

    connect_errno = 0;
    added_us = 0;
    bench_init(bench);
    *state = bench;
    return 0;
}

static int
teardown(void **state)
{
    struct bench *bench = *state;

    bench_fini(bench);
    free(bench);
    return 0;
}

static uint64_t
count_of(struct bench *bench, enum pool_stat stat)
{
    return stat_read(&bench->stats[stat]);
}

static void
nothing_is_open(struct bench *bench)
{
    struct pool_gauges gauges = bench_gauges(bench);

    assert_int_equal(gauges.open, 0);
    assert_int_equal(gauges.waiting, 0);
    assert_int_equal(gauges.tunnels, 0);
    assert_int_equal(gauges.hosts, 0);
}

/* Fails with this error, and leaves no slot reserved. */
static void
fails_with(struct bench *bench, struct guest *guest, enum err err)
{
    guest_wait(guest);
    assert_int_equal(lease_state(guest->lease), LEASE_FAILED);
    assert_int_equal(lease_error(guest->lease), err);
    lease_cancel(&guest->lease);
    nothing_is_open(bench);
}

/* ---- dialing ---- */

static void
connection_is_opened_and_described(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    const struct lease_facts *facts;
    struct address peer;

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    facts = lease_facts(guest.lease);
    assert_false(facts->is_reused);
    assert_int_equal(facts->uses, 1);
    assert_int_equal(facts->idle_ms, 0);
    assert_int_equal(address_of_peer(lease_stream(guest.lease)->fd, &peer), ERR_OK);
    assert_true(address_equal(&facts->remote, &peer));
    assert_int_equal(address_port(&facts->remote), origin_port(origin));
    assert_int_equal(count_of(bench, POOL_STAT_OPENED), 1);
    lease_discard(&guest.lease);
    assert_int_equal(count_of(bench, POOL_STAT_CLOSED), 1);
    nothing_is_open(bench);
    close(origin);
}

static void
socket_is_quick_watched_and_kept_from_children(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    int value;
    socklen_t size = sizeof(value);
    int fd;

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    fd = lease_stream(guest.lease)->fd;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
    assert_int_equal(value, 1);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &size), 0);
    assert_int_equal(value, 1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    lease_discard(&guest.lease);
    close(origin);
}

static void
own_connection_is_recognised_by_its_other_end(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    struct address local;
    struct address peer;
    int accepted;

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    accepted = origin_accept(origin);
    assert_int_equal(address_of_local(accepted, &local), ERR_OK);
    assert_int_equal(address_of_peer(accepted, &peer), ERR_OK);
    assert_true(pool_is_own(bench->pool, &local, &peer));
    lease_discard(&guest.lease);
    assert_false(pool_is_own(bench->pool, &local, &peer));
    close(accepted);
    close(origin);
}

static void
refusal_is_told_and_frees_the_slot(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    uint16_t port = origin_port(origin);

    close(origin);
    guest_ask(bench, &guest, "127.0.0.1", port, LEASE_ANY);
    fails_with(bench, &guest, ERR_REFUSED);
    assert_int_equal(count_of(bench, POOL_STAT_DIAL_FAILED), 1);
}

static void
silence_is_a_timeout(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 0);
    int jams[4];

    origin_jam(origin, jams, 4);
    bench->settings.connect_timeout_ms = 50;
    pool_configure(bench->pool, &bench->settings);
    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), LEASE_ANY);
    assert_true(lease_is_dialing(guest.lease));
    fails_with(bench, &guest, ERR_TIMEOUT);
    for (int i = 0; i < 4; i++)
        close(jams[i]);
    close(origin);
}

static void
name_without_an_answer_in_time_is_a_dns_timeout(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    struct resolver_settings settings = {
        .timeout_ms = 5000, .tries = 1, .cache_size = 10, .max_inflight = 10};
    int silent = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct address address;

    assert_int_equal(address_parse(SLICE("127.0.0.1:0"), &address), ERR_OK);
    assert_int_equal(bind(silent, &address.any, address_size(&address)), 0);
    assert_int_equal(address_of_local(silent, &address), ERR_OK);
    address_format(&address, settings.servers);
    assert_int_equal(resolver_reload(bench->resolver, &settings), ERR_OK);
    bench->settings.connect_timeout_ms = 50;
    pool_configure(bench->pool, &bench->settings);
    guest_ask(bench, &guest, "silent.test", 80, LEASE_ANY);
    fails_with(bench, &guest, ERR_DNS_TIMEOUT);
    close(silent);
}

static void
next_address_is_tried_when_one_is_silent(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int silent = origin_open("127.0.0.2", 0, 0);
    int good = origin_open("127.0.0.3", origin_port(silent), 8);
    uint64_t start_ms = clock_now_ms();
    uint64_t took_ms;
    int jams[4];

    assert_int_not_equal(good, -1);
    origin_jam(silent, jams, 4);
    bench_host(bench, "127.0.0.2", "two.test");
    bench_host(bench, "127.0.0.3", "two.test");
    guest_hold(bench, &guest, "two.test", origin_port(silent));
    took_ms = clock_now_ms() - start_ms;
    /* RFC 8305 §5: 250 ms after the first one; long before the first would give up. */
    assert_true(took_ms >= 249 && took_ms < 3000);
    assert_true(lease_facts(guest.lease)->connect_ms >= 249);
    assert_int_equal(lease_facts(guest.lease)->remote.v4.sin_addr.s_addr, htonl(0x7f000003));
    lease_discard(&guest.lease);
    nothing_is_open(bench);
    for (int i = 0; i < 4; i++)
        close(jams[i]);
    close(silent);
    close(good);
}

static void
next_address_is_tried_at_once_when_one_refuses(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int good = origin_open("127.0.0.3", 0, 8);
    bool was_quick = false;

    bench_host(bench, "127.0.0.2", "two.test");
    bench_host(bench, "127.0.0.3", "two.test");
    /* By its time it would never take less than 250 ms; a busy machine may once be slow. */
    for (int i = 0; i < 5 && !was_quick; i++) {
        uint64_t start_ms = clock_now_ms();

        guest_hold(bench, &guest, "two.test", origin_port(good));
        was_quick = clock_now_ms() - start_ms < 200;
        lease_discard(&guest.lease);
    }
    assert_true(was_quick);
    close(good);
}

static void
dead_ipv6_does_not_hide_a_good_ipv4(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int good = origin_open("127.0.0.1", 0, 8);

    /* ::1 refuses, or there is no IPv6 at all. */
    guest_hold(bench, &guest, "localhost", origin_port(good));
    assert_int_equal(lease_facts(guest.lease)->remote.any.sa_family, AF_INET);
    lease_discard(&guest.lease);
    close(good);
}

static void
address_that_the_rule_refuses_is_not_connected_to(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {.only = "127.0.0.3"};
    int bad = origin_open("127.0.0.2", 0, 8);
    int good = origin_open("127.0.0.3", origin_port(bad), 8);

    assert_int_not_equal(good, -1);
    bench_host(bench, "127.0.0.2", "two.test");
    bench_host(bench, "127.0.0.3", "two.test");
    guest_hold(bench, &guest, "two.test", origin_port(bad));
    assert_int_equal(lease_facts(guest.lease)->remote.v4.sin_addr.s_addr, htonl(0x7f000003));
    assert_int_equal(guest.rule_calls, 2);
    lease_discard(&guest.lease);
    close(bad);
    close(good);
}

static void
rule_that_refuses_all_is_the_reason(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {.verdict = ERR_SELF};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), LEASE_ANY);
    /* A literal needs no loop: the answer is there at once, and nobody is called. */
    assert_int_equal(lease_state(guest.lease), LEASE_FAILED);
    fails_with(bench, &guest, ERR_SELF);
    close(origin);
}

static void
cancelled_dial_is_parked_for_others(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), LEASE_ANY);
    assert_int_equal(lease_state(guest.lease), LEASE_WAITING);
    lease_cancel(&guest.lease);
    bench_until_parked(bench, 1);
    assert_int_equal(guest.calls, 0);
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_int_equal(count_of(bench, POOL_STAT_OPENED), 1);
    /* Never used, but it may have gone stale all the same. */
    assert_true(lease_facts(guest.lease)->may_be_stale);
    assert_false(lease_facts(guest.lease)->is_reused);
    assert_int_equal(count_of(bench, POOL_STAT_REUSED), 0);
    lease_discard(&guest.lease);
    close(origin);
}

static void
cancelled_dial_that_fails_frees_its_slot(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 0);
    int jams[4];

    origin_jam(origin, jams, 4);
    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), LEASE_ANY);
    lease_cancel(&guest.lease);
    assert_int_equal(bench_gauges(bench).open, 1);
    bench->settings.connect_timeout_ms = 30;
    pool_configure(bench->pool, &bench->settings);
    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), LEASE_ANY);
    guest_wait(&guest);
    lease_cancel(&guest.lease);
    assert_int_equal(bench_gauges(bench).open, 1);
    for (int i = 0; i < 4; i++)
        close(jams[i]);
    close(origin);
    /* The lane's end frees the first one's: pool_free() asserts it. */
}

/* Every descriptor up to the limit is taken: the gaps too, whatever we inherited. */
struct famine {
    struct rlimit before;
    int dups[64];
    int count;
};

static void
famine_begin(struct famine *famine, int at_least)
{
    struct rlimit tight;
    int fd;

    famine->count = 0;
    do {
        assert_true(famine->count < 64);
        fd = dup(at_least);
        assert_int_not_equal(fd, -1);
        famine->dups[famine->count++] = fd;
    } while (fd < at_least);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &famine->before), 0);
    tight = famine->before;
    tight.rlim_cur = (rlim_t)fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
}

static void
famine_end(struct famine *famine)
{
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &famine->before), 0);
    while (famine->count > 0)
        close(famine->dups[--famine->count]);
}

static void
out_of_descriptors_evicts_what_is_parked(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    int other = origin_open("127.0.0.1", 0, 8);
    struct famine famine;
    int parked;

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    parked = lease_stream(guest.lease)->fd;
    guest_park(&guest);
    famine_begin(&famine, parked);
    guest_ask(bench, &guest, "127.0.0.1", origin_port(other), LEASE_ANY);
    famine_end(&famine);
    guest_wait(&guest);
    assert_int_equal(lease_state(guest.lease), LEASE_HELD);
    assert_int_equal(bench_gauges(bench).parked, 0);
    assert_int_equal(stat_read(&pool_stats(bench->pool)[POOL_STAT_CLOSED]), 1);
    lease_discard(&guest.lease);
    close(origin);
    close(other);
}

static void
out_of_descriptors_with_nothing_parked_is_told(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    struct famine famine;

    famine_begin(&famine, origin);
    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), LEASE_ANY);
    famine_end(&famine);
    fails_with(bench, &guest, ERR_NO_DESCRIPTORS);
    close(origin);
}

static void
out_of_ports_is_told_as_such(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};

    connect_errno = EADDRNOTAVAIL;
    guest_ask(bench, &guest, "127.0.0.1", 80, LEASE_ANY);
    fails_with(bench, &guest, ERR_NO_PORTS);
}

static void
specific_reason_wins_over_a_missing_family(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    uint16_t port = origin_port(origin);

    close(origin);
    /* Where there is no IPv6, ::1 has no route: that is not what went wrong. */
    bench_host(bench, "::1", "both.test");
    bench_host(bench, "127.0.0.1", "both.test");
    guest_ask(bench, &guest, "both.test", port, LEASE_ANY);
    fails_with(bench, &guest, ERR_REFUSED);
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
connection_with_unread_bytes_is_not_parked(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    int accepted;

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    accepted = origin_accept(origin);
    assert_int_equal(write(accepted, "x", 1), 1);
    guest_park(&guest);
    nothing_is_open(bench);
    assert_int_equal(count_of(bench, POOL_STAT_PARKED), 0);
    close(accepted);
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
    added_us += (uint64_t)ms * 1000;
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
    int bad = origin_open("127.0.0.2", 0, 8);
    int good = origin_open("127.0.0.3", origin_port(bad), 8);

    assert_int_not_equal(good, -1);
    bench_host(bench, "127.0.0.2", "two.test");
    bench_host(bench, "127.0.0.3", "two.test");
    guest_hold(bench, &first, "two.test", origin_port(bad));
    guest_park(&first);
    guest_hold(bench, &second, "two.test", origin_port(bad));
    assert_false(lease_facts(second.lease)->is_reused);
    assert_int_equal(lease_facts(second.lease)->remote.v4.sin_addr.s_addr, htonl(0x7f000003));
    /* It is still there for those who may. */
    assert_int_equal(bench_gauges(bench).parked, 1);
    lease_discard(&second.lease);
    close(bad);
    close(good);
}

static void
rule_holds_for_granted_connections_too(void **state)
{
    struct bench *bench = *state;
    struct guest first = {0};
    struct guest second = {.verdict = ERR_FORBIDDEN};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.max_per_host = 1;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_ANY);
    assert_int_equal(lease_state(second.lease), LEASE_WAITING);
    guest_park(&first);
    guest_wait(&second);
    assert_int_equal(lease_error(second.lease), ERR_FORBIDDEN);
    lease_cancel(&second.lease);
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

    bench->settings.max_per_host = 1;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    id = lease_facts(first.lease)->id;
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_ANY);
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

    bench->settings.max_per_host = 1;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_ANY);
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

    bench->settings.max_per_host = 1;
    bench->settings.queue_timeout_ms = 20;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_ANY);
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

    bench->settings.max_per_host = 1;
    bench->settings.max_waiting = 0;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_ANY);
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

    bench->settings.max_per_host = 1;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_ANY);
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

    bench->settings.max_per_host = 1;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &first, "127.0.0.1", origin_port(origin));
    guest_ask(bench, &second, "127.0.0.1", origin_port(origin), LEASE_ANY);
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
    int origin = origin_open("127.0.0.1", 0, 8);
    uint16_t port = origin_port(origin);

    close(origin);
    guest_ask(bench, &tunnel, "127.0.0.1", port, LEASE_TUNNEL);
    fails_with(bench, &tunnel, ERR_REFUSED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        TEST(connection_is_opened_and_described),
        TEST(socket_is_quick_watched_and_kept_from_children),
        TEST(own_connection_is_recognised_by_its_other_end),
        TEST(refusal_is_told_and_frees_the_slot),
        TEST(silence_is_a_timeout),
        TEST(name_without_an_answer_in_time_is_a_dns_timeout),
        TEST(next_address_is_tried_when_one_is_silent),
        TEST(next_address_is_tried_at_once_when_one_refuses),
        TEST(dead_ipv6_does_not_hide_a_good_ipv4),
        TEST(address_that_the_rule_refuses_is_not_connected_to),
        TEST(rule_that_refuses_all_is_the_reason),
        TEST(cancelled_dial_is_parked_for_others),
        TEST(cancelled_dial_that_fails_frees_its_slot),
        TEST(out_of_descriptors_evicts_what_is_parked),
        TEST(out_of_descriptors_with_nothing_parked_is_told),
        TEST(out_of_ports_is_told_as_such),
        TEST(specific_reason_wins_over_a_missing_family),
        TEST(parked_connection_is_used_again),
        TEST(dead_parked_connection_is_replaced),
        TEST(connection_with_unread_bytes_is_not_parked),
        TEST(announced_end_of_uses_is_obeyed),
        TEST(announced_timeout_retires_a_connection_before_its_origin),
        TEST(longer_announced_timeout_does_not_lengthen_ours),
        TEST(unsafe_request_takes_only_what_was_just_used),
        TEST(retry_never_takes_a_parked_connection),
        TEST(connection_used_often_enough_is_closed),
        TEST(rule_holds_for_parked_connections_too),
        TEST(rule_holds_for_granted_connections_too),
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

    if (count > 1)
        cmocka_set_test_filter(arguments[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
