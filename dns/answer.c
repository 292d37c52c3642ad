/*
 * Immutable address lists with counted references. One thread: the count is a plain number.
 */
#include "dns/answer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct answer *
answer_new(const struct address *addresses, size_t count)
{
    struct answer *answer = xcalloc(1, sizeof(*answer) + count * sizeof(struct address));

    answer->references = 1;
    answer->count = count;
    if (count > 0)
        memcpy(answer->addresses, addresses, count * sizeof(struct address));
    return answer;
}

void
answer_ref(struct answer *answer)
{
    answer->references++;
}

void
answer_unref(struct answer *answer)
{
    if (answer == NULL)
        return;
    assert(answer->references > 0);
    if (--answer->references == 0)
        free(answer);
}
