/* The fixture of the cache's tests. */
#include "tests/unit/dns/parties.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

const struct resolver_settings counter_settings = {
    .cache_size = COUNTER_NAMES_MOST,
    .serve_stale_ms = COUNTER_STALE_MS,
    .max_inflight = 4,
};

static void
on_mail(struct letter *letter)
{
    struct party *party =
        (struct party *)(void *)((char *)letter - offsetof(struct cache_claim, letter));

    party->counter->letters++;
}

int
counter_set_up(void **state)
{
    static struct counter counter;

    counter = (struct counter){.cache = cache_new(&counter_settings), .base = event_base_new()};
    counter.mailbox = mailbox_new(counter.base);
    *state = &counter;
    return 0;
}

int
counter_tear_down(void **state)
{
    struct counter *counter = *state;

    mailbox_free(counter->mailbox);
    event_base_free(counter->base);
    cache_free(counter->cache);
    return 0;
}

static enum cache_part
take_part(struct counter *counter, struct party *party, const char *name, bool is_refresh)
{
    struct cache_outcome outcome;
    enum cache_part part;

    *party = (struct party){.counter = counter};
    party->claim.mailbox = counter->mailbox;
    party->claim.letter.on_mail = on_mail;
    part = cache_claim(counter->cache, slice_of(name), &party->claim, is_refresh, &outcome);
    answer_unref(outcome.answer);
    return part;
}

enum cache_part
claim(struct counter *counter, struct party *party, const char *name)
{
    return take_part(counter, party, name, false);
}

enum cache_part
claim_again(struct counter *counter, struct party *party, const char *name)
{
    return take_part(counter, party, name, true);
}

enum err
settle(struct counter *counter, struct party *party, enum err err, uint64_t ttl_ms)
{
    struct cache_outcome outcome = {.err = err, .ttl_ms = ttl_ms};

    if (err == ERR_OK)
        outcome.answer = answer_new(NULL, 0);
    cache_settle(counter->cache, &party->claim, &outcome);
    answer_unref(outcome.answer);
    return outcome.err;
}

void
put(struct counter *counter, const char *name, enum err err, uint64_t ttl_ms)
{
    struct party party;

    assert_int_equal(claim(counter, &party, name), CACHE_OURS);
    settle(counter, &party, err, ttl_ms);
}

bool
knows(struct counter *counter, const char *name)
{
    struct answer *answer = NULL;
    enum err err;
    bool is_due;
    bool is_known = cache_find(counter->cache, slice_of(name), &err, &answer, &is_due);

    answer_unref(answer);
    return is_known;
}

bool
is_due(struct counter *counter, const char *name)
{
    struct answer *answer = NULL;
    bool due = false;
    enum err err;

    assert_true(cache_find(counter->cache, slice_of(name), &err, &answer, &due));
    answer_unref(answer);
    return due;
}

enum cache_news
news(struct party *party, enum err *err)
{
    struct answer *answer = NULL;
    enum cache_news heard = cache_read(party->counter->cache, &party->claim, err, &answer);

    answer_unref(answer);
    return heard;
}

unsigned
letters(struct counter *counter)
{
    event_base_loop(counter->base, EVLOOP_NONBLOCK);
    return counter->letters;
}
