#ifndef CARPOOL_TESTS_UNIT_DICE_H
#define CARPOOL_TESTS_UNIT_DICE_H

#include <stdint.h>

/* Random numbers for tests, the same for the same seed on every machine (xorshift64*). */
struct dice {
    uint64_t state;
};

/* Seeds that are close to each other give numbers that are not. */
struct dice dice_of(uint64_t seed);

uint64_t dice_roll(struct dice *dice);
unsigned dice_draw(struct dice *dice, unsigned below);

/* In the environment: repeats what was printed, and makes a run longer. */
#define DICE_SEED "CARPOOL_TEST_SEED"
#define DICE_SECONDS "CARPOOL_TEST_SECONDS"

/* The seed of this run, which is printed: what the environment says, else this; 0: a new one.
 */
uint64_t dice_seed(uint64_t otherwise);

/* How long to go on: what the environment says, else 1. */
double dice_seconds(void);

#endif
