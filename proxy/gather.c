/*
 * Many small pieces, one system call. Lives on the stack of one pump step.
 */
#include "proxy/gather.h"

void
gather_init(struct gather *gather, bool is_chunked,
            void (*send)(void *arg, const struct iovec *parts, int count), void *arg)
{
    gather->count = 0;
    gather->head_count = 0;
    gather->is_chunked = is_chunked;
    gather->send = send;
    gather->arg = arg;
}

void
gather_flush(struct gather *gather)
{
    if (gather->count > 0)
        gather->send(gather->arg, gather->parts, gather->count);
    gather->count = 0;
    gather->head_count = 0;
}

static void
add(struct gather *gather, const char *bytes, size_t size)
{
    gather->parts[gather->count++] = (struct iovec){(char *)bytes, size};
}

void
gather_raw(struct gather *gather, struct slice bytes)
{
    if (gather->count + 1 > GATHER_PARTS)
        gather_flush(gather);
    if (bytes.size > 0)
        add(gather, bytes.data, bytes.size);
}

void
gather_body(struct gather *gather, struct slice bytes)
{
    char *head;

    if (bytes.size == 0)
        return;
    if (!gather->is_chunked) {
        gather_raw(gather, bytes);
        return;
    }
    if (gather->count + 3 > GATHER_PARTS || gather->head_count == GATHER_PARTS / 3)
        gather_flush(gather);
    head = gather->heads[gather->head_count++];
    add(gather, head, emit_chunk_head(bytes.size, head));
    add(gather, bytes.data, bytes.size);
    add(gather, EMIT_CHUNK_END.data, EMIT_CHUNK_END.size);
}
