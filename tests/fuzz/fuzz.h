#ifndef CARPOOL_TESTS_FUZZ_FUZZ_H
#define CARPOOL_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/*
 * What all fuzz targets share. A target is one function from bytes to nothing that ends the
 * process when a property does not hold; libFuzzer or replay.c calls it. See docs/fuzzing.md.
 */

/* The target, in its own file. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Called once before the first input: errors only in the log. */
int LLVMFuzzerInitialize(int *count, char ***arguments);

_Noreturn void fuzz_fail(const char *file, int line, const char *claim);

static inline void
fuzz_check(bool holds, const char *file, int line, const char *claim)
{
    if (!holds)
        fuzz_fail(file, line, claim);
}

/* What must hold for any input; ends the process where it does not. */
#define CHECK(claim) fuzz_check((claim), __FILE__, __LINE__, #claim)

/* A heap copy of exactly these bytes, so that a sanitizer sees each read past their end. */
char *fuzz_copy(struct slice bytes);

/* Cuts up to size bytes off the front. */
struct slice fuzz_cut(struct slice *rest, size_t size);

/* Cuts off what lies before the byte, and the byte; all of it where there is none. */
struct slice fuzz_cut_at(struct slice *rest, char byte);

/* A file in memory with this text; the path is good until the next call with this number. */
#define FUZZ_FILES 2
const char *fuzz_file(unsigned number, struct slice text);

#endif
