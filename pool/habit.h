#ifndef CARPOOL_POOL_HABIT_H
#define CARPOOL_POOL_HABIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * After how long a host's origin closes idle connections, learned from those that it closed.
 * From then on they are *retired*: nobody is given one a little before that age, and the
 * janitor closes it. One in some stays open as a *scout*, used by nobody, to see when the
 * origin closes it, since it may have come to wait longer. Starts as zeros; any thread.
 *
 * The estimate is the second least of the last HABIT_KEPT ages: the least alone may be an
 * accident, and where an origin's own figure varies an average would come too late. What ends
 * within one moment counts once, and not at all if no single timeout explains it: then the
 * origin was restarted.
 *
 * What an origin announces (Keep-Alive: timeout) is kept with each connection instead, as it
 * comes with the first answer, before a connection is ever parked. The earlier of the two
 * counts: what stands between us and an origin may be less patient than it says.
 */
#define HABIT_KEPT 8u

struct habit {
    _Atomic unsigned limit_ms; /* idle for so long: retired; 0: nothing is known */
    _Atomic unsigned reached;  /* connections that came to the limit, scouts included */
    _Atomic bool is_doubted;   /* the last one lived longer than was expected */

    /* Whoever set this writes what follows; who finds it set forgets what it saw. */
    _Atomic bool is_noting;
    unsigned ages_ms[HABIT_KEPT]; /* oldest first */
    unsigned kept;
    uint64_t outlived_us; /* when a connection was last seen to outlive our own patience */
    struct {
        uint64_t began_us;
        unsigned alive_ms; /* most, of those that ended in this moment */
        unsigned gone_ms;  /* least */
        bool is_kept;      /* the newest of the ages is this moment's */
    } moment;
};

/*
 * The origin ended a connection that was idle: it still lived at an idle age of alive_ms and
 * was gone at gone_ms.
 */
void habit_note_end(struct habit *habit, unsigned alive_ms, unsigned gone_ms, uint64_t now_us);

/* A connection was idle for as long as our own settings let it, and the origin kept it. */
void habit_note_outlived(struct habit *habit, uint64_t now_us);

/* Idle for so many milliseconds, a connection is retired; 0: nothing is known. */
static inline unsigned
habit_limit_ms(const struct habit *habit)
{
    return atomic_load_explicit(&habit->limit_ms, memory_order_relaxed);
}

/* One more connection has come to the limit. True: it stays as a scout. */
bool habit_sends_scout(struct habit *habit);

#endif
