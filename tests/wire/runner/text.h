#ifndef CARPOOL_TESTS_WIRE_TEXT_H
#define CARPOOL_TESTS_WIRE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A growing run of bytes. Zeroed memory is an empty one. */
struct bytes {
    unsigned char *data;
    size_t size;
    size_t room;
};

void bytes_add(struct bytes *bytes, const void *data, size_t size);

/* Makes room for size more bytes and lends where they belong; bytes->size stays. */
unsigned char *bytes_reserve(struct bytes *bytes, size_t size);

/* Drops the first bytes. */
void bytes_consume(struct bytes *bytes, size_t size);

void bytes_free(struct bytes *bytes);

/*
 * Writes size bytes, from number at on, of the filling that senders and receivers agree on: of
 * one letter, or of a pattern that shows loss and repetition where letter is 0.
 */
void bytes_fill(unsigned char *to, char letter, uint64_t at, size_t size);

/* Writes bytes the way a conversation would, one line of text per line of the message. */
void bytes_print(FILE *out, const void *data, size_t size);

/* What a message must look like: 0–255 are bytes, the others are marks. */
#define PATTERN_ANY 256 /* <any>: whatever comes, up to the end of the line */

struct pattern {
    uint16_t *items;
    size_t size;
    size_t room;
};

void pattern_add(struct pattern *pattern, unsigned item);
void pattern_free(struct pattern *pattern);
void pattern_print(FILE *out, const struct pattern *pattern);

/* Does the text as a whole fit? <any> fits the rest of the text, or up to the next byte. */
bool pattern_fits(const struct pattern *pattern, const unsigned char *text, size_t size);

/* The values of $names, by name; a later value hides an earlier one. */
struct variable {
    char *name;
    char *value;
};
struct variables {
    struct variable *list;
    size_t count;
};

void variables_set(struct variables *variables, const char *name, const char *value);
const char *variables_find(const struct variables *variables, const char *name, size_t size);
/* Forgets all but the first count ones. */
void variables_forget(struct variables *variables, size_t count);
void variables_free(struct variables *variables);

/*
 * Appends the text with its \escapes, $variables and (with_marks) <any> understood.
 * Returns NULL, or what is wrong with it.
 */
const char *pattern_expand(struct pattern *pattern, const struct variables *variables,
                           const char *text, bool with_marks);

#endif
