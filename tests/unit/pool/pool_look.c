/* What those who look on see of leases, over real sockets on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "pool/tuple.h"
#include "pool/waiting.h"
#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/fakes.h"

static unsigned measured;

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);

/* Counts how often the kernel is asked for what is counted here. */
int
__wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
    enum { TCP_INFO_OPTION = 11 };

    measured += level == IPPROTO_TCP && name == TCP_INFO_OPTION;
    return __real_getsockopt(fd, level, name, value, size);
}

struct rows {
    unsigned count;
    struct tuple_view last;
};

static void
on_row(const struct tuple_view *view, void *arg)
{
    struct rows *rows = arg;

    rows->count++;
    rows->last = *view;
}

/* The only connection that there is. */
static struct tuple_view
only_row(struct bench *bench)
{
    struct rows rows = {0};

    pool_each_connection(bench->pool, on_row, &rows);
    assert_int_equal(rows.count, 1);
    return rows.last;
}

static void
set_client(struct guest *guest, const char *text)
{
    assert_int_equal(address_parse(slice_of(text), &guest->client), ERR_OK);
}

static void
connection_shows_whose_it_is(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    struct guest next = {0};
    int origin = origin_open("127.0.0.1", 0, 8);
    struct tuple_view row;

    set_client(&guest, "192.0.2.1:5000");
    set_client(&next, "[2001:db8::1]:5000");
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    row = only_row(bench);
    assert_true(address_equal(&row.client, &guest.client));
    guest_park(&guest);
    row = only_row(bench);
    assert_int_equal(row.client.any.sa_family, AF_UNSPEC);
    guest_hold(bench, &next, "127.0.0.1", origin_port(origin));
    row = only_row(bench);
    assert_true(address_equal(&row.client, &next.client));
    lease_discard(&next.lease);
    close(origin);
}

static void
dial_shows_for_whom_it_is(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 0);
    int jams[8];
    struct tuple_view row;

    set_client(&guest, "192.0.2.1:5000");
    origin_jam(origin, jams, 8);
    guest_ask(bench, &guest, "127.0.0.1", origin_port(origin), LEASE_TUNNEL);
    row = only_row(bench);
    assert_string_equal(tuple_state_word(row.state), "dialing");
    assert_true(address_equal(&row.client, &guest.client));
    assert_int_equal(row.path.cwnd, 0);
    lease_cancel(&guest.lease);
    for (int i = 0; i < 8; i++)
        close(jams[i]);
    close(origin);
}

static void
path_is_measured_once_a_second_at_most(void **state)
{
    struct bench *bench = *state;
    struct guest guest = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    measured = 0;
    guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    assert_int_equal(measured, 1);
    assert_true(only_row(bench).path.cwnd > 0);
    for (int i = 0; i < 5; i++) {
        guest_park(&guest);
        guest_hold(bench, &guest, "127.0.0.1", origin_port(origin));
    }
    assert_int_equal(measured, 1);
    fakes.added_us += 1000000;
    guest_park(&guest);
    assert_int_equal(measured, 2);
    close(origin);
}

struct queue {
    unsigned count;
    struct waiting_view views[4];
};

static void
on_waiting(const struct waiting_view *view, void *arg)
{
    struct queue *queue = arg;

    assert_in_range(queue->count, 0, 3);
    queue->views[queue->count++] = *view;
}

/* This guest, for this origin, since 70 ms ago at least. */
static void
waits_for(const struct waiting_view *view, const struct guest *guest, int origin)
{
    assert_string_equal(view->host, "127.0.0.1");
    assert_int_equal(view->port, origin_port(origin));
    assert_true(address_equal(&view->client, &guest->client));
    assert_true(view->waited_ms >= 70);
}

static void
those_who_queue_are_shown_and_nobody_else(void **state)
{
    struct bench *bench = *state;
    struct guest guests[3] = {{0}};
    struct queue queue = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.max_per_host = 1;
    pool_configure(bench->pool, &bench->settings);
    set_client(&guests[1], "192.0.2.1:5000");
    set_client(&guests[2], "192.0.2.2:5000");
    guest_hold(bench, &guests[0], "127.0.0.1", origin_port(origin));
    pool_each_waiting(bench->pool, on_waiting, &queue);
    assert_int_equal(queue.count, 0);
    guest_ask(bench, &guests[1], "127.0.0.1", origin_port(origin), LEASE_ANY);
    fakes.added_us += 70000;
    guest_ask(bench, &guests[2], "127.0.0.1", origin_port(origin), LEASE_ANY);
    pool_each_waiting(bench->pool, on_waiting, &queue);
    assert_int_equal(queue.count, 2);
    waits_for(&queue.views[0], &guests[1], origin);
    assert_true(address_equal(&queue.views[1].client, &guests[2].client));
    lease_cancel(&guests[2].lease);
    guest_park(&guests[0]);
    guest_wait(&guests[1]);
    queue.count = 0;
    pool_each_waiting(bench->pool, on_waiting, &queue);
    assert_int_equal(queue.count, 0);
    lease_discard(&guests[1].lease);
    close(origin);
}

static void
those_whom_their_clients_cap_holds_back_are_shown(void **state)
{
    struct bench *bench = *state;
    struct guest guests[3] = {{.quota = "one"}, {.quota = "one"}, {.quota = "two"}};
    struct queue queue = {0};
    int origin = origin_open("127.0.0.1", 0, 8);

    bench->settings.max_per_client = 1;
    pool_configure(bench->pool, &bench->settings);
    set_client(&guests[1], "192.0.2.1:5000");
    guest_hold(bench, &guests[0], "127.0.0.1", origin_port(origin));
    guest_hold(bench, &guests[2], "127.0.0.1", origin_port(origin));
    guest_ask(bench, &guests[1], "127.0.0.1", origin_port(origin), LEASE_ANY);
    fakes.added_us += 70000;
    pool_each_waiting(bench->pool, on_waiting, &queue);
    assert_int_equal(queue.count, 1);
    waits_for(&queue.views[0], &guests[1], origin);
    guest_park(&guests[0]);
    guest_wait(&guests[1]);
    queue.count = 0;
    pool_each_waiting(bench->pool, on_waiting, &queue);
    assert_int_equal(queue.count, 0);
    lease_discard(&guests[1].lease);
    lease_discard(&guests[2].lease);
    close(origin);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connection_shows_whose_it_is),
        TEST(dial_shows_for_whom_it_is),
        TEST(path_is_measured_once_a_second_at_most),
        TEST(those_who_queue_are_shown_and_nobody_else),
        TEST(those_whom_their_clients_cap_holds_back_are_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
