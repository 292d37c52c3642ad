/*
 * The memory of all resolvers: a map by name, an order of last use, and for each name that is
 * being asked for the list of those who take part. Any thread, under one lock.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "dns/answer.h"
#include "dns/cache_inside.h"

/* RFC 8767 §5: an answer past its time is given out this long before the servers are tried
 * again. */
#define STALE_TTL_US ((uint64_t)30 * 1000000)

static bool
is_entry(const struct map_node *node, const void *key)
{
    const struct cache_entry *entry = MAP_OWNER(node, struct cache_entry, node);

    return slice_equal((struct slice){entry->name, entry->name_size},
                       *(const struct slice *)key);
}

static struct cache_entry *
entry_of(const struct cache *cache, struct slice name)
{
    struct map_node *node =
        map_find(&cache->names, hash_bytes(name.data, name.size), is_entry, &name);

    return node != NULL ? MAP_OWNER(node, struct cache_entry, node) : NULL;
}

static struct cache_entry *
entry_new(struct cache *cache, struct slice name)
{
    struct cache_entry *entry = xcalloc(1, sizeof(*entry) + name.size);

    memcpy(entry->name, name.data, name.size);
    entry->name_size = name.size;
    entry->node.hash = hash_bytes(name.data, name.size);
    entry->is_mapped = true;
    TAILQ_INIT(&entry->claims);
    map_insert(&cache->names, &entry->node);
    TAILQ_INSERT_HEAD(&cache->order, entry, link);
    return entry;
}

static void
entry_unmap(struct cache *cache, struct cache_entry *entry)
{
    TAILQ_REMOVE(&cache->order, entry, link);
    map_remove(&cache->names, &entry->node);
    entry->is_mapped = false;
}

/* Frees it unless somebody takes part in it, or it is found by its name and has something to
 * say. */
static void
entry_tidy(struct cache *cache, struct cache_entry *entry)
{
    if (!TAILQ_EMPTY(&entry->claims) || (entry->is_mapped && entry->is_known))
        return;
    if (entry->is_mapped)
        entry_unmap(cache, entry);
    answer_unref(entry->answer);
    answer_unref(entry->partial);
    free(entry);
}

static void
entry_forget(struct cache *cache, struct cache_entry *entry)
{
    entry_unmap(cache, entry);
    entry_tidy(cache, entry);
}

static void
entry_use(struct cache *cache, struct cache_entry *entry)
{
    TAILQ_REMOVE(&cache->order, entry, link);
    TAILQ_INSERT_HEAD(&cache->order, entry, link);
}

/* Makes room. What is asked for stays, and was used last anyway. */
static void
evict(struct cache *cache)
{
    struct cache_entry *entry = TAILQ_LAST(&cache->order, cache_order);

    while (entry != NULL && cache->names.size > cache->at_most) {
        struct cache_entry *before = TAILQ_PREV(entry, cache_order, link);

        if (entry->runner == NULL)
            entry_forget(cache, entry);
        entry = before;
    }
}

static void
take_settings(struct cache *cache, const struct resolver_settings *settings)
{
    cache->at_most = settings->cache_size;
    cache->stale_for_us = (uint64_t)settings->serve_stale_ms * 1000;
    atomic_store_explicit(&cache->max_inflight, settings->max_inflight, memory_order_relaxed);
}

struct cache *
cache_new(const struct resolver_settings *settings)
{
    struct cache *cache = xcalloc(1, sizeof(*cache));

    pthread_mutex_init(&cache->lock, NULL);
    TAILQ_INIT(&cache->order);
    take_settings(cache, settings);
    return cache;
}

static void
forget_all(struct cache *cache)
{
    while (!TAILQ_EMPTY(&cache->order))
        entry_forget(cache, TAILQ_FIRST(&cache->order));
}

void
cache_clear(struct cache *cache, const struct resolver_settings *settings)
{
    pthread_mutex_lock(&cache->lock);
    forget_all(cache);
    take_settings(cache, settings);
    pthread_mutex_unlock(&cache->lock);
}

