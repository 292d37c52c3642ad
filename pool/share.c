/*
 * The key of hosts that share connections by address. The lane's thread.
 */
#include "pool/share.h"

#include "base/loop.h"
#include "dns/resolver.h"

/* Would the lease connect there? */
static bool
may_use(struct lease *lease, const struct answer *answer, struct address *address)
{
    struct address source;

    if (pool_key_has_source(&lease->key) &&
        !pool_key_source(&lease->key, address->any.sa_family, &source))
        return false;
    address_set_port(address, lease->key.port);
    return lease->rule(lease->rule_arg, address, !answer->is_local) == ERR_OK;
}

static void
choose(struct lease *lease, const struct answer *answer)
{
    struct pool_key least = lease->key;
    bool is_found = false;

    for (size_t i = 0; i < answer->count; i++) {
        struct address address = answer->addresses[i];
        struct pool_key key = lease->key;

        pool_key_share(&key, &address);
        if ((is_found && !pool_key_is_below(&key, &least)) || !may_use(lease, answer, &address))
            continue;
        least = key;
        is_found = true;
    }
    lease->key = least;
    lease->is_by_dns = !answer->is_local;
}

static void
on_answer(void *arg, enum err err, struct answer *answer, bool is_final)
{
    struct lease *lease = arg;

    /* Of a part of the addresses another one might be the least. */
    if (!is_final)
        return;
    lease->ask = NULL;
    event_del(&lease->queue_timer);
    if (err == ERR_OK)
        choose(lease, answer);
    lease->on_shared(lease, err);
}

enum err
share_begin(struct lease *lease, void (*on_shared)(struct lease *lease, enum err err))
{
    const struct pool_limits *limits = &lease->lane->pool->limits;
    struct timeval patience = loop_delay_ms(limit_of(&limits->connect_timeout_ms));
    struct answer *answer = NULL;
    enum err err;

    if (limit_of(&limits->share_by_address) == 0 || lease->tls != NULL)
        return ERR_OK;
    lease->on_shared = on_shared;
    err = resolver_ask(lease->lane->resolver, slice_of(lease->key.host), on_answer, lease,
                       &answer, &lease->ask);
    if (err == ERR_AGAIN)
        event_add(&lease->queue_timer, &patience);
    if (err != ERR_OK)
        return err;
    choose(lease, answer);
    answer_unref(answer);
    return ERR_OK;
}
