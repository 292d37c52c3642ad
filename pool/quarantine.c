/*
 * Hosts that were caught, by key. Any thread.
 */
#include "pool/quarantine.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pool/memo.h"

struct caught {
    struct memo memo;
    struct pool_key key;
};

struct quarantine {
    struct memos hosts;
};

struct quarantine *
quarantine_new(void)
{
    struct quarantine *quarantine = xcalloc(1, sizeof(*quarantine));

    memos_init(&quarantine->hosts, QUARANTINE_MOST);
    return quarantine;
}

void
quarantine_free(struct quarantine *quarantine)
{
    if (quarantine == NULL)
        return;
    memos_fini(&quarantine->hosts);
    free(quarantine);
}

static bool
has_key(const struct map_node *node, const void *key)
{
    return pool_key_equal(&MAP_OWNER(node, struct caught, memo.node)->key, key);
}

bool
quarantine_add(struct quarantine *quarantine, const struct pool_key *key, unsigned for_ms)
{
    struct memos *hosts = &quarantine->hosts;
    uint64_t now_us = clock_now_us();
    uint64_t until_us = now_us + (uint64_t)for_ms * 1000;
    struct memo *known;
    struct caught *caught;

    pthread_mutex_lock(&hosts->lock);
    known = memos_find(hosts, key->hash, has_key, key, now_us);
    if (known != NULL) {
        memos_renew(hosts, known, until_us);
    } else {
        caught = xcalloc(1, sizeof(*caught));
        caught->key = *key;
        memos_add(hosts, &caught->memo, key->hash, until_us);
    }
    pthread_mutex_unlock(&hosts->lock);
    return known == NULL;
}

bool
quarantine_holds(struct quarantine *quarantine, const struct pool_key *key)
{
    struct memos *hosts = &quarantine->hosts;
    uint64_t now_us = clock_now_us();
    bool is_held;

    if (!memos_any(hosts, now_us))
        return false;
    pthread_mutex_lock(&hosts->lock);
    is_held = memos_find(hosts, key->hash, has_key, key, now_us) != NULL;
    pthread_mutex_unlock(&hosts->lock);
    return is_held;
}

size_t
quarantine_size(struct quarantine *quarantine)
{
    struct memos *hosts = &quarantine->hosts;
    uint64_t now_us = clock_now_us();
    const struct memo *memo;
    size_t size = 0;

    pthread_mutex_lock(&hosts->lock);
    TAILQ_FOREACH (memo, &hosts->list, entry)
        size += memo->until_us > now_us;
    pthread_mutex_unlock(&hosts->lock);
    return size;
}
