/* A second reader of chunked bodies: see plain_chunks.h. Any thread. */
#include "tests/fuzz/plain_chunks.h"

#include <stdlib.h>

/* The end of the line at at, or 0; the line must hold no control byte but tabs. */
static size_t
line_end(struct slice bytes, size_t at)
{
    const char *cr = memmem(bytes.data + at, bytes.size - at, "\r\n", 2);

    if (cr == NULL)
        return 0;
    for (const char *p = bytes.data + at; p < cr; p++)
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
            return 0;
    return (size_t)(cr - bytes.data);
}

static bool
skip_trailers(struct slice bytes, size_t *at)
{
    for (;;) {
        size_t end = line_end(bytes, *at);
        struct slice line = {bytes.data + *at, end - *at};
        size_t name = 0;

        if (end == 0)
            return false;
        *at = end + 2;
        if (line.size == 0)
            return true;
        while (name < line.size && line.data[name] > ' ' && line.data[name] < 0x7f &&
               strchr("\"(),/:;<=>?@[\\]{}", line.data[name]) == NULL)
            name++;
        if (name == 0 || name == line.size || line.data[name] != ':')
            return false;
    }
}

/* The number at *at, past which *at is moved; false where there is none or it is too large. */
static bool
read_size(struct slice bytes, size_t *at, size_t end, uint64_t *size)
{
    size_t start = *at;

    *size = 0;
    while (*at < end && strchr("0123456789abcdefABCDEF", bytes.data[*at]) != NULL) {
        char digit[2] = {bytes.data[(*at)++], '\0'};

        if (*size > bytes.size)
            return false;
        *size = *size * 16 + strtoul(digit, NULL, 16);
    }
    return *at > start && (*at == end || bytes.data[*at] == ';');
}

size_t
plain_chunks_read(struct slice bytes, struct buf *data)
{
    size_t at = 0;

    for (;;) {
        size_t end = line_end(bytes, at);
        uint64_t size;

        if (end == 0 || !read_size(bytes, &at, end, &size))
            return 0;
        at = end + 2;
        if (size == 0)
            return skip_trailers(bytes, &at) ? at : 0;
        if (bytes.size - at < size + 2 || memcmp(bytes.data + at + size, "\r\n", 2) != 0)
            return 0;
        if (buf_append(data, bytes.data + at, size) != ERR_OK)
            return 0;
        at += size + 2;
    }
}
