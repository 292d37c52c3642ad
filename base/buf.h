#ifndef CARPOOL_BASE_BUF_H
#define CARPOOL_BASE_BUF_H

#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"

/*
 * Bytes that grow up to a cap. Holds no memory until the first byte comes and none after
 * buf_reset(). Embedded in its owner:
 *
 *     memory  [ used up | bytes ............ | space ]
 *             0         start                end     capacity  (≤ at_most)
 */
struct buf {
    char *memory;
    size_t start;
    size_t end;
    size_t capacity;
    size_t at_most;
};

/* An empty buffer that will never hold more than at_most bytes. */
void buf_init(struct buf *buf, size_t at_most);

/* Gives the memory back; the buffer is empty and usable again. */
void buf_reset(struct buf *buf);

/* What the buffer holds; borrowed until the next call that changes it. */
static inline struct slice
buf_bytes(const struct buf *buf)
{
    return (struct slice){buf->memory + buf->start, buf->end - buf->start};
}

static inline size_t
buf_size(const struct buf *buf)
{
    return buf->end - buf->start;
}

/* ERR_TOO_LARGE when the cap would be passed; the buffer is then as it was. */
enum err buf_append(struct buf *buf, const void *bytes, size_t size);
enum err buf_append_slice(struct buf *buf, struct slice bytes);
enum err buf_printf(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Room for size more bytes to be written at *space; buf_grew() then says how many were.
 * ERR_TOO_LARGE when the cap would be passed.
 */
enum err buf_space(struct buf *buf, size_t size, char **space);
void buf_grew(struct buf *buf, size_t size);

/* Drops bytes from the front; an emptied buffer keeps its memory until buf_reset(). */
void buf_consume(struct buf *buf, size_t size);

#endif
