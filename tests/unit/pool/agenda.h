#ifndef CARPOOL_TESTS_POOL_AGENDA_H
#define CARPOOL_TESTS_POOL_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/dice.h"

/*
 * Time that passes as fast as it is used: what is due next happens next, and the process's
 * monotonic clock, libevent's included, says that it is that late. Equal seeds, equal days.
 */
struct entry {
    uint64_t when_us;
    uint64_t number; /* of two at the same time, what was noted first happens first */
    void (*run)(void *day, void *arg, uint64_t stamp);
    void *arg;
    uint64_t stamp;
};

struct agenda {
    struct entry *entries; /* a heap: the next one first */
    size_t count;
    size_t room;
    uint64_t last_number;
    struct dice dice;
};

void agenda_init(struct agenda *agenda, uint64_t start_us, uint64_t seed);
void agenda_fini(struct agenda *agenda);

/* run(day, arg, stamp) in so many milliseconds. */
void agenda_note(struct agenda *agenda, uint64_t in_ms,
                 void (*run)(void *day, void *arg, uint64_t stamp), void *arg, uint64_t stamp);

/* Moves the clock to what is next and takes it out. False: nothing is, or not before end_us. */
bool agenda_next(struct agenda *agenda, uint64_t end_us, struct entry *next);

uint64_t agenda_now_us(void);

/* Dice: below a number, and between 0 and 1. */
unsigned agenda_draw(struct agenda *agenda, unsigned below);
double agenda_chance(struct agenda *agenda);

/* The time until something that happens so often happens again (exponential), at least 1 ms. */
uint64_t agenda_gap_ms(struct agenda *agenda, double mean_ms);

#endif
