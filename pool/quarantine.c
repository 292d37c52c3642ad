/*
 * Hosts that were caught, by key and in the order of their catch. One lock of its own, never
 * held together with another; any thread.
 */
#include "pool/quarantine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"

struct held {
    struct map_node node;
    TAILQ_ENTRY(held) entry;
    struct pool_key key;
    uint64_t until_us;
};

struct quarantine {
    pthread_mutex_t lock;
    struct map hosts;
    TAILQ_HEAD(, held) list;  /* caught longest ago first */
    _Atomic uint64_t last_us; /* from then on nobody is held */
};

struct quarantine *
quarantine_new(void)
{
    struct quarantine *quarantine = xcalloc(1, sizeof(*quarantine));

    pthread_mutex_init(&quarantine->lock, NULL);
    TAILQ_INIT(&quarantine->list);
    return quarantine;
}

static void
let_go(struct quarantine *quarantine, struct held *held)
{
    map_remove(&quarantine->hosts, &held->node);
    TAILQ_REMOVE(&quarantine->list, held, entry);
    free(held);
}

void
quarantine_free(struct quarantine *quarantine)
{
    if (quarantine == NULL)
        return;
    while (!TAILQ_EMPTY(&quarantine->list))
        let_go(quarantine, TAILQ_FIRST(&quarantine->list));
    map_fini(&quarantine->hosts);
    pthread_mutex_destroy(&quarantine->lock);
    free(quarantine);
}

static bool
has_key(const struct map_node *node, const void *key)
{
    return pool_key_equal(&MAP_OWNER(node, struct held, node)->key, key);
}

/* Under the lock: the host's entry if its time is not over, or NULL. */
static struct held *
find(struct quarantine *quarantine, const struct pool_key *key, uint64_t now_us)
{
    struct map_node *node = map_find(&quarantine->hosts, key->hash, has_key, key);
    struct held *held;

    if (node == NULL)
        return NULL;
    held = MAP_OWNER(node, struct held, node);
    if (held->until_us > now_us)
        return held;
    let_go(quarantine, held);
    return NULL;
}

/* Under the lock. */
static struct held *
enter(struct quarantine *quarantine, const struct pool_key *key)
{
    struct held *held = xcalloc(1, sizeof(*held));

    if (quarantine->hosts.size >= QUARANTINE_MOST)
        let_go(quarantine, TAILQ_FIRST(&quarantine->list));
    held->key = *key;
    held->node.hash = key->hash;
    map_insert(&quarantine->hosts, &held->node);
    TAILQ_INSERT_TAIL(&quarantine->list, held, entry);
    return held;
}

bool
quarantine_add(struct quarantine *quarantine, const struct pool_key *key, unsigned for_ms)
{
    uint64_t now_us = clock_now_us();
    uint64_t until_us = now_us + (uint64_t)for_ms * 1000;
    struct held *held;
    bool is_new;

    pthread_mutex_lock(&quarantine->lock);
    held = find(quarantine, key, now_us);
    is_new = held == NULL;
    if (is_new) {
        held = enter(quarantine, key);
    } else {
        TAILQ_REMOVE(&quarantine->list, held, entry);
        TAILQ_INSERT_TAIL(&quarantine->list, held, entry);
    }
    held->until_us = until_us;
    /* Under the lock, so that it only grows; a reader that misses it had come before us. */
    if (atomic_load_explicit(&quarantine->last_us, memory_order_relaxed) < until_us)
        atomic_store_explicit(&quarantine->last_us, until_us, memory_order_release);
    pthread_mutex_unlock(&quarantine->lock);
    return is_new;
}

bool
quarantine_holds(struct quarantine *quarantine, const struct pool_key *key)
{
    uint64_t now_us = clock_now_us();
    bool is_held;

    if (now_us >= atomic_load_explicit(&quarantine->last_us, memory_order_acquire))
        return false;
    pthread_mutex_lock(&quarantine->lock);
    is_held = find(quarantine, key, now_us) != NULL;
    pthread_mutex_unlock(&quarantine->lock);
    return is_held;
}

size_t
quarantine_size(struct quarantine *quarantine)
{
    uint64_t now_us = clock_now_us();
    struct held *held;
    size_t size = 0;

    pthread_mutex_lock(&quarantine->lock);
    TAILQ_FOREACH (held, &quarantine->list, entry)
        size += held->until_us > now_us;
    pthread_mutex_unlock(&quarantine->lock);
    return size;
}
