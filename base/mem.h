#ifndef CARPOOL_BASE_MEM_H
#define CARPOOL_BASE_MEM_H

#include <stddef.h>

/*
 * Zeroed memory for objects of our own fixed sizes; ends the process when there is none.
 * What a peer can make grow takes a struct buf, which has a cap and an error instead.
 */
void *xcalloc(size_t count, size_t size);

/* A copy of the text on the heap; ends the process when there is no memory. */
char *xstrdup(const char *text);

#endif
