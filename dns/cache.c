/*
 * The resolver's memory: a map by name and an order of last use. One thread.
 */
#include "dns/cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

struct cache_entry {
    struct map_node node;
    TAILQ_ENTRY(cache_entry) link;
    uint64_t expires_us;
    struct answer *answer;
    enum err err;
    size_t name_size;
    char name[];
};

static bool
is_entry(const struct map_node *node, const void *key)
{
    const struct cache_entry *entry = MAP_OWNER(node, struct cache_entry, node);

    return slice_equal((struct slice){entry->name, entry->name_size},
                       *(const struct slice *)key);
}

static struct cache_entry *
cache_entry_of(const struct cache *cache, struct slice name)
{
    struct map_node *node =
        map_find(&cache->names, hash_bytes(name.data, name.size), is_entry, &name);

    return node != NULL ? MAP_OWNER(node, struct cache_entry, node) : NULL;
}

static void
cache_drop(struct cache *cache, struct cache_entry *entry)
{
    map_remove(&cache->names, &entry->node);
    TAILQ_REMOVE(&cache->order, entry, link);
    answer_unref(entry->answer);
    free(entry);
}

void
cache_init(struct cache *cache, size_t at_most)
{
    *cache = (struct cache){.at_most = at_most};
    TAILQ_INIT(&cache->order);
}

void
cache_clear(struct cache *cache)
{
    while (!TAILQ_EMPTY(&cache->order))
        cache_drop(cache, TAILQ_FIRST(&cache->order));
    map_fini(&cache->names);
}

bool
cache_find(struct cache *cache, struct slice name, enum err *err, struct answer **answer)
{
    struct cache_entry *entry = cache_entry_of(cache, name);

    if (entry == NULL)
        return false;
    if (entry->expires_us <= clock_now_us()) {
        cache_drop(cache, entry);
        return false;
    }
    TAILQ_REMOVE(&cache->order, entry, link);
    TAILQ_INSERT_HEAD(&cache->order, entry, link);
    *err = entry->err;
    *answer = entry->answer;
    return true;
}

void
cache_put(struct cache *cache, struct slice name, enum err err, struct answer *answer,
          uint64_t ttl_ms)
{
    struct cache_entry *entry = cache_entry_of(cache, name);

    if (entry != NULL)
        cache_drop(cache, entry);
    if (ttl_ms == 0 || cache->at_most == 0)
        return;
    while (cache->names.size >= cache->at_most)
        cache_drop(cache, TAILQ_LAST(&cache->order, cache_order));
    entry = xcalloc(1, sizeof(*entry) + name.size);
    memcpy(entry->name, name.data, name.size);
    entry->name_size = name.size;
    entry->node.hash = hash_bytes(name.data, name.size);
    entry->expires_us = clock_now_us() + ttl_ms * 1000;
    entry->err = err;
    entry->answer = answer;
    if (answer != NULL)
        answer_ref(answer);
    map_insert(&cache->names, &entry->node);
    TAILQ_INSERT_HEAD(&cache->order, entry, link);
}
