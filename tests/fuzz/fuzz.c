/* What all fuzz targets share: see fuzz.h. One thread. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"

int
LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count;
    (void)arguments;
    log_configure(LOG_LEVEL_ERROR, false);
    return 0;
}

void
fuzz_fail(const char *file, int line, const char *claim)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, claim);
    abort();
}

char *
fuzz_copy(struct slice bytes)
{
    char *copy = malloc(bytes.size > 0 ? bytes.size : 1);

    CHECK(copy != NULL);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return copy;
}

struct slice
fuzz_cut(struct slice *rest, size_t size)
{
    struct slice cut = {rest->data, size < rest->size ? size : rest->size};

    rest->data += cut.size;
    rest->size -= cut.size;
    return cut;
}

struct slice
fuzz_cut_at(struct slice *rest, char byte)
{
    const char *found = rest->size > 0 ? memchr(rest->data, byte, rest->size) : NULL;
    struct slice cut;

    if (found == NULL)
        return fuzz_cut(rest, rest->size);
    cut = fuzz_cut(rest, (size_t)(found - rest->data));
    fuzz_cut(rest, 1);
    return cut;
}

const char *
fuzz_file(unsigned number, struct slice text)
{
    static char paths[FUZZ_FILES][32];
    static int fds[FUZZ_FILES];

    CHECK(number < FUZZ_FILES);
    if (paths[number][0] == '\0') {
        fds[number] = memfd_create("fuzz", MFD_CLOEXEC);
        CHECK(fds[number] != -1);
        snprintf(paths[number], sizeof(paths[number]), "/proc/self/fd/%d", fds[number]);
    }
    CHECK(ftruncate(fds[number], 0) == 0);
    CHECK(pwrite(fds[number], text.data, text.size, 0) == (ssize_t)text.size);
    return paths[number];
}
