/* The fixture of the tests with real sockets. */
#include "tests/unit/pool/bench.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dns/cache.h"
#include "pool/tls.h"

void
bench_init(struct bench *bench)
{
    struct resolver_settings settings = {.timeout_ms = 1000,
                                         .tries = 1,
                                         .max_ttl_ms = 1000,
                                         .cache_size = 100,
                                         .max_inflight = 10};
    int fd;

    memset(bench, 0, sizeof(*bench));
    strcpy(bench->hosts_file, "/tmp/carpool-hosts-XXXXXX");
    fd = mkstemp(bench->hosts_file);
    assert_int_not_equal(fd, -1);
    close(fd);
    strcpy(settings.hosts_file, bench->hosts_file);
    strcpy(settings.servers, "127.0.0.1:1");
    bench->settings = (struct pool_settings){.idle_timeout_ms = 60000,
                                             .learns_idle_timeout = true,
                                             .max_per_host = 10,
                                             .max_parked_per_host = 10,
                                             .max_dials_per_host = 10,
                                             .max_total = 100,
                                             .max_parked = 1000,
                                             .max_tunnels = 10,
                                             .max_pinned = 10,
                                             .max_waiting = 10,
                                             .max_hosts = 100,
                                             .fresh_for_unsafe_ms = 1000,
                                             .connect_timeout_ms = 5000,
                                             .handshake_timeout_ms = 5000,
                                             .queue_timeout_ms = 5000};
    bench->base = event_base_new();
    bench->mailbox = mailbox_new(bench->base);
    bench->cache = cache_new(&settings);
    assert_int_equal(resolver_new(&(struct resolver_setup){bench->base, bench->mailbox,
                                                           bench->cache, bench->dns_stats},
                                  &settings, &bench->resolver),
                     ERR_OK);
    bench->pool = pool_new(&bench->settings);
    bench->lane =
        lane_new(bench->pool, bench->base, bench->mailbox, bench->resolver, bench->stats);
}

void
bench_fini(struct bench *bench)
{
    mailbox_free(bench->mailbox);
    lane_free(bench->lane);
    resolver_free(bench->resolver);
    cache_free(bench->cache);
    event_base_free(bench->base);
    pool_free(bench->pool);
    unlink(bench->hosts_file);
}

void
bench_host(struct bench *bench, const char *address, const char *name)
{
    FILE *file = fopen(bench->hosts_file, "a");

    assert_non_null(file);
    fprintf(file, "%s %s\n", address, name);
    fclose(file);
}

static enum err
guest_rule(const void *arg, const struct address *address, bool is_by_dns)
{
    struct guest *guest = (struct guest *)arg;
    char text[ADDRESS_TEXT_SIZE];

    guest->was_by_dns = is_by_dns;
    guest->rule_calls++;
    if (guest->only == NULL)
        return guest->verdict;
    return strcmp(address_format_ip(address, text), guest->only) == 0 ? ERR_OK : ERR_FORBIDDEN;
}

static void
on_lease(void *arg)
{
    struct guest *guest = arg;

    assert_false(guest->is_inside);
    assert_int_not_equal(lease_state(guest->lease), LEASE_WAITING);
    guest->calls++;
}

void
guest_ask(struct bench *bench, struct guest *guest, const char *host, uint16_t port,
          enum lease_want want)
{
    struct pool_key key;
    struct address source;
    const struct lease_request request = {
        .key = &key,
        .tls = guest->tls,
        .want = want,
        .rule = guest_rule,
        .rule_arg = guest,
        .client = &guest->client,
        .quota_name = slice_of(guest->quota != NULL ? guest->quota : ""),
        .on_lease = on_lease,
        .arg = guest};

