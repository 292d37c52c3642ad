/*
 * One lookup with a loop of its own, for commands that run no worker.
 */
#include "proxy/lookup.h"

#include <event2/event.h>

#include "base/loop.h"
#include "base/mailbox.h"
#include "dns/cache.h"
#include "proxy/worker.h"

/* The one question, while the loop runs for it. */
struct lookup {
    struct event_base *base;
    enum err err;
    struct answer *answer;
};

static void
on_answer(void *arg, enum err err, struct answer *answer, bool is_final)
{
    struct lookup *lookup = arg;

    if (!is_final)
        return; /* the final one holds these, too */
    lookup->err = err;
    if (err == ERR_OK) {
        answer_ref(answer);
        lookup->answer = answer;
    }
    event_base_loopbreak(lookup->base);
}

static enum err
run(struct lookup *lookup, struct resolver *resolver, struct slice host, unsigned timeout_ms)
{
    struct timeval timeout = loop_delay_ms(timeout_ms);
    struct dns_ask *ask = NULL;
    enum err err = resolver_ask(resolver, host, on_answer, lookup, &lookup->answer, &ask);

    if (err != ERR_AGAIN)
        return err;
    lookup->err = ERR_AGAIN;
    event_base_loopexit(lookup->base, &timeout);
    event_base_dispatch(lookup->base);
    if (lookup->err != ERR_AGAIN)
        return lookup->err;
    resolver_cancel(&ask);
    return ERR_DNS_TIMEOUT;
}

enum err
lookup_host(const struct config *config, struct slice host, struct answer **answer)
{
    struct lookup lookup = {.base = loop_new()};
    stat_counter stats[DNS_STAT_COUNT] = {0};
    struct resolver_settings settings;
    struct resolver_setup setup = {.base = lookup.base, .stats = stats};
    struct resolver *resolver = NULL;
    enum err err;

    if (lookup.base == NULL)
        return ERR_IO;
    worker_resolver_settings(config, &settings);
    setup.cache = cache_new(&settings);
    setup.mailbox = mailbox_new(lookup.base);
    err = setup.mailbox != NULL ? resolver_new(&setup, &settings, &resolver) : ERR_IO;
    if (err == ERR_OK)
        err = run(&lookup, resolver, host, config->timeout_connect);
    mailbox_free(setup.mailbox);
    resolver_free(resolver);
    cache_free(setup.cache);
    event_base_free(lookup.base);
    if (err == ERR_OK)
        *answer = lookup.answer;
    return err;
}
