#ifndef CARPOOL_TESTS_POOL_DAY_H
#define CARPOOL_TESTS_POOL_DAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "tests/unit/pool/agenda.h"
#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/town.h"

/* A pool's day (pool_day.c) and what must hold on it (day_checks.c). */
struct day {
    struct bench bench;
    struct agenda agenda;
    struct town town;
    LIST_HEAD(, visit) visits;
    unsigned held;
    bool is_over; /* nobody comes any more */
    uint64_t requests;
    uint64_t reused;
    uint64_t foreseen; /* by the oracle, to be reused */
    uint64_t queued_in_vain;
    uint64_t refused;
    uint64_t audits;
    uint64_t most_parked;
    uint64_t last_open;
};

/* A request: the wait for a connection, then its use. */
struct visit {
    struct day *day;
    struct origin *origin;
    struct lease *lease;
    uint64_t far; /* 0: none yet */
    bool is_unsafe;
    LIST_ENTRY(visit) entry;
};

/* Does the pool keep to its word about what it hands out? */
void day_check_reused(const struct day *day, const struct visit *visit, const struct far *far);

/*
 * Whoever may have any connection waits only where none is there. (While idle times are
 * learned, some stay open that nobody is given any more.)
 */
void day_check_none_overlooked(const struct visit *visit);

/* Right after a sweep: the pool's counts, its lists and what the origins see are the same. */
void day_audit(struct day *day);

/* When nobody came for a while nothing is left of the day. */
void day_check_nothing_left(struct day *day);

/*
 * The oracle knows of idle times only: what max_uses, max_age and connections that end with an
 * answer take away is some hundredths of the whole. Nothing is reused that it did not foresee
 * but what was worth a wait at a cap.
 */
void day_check_reuse(const struct day *day);

#endif
