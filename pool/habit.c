/*
 * What the ends of idle connections say about their origin's timeout. No clock and no lock:
 * whoever sees an end while another is being noted lets it go, as there will be more.
 */
#include "pool/habit.h"

#include <string.h>

/* Above any age. */
#define HABIT_NEVER UINT32_MAX
/* Ends that come within this time are one moment: the janitor's second, and a bit. */
#define HABIT_MOMENT_US 1500000u
/* Of two that ended in one moment by one timeout, none was idle for longer than this times the
 * other's age. */
#define HABIT_SPREAD 2u
/* What ends sooner had another reason: a crash, or an answer whose end was meant to be its. */
#define HABIT_LEAST_MS 500u
/* One in so many is a scout, and where the last one surprised us one in fewer. */
#define HABIT_SCOUT_EVERY 16u
#define HABIT_SCOUT_EVERY_DOUBTED 2u

static void
forget_newest(struct habit *habit)
{
    if (habit->moment.is_kept)
        habit->kept--;
    habit->moment.is_kept = false;
}

static void
keep(struct habit *habit, unsigned age_ms)
{
    if (habit->kept == HABIT_KEPT)
        memmove(habit->ages_ms, habit->ages_ms + 1, sizeof(*habit->ages_ms) * --habit->kept);
    habit->ages_ms[habit->kept++] = age_ms;
}

/* HABIT_NEVER as long as there are less than two. */
static unsigned
second_least(const struct habit *habit)
{
    unsigned least = HABIT_NEVER;
    unsigned second = HABIT_NEVER;

    for (unsigned i = 0; i < habit->kept; i++) {
        unsigned age_ms = habit->ages_ms[i];

        if (age_ms < least) {
            second = least;
            least = age_ms;
        } else if (age_ms < second) {
            second = age_ms;
        }
    }
    return second;
}

/* An eighth before the origin's time, at least a tenth of a second and at most a whole one. */
static unsigned
margin_of(unsigned age_ms)
{
    unsigned margin_ms = age_ms / 8;

    if (margin_ms < 100)
        return 100;
    return margin_ms > 1000 ? 1000 : margin_ms;
}

/* The ages have changed: so may the limit. */
static void
conclude(struct habit *habit)
{
    unsigned age_ms = second_least(habit);
    unsigned newest_ms = habit->kept > 0 ? habit->ages_ms[habit->kept - 1] : 0;
    bool is_known = age_ms != HABIT_NEVER;

    atomic_store_explicit(&habit->limit_ms, is_known ? age_ms - margin_of(age_ms) : 0,
                          memory_order_relaxed);
    atomic_store_explicit(&habit->is_doubted, is_known && newest_ms > age_ms + age_ms / 4,
                          memory_order_relaxed);
}

/* Whether what ended in this moment, with this one, may all have ended by one timeout. */
static bool
moment_takes(struct habit *habit, unsigned alive_ms, unsigned gone_ms, uint64_t now_us)
{
    if (habit->moment.began_us == 0 || now_us > habit->moment.began_us + HABIT_MOMENT_US) {
        habit->moment.began_us = now_us;
        habit->moment.alive_ms = alive_ms;
        habit->moment.gone_ms = gone_ms;
        habit->moment.is_kept = false;
    }
    if (alive_ms > habit->moment.alive_ms)
        habit->moment.alive_ms = alive_ms;
    if (gone_ms < habit->moment.gone_ms)
        habit->moment.gone_ms = gone_ms;
    return habit->moment.alive_ms <= (uint64_t)HABIT_SPREAD * habit->moment.gone_ms;
}

void
habit_note_end(struct habit *habit, unsigned alive_ms, unsigned gone_ms, uint64_t now_us)
{
    /* Where the last look lies long back, the time between is shared out. */
    unsigned age_ms = alive_ms > gone_ms / 2 ? alive_ms : gone_ms / 2;

    if (atomic_exchange_explicit(&habit->is_noting, true, memory_order_acquire))
        return;
    if (!moment_takes(habit, alive_ms, gone_ms, now_us)) {
        forget_newest(habit);
    } else if (gone_ms >= HABIT_LEAST_MS && !habit->moment.is_kept) {
        keep(habit, age_ms);
        habit->moment.is_kept = true;
    } else if (gone_ms >= HABIT_LEAST_MS && age_ms < habit->ages_ms[habit->kept - 1]) {
        habit->ages_ms[habit->kept - 1] = age_ms;
    }
    conclude(habit);
    atomic_store_explicit(&habit->is_noting, false, memory_order_release);
}

void
habit_note_outlived(struct habit *habit, uint64_t now_us)
{
    if (atomic_exchange_explicit(&habit->is_noting, true, memory_order_acquire))
        return;
    if (habit->outlived_us == 0 || now_us > habit->outlived_us + HABIT_MOMENT_US) {
        habit->outlived_us = now_us;
        /* It is the newest now, whatever ends within the same moment. */
        habit->moment.is_kept = false;
        keep(habit, HABIT_NEVER);
        conclude(habit);
    }
    atomic_store_explicit(&habit->is_noting, false, memory_order_release);
}

bool
habit_sends_scout(struct habit *habit)
{
    unsigned before = atomic_fetch_add_explicit(&habit->reached, 1, memory_order_relaxed);
    bool is_doubted = atomic_load_explicit(&habit->is_doubted, memory_order_relaxed);

    return before % (is_doubted ? HABIT_SCOUT_EVERY_DOUBTED : HABIT_SCOUT_EVERY) == 0;
}
