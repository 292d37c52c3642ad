/* What dials promise, over real sockets on loopback. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "pool/tuple.h"
#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/fakes.h"

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

/* What the kernel says of a guest's socket. */
static int
option_of(const struct guest *guest, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof(value);

    assert_int_equal(getsockopt(lease_stream(guest->lease)->fd, level, option, &value, &size),
                     0);
    return value;
}

static void
socket_is_quick_and_kept_from_children(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    int fd;

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    fd = lease_stream(guest.lease)->fd;
    assert_int_equal(option_of(&guest, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    lease_discard(&guest.lease);
    close(origin);
}

static void
silent_path_is_probed_and_given_up_as_the_settings_say(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.keepalive = (struct keepalive){2500, 4000, 5};
    bench->settings.user_timeout_ms = 12345;
    pool_configure(bench->pool, &bench->settings);
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_int_equal(option_of(&guest, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option_of(&guest, IPPROTO_TCP, TCP_KEEPIDLE), 3);
    assert_int_equal(option_of(&guest, IPPROTO_TCP, TCP_KEEPINTVL), 4);
    assert_int_equal(option_of(&guest, IPPROTO_TCP, TCP_KEEPCNT), 5);
    assert_int_equal(option_of(&guest, IPPROTO_TCP, TCP_USER_TIMEOUT), 12345);
    lease_discard(&guest.lease);
    close(origin);
}

static void
tunnel_is_probed_but_its_far_side_may_stop_reading(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.keepalive = (struct keepalive){2000, 4000, 5};
    bench->settings.user_timeout_ms = 12345;
    pool_configure(bench->pool, &bench->settings);
    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), LEASE_TUNNEL);
    guest_wait(&guest);
    assert_int_equal(lease_state(guest.lease), LEASE_HELD);
    assert_int_equal(option_of(&guest, IPPROTO_TCP, TCP_KEEPIDLE), 2);
    assert_int_equal(option_of(&guest, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
    lease_discard(&guest.lease);
    close(origin);
}

static void
probes_and_user_timeout_can_be_off(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_int_equal(option_of(&guest, SOL_SOCKET, SO_KEEPALIVE), 0);
    assert_int_equal(option_of(&guest, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
    lease_discard(&guest.lease);
    close(origin);
}

static void
connection_comes_from_the_source_and_serves_no_other(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {.source = "127.0.0.2"};
    struct guest other = {.source = "127.0.0.3"};
    int origin = origin_open("127.0.0.1", 0, 8);

    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_int_equal(lease_facts(guest.lease)->local.v4.sin_addr.s_addr, htonl(0x7f000002));
    /* The port is of this destination's, not of the address's own 28,000. */
    assert_int_equal(option_of(&guest, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 1);
    guest_park(&guest);
    guest_hold(bench, &other, "127.0.0.1", origin_port(origin));
    assert_false(lease_facts(other.lease)->is_reused);
    assert_int_equal(lease_facts(other.lease)->local.v4.sin_addr.s_addr, htonl(0x7f000003));
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_true(lease_facts(guest.lease)->is_reused);
    assert_int_equal(lease_facts(guest.lease)->local.v4.sin_addr.s_addr, htonl(0x7f000002));
    lease_discard(&other.lease);
    lease_discard(&guest.lease);
    close(origin);
}

static void
family_without_a_source_is_passed_over(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {.source = "127.0.0.2"};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench_host(bench, "::1", "both.test");
    bench_host(bench, "127.0.0.1", "both.test");
    guest_hold(bench, &guest, "both.test", origin_port(origin));
    assert_int_equal(lease_facts(guest.lease)->remote.any.sa_family, AF_INET);
    lease_discard(&guest.lease);
    close(origin);
}

static void
source_of_another_family_is_told(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {.source = "::1"};

    guest_ask(bench, &guest, "127.0.0.1", 80, LEASE_ANY);
    fails_with(bench, &guest, ERR_SOURCE_FAMILY);
}

static void
source_that_is_not_here_is_told(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {.source = "192.0.2.77"};

    guest_ask(bench, &guest, "127.0.0.1", 80, LEASE_ANY);
    fails_with(bench, &guest, ERR_NO_SOURCE);
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
    int closed = origin_open("127.0.0.1", 0, ORIGIN_CLOSED);

    guest_ask(bench, &guest, "127.0.0.1", origin_port(closed), LEASE_ANY);
    fails_with(bench, &guest, ERR_REFUSED);
    assert_int_equal(count_of(bench, POOL_STAT_DIAL_FAILED), 1);
    close(closed);
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

    fakes.connect_errno = EADDRNOTAVAIL;
    guest_ask(bench, &guest, "127.0.0.1", 80, LEASE_ANY);
    fails_with(bench, &guest, ERR_NO_PORTS);
}

static void
specific_reason_wins_over_a_missing_family(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int closed = origin_open("127.0.0.1", 0, ORIGIN_CLOSED);

    /* Where there is no IPv6, ::1 has no route: that is not what went wrong. */
    bench_host(bench, "::1", "both.test");
    bench_host(bench, "127.0.0.1", "both.test");
    guest_ask(bench, &guest, "both.test", origin_port(closed), LEASE_ANY);
    fails_with(bench, &guest, ERR_REFUSED);
    close(closed);
}

/* ---- answers in two parts (RFC 8305 §3) ---- */

static void
cancelled_lease_ends_a_dial_that_only_asks(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};

    fakes.has_oracle = true;
    guest_ask(bench, &guest, "slow.test", 80, LEASE_ANY);
    lease_cancel(&guest.lease);
    assert_true(fakes.is_cancelled);
    nothing_is_open(bench);
    /* Given up is not failed. */
    assert_int_equal(count_of(bench, POOL_STAT_DIAL_FAILED), 0);
}

static void
slot_of_a_cancelled_dial_goes_to_who_waits(void **state)
{
    struct bench *bench = *state;
    struct guest first = {0};
    struct guest second = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.max_per_host = 1;
    pool_configure(bench->pool, &bench->settings);
    fakes.has_oracle = true;
    guest_ask(bench, &first, "slow.test", origin_port(origin), LEASE_ANY);
    guest_ask(bench, &second, "slow.test", origin_port(origin), LEASE_ANY);
    assert_int_equal(bench_gauges(bench).waiting, 1);
    lease_cancel(&first.lease);
    while (!lease_is_dialing(second.lease))
        bench_turn(bench);
    oracle_says("127.0.0.1", NULL, true);
    guest_wait(&second);
    assert_int_equal(lease_state(second.lease), LEASE_HELD);
    lease_discard(&second.lease);
    close(origin);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connection_is_opened_and_described),
        TEST(socket_is_quick_and_kept_from_children),
        TEST(silent_path_is_probed_and_given_up_as_the_settings_say),
        TEST(tunnel_is_probed_but_its_far_side_may_stop_reading),
        TEST(probes_and_user_timeout_can_be_off),
        TEST(connection_comes_from_the_source_and_serves_no_other),
        TEST(family_without_a_source_is_passed_over),
        TEST(source_of_another_family_is_told),
        TEST(source_that_is_not_here_is_told),
        TEST(own_connection_is_recognised_by_its_other_end),
        TEST(refusal_is_told_and_frees_the_slot),
        TEST(silence_is_a_timeout),
        TEST(name_without_an_answer_in_time_is_a_dns_timeout),
        TEST(cancelled_dial_is_parked_for_others),
        TEST(cancelled_dial_that_fails_frees_its_slot),
        TEST(out_of_descriptors_evicts_what_is_parked),
        TEST(out_of_descriptors_with_nothing_parked_is_told),
        TEST(out_of_ports_is_told_as_such),
        TEST(specific_reason_wins_over_a_missing_family),
        TEST(cancelled_lease_ends_a_dial_that_only_asks),
        TEST(slot_of_a_cancelled_dial_goes_to_who_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