    assert_int_equal(pool_key_init(&key, slice_of(host), port), ERR_OK);
    if (guest->source != NULL) {
        assert_int_equal(address_parse_ip(slice_of(guest->source), 0, &source), ERR_OK);
        if (source.any.sa_family == AF_INET)
            pool_key_set_source(&key, &source, NULL);
        else
            pool_key_set_source(&key, NULL, &source);
    }
    if (guest->tls != NULL)
        pool_key_set_tls(&key, tls_profile_number(guest->tls));
    guest->bench = bench;
    guest->is_inside = true;
    guest->lease = lease_checkout(bench->lane, &request);
    guest->is_inside = false;
}

static void
on_guard(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

void
bench_wait(struct bench *bench)
{
    struct timeval most = {5, 0};
    bool is_late = false;
    struct event *guard = evtimer_new(bench->base, on_guard, &is_late);

    event_add(guard, &most);
    event_base_loop(bench->base, EVLOOP_ONCE);
    event_free(guard);
    assert_false(is_late);
}

void
guest_wait(struct guest *guest)
{
    bool was_waiting = lease_state(guest->lease) == LEASE_WAITING;

    while (lease_state(guest->lease) == LEASE_WAITING)
        bench_wait(guest->bench);
    assert_int_equal(guest->calls, was_waiting ? 1 : 0);
    guest->calls = 0;
}

void
guest_hold(struct bench *bench, struct guest *guest, const char *host, uint16_t port)
{
    guest_ask(bench, guest, host, port, LEASE_ANY);
    guest_wait(guest);
    assert_int_equal(lease_state(guest->lease), LEASE_HELD);
}

void
guest_park(struct guest *guest)
{
    const struct park_terms terms = {0};

    lease_park(&guest->lease, &terms);
    assert_null(guest->lease);
}

void
bench_turn(struct bench *bench)
{
    event_base_loop(bench->base, EVLOOP_NONBLOCK);
}

void
bench_until_parked(struct bench *bench, uint64_t parked)
{
    while (bench_gauges(bench).parked != parked)
        bench_wait(bench);
}

struct pool_gauges
bench_gauges(struct bench *bench)
{
    struct pool_gauges gauges;

    pool_gauges(bench->pool, &gauges);
    return gauges;
}

int
origin_open(const char *ip, uint16_t port, int backlog)
{
    struct address address;
    int one = 1;
    int fd;

    assert_int_equal(address_parse_ip(slice_of(ip), port, &address), ERR_OK);
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_not_equal(fd, -1);
    if (backlog != ORIGIN_CLOSED)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, &address.any, address_size(&address)) == -1 ||
        (backlog != ORIGIN_CLOSED && listen(fd, backlog) == -1)) {
        close(fd);
        return -1;
    }
    return fd;
}

uint16_t
origin_port(int fd)
{
    struct address address;

    assert_int_equal(address_of_local(fd, &address), ERR_OK);
    return address_port(&address);
}

void
twins_open(struct bench *bench, int low_backlog, struct twins *twins)
{
    twins->high = -1;
    /* What is free at one address may be another test's at the other. */
    for (unsigned tries = 0; tries < 100 && twins->high == -1; tries++) {
        twins->low = origin_open("127.0.0.2", 0, low_backlog);
        assert_int_not_equal(twins->low, -1);
        twins->port = origin_port(twins->low);
        twins->high = origin_open("127.0.0.3", twins->port, 8);
        if (twins->high == -1)
            close(twins->low);
    }
    assert_int_not_equal(twins->high, -1);
    bench_host(bench, "127.0.0.2", "two.test");
    bench_host(bench, "127.0.0.3", "two.test");
}

void
twins_close(struct twins *twins)
{
    close(twins->low);
    close(twins->high);
}

int
origin_accept(int fd)
{
    int accepted = accept(fd, NULL, NULL);

    assert_int_not_equal(accepted, -1);
    return accepted;
}

void
origin_jam(int fd, int *jams, int count)
{
    struct address address;

    assert_int_equal(address_of_local(fd, &address), ERR_OK);
    for (int i = 0; i < count; i++) {
        jams[i] = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(jams[i], &address.any, address_size(&address));
    }
}
