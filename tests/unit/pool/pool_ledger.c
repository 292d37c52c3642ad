/* What the ledger of a host promises, on a clock that the test moves. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "pool/host_rows.h"
#include "pool/hosts.h"
#include "pool/upstream.h"
#include "tests/unit/pool/rig.h"

#define SECOND_US UINT64_C(1000000)

static uint32_t
median_of(const struct times *times, unsigned samples)
{
    unsigned counted;
    uint32_t median = times_median(times, &counted);

    assert_int_equal(counted, samples);
    assert_int_equal(median, atomic_load(&times->median));
    return median;
}

/* A name that was asked for in 3 ms and may be kept for ttl_us, and a connection in 200 us. */
static void
set_up(struct ledger *ledger, uint64_t ttl_us)
{
    const struct setup setup = {
        .connect_us = 200,
        .was_asked = true,
        .dns_us = 3000,
        .ttl_us = ttl_us,
        .until_us = rig_now_us() + ttl_us,
    };

    ledger_note_setup(ledger, &setup);
}

static uint64_t
reuse(struct ledger *ledger)
{
    const struct saving saving = ledger_weigh(ledger);

    ledger_credit(ledger, &saving);
    return saving.connect_us + saving.dns_us;
}

static void
median_is_that_of_the_last_times(void **state)
{
    struct times times = {0};

    (void)state;
    assert_int_equal(median_of(&times, 0), 0);
    times_add(&times, 90);
    assert_int_equal(median_of(&times, 1), 90);
    times_add(&times, 10);
    times_add(&times, 20);
    assert_int_equal(median_of(&times, 3), 20);
    for (unsigned i = 0; i < TIMES_KEPT; i++)
        times_add(&times, 1000 + (i * 7) % TIMES_KEPT);
    assert_int_equal(median_of(&times, TIMES_KEPT), 1000 + TIMES_KEPT / 2);
}

static void
median_of_an_even_number_lies_between_two(void **state)
{
    struct times times = {0};

    (void)state;
    times_add(&times, 40);
    times_add(&times, 10);
    times_add(&times, 1000);
    times_add(&times, 20);
    assert_int_equal(median_of(&times, 4), 30);
}

static void
times_beyond_their_range_are_its_ends(void **state)
{
    struct times times = {0};

    (void)state;
    times_add(&times, 0);
    assert_int_equal(median_of(&times, 1), 1);
    times_add(&times, UINT64_MAX);
    times_add(&times, UINT64_MAX);
    assert_int_equal(median_of(&times, 3), UINT32_MAX);
}

static void
reuse_saves_what_this_host_takes_to_connect(void **state)
{
    struct ledger ledger = {0};
    struct ledger_figures figures;

    (void)state;
    set_up(&ledger, 60 * SECOND_US);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(reuse(&ledger), 200);
    ledger_read_counts(&ledger, &figures);
    assert_int_equal(figures.counts[LEDGER_SAVED_CONNECT], 2000);
    assert_int_equal(figures.counts[LEDGER_SAVED_DNS], 0);
    assert_int_equal(figures.counts[LEDGER_LOOKUPS_SPARED], 0);
}

static void
lookup_is_saved_where_the_name_would_be_unknown(void **state)
{
    struct ledger ledger = {0};
    struct ledger_figures figures;

    (void)state;
    set_up(&ledger, 10 * SECOND_US);
    rig_advance_ms(8999);
    assert_int_equal(reuse(&ledger), 200);
    rig_advance_ms(1001);
    assert_int_equal(reuse(&ledger), 3200);
    /* A new connection would have asked, and the next ones find the answer. */
    assert_int_equal(reuse(&ledger), 200);
    rig_advance_ms(10001);
    assert_int_equal(reuse(&ledger), 3200);
    ledger_read_counts(&ledger, &figures);
    assert_int_equal(figures.counts[LEDGER_SAVED_DNS], 6000);
    assert_int_equal(figures.counts[LEDGER_LOOKUPS_SPARED], 2);
}

