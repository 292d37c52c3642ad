/*
 * Allocation that does not fail. Any thread.
 */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
out_of_memory(void)
{
    fputs("carpool: out of memory\n", stderr);
    abort();
}

void *
xcalloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL)
        out_of_memory();
    return memory;
}

char *
xstrdup(const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL)
        out_of_memory();
    return copy;
}