void
cache_free(struct cache *cache)
{
    if (cache == NULL)
        return;
    forget_all(cache);
    assert(cache->names.size == 0 && atomic_load(&cache->inflight) == 0);
    map_fini(&cache->names);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static bool
is_fresh(const struct cache_entry *entry, uint64_t now_us)
{
    return entry->is_known && now_us < entry->fresh_us;
}

/* Is there an answer that may be used if nothing better comes? */
static bool
has_stale(const struct cache_entry *entry)
{
    return entry->is_known && entry->err == ERR_OK && clock_now_us() < entry->stale_us;
}

/* Under the lock. */
static bool
entry_find(struct cache *cache, struct cache_entry *entry, enum err *err,
           struct answer **answer, bool *is_due)
{
    uint64_t now_us = clock_now_us();

    if (entry == NULL || !is_fresh(entry, now_us))
        return false;
    entry_use(cache, entry);
    *err = entry->err;
    *is_due = false;
    if (entry->err != ERR_OK)
        return true;
    answer_ref(entry->answer);
    *answer = entry->answer;
    *is_due = entry->runner == NULL && now_us >= entry->due_us;
    return true;
}

bool
cache_find(struct cache *cache, struct slice name, enum err *err, struct answer **answer,
           bool *is_due)
{
    bool is_found;

    pthread_mutex_lock(&cache->lock);
    is_found = entry_find(cache, entry_of(cache, name), err, answer, is_due);
    pthread_mutex_unlock(&cache->lock);
    return is_found;
}

bool
cache_recall(struct cache *cache, struct slice name, enum err *err, struct answer **answer)
{
    struct cache_entry *entry;
    bool is_known;

    pthread_mutex_lock(&cache->lock);
    entry = entry_of(cache, name);
    is_known = entry != NULL && entry->is_known;
    if (is_known)
        *err = entry->err;
    if (is_known && entry->err == ERR_OK) {
        answer_ref(entry->answer);
        *answer = entry->answer;
    }
    pthread_mutex_unlock(&cache->lock);
    return is_known;
}

/* ---- taking part; all under the lock ---- */

static void
claim_join(struct cache_claim *claim, struct cache_entry *entry)
{
    claim->entry = entry;
    claim->round = entry->round;
    claim->has_partial = false;
    TAILQ_INSERT_TAIL(&entry->claims, claim, link);
}

static void
claim_part(struct cache *cache, struct cache_claim *claim)
{
    struct cache_entry *entry = claim->entry;

    if (entry->runner == claim) {
        answer_unref(entry->partial);
        entry->partial = NULL;
        entry->runner = NULL;
    }
    TAILQ_REMOVE(&entry->claims, claim, link);
    claim->entry = NULL;
    entry_tidy(cache, entry);
}

/* Notes that the claim is to get a letter, and lives until then. */
static void
claim_note(struct cache_claim *claim, struct cache_claim **told)
{
    if (claim->is_mailed)
        return;
    claim->is_mailed = true;
    claim->next_told = *told;
    *told = claim;
}

/* Everybody but the one who asks. */
static struct cache_claim *
note_waiters(struct cache_entry *entry)
{
    struct cache_claim *told = NULL;
    struct cache_claim *claim;

    TAILQ_FOREACH (claim, &entry->claims, link)
        if (claim != entry->runner)
            claim_note(claim, &told);
    return told;
}

/* After the lock. Whoever was noted may not go before its letter is read. */
static void
send_letters(struct cache_claim *told)
{
    while (told != NULL) {
        struct cache_claim *next = told->next_told;

        mailbox_post(told->mailbox, &told->letter);
        told = next;
    }
}

static enum cache_part
entry_claim(struct cache_entry *entry, struct cache_claim *claim, bool is_refresh,
            struct cache_claim **told)
{
    if (entry->runner != NULL && is_refresh && entry->is_known)
        return CACHE_KNOWN;
    if (entry->runner != NULL) {
        claim_join(claim, entry);
        /* Who joins late hears what the others have heard already. */
        if (entry->partial != NULL)
            claim_note(claim, told);
        return CACHE_THEIRS;
    }
    if (is_fresh(entry, clock_now_us()) && !is_refresh)
        return CACHE_KNOWN;
    claim_join(claim, entry);
    entry->runner = claim;
    return CACHE_OURS;
}

enum cache_part
cache_claim(struct cache *cache, struct slice name, struct cache_claim *claim, bool is_refresh,
            struct cache_outcome *outcome)
{
    struct cache_claim *told = NULL;
    struct cache_entry *entry;
    enum cache_part part;

    assert(claim->entry == NULL && !claim->is_mailed);
    pthread_mutex_lock(&cache->lock);
    entry = entry_of(cache, name);
    if (entry == NULL)
        entry = entry_new(cache, name);
    entry_use(cache, entry);
    part = entry_claim(entry, claim, is_refresh, &told);
    *outcome = (struct cache_outcome){.err = entry->err};
    if (part == CACHE_KNOWN || (part == CACHE_OURS && has_stale(entry))) {
        outcome->answer = entry->answer;
        if (entry->answer != NULL)
            answer_ref(entry->answer);
    }
    evict(cache);
    pthread_mutex_unlock(&cache->lock);
    send_letters(told);
    return part;
}

void
cache_publish(struct cache *cache, struct cache_claim *claim, struct answer *partial)
{
    struct cache_entry *entry = claim->entry;
    struct cache_claim *told;

    pthread_mutex_lock(&cache->lock);
    assert(entry->runner == claim);
    answer_ref(partial);
    answer_unref(entry->partial);
    entry->partial = partial;
    told = note_waiters(entry);
    pthread_mutex_unlock(&cache->lock);
    send_letters(told);
}

/* Did the servers say something about the name, or did they fail? */
static bool
is_word(enum err err)
{
    return err == ERR_OK || err == ERR_DNS_NOT_FOUND || err == ERR_DNS_NO_ADDRESS ||
           err == ERR_DNS_NAME;
}

static void
entry_learn(struct cache_entry *entry, const struct cache_outcome *outcome,
            uint64_t stale_for_us)
{
    uint64_t ttl_us = outcome->ttl_ms * 1000;

    answer_unref(entry->answer);
    entry->answer = outcome->answer;
    if (outcome->answer != NULL)
        answer_ref(outcome->answer);
    entry->err = outcome->err;
    entry->fresh_us = clock_now_us() + ttl_us;
    entry->due_us = entry->fresh_us - ttl_us / CACHE_REFRESH_PART;
    entry->stale_us = outcome->err == ERR_OK ? entry->fresh_us + stale_for_us : 0;
    entry->is_known = true;
}

/* The servers failed: the old answer stands in for a while, and that is the outcome. */
static void
entry_keep(struct cache_entry *entry, struct cache_outcome *outcome)
{
    uint64_t now_us = clock_now_us();

    entry->due_us = now_us + STALE_TTL_US;
    if (entry->fresh_us < entry->due_us)
        entry->fresh_us = entry->due_us;
    if (entry->fresh_us > entry->stale_us)
        entry->fresh_us = entry->stale_us;
    outcome->err = ERR_OK;
    outcome->answer = entry->answer;
    outcome->ttl_ms = entry->fresh_us > now_us ? (entry->fresh_us - now_us) / 1000 : 0;
    outcome->is_stale = true;
    answer_ref(entry->answer);
}

void
cache_settle(struct cache *cache, struct cache_claim *claim, struct cache_outcome *outcome)
{
    struct cache_entry *entry = claim->entry;
    struct cache_claim *told;

    pthread_mutex_lock(&cache->lock);
    assert(entry->runner == claim);
    entry->last_err = outcome->err;
    entry->latency_ms = outcome->latency_ms;
    if (!is_word(outcome->err) && has_stale(entry))
        entry_keep(entry, outcome);
    else
        entry_learn(entry, outcome, cache->stale_for_us);
    entry->round++;
    told = note_waiters(entry);
    claim_part(cache, claim);
    evict(cache);
    pthread_mutex_unlock(&cache->lock);
    send_letters(told);
}

static enum cache_news
entry_read(struct cache *cache, struct cache_claim *claim, enum err *err,
           struct answer **answer)
{
    struct cache_entry *entry = claim->entry;

    if (entry == NULL)
        return CACHE_NOTHING;
    if (entry->round != claim->round) {
        *err = entry->err;
        if (entry->answer != NULL)
            answer_ref(entry->answer);
        *answer = entry->answer;
        claim_part(cache, claim);
        return CACHE_SETTLED;
    }
    if (entry->runner == NULL) {
        claim_part(cache, claim);
        return CACHE_ABANDONED;
    }
    if (entry->partial == NULL || claim->has_partial)
        return CACHE_NOTHING;
    claim->has_partial = true;
    answer_ref(entry->partial);
    *answer = entry->partial;
    return CACHE_PARTIAL;
}

enum cache_news
cache_read(struct cache *cache, struct cache_claim *claim, enum err *err,
           struct answer **answer)
{
    enum cache_news news;

    pthread_mutex_lock(&cache->lock);
    claim->is_mailed = false;
    news = entry_read(cache, claim, err, answer);
    pthread_mutex_unlock(&cache->lock);
    return news;
}

void
cache_leave(struct cache *cache, struct cache_claim *claim)
{
    struct cache_claim *told = NULL;

    pthread_mutex_lock(&cache->lock);
    if (claim->entry != NULL) {
        if (claim->entry->runner == claim)
            told = note_waiters(claim->entry);
        claim_part(cache, claim);
    }
    pthread_mutex_unlock(&cache->lock);
    send_letters(told);
}

enum err
cache_reserve(struct cache *cache, unsigned questions)
{
    unsigned most = atomic_load_explicit(&cache->max_inflight, memory_order_relaxed);
    unsigned now = atomic_load_explicit(&cache->inflight, memory_order_relaxed);

    /* A limit of one must still let both families of a name be asked for. */
    do {
        if (now > 0 && now + questions > most)
            return ERR_DNS_BUSY;
    } while (!atomic_compare_exchange_weak_explicit(
        &cache->inflight, &now, now + questions, memory_order_relaxed, memory_order_relaxed));
    return ERR_OK;
}

void
cache_release(struct cache *cache, unsigned questions)
{
    atomic_fetch_sub_explicit(&cache->inflight, questions, memory_order_relaxed);
}
