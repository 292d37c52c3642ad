/*
 * Capped bytes. Belongs to its owner's thread.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST 256

void
buf_init(struct buf *buf, size_t at_most)
{
    *buf = (struct buf){.at_most = at_most};
}

void
buf_reset(struct buf *buf)
{
    free(buf->memory);
    buf_init(buf, buf->at_most);
}

static void
buf_move_to_front(struct buf *buf)
{
    if (buf->start == 0)
        return;
    memmove(buf->memory, buf->memory + buf->start, buf_size(buf));
    buf->end -= buf->start;
    buf->start = 0;
}

enum err
buf_space(struct buf *buf, size_t size, char **space)
{
    size_t need;
    size_t capacity;
    char *memory;

    if (size > buf->at_most - buf_size(buf))
        return ERR_TOO_LARGE;
    if (buf->capacity - buf->end < size && buf->start > 0)
        buf_move_to_front(buf);
    need = buf->end + size;
    if (need > buf->capacity) {
        capacity = buf->capacity != 0 ? buf->capacity : BUF_FIRST;
        while (capacity < need)
            capacity *= 2;
        if (capacity > buf->at_most)
            capacity = buf->at_most;
        memory = realloc(buf->memory, capacity);
        if (memory == NULL)
            return ERR_NO_MEMORY;
        buf->memory = memory;
        buf->capacity = capacity;
    }
    *space = buf->memory + buf->end;
    return ERR_OK;
}

void
buf_grew(struct buf *buf, size_t size)
{
    assert(size <= buf->capacity - buf->end);
    buf->end += size;
}

enum err
buf_append(struct buf *buf, const void *bytes, size_t size)
{
    char *space;
    enum err err;

    if (size == 0)
        return ERR_OK;
    err = buf_space(buf, size, &space);
    if (err != ERR_OK)
        return err;
    memcpy(space, bytes, size);
    buf_grew(buf, size);
    return ERR_OK;
}

enum err
buf_append_slice(struct buf *buf, struct slice bytes)
{
    return buf_append(buf, bytes.data, bytes.size);
}

enum err
buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    int size;
    char *space;
    enum err err;

    va_start(args, format);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0)
        return ERR_SYNTAX;
    err = buf_space(buf, (size_t)size + 1, &space);
    if (err != ERR_OK)
        return err;
    va_start(args, format);
    vsnprintf(space, (size_t)size + 1, format, args);
    va_end(args);
    buf_grew(buf, (size_t)size);
    return ERR_OK;
}

void
buf_consume(struct buf *buf, size_t size)
{
    assert(size <= buf_size(buf));
    buf->start += size;
    if (buf->start == buf->end)
        buf->start = buf->end = 0;
}
