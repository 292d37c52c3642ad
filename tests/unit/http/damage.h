#ifndef CARPOOL_TESTS_UNIT_HTTP_DAMAGE_H
#define CARPOOL_TESTS_UNIT_HTTP_DAMAGE_H

#include <stddef.h>

#include "base/slice.h"

/*
 * Damaged messages: what must hold for any bytes at all is tried on tens of thousands of them.
 * The damage comes from a seed that is printed; CARPOOL_TEST_SEED in the environment sets
 * another one.
 */
#define DAMAGE_MESSAGES 40000
#define DAMAGE_SIZE 1200

/* SLICE() cannot initialize what is static. */
#define BYTES(literal)                                                                         \
    {                                                                                          \
        literal, sizeof(literal) - 1                                                           \
    }

struct message {
    size_t size;
    char bytes[DAMAGE_SIZE];
};

/* Sets the seed; a cmocka setup. */
int damage_begin(void **state);

/* A number below limit. */
size_t damage_below(size_t limit);

/* One of the messages with up to three small damages of the kinds that parsers fall for. */
void damage_make(struct message *message, const struct slice *from, size_t count);

/* Fails the test and shows the message, so that it can become a row of a table. */
void damage_complain(const char *claim, const struct message *message);

#endif