static void
name_in_use_would_be_refreshed_ahead_of_its_end(void **state)
{
    struct ledger ledger = {0};

    (void)state;
    set_up(&ledger, 10 * SECOND_US);
    for (unsigned i = 0; i < 10; i++) {
        rig_advance_ms(9500);
        assert_int_equal(reuse(&ledger), 200);
    }
}

static void
name_that_may_not_be_kept_is_looked_up_each_time(void **state)
{
    struct ledger ledger = {0};

    (void)state;
    set_up(&ledger, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(reuse(&ledger), 3200);
}

static void
local_name_is_never_looked_up(void **state)
{
    struct ledger ledger = {0};
    const struct setup setup = {.connect_us = 200, .is_local = true};

    (void)state;
    ledger_note_setup(&ledger, &setup);
    rig_advance_ms(3600 * 1000);
    assert_int_equal(reuse(&ledger), 200);
}

static void
answer_past_its_time_counts_as_known_for_its_time(void **state)
{
    struct ledger ledger = {0};
    const struct setup setup = {.connect_us = 200,
                                .was_asked = true,
                                .dns_us = 3000,
                                .ttl_us = 10 * SECOND_US,
                                .until_us = rig_now_us() - 1};

    (void)state;
    ledger_note_setup(&ledger, &setup);
    assert_int_equal(reuse(&ledger), 200);
    rig_advance_ms(10001);
    assert_int_equal(reuse(&ledger), 3200);
}

static void
lookups_that_were_never_measured_are_not_credited(void **state)
{
    struct ledger ledger = {0};
    const struct setup known = {
        .connect_us = 200, .ttl_us = SECOND_US, .until_us = rig_now_us() + SECOND_US};

    (void)state;
    ledger_note_setup(&ledger, &known);
    rig_advance_ms(1001);
    assert_int_equal(reuse(&ledger), 200);
}

static void
shake(struct ledger *ledger, uint64_t us, bool is_resumed)
{
    const struct tls_facts facts = {.shake_us = us,
                                    .cpu_us = us / 2,
                                    .sent_bytes = 500,
                                    .received_bytes = is_resumed ? 200 : 3000,
                                    .round_trips = is_resumed ? 1 : 2,
                                    .is_resumed = is_resumed};

    ledger_note_handshake(ledger, &facts);
}

static void
handshakes_are_counted_by_kind(void **state)
{
    struct ledger ledger = {0};
    struct ledger_figures figures = {0};

    (void)state;
    shake(&ledger, 900, false);
    shake(&ledger, 1100, false);
    shake(&ledger, 300, true);
    ledger_read_counts(&ledger, &figures);
    ledger_read_times(&ledger, &figures);
    assert_int_equal(figures.counts[LEDGER_FULL], 2);
    assert_int_equal(figures.counts[LEDGER_FULL_TRIPS], 4);
    assert_int_equal(figures.counts[LEDGER_FULL_SENT], 1000);
    assert_int_equal(figures.counts[LEDGER_FULL_RECEIVED], 6000);
    assert_int_equal(figures.counts[LEDGER_FULL_CPU], 1000);
    assert_int_equal(figures.counts[LEDGER_RESUMED], 1);
    assert_int_equal(figures.counts[LEDGER_RESUMED_TRIPS], 1);
    assert_int_equal(figures.counts[LEDGER_RESUMED_SENT], 500);
    assert_int_equal(figures.counts[LEDGER_RESUMED_RECEIVED], 200);
    assert_int_equal(figures.counts[LEDGER_RESUMED_CPU], 150);
    assert_int_equal(figures.full_us, 1000);
    assert_int_equal(figures.full_samples, 2);
    assert_int_equal(figures.resumed_us, 300);
    assert_int_equal(figures.resumed_samples, 1);
}

/* What it would have been: a full one, until the host has resumed; then what takes less. */
static void
reuse_saves_the_handshake_too(void **state)
{
    struct ledger ledger = {0};
    struct ledger_figures figures = {0};

    (void)state;
    set_up(&ledger, 60 * SECOND_US);
    shake(&ledger, 1000, false);
    reuse(&ledger);
    ledger_read_counts(&ledger, &figures);
    assert_int_equal(figures.counts[LEDGER_SAVED_SHAKE], 1000);
    shake(&ledger, 300, true);
    reuse(&ledger);
    ledger_read_counts(&ledger, &figures);
    assert_int_equal(figures.counts[LEDGER_SAVED_SHAKE], 1300);
    for (unsigned i = 0; i < TIMES_KEPT; i++)
        shake(&ledger, 5000, true);
    reuse(&ledger);
    ledger_read_counts(&ledger, &figures);
    assert_int_equal(figures.counts[LEDGER_SAVED_SHAKE], 2300);
    assert_int_equal(ledger_saved_us(&figures), 2300 + 3 * 200);
}

/* ---- many hosts ---- */

struct town {
    struct pool_limits limits;
    struct hosts *hosts;
};

static void
town_open(struct town *town, unsigned max_hosts)
{
    const struct pool_settings settings = {.max_hosts = max_hosts};

    limits_set(&town->limits, &settings);
    town->hosts = hosts_new(&town->limits);
}

/* Host number N is asked N times, over one connection that took 100 us. */
static void
ask_host(struct town *town, unsigned number)
{
    const struct setup setup = {.connect_us = 100, .is_local = true};
    char name[32];
    struct pool_key key;
    struct host *host;

    snprintf(name, sizeof(name), "h%u.test", number);
    key = rig_key(name);
    host = hosts_obtain(town->hosts, &key);
    ledger_add(&host->ledger, LEDGER_OPENED, 1);
    ledger_add(&host->ledger, LEDGER_REQUESTS, number);
    ledger_note_setup(&host->ledger, &setup);
    for (unsigned i = 1; i < number; i++) {
        ledger_add(&host->ledger, LEDGER_REUSED, 1);
        reuse(&host->ledger);
    }
    hosts_leave(host);
}

static void
hosts_that_saved_most_come_first(void **state)
{
    struct host_row rows[3];
    struct host_sums sums;
    struct town town;

    (void)state;
    town_open(&town, 1000);
    for (unsigned i = 1; i <= 50; i++)
        ask_host(&town, (i * 31) % 50 + 1);
    assert_int_equal(host_rows_first(town.hosts, HOSTS_BY_SAVED, rows, 3, &sums), 3);
    assert_string_equal(rows[0].host, "h50.test");
    assert_string_equal(rows[1].host, "h49.test");
    assert_string_equal(rows[2].host, "h48.test");
    assert_int_equal(rows[0].figures.counts[LEDGER_SAVED_CONNECT], 4900);
    assert_int_equal(rows[0].figures.connect_us, 100);
    assert_int_equal(rows[0].figures.connect_samples, 1);
    assert_int_equal(rows[0].figures.dns_samples, 0);
    assert_int_equal(sums.remembered, 50);
    assert_int_equal(sums.forgotten, 0);
    hosts_free(town.hosts);
}

static void
fewer_hosts_than_asked_for_are_all_of_them(void **state)
{
    struct host_row rows[8];
    struct host_sums sums;
    struct town town;

    (void)state;
    town_open(&town, 1000);
    assert_int_equal(host_rows_first(town.hosts, HOSTS_BY_REQUESTS, rows, 8, &sums), 0);
    for (unsigned i = 1; i <= 5; i++)
        ask_host(&town, i);
    assert_int_equal(host_rows_first(town.hosts, HOSTS_BY_REQUESTS, rows, 8, &sums), 5);
    assert_string_equal(rows[0].host, "h5.test");
    assert_string_equal(rows[4].host, "h1.test");
    assert_int_equal(host_rows_first(town.hosts, HOSTS_BY_REQUESTS, NULL, 0, &sums), 0);
    assert_int_equal(sums.remembered, 5);
    hosts_free(town.hosts);
}

static void
sums_keep_what_forgotten_hosts_counted(void **state)
{
    struct host_sums sums;
    struct town town;
    uint64_t requests = 0;

    (void)state;
    town_open(&town, 16);
    for (unsigned i = 1; i <= 500; i++) {
        ask_host(&town, i);
        requests += i;
    }
    host_rows_first(town.hosts, HOSTS_BY_SAVED, NULL, 0, &sums);
    assert_in_range(sums.remembered, 1, 16);
    assert_int_equal(sums.remembered + sums.forgotten, 500);
    assert_int_equal(sums.total.counts[LEDGER_REQUESTS], requests);
    assert_int_equal(sums.total.counts[LEDGER_OPENED], 500);
    assert_int_equal(sums.total.counts[LEDGER_REUSED], requests - 500);
    assert_int_equal(sums.total.counts[LEDGER_SAVED_CONNECT], (requests - 500) * 100);
    hosts_free(town.hosts);
}

#define THREADS 4
#define ROUNDS 300u

static void *
ask_many(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        ask_host(arg, i % 40 + 1);
    return NULL;
}

/* While others count and are forgotten, what there is never becomes less. */
static void
sums_are_exact_on_many_threads(void **state)
{
    pthread_t threads[THREADS];
    struct host_row rows[10];
    struct host_sums sums = {0};
    uint64_t seen = 0;
    uint64_t all = 0;
    struct town town;

    (void)state;
    town_open(&town, 16);
    for (unsigned i = 0; i < ROUNDS; i++)
        all += THREADS * (i % 40 + 1);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_many, &town), 0);
    for (unsigned i = 0; i < 200; i++) {
        host_rows_first(town.hosts, HOSTS_BY_SAVED, rows, 10, &sums);
        assert_true(sums.total.counts[LEDGER_REQUESTS] >= seen);
        seen = sums.total.counts[LEDGER_REQUESTS];
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    host_rows_first(town.hosts, HOSTS_BY_SAVED, rows, 10, &sums);
    assert_int_equal(sums.total.counts[LEDGER_REQUESTS], all);
    assert_int_equal(sums.total.counts[LEDGER_OPENED], THREADS * ROUNDS);
    hosts_free(town.hosts);
}

