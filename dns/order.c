/*
 * The order in which addresses are tried. Pure.
 */
#include "dns/order.h"

#include <assert.h>

#include "dns/answer.h"

void
family_add(struct family_list *list, const struct address *address)
{
    struct address *place;

    for (size_t i = 0; i < list->count; i++)
        if (address_equal_ip(&list->addresses[i], address))
            return;
    if (list->count == FAMILY_MOST)
        return;
    place = &list->addresses[list->count++];
    *place = *address;
    address_set_port(place, 0);
}

struct answer *
order_answer(const struct family_list *v6, const struct family_list *v4)
{
    struct address both[2 * FAMILY_MOST];
    size_t count = 0;

    for (size_t i = 0; i < v6->count || i < v4->count; i++) {
        if (i < v6->count)
            both[count++] = v6->addresses[i];
        if (i < v4->count)
            both[count++] = v4->addresses[i];
    }
    return count > 0 ? answer_new(both, count) : NULL;
}

struct address
order_pick(const struct answer *answer, size_t position, unsigned turn)
{
    sa_family_t family = answer->addresses[position].any.sa_family;
    size_t places[2 * FAMILY_MOST]; /* of this family */
    size_t count = 0;
    size_t rank = 0; /* the position's, among these */

    for (size_t i = 0; i < answer->count && count < 2 * FAMILY_MOST; i++) {
        if (answer->addresses[i].any.sa_family != family)
            continue;
        rank += i < position;
        places[count++] = i;
    }
    assert(count > 0); /* its own place at least */
    return answer->addresses[places[(rank + turn) % count]];
}
