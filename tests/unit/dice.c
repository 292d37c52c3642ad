/* Dice for tests. A thread has dice of its own. */
#include "tests/unit/dice.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct dice
dice_of(uint64_t seed)
{
    /* splitmix64; a state of 0 would stay so. */
    uint64_t state = seed + UINT64_C(0x9e3779b97f4a7c15);

    state = (state ^ (state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    state = (state ^ (state >> 27)) * UINT64_C(0x94d049bb133111eb);
    state ^= state >> 31;
    return (struct dice){state != 0 ? state : 1};
}

uint64_t
dice_roll(struct dice *dice)
{
    dice->state ^= dice->state >> 12;
    dice->state ^= dice->state << 25;
    dice->state ^= dice->state >> 27;
    return dice->state * UINT64_C(0x2545f4914f6cdd1d);
}

unsigned
dice_draw(struct dice *dice, unsigned below)
{
    return (unsigned)(dice_roll(dice) >> 33) % below;
}

uint64_t
dice_seed(uint64_t otherwise)
{
    const char *text = getenv(DICE_SEED);
    uint64_t seed = otherwise;

    if (text != NULL)
        seed = strtoull(text, NULL, 0);
    else if (otherwise == 0 && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        abort();
    printf(DICE_SEED "=%llu\n", (unsigned long long)seed);
    return seed;
}

double
dice_seconds(void)
{
    const char *text = getenv(DICE_SECONDS);

    return text != NULL ? atof(text) : 1;
}
