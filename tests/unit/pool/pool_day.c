/*
 * A day of a forward proxy in some seconds: the whole pool with real sockets to sixty origins,
 * on a clock that jumps from one thing to the next. Clients come by dice, most of them by day
 * and most of them to a few hosts; origins close what rests too long for them, each in its own
 * way, and are started anew; the settings are changed under way. At noon a count of
 * milliseconds passes 32 bits.
 *
 * CARPOOL_TEST_SEED repeats a day.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pool/lane.h"
#include "tests/unit/dice.h"
#include "tests/unit/pool/day.h"

#define SECOND_US UINT64_C(1000000)
#define HOUR_US (3600 * SECOND_US)
#define HOUR_MS UINT64_C(3600000)
#define START_US (((UINT64_C(1) << 32) * 1000) - 12 * HOUR_US)

static void
visit_free(struct visit *visit)
{
    assert_null(visit->lease);
    LIST_REMOVE(visit, entry);
    free(visit);
}

/* ---- a request ---- */

static void
on_origin_tired(void *arg, void *of, uint64_t number)
{
    struct origin *origin = of;
    struct far *far = origin_find_number(origin, number);
    uint64_t rests_ms;

    (void)arg;
    if (far == NULL || far->is_held)
        return;
    rests_ms = (agenda_now_us() - far->rested_us) / 1000;
    if (rests_ms >= origin->idle_ms)
        far_close(origin, far);
}

/* It rests from now on, for as long as its origin likes. */
static void
far_rests(struct day *day, struct origin *origin, struct far *far)
{
    far->is_held = false;
    far->rested_us = agenda_now_us();
    if (origin->idle_ms != 0)
        agenda_note(&day->agenda, origin->idle_ms, on_origin_tired, origin, far->number);
}

static void
on_answered(void *arg, void *of, uint64_t number)
{
    struct day *day = arg;
    struct visit *visit = of;
    struct origin *origin = visit->origin;
    struct far *far = origin_find_number(origin, number);
    struct park_terms terms = {.idle_timeout_ms =
                                   origin->tells ? (unsigned)origin->idle_ms : 0};

    day->held--;
    oracle_rests(origin);
    if (far != NULL && origin->max_uses != 0) {
        terms.has_uses_left = true;
        terms.uses_left = origin->max_uses - far->uses;
    }
    /* Its origin fell meanwhile, or an answer ends with its connection. */
    if (far == NULL || agenda_draw(&day->agenda, 200) == 0) {
        lease_discard(&visit->lease);
        if (far != NULL)
            far_close(origin, far);
    } else {
        far_rests(day, origin, far);
        lease_park(&visit->lease, &terms);
    }
    visit_free(visit);
}

static void
visit_begins(struct visit *visit)
{
    struct day *day = visit->day;
    const struct lease_facts *facts = lease_facts(visit->lease);
    struct far *far;

    origin_greet(&day->town, visit->origin);
    far = origin_find(visit->origin, address_port(&facts->local));
    /* Neither one that its origin closed, nor one that somebody else has. */
    assert_non_null(far);
    assert_false(far->is_held);
    assert_int_equal(facts->is_reused, far->uses > 0);
    if (facts->is_reused) {
        day_check_reused(day, visit, far);
        day->reused++;
    }
    far->is_held = true;
    far->uses++;
    visit->far = far->number;
    day->held++;
    agenda_note(&day->agenda, agenda_gap_ms(&day->agenda, visit->origin->answer_ms),
                on_answered, visit, far->number);
}

/* Only who waits at a cap may wait in vain, and only an origin that is down refuses. */
static void
visit_fails(struct visit *visit)
{
    struct day *day = visit->day;
    enum err err = lease_error(visit->lease);

    if (err == ERR_QUEUE_TIMEOUT || err == ERR_QUEUE_FULL) {
        day->queued_in_vain++;
    } else {
        assert_int_equal(err, ERR_REFUSED);
        assert_int_not_equal(visit->origin->down_us, 0);
        day->refused++;
    }
    lease_cancel(&visit->lease);
    visit_free(visit);
}

static void
on_lease(void *arg)
{
    struct visit *visit = arg;

    if (lease_state(visit->lease) == LEASE_HELD)
        visit_begins(visit);
    else
        visit_fails(visit);
}

static enum err
allow(const void *arg, const struct address *address, bool is_by_dns)
{
    (void)arg;
    (void)address;
    (void)is_by_dns;
    return ERR_OK;
}

static void
visit_comes(struct day *day, struct origin *origin)
{
    const struct pool_settings *settings = &day->bench.settings;
    struct visit *visit = xcalloc(1, sizeof(*visit));
    struct address client;
    struct pool_key key;
    struct lease_request request = {.key = &key,
                                    .want = LEASE_ANY,
                                    .rule = allow,
                                    .client = &client,
                                    .on_lease = on_lease,
                                    .arg = visit};

    visit->day = day;
    visit->origin = origin;
    visit->is_unsafe = agenda_draw(&day->agenda, 20) == 0;
    if (visit->is_unsafe)
        request.want = LEASE_YOUNG;
    assert_int_equal(pool_key_init(&key, slice_of(origin->ip), origin->port), ERR_OK);
    assert_int_equal(address_parse_ip(SLICE("127.0.0.1"), 0, &client), ERR_OK);
    LIST_INSERT_HEAD(&day->visits, visit, entry);
    day->requests++;
    day->foreseen += oracle_takes(origin, visit->is_unsafe ? settings->fresh_for_unsafe_ms
                                                           : settings->idle_timeout_ms);
    visit->lease = lease_checkout(day->bench.lane, &request);
    if (lease_state(visit->lease) == LEASE_WAITING)
        day_check_none_overlooked(visit);
    else
        on_lease(visit);
}

