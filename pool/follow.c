/*
 * Connections whose address has left DNS. The lane's thread.
 */
#include "pool/follow.h"

#include "dns/resolver.h"

/* Answers that may not be kept, and servers that do not answer, are not asked for with every
 * request. */
#define FOLLOW_LEAST_US ((uint64_t)1000000)

static bool
holds(const struct answer *answer, const struct address *address)
{
    for (size_t i = 0; i < answer->count; i++)
        if (address_equal_ip(&answer->addresses[i], address))
            return true;
    return false;
}

bool
follow_has_left(struct lane *lane, const struct pool_key *key, struct upstream *upstream,
                uint64_t now_us)
{
    struct answer *answer;
    bool has_left;
    enum err err;

    if (limit_of(&lane->pool->limits.follow_dns) == 0 || !upstream->is_by_dns ||
        now_us < upstream->named_until_us)
        return false;
    upstream->named_until_us = now_us + FOLLOW_LEAST_US;
    err = resolver_look(lane->resolver, slice_of(key->host), &answer);
    if (err != ERR_OK)
        return err == ERR_DNS_NOT_FOUND || err == ERR_DNS_NO_ADDRESS;
    has_left = !holds(answer, &upstream->row->remote);
    if (answer->until_us > upstream->named_until_us)
        upstream->named_until_us = answer->until_us;
    answer_unref(answer);
    return has_left;
}
