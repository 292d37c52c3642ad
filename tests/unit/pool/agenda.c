/* What happens when, on a clock that waits for nobody. */
#include "tests/unit/pool/agenda.h"

#include <math.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

static uint64_t now_us;

/*
 * In place of libc's, also for the libraries: what is monotonic is ours. (--wrap reaches only
 * our own objects, and libevent's timers must see the same time.)
 */
__attribute__((visibility("default"))) int
clock_gettime(clockid_t clock, struct timespec *to)
{
    if (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE)
        return (int)syscall(SYS_clock_gettime, clock, to);
    to->tv_sec = (time_t)(now_us / 1000000);
    to->tv_nsec = (long)(now_us % 1000000) * 1000;
    return 0;
}

uint64_t
agenda_now_us(void)
{
    return now_us;
}

void
agenda_init(struct agenda *agenda, uint64_t start_us, uint64_t seed)
{
    *agenda = (struct agenda){.dice = dice_of(seed)};
    now_us = start_us;
}

void
agenda_fini(struct agenda *agenda)
{
    free(agenda->entries);
}

static bool
is_before(const struct entry *a, const struct entry *b)
{
    return a->when_us != b->when_us ? a->when_us < b->when_us : a->number < b->number;
}

static void
swap(struct entry *a, struct entry *b)
{
    struct entry kept = *a;

    *a = *b;
    *b = kept;
}

void
agenda_note(struct agenda *agenda, uint64_t in_ms,
            void (*run)(void *day, void *arg, uint64_t stamp), void *arg, uint64_t stamp)
{
    struct entry *entries = agenda->entries;
    size_t at = agenda->count;

    if (at == agenda->room) {
        agenda->room = agenda->room * 2 + 64;
        entries = agenda->entries = realloc(entries, agenda->room * sizeof(*entries));
        if (entries == NULL)
            abort();
    }
    agenda->count++;
    entries[at] = (struct entry){now_us + in_ms * 1000, ++agenda->last_number, run, arg, stamp};
    for (; at > 0 && is_before(&entries[at], &entries[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&entries[at], &entries[(at - 1) / 2]);
}

bool
agenda_next(struct agenda *agenda, uint64_t end_us, struct entry *next)
{
    struct entry *entries = agenda->entries;
    size_t at = 0;

    if (agenda->count == 0 || entries[0].when_us >= end_us)
        return false;
    *next = entries[0];
    entries[0] = entries[--agenda->count];
    for (size_t child = 1; child < agenda->count; child = 2 * at + 1) {
        if (child + 1 < agenda->count && is_before(&entries[child + 1], &entries[child]))
            child++;
        if (!is_before(&entries[child], &entries[at]))
            break;
        swap(&entries[at], &entries[child]);
        at = child;
    }
    now_us = next->when_us;
    return true;
}

unsigned
agenda_draw(struct agenda *agenda, unsigned below)
{
    return dice_draw(&agenda->dice, below);
}

double
agenda_chance(struct agenda *agenda)
{
    return (double)(dice_roll(&agenda->dice) >> 11) / (double)(UINT64_C(1) << 53);
}

uint64_t
agenda_gap_ms(struct agenda *agenda, double mean_ms)
{
    return 1 + (uint64_t)(-mean_ms * log(1 - agenda_chance(agenda)));
}