static void *
time_many(void *times)
{
    for (uint64_t i = 1; i <= 20000; i++)
        times_add(times, i % 97 + 1);
    return NULL;
}

static void
median_is_that_of_what_is_kept_on_many_threads(void **state)
{
    pthread_t threads[THREADS];
    struct times times = {0};

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, time_many, &times), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    (void)median_of(&times, TIMES_KEPT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(median_is_that_of_the_last_times),
        cmocka_unit_test(median_of_an_even_number_lies_between_two),
        cmocka_unit_test(times_beyond_their_range_are_its_ends),
        cmocka_unit_test(reuse_saves_what_this_host_takes_to_connect),
        cmocka_unit_test(lookup_is_saved_where_the_name_would_be_unknown),
        cmocka_unit_test(name_in_use_would_be_refreshed_ahead_of_its_end),
        cmocka_unit_test(name_that_may_not_be_kept_is_looked_up_each_time),
        cmocka_unit_test(local_name_is_never_looked_up),
        cmocka_unit_test(answer_past_its_time_counts_as_known_for_its_time),
        cmocka_unit_test(lookups_that_were_never_measured_are_not_credited),
        cmocka_unit_test(handshakes_are_counted_by_kind),
        cmocka_unit_test(reuse_saves_the_handshake_too),
        cmocka_unit_test(hosts_that_saved_most_come_first),
        cmocka_unit_test(fewer_hosts_than_asked_for_are_all_of_them),
        cmocka_unit_test(sums_keep_what_forgotten_hosts_counted),
        cmocka_unit_test(sums_are_exact_on_many_threads),
        cmocka_unit_test(median_is_that_of_what_is_kept_on_many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
