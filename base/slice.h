#ifndef CARPOOL_BASE_SLICE_H
#define CARPOOL_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/* Borrowed text: somebody else's bytes, not ended by a NUL. */
struct slice {
    const char *data;
    size_t size;
};

/* For string literals. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
/* For printf's "%.*s". */
#define SLICE_ARGS(slice) (int)(slice).size, (slice).data

static inline struct slice
slice_of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static inline bool
slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Equal but for the case of ASCII letters. */
bool slice_equal_nocase(struct slice a, struct slice b);

/* Does the text end so? Case of ASCII letters does not matter. */
bool slice_ends_nocase(struct slice text, struct slice end);

/* The slice without spaces and tabs at both ends (OWS of RFC 9110 §5.6.3). */
struct slice slice_trim(struct slice text);

/*
 * Cuts the next element off a comma-separated list and trims it; false at the end.
 * Empty elements are skipped (RFC 9110 §5.6.1.2). Quoted strings are not looked into.
 */
bool slice_next_element(struct slice *rest, struct slice *element);

/* Decimal digits only, at least one; ERR_SYNTAX for anything else, ERR_RANGE above most. */
enum err slice_to_number(struct slice text, uint64_t most, uint64_t *number);

/* Copies at most size - 1 bytes and ends them with a NUL; false if the text was cut. */
bool slice_copy(struct slice text, char *to, size_t size);

#endif
