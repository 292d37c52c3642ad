/* What must hold all day, and at its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "pool/lane.h"
#include "tests/unit/pool/day.h"

void
day_check_reused(const struct day *day, const struct visit *visit, const struct far *far)
{
    const struct pool_settings *settings = &day->bench.settings;
    uint64_t now_us = agenda_now_us();
    uint64_t idle_ms = (now_us - far->rested_us) / 1000;

    assert_true(idle_ms < settings->idle_timeout_ms);
    if (visit->origin->tells)
        assert_true(idle_ms < visit->origin->idle_ms);
    if (settings->max_age_ms != 0)
        assert_true(now_us - far->opened_us < (uint64_t)settings->max_age_ms * 1000);
    if (settings->max_uses != 0)
        assert_true(far->uses < settings->max_uses);
    if (visit->is_unsafe)
        assert_true(idle_ms <= settings->fresh_for_unsafe_ms);
}

void
day_check_none_overlooked(const struct visit *visit)
{
    const struct far *far;

    if (visit->is_unsafe || visit->day->bench.settings.learns_idle_timeout)
        return;
    TAILQ_FOREACH (far, &visit->origin->fars, entry)
        assert_true(far->is_held || far->uses == 0 || far_has_ended(far));
}

/* What the pool has parked at one origin; what it closed there is closed on both sides. */
static uint64_t
count_parked(const struct day *day, struct origin *origin)
{
    const struct pool_settings *settings = &day->bench.settings;
    uint64_t now_us = agenda_now_us();
    struct far *far;
    struct far *next;
    uint64_t count = 0;

    for (far = TAILQ_FIRST(&origin->fars); far != NULL; far = next) {
        next = TAILQ_NEXT(far, entry);
        if (far->is_held)
            continue;
        if (far_has_ended(far)) {
            far_close(origin, far);
            continue;
        }
        assert_true(now_us - far->rested_us < (uint64_t)settings->idle_timeout_ms * 1000);
        if (settings->max_age_ms != 0)
            assert_true(now_us - far->opened_us < (uint64_t)settings->max_age_ms * 1000);
        count++;
    }
    return count;
}

void
day_audit(struct day *day)
{
    struct pool_gauges gauges = bench_gauges(&day->bench);
    const struct visit *visit;
    uint64_t parked = 0;
    uint64_t queued = 0;
    uint64_t hosts = 0;

    for (unsigned i = 0; i < TOWN_HOSTS; i++) {
        struct origin *origin = &day->town.origins[i];

        origin_greet(&day->town, origin);
        parked += count_parked(day, origin);
        hosts += !TAILQ_EMPTY(&origin->fars);
    }
    LIST_FOREACH(visit, &day->visits, entry)
    {
        if (visit->far != 0)
            hosts += origin_find_number(visit->origin, visit->far) == NULL; /* it fell */
        else
            queued++;
    }
    assert_true(shelf_is_sound(day->bench.pool->shelf));
    assert_int_equal(gauges.parked, parked);
    assert_int_equal(gauges.waiting, queued);
    assert_int_equal(gauges.open, parked + day->held);
    assert_in_range(gauges.hosts, 0, hosts + queued);
    /* A lowered limit takes nothing away that is in use or parked, but nothing is added to it.
     */
    assert_true(gauges.open <= day->bench.settings.max_total || gauges.open <= day->last_open);
    day->last_open = gauges.open;
    day->audits++;
    if (parked > day->most_parked)
        day->most_parked = parked;
}

void
day_check_nothing_left(struct day *day)
{
    const stat_counter *swept = pool_stats(day->bench.pool);
    const stat_counter *lane = day->bench.stats;
    struct pool_gauges gauges = bench_gauges(&day->bench);

    assert_true(LIST_EMPTY(&day->visits));
    assert_int_equal(day->held, 0);
    assert_int_equal(gauges.open + gauges.parked + gauges.waiting + gauges.hosts, 0);
    assert_true(shelf_is_sound(day->bench.pool->shelf));
    for (unsigned i = 0; i < TOWN_HOSTS; i++)
        origin_greet(&day->town, &day->town.origins[i]);
    assert_int_equal(stat_read(&lane[POOL_STAT_OPENED]), day->town.accepted);
    assert_int_equal(stat_read(&lane[POOL_STAT_CLOSED]) + stat_read(&swept[POOL_STAT_CLOSED]),
                     day->town.accepted);
    assert_int_equal(stat_read(&lane[POOL_STAT_REUSED]), day->reused);
}

void
day_check_reuse(const struct day *day)
{
    uint64_t queued = stat_read(&day->bench.stats[POOL_STAT_QUEUED]);

    printf("%llu requests: %llu reused (foreseen %llu), %llu opened, %llu queued, %llu of them "
           "in vain, %llu refused; %llu audits, at most %llu parked\n",
           (unsigned long long)day->requests, (unsigned long long)day->reused,
           (unsigned long long)day->foreseen, (unsigned long long)day->town.accepted,
           (unsigned long long)queued, (unsigned long long)day->queued_in_vain,
           (unsigned long long)day->refused, (unsigned long long)day->audits,
           (unsigned long long)day->most_parked);
    assert_true(queued > 0);
    assert_true(day->reused * 100 >= day->foreseen * 90);
    assert_true(day->reused <= day->foreseen + queued);
}