/* ---- what happens by itself ---- */

/* A client wants a page: some requests to one host at once. How many clients depends on the
 * hour. */
static void
on_page(void *arg, void *of, uint64_t stamp)
{
    static const unsigned per_minute[24] = {8,  4,  2,   2,   2,   4,  10, 30, 60, 90, 110, 120,
                                            90, 90, 110, 120, 110, 90, 70, 60, 60, 50, 30,  15};
    struct day *day = arg;
    uint64_t hour = (agenda_now_us() - START_US) / HOUR_US;
    struct origin *origin = town_choose(&day->town, agenda_chance(&day->agenda));
    unsigned requests = 1 + agenda_draw(&day->agenda, 4);

    (void)of;
    (void)stamp;
    for (unsigned i = 0; i < requests; i++)
        visit_comes(day, origin);
    agenda_note(&day->agenda, agenda_gap_ms(&day->agenda, 60000.0 / per_minute[hour % 24]),
                on_page, NULL, 0);
}

static void
on_second(void *arg, void *of, uint64_t count)
{
    struct day *day = arg;

    (void)of;
    pool_sweep(day->bench.pool);
    day_audit(day);
    agenda_note(&day->agenda, 1000 + agenda_draw(&day->agenda, 9) * 1000, on_second, NULL,
                count + 1);
}

static void
on_up(void *arg, void *of, uint64_t stamp)
{
    (void)arg;
    (void)stamp;
    origin_rise(of);
}

static void
restart(struct day *day, struct origin *origin)
{
    if (origin->fd == -1)
        return;
    origin_fall(origin);
    agenda_note(&day->agenda, 100 + agenda_draw(&day->agenda, 60000), on_up, origin, 0);
}

/* Every other hour one origin is started anew, and a third of them at once when all is quiet.
 */
static void
on_restart(void *arg, void *of, uint64_t count)
{
    struct day *day = arg;

    (void)of;
    for (unsigned i = 0; i < TOWN_HOSTS; i++)
        if (count % 12 == 1 && i % 3 == 0)
            restart(day, &day->town.origins[i]);
    restart(day, &day->town.origins[agenda_draw(&day->agenda, TOWN_HOSTS)]);
    agenda_note(&day->agenda, HOUR_MS / 2, on_restart, NULL, count + 1);
}

/* A reload every three hours: from hour 3 shorter, then tighter, then used up sooner, then as
 * before. */
static void
on_reload(void *arg, void *of, uint64_t count)
{
    struct day *day = arg;
    struct pool_settings *settings = &day->bench.settings;

    (void)of;
    switch (count % 4) {
    case 0:
        settings->idle_timeout_ms = 20000;
        settings->max_age_ms = 600000;
        break;
    case 1:
        settings->max_per_host = 3;
        settings->max_parked_per_host = 2;
        settings->max_dials_per_host = 2;
        settings->max_total = 8;
        settings->max_parked = 6;
        break;
    case 2:
        settings->max_total = 400;
        settings->max_parked = 400;
        settings->max_uses = 50;
        settings->fresh_for_unsafe_ms = 10000;
        break;
    default:
        settings->idle_timeout_ms = 60000;
        settings->max_age_ms = 3600000;
        settings->max_uses = 0;
        settings->max_per_host = 100;
        settings->max_parked_per_host = 100;
        settings->max_dials_per_host = 100;
        settings->learns_idle_timeout = !settings->learns_idle_timeout;
        settings->fresh_for_unsafe_ms = 2000;
        break;
    }
    pool_configure(day->bench.pool, settings);
    day->last_open = bench_gauges(&day->bench).open;
    agenda_note(&day->agenda, 3 * HOUR_MS, on_reload, NULL, count + 1);
}

/* ---- the day ---- */

static void
day_begin(struct day *day, uint64_t seed)
{
    agenda_init(&day->agenda, START_US, seed);
    bench_init(&day->bench);
    town_init(&day->town);
    LIST_INIT(&day->visits);
    day->bench.settings.max_total = 400;
    day->bench.settings.max_parked = 400;
    day->bench.settings.max_waiting = 200;
    day->bench.settings.learns_idle_timeout = true; /* not before noon */
    on_reload(day, NULL, 3);
    on_second(day, NULL, 0);
    agenda_note(&day->agenda, 0, on_page, NULL, 0);
    agenda_note(&day->agenda, HOUR_MS, on_restart, NULL, 0);
}

/* In the day's time a dial or a letter takes none: it stands still until they have arrived. */
static void
settle(struct day *day)
{
    struct pool_gauges gauges;

    bench_turn(&day->bench);
    for (;;) {
        gauges = bench_gauges(&day->bench);
        if (gauges.open == gauges.parked + day->held)
            return;
        event_base_loop(day->bench.base, EVLOOP_ONCE);
    }
}

static void
day_run(struct day *day, uint64_t until_us)
{
    struct entry next;

    while (agenda_next(&day->agenda, until_us, &next)) {
        /* The last day's guests leave, nobody else comes. */
        if (day->is_over && next.run == on_page)
            continue;
        next.run(day, next.arg, next.stamp);
        settle(day);
    }
}

static void
a_day_leaves_nothing_and_reuses_what_it_can(void **state)
{
    struct day *day = xcalloc(1, sizeof(*day));

    (void)state;
    day_begin(day, dice_seed(0));
    day_run(day, START_US + 24 * HOUR_US);
    day->is_over = true;
    day_run(day, START_US + 24 * HOUR_US + 180 * SECOND_US);
    day_check_nothing_left(day);
    day_check_reuse(day);
    town_fini(&day->town);
    agenda_fini(&day->agenda);
    bench_fini(&day->bench);
    free(day);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_leaves_nothing_and_reuses_what_it_can),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
