/*
 * The order in which addresses are tried. Pure.
 */
#include "dns/order.h"

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
