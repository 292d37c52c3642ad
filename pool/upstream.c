/*
 * One upstream connection: may it be used again, and its end. Called by its owner.
 */
#include "pool/upstream.h"

#include <limits.h>
#include <stdlib.h>

#include "pool/hosts.h"

static bool
has_passed(uint64_t since_us, unsigned limit_ms, uint64_t now_us)
{
    return now_us >= since_us && now_us - since_us >= (uint64_t)limit_ms * 1000;
}

/*
 * What was opened together must not end together, or everybody would dial at once. So each
 * lives shorter by a share of a tenth that its id gives: multiples of the golden ratio spread
 * numbers that follow each other as evenly as can be (Knuth, TAOCP 3, 6.4).
 */
static unsigned
own_age_ms(const struct upstream *upstream, unsigned max_age_ms)
{
    uint64_t share = upstream->id * UINT64_C(0x9e3779b97f4a7c15) >> 48;

    return max_age_ms - (unsigned)(max_age_ms / 10 * share >> 16);
}

/* How long it may lie idle, by the settings and by what its origin announced. */
static unsigned
allowed_ms(const struct upstream *upstream, const struct pool_limits *limits)
{
    unsigned idle_ms = limit_of(&limits->idle_timeout_ms);

    return upstream->idle_limit_ms != 0 && upstream->idle_limit_ms < idle_ms
               ? upstream->idle_limit_ms
               : idle_ms;
}

/*
 * How long by its host's habit, which is about connections that have served: UINT_MAX where
 * nothing is known. A request has to be there in time, so a round trip goes off, but for one
 * that took oddly long.
 */
static unsigned
habitual_ms(const struct upstream *upstream, const struct pool_limits *limits)
{
    unsigned limit_ms = upstream->host != NULL ? habit_limit_ms(&upstream->host->habit) : 0;
    unsigned way_ms = upstream->connect_ms;

    if (limit_ms == 0 || upstream->uses == 0 || !limit_of(&limits->learns_idle_timeout))
        return UINT_MAX;
    return way_ms < limit_ms / 2 ? limit_ms - way_ms : limit_ms / 2;
}

enum miss
upstream_spent_by(const struct upstream *upstream, const struct pool_limits *limits,
                  uint64_t now_us)
{
    unsigned age_ms = limit_of(&limits->max_age_ms);
    unsigned uses = limit_of(&limits->max_uses);

    if (upstream->is_used_up || upstream->is_astray || (uses != 0 && upstream->uses >= uses))
        return MISS_EXPIRED_USES;
    if (age_ms != 0 && has_passed(upstream->opened_us, own_age_ms(upstream, age_ms), now_us))
        return MISS_EXPIRED_AGE;
    if (has_passed(upstream->used_us, allowed_ms(upstream, limits), now_us))
        return MISS_EXPIRED_IDLE;
    return MISS_NONE;
}

bool
upstream_is_spent(const struct upstream *upstream, const struct pool_limits *limits,
                  uint64_t now_us)
{
    return upstream_spent_by(upstream, limits, now_us) != MISS_NONE;
}

bool
upstream_is_retired(const struct upstream *upstream, const struct pool_limits *limits,
                    uint64_t now_us)
{
    unsigned limit_ms = habitual_ms(upstream, limits);

    return limit_ms != UINT_MAX && has_passed(upstream->used_us, limit_ms, now_us);
}

unsigned
upstream_rest_ms(const struct upstream *upstream, const struct pool_limits *limits)
{
    unsigned allowed = allowed_ms(upstream, limits);
    unsigned habitual = habitual_ms(upstream, limits);

    return allowed < habitual ? allowed : habitual;
}

bool
upstream_has_outlived(const struct upstream *upstream, const struct pool_limits *limits,
                      uint64_t now_us)
{
    return upstream->uses > 0 &&
           has_passed(upstream->used_us, limit_of(&limits->idle_timeout_ms), now_us);
}

void
upstream_close(struct upstream *upstream, struct tuple_table *table)
{
    if (upstream == NULL)
        return;
    /* Out of the table first: once closed, its 4-tuple may at once be somebody else's. */
    tuple_remove(table, upstream->row);
    stream_close(&upstream->stream);
    if (upstream->loss != MISS_NONE)
        ledger_note_loss(&upstream->host->ledger, upstream->loss);
    hosts_leave(upstream->host);
    free(upstream);
}
