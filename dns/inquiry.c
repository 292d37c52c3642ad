/*
 * Questions, and who asks them: this resolver's channel, or that of another worker whose answer
 * is waited for. The base's thread.
 */
#include "base/hash.h"
#include "dns/answer.h"
#include "dns/resolver_inside.h"

struct slice
inquiry_name(const struct name *name)
{
    /* A trailing dot makes it another question, one without search domains: count the NUL in.
     */
    return (struct slice){name->text, name->size + (name->is_absolute ? 1 : 0)};
}

static bool
is_question(const struct map_node *node, const void *key)
{
    const struct question *question = MAP_OWNER(node, struct question, node);

    return slice_equal(inquiry_name(&question->name), *(const struct slice *)key);
}

void
inquiry_close(struct resolver *resolver, struct question *question)
{
    if (question->is_joinable)
        map_remove(&resolver->joinable, &question->node);
    question->is_joinable = false;
}

void
inquiry_end(struct resolver *resolver, struct question *question)
{
    inquiry_close(resolver, question);
    TAILQ_REMOVE(&resolver->questions, question, link);
    if (question->is_changed)
        TAILQ_REMOVE(&resolver->changed, question, change_link);
    cache_leave(resolver->cache, &question->claim);
    if (question->reserved > 0)
        cache_release(resolver->cache, question->reserved);
    question_free(question);
}

/* Nobody else asks. stale is taken. */
static enum err
ask(struct resolver *resolver, struct question *question, struct answer *stale)
{
    unsigned queries = question_queries(resolver->settings.family);
    enum err err = cache_reserve(resolver->cache, queries);

    if (err != ERR_OK) {
        answer_unref(stale);
        cache_leave(resolver->cache, &question->claim);
        return err;
    }
    question->reserved = queries;
    question_start(question, stale);
    return ERR_OK;
}

/* Asks the servers, or waits for another thread that does. ERR_DNS_BUSY. */
static enum err
begin(struct resolver *resolver, struct question *question, bool is_refresh)
{
    struct cache_outcome outcome;

    switch (cache_claim(resolver->cache, inquiry_name(&question->name), &question->claim,
                        is_refresh, &outcome)) {
    case CACHE_OURS:
        return ask(resolver, question, outcome.answer);
    case CACHE_THEIRS:
        stat_add(&resolver->home.stats[DNS_STAT_JOINED], 1);
        break;
    case CACHE_KNOWN:
        question_take_settled(question, &outcome);
        break;
    }
    return ERR_OK;
}

/* What the one who asks for all of us has heard. */
static void
on_letter(struct letter *letter)
{
    struct question *question = MAP_OWNER(letter, struct question, claim.letter);
    struct resolver *resolver = MAP_OWNER(question->home, struct resolver, home);
    struct cache_outcome outcome = {0};

    switch (cache_read(resolver->cache, &question->claim, &outcome.err, &outcome.answer)) {
    case CACHE_NOTHING:
        return;
    case CACHE_PARTIAL:
        question_take_early(question, outcome.answer);
        return;
    case CACHE_SETTLED:
        break;
    case CACHE_ABANDONED:
        outcome.err = begin(resolver, question, false);
        if (outcome.err == ERR_OK)
            return;
        break;
    }
    question_take_settled(question, &outcome);
}

static struct question *
open_question(struct resolver *resolver, const struct name *name, uint64_t hash)
{
    struct question *question = question_new(&resolver->home, resolver->channel, name);

    question->claim.mailbox = resolver->mailbox;
    question->claim.letter.on_mail = on_letter;
    question->node.hash = hash;
    question->is_joinable = true;
    map_insert(&resolver->joinable, &question->node);
    TAILQ_INSERT_TAIL(&resolver->questions, question, link);
    return question;
}

enum err
inquiry_find(struct resolver *resolver, const struct name *name, bool is_refresh,
             struct question **question)
{
    struct slice text = inquiry_name(name);
    uint64_t hash = hash_bytes(text.data, text.size);
    struct map_node *node = map_find(&resolver->joinable, hash, is_question, &text);
    struct question *made;
    enum err err;

    if (node != NULL) {
        if (!is_refresh)
            stat_add(&resolver->home.stats[DNS_STAT_JOINED], 1);
        *question = MAP_OWNER(node, struct question, node);
        return ERR_OK;
    }
    made = open_question(resolver, name, hash);
    err = begin(resolver, made, is_refresh);
    if (err != ERR_OK)
        inquiry_end(resolver, made);
    else
        *question = made;
    return err;
}
