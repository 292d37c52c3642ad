#ifndef CARPOOL_PROXY_GATHER_H
#define CARPOOL_PROXY_GATHER_H

#include <stdbool.h>
#include <sys/uio.h>

#include "base/slice.h"
#include "proxy/http/emit.h"

#define GATHER_PARTS 48

/*
 * Runs of body bytes on their way to one socket: collects them, with chunk framing where the
 * next hop wants it, and sends many with one call. Borrows the bytes until gather_flush().
 */
struct gather {
    struct iovec parts[GATHER_PARTS];
    int count;
    char heads[GATHER_PARTS / 3][EMIT_CHUNK_HEAD_SIZE];
    int head_count;
    bool is_chunked;
    void (*send)(void *arg, const struct iovec *parts, int count);
    void *arg;
};

void gather_init(struct gather *gather, bool is_chunked,
                 void (*send)(void *arg, const struct iovec *parts, int count), void *arg);

/* Bytes as they are: a head, the last chunk. */
void gather_raw(struct gather *gather, struct slice bytes);

/* One run of body bytes; an empty one is nothing. */
void gather_body(struct gather *gather, struct slice bytes);

void gather_flush(struct gather *gather);

#endif
