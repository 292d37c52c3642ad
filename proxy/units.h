#ifndef CARPOOL_PROXY_UNITS_H
#define CARPOOL_PROXY_UNITS_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* Room for any number with its unit and the NUL. */
#define UNIT_TEXT_SIZE 24

/*
 * Times and sizes as people write them. A time is a number and ms, s, m, h or d; only 0 needs
 * no unit. A size is a number of bytes, or of 1024s of them with k, m, g or t (also kb or kib;
 * case does not matter). ERR_SYNTAX, or ERR_RANGE for what does not fit into 64 bits. Pure.
 */
enum err unit_read_msec(struct slice text, uint64_t *msec);
enum err unit_read_size(struct slice text, uint64_t *size);

/* The shortest text that reads as exactly this value, into to (UNIT_TEXT_SIZE). Returns to. */
const char *unit_write_msec(uint64_t msec, char *to);
const char *unit_write_size(uint64_t size, char *to);

#endif
