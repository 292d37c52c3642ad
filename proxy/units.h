#ifndef CARPOOL_PROXY_UNITS_H
#define CARPOOL_PROXY_UNITS_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* Room for any number with its unit, or two of them, and the NUL. */
#define UNIT_TEXT_SIZE 56

/*
 * Times, sizes and rates as people write them. A time is a number and ms, s, m, h or d; only 0
 * needs no unit. A size is a number of bytes, or of 1024s of them with k, m, g or t (also kb or
 * kib; case does not matter). A rate is a number and /s, /m or /h, and is told as so many per
 * hour; only 0 needs no unit. ERR_SYNTAX, or ERR_RANGE for what does not fit into 64 bits.
 * Pure.
 */
enum err unit_read_msec(struct slice text, uint64_t *msec);
enum err unit_read_size(struct slice text, uint64_t *size);
enum err unit_read_rate(struct slice text, uint64_t *per_hour);

/* The shortest text that reads as exactly this value, into to (UNIT_TEXT_SIZE). Returns to. */
const char *unit_write_msec(uint64_t msec, char *to);
const char *unit_write_size(uint64_t size, char *to);
const char *unit_write_rate(uint64_t per_hour, char *to);

/*
 * How long something took, for people: as exact as anybody would read it, "52 us", "12.3 ms",
 * "4.56 s", "3 min 20 s", "2 d 4 h". Into to (UNIT_TEXT_SIZE). Returns to.
 */
const char *unit_write_span(uint64_t us, char *to);

#endif
