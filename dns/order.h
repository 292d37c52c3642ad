#ifndef CARPOOL_DNS_ORDER_H
#define CARPOOL_DNS_ORDER_H

#include <stddef.h>

#include "dns/resolver.h"

/* One family's addresses, as a name server or the hosts file gave them. */
#define FAMILY_MOST 32

struct family_list {
    size_t count;
    struct address addresses[FAMILY_MOST];
};

/* Adds an address unless it is there already or the list is full. Its port becomes 0. */
void family_add(struct family_list *list, const struct address *address);

/*
 * Both families in the order to be tried: alternating, IPv6 first (RFC 8305 §4 with a First
 * Address Family Count of 1); within a family as given. NULL if both are empty.
 */
struct answer *order_answer(const struct family_list *v6, const struct family_list *v4);

/*
 * The address to be tried at this position (below the count) in a given turn: families
 * alternate as ever, and within each family every turn begins with the next address.
 */
struct address order_pick(const struct answer *answer, size_t position, unsigned turn);

#endif
