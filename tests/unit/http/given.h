#ifndef CARPOOL_TESTS_UNIT_HTTP_GIVEN_H
#define CARPOOL_TESTS_UNIT_HTTP_GIVEN_H

#include <stddef.h>

#include "base/slice.h"
#include "proxy/http/head.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* A parsed head with its own array of fields. */
struct given {
    struct head head;
    struct field fields[64];
};

extern const struct head_limits given_limits;

/* A heap copy of exactly these bytes, so that a sanitizer sees each read past their end. */
char *exact_copy(struct slice bytes);

/* Heads that must parse; the test fails otherwise. Slices borrow from text. */
const struct head *given_request(struct given *given, const char *text);
const struct head *given_response(struct given *given, const char *text);

#endif
