/*
 * Immutable address lists with counted references. Any thread.
 */
#include "dns/answer.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

struct answer *
answer_new(const struct address *addresses, size_t count)
{
    struct answer *answer = xcalloc(1, sizeof(*answer) + count * sizeof(struct address));

    atomic_init(&answer->references, 1);
    answer->count = count;
    if (count > 0)
        memcpy(answer->addresses, addresses, count * sizeof(struct address));
    return answer;
}

void
answer_keep(struct answer *answer, uint64_t ttl_ms)
{
    answer->ttl_us = ttl_ms * 1000;
    answer->until_us = clock_now_us() + answer->ttl_us;
}

void
answer_ref(struct answer *answer)
{
    atomic_fetch_add_explicit(&answer->references, 1, memory_order_relaxed);
}

void
answer_unref(struct answer *answer)
{
    if (answer == NULL)
        return;
    /* What the others did with it happened before it is freed. */
    if (atomic_fetch_sub_explicit(&answer->references, 1, memory_order_acq_rel) == 1)
        free(answer);
}
