/*
 * Who of a client's checkouts of a host may go to the shelf. Any thread. Under a shard's lock
 * lists and counts change and nothing else happens.
 */
#include "pool/quota.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

#define QUOTA_SHARDS 16u

TAILQ_HEAD(pass_list, quota_pass);

/* Of one client at one host. */
struct quota {
    struct map_node node;
    struct quota_shard *shard;
    unsigned entered;
    struct pass_list waiting; /* oldest first */
    struct pool_key key;
    size_t name_size;
    char name[QUOTA_NAME_SIZE];
};

struct quota_shard {
    pthread_mutex_t lock;
    struct map map;
};

struct quotas {
    const struct pool_limits *limits;
    _Atomic unsigned waiting;
    _Atomic unsigned count;
    struct quota_shard shards[QUOTA_SHARDS];
};

struct quotas *
quotas_new(const struct pool_limits *limits)
{
    struct quotas *quotas = xcalloc(1, sizeof(*quotas));

    quotas->limits = limits;
    for (size_t i = 0; i < QUOTA_SHARDS; i++)
        pthread_mutex_init(&quotas->shards[i].lock, NULL);
    return quotas;
}

void
quotas_free(struct quotas *quotas)
{
    if (quotas == NULL)
        return;
    assert(atomic_load(&quotas->count) == 0 && atomic_load(&quotas->waiting) == 0);
    for (size_t i = 0; i < QUOTA_SHARDS; i++) {
        map_fini(&quotas->shards[i].map);
        pthread_mutex_destroy(&quotas->shards[i].lock);
    }
    free(quotas);
}

/* What is looked for: whose, and at which host. */
struct quota_name {
    const struct pool_key *key;
    struct slice client;
};

static bool
is_named(const struct map_node *node, const void *arg)
{
    const struct quota *quota = MAP_OWNER(node, struct quota, node);
    const struct quota_name *name = arg;

    return slice_equal((struct slice){quota->name, quota->name_size}, name->client) &&
           pool_key_equal(&quota->key, name->key);
}

static struct quota *
obtain(struct quotas *quotas, struct quota_shard *shard, const struct quota_name *name,
       uint64_t hash)
{
    struct map_node *node = map_find(&shard->map, hash, is_named, name);
    struct quota *quota;

    if (node != NULL)
        return MAP_OWNER(node, struct quota, node);
    quota = xcalloc(1, sizeof(*quota));
    quota->node.hash = hash;
    quota->shard = shard;
    quota->key = *name->key;
    quota->name_size = name->client.size;
    memcpy(quota->name, name->client.data, name->client.size);
    TAILQ_INIT(&quota->waiting);
    map_insert(&shard->map, &quota->node);
    atomic_fetch_add_explicit(&quotas->count, 1, memory_order_relaxed);
    return quota;
}

/* Whoever waits does so because somebody entered: then there is nobody, either. */
static void
drop(struct quotas *quotas, struct quota *quota)
{
    if (quota->entered > 0)
        return;
    assert(TAILQ_EMPTY(&quota->waiting));
    map_remove(&quota->shard->map, &quota->node);
    free(quota);
    atomic_fetch_sub_explicit(&quotas->count, 1, memory_order_relaxed);
}

static bool
has_room(const struct quotas *quotas, const struct quota *quota)
{
    unsigned most = limit_of(&quotas->limits->max_per_client);

    return most == 0 || quota->entered < most;
}

/* Under the lock. */
static void
unwait(struct quotas *quotas, struct quota_pass *pass)
{
    TAILQ_REMOVE(&pass->quota->waiting, pass, entry);
    pass->is_waiting = false;
    atomic_fetch_sub_explicit(&quotas->waiting, 1, memory_order_relaxed);
}

/* Under the lock: those who may enter now, to be told after it. */
static void
let_in(struct quotas *quotas, struct quota *quota, struct pass_list *entered)
{
    struct quota_pass *pass;

    while ((pass = TAILQ_FIRST(&quota->waiting)) != NULL && has_room(quotas, quota)) {
        unwait(quotas, pass);
        quota->entered++;
        TAILQ_INSERT_TAIL(entered, pass, entry);
    }
}

/* A pass may be gone as soon as it was told. */
static void
tell_all(struct pass_list *entered)
{
    struct quota_pass *pass;

    while ((pass = TAILQ_FIRST(entered)) != NULL) {
        TAILQ_REMOVE(entered, pass, entry);
        pass->on_entered(pass);
    }
}

enum quota_got
quota_enter(struct quotas *quotas, const struct pool_key *key, struct slice client,
            struct quota_pass *pass)
{
    struct quota_name name = {key, client};
    enum quota_got got = QUOTA_ENTERED;
    struct quota_shard *shard;
    uint64_t hash;

    if (client.size == 0 || limit_of(&quotas->limits->max_per_client) == 0)
        return QUOTA_ENTERED;
    if (client.size > QUOTA_NAME_SIZE)
        name.client.size = QUOTA_NAME_SIZE;
    hash = key->hash ^ hash_bytes(name.client.data, name.client.size);
    shard = &quotas->shards[hash_shard(hash, QUOTA_SHARDS)];
    pthread_mutex_lock(&shard->lock);
    pass->quota = obtain(quotas, shard, &name, hash);
    if (TAILQ_EMPTY(&pass->quota->waiting) && has_room(quotas, pass->quota)) {
        pass->quota->entered++;
    } else if (limit_reserve(&quotas->waiting, &quotas->limits->max_waiting)) {
        pass->is_waiting = true;
        TAILQ_INSERT_TAIL(&pass->quota->waiting, pass, entry);
        got = QUOTA_WAITS;
    } else {
        pass->quota = NULL;
        got = QUOTA_FULL;
    }
    pthread_mutex_unlock(&shard->lock);
    return got;
}

bool
quota_cancel(struct quotas *quotas, struct quota_pass *pass)
{
    struct quota_shard *shard = pass->quota->shard;
    bool was_waiting;

    pthread_mutex_lock(&shard->lock);
    was_waiting = pass->is_waiting;
    if (was_waiting) {
        unwait(quotas, pass);
        pass->quota = NULL;
    }
    pthread_mutex_unlock(&shard->lock);
    return was_waiting;
}

void
quota_leave(struct quotas *quotas, struct quota_pass *pass)
{
    struct pass_list entered = TAILQ_HEAD_INITIALIZER(entered);
    struct quota *quota = pass->quota;
    struct quota_shard *shard;

    if (quota == NULL)
        return;
    shard = quota->shard;
    pass->quota = NULL;
    pthread_mutex_lock(&shard->lock);
    assert(!pass->is_waiting && quota->entered > 0);
    quota->entered--;
    let_in(quotas, quota, &entered);
    drop(quotas, quota);
    pthread_mutex_unlock(&shard->lock);
    tell_all(&entered);
}

/* What refresh_quota() is given. */
struct refresh {
    struct quotas *quotas;
    struct pass_list entered;
};

static void
refresh_quota(struct map_node *node, void *arg)
{
    struct refresh *refresh = arg;

    let_in(refresh->quotas, MAP_OWNER(node, struct quota, node), &refresh->entered);
}

void
quotas_refresh(struct quotas *quotas)
{
    struct refresh refresh = {.quotas = quotas};

    TAILQ_INIT(&refresh.entered);
    for (size_t i = 0; i < QUOTA_SHARDS; i++) {
        pthread_mutex_lock(&quotas->shards[i].lock);
        map_each(&quotas->shards[i].map, refresh_quota, &refresh);
        pthread_mutex_unlock(&quotas->shards[i].lock);
    }
    tell_all(&refresh.entered);
}

static void
note_waiting(struct map_node *node, void *list)
{
    const struct quota *quota = MAP_OWNER(node, struct quota, node);
    const struct quota_pass *pass;

    TAILQ_FOREACH (pass, &quota->waiting, entry)
        waiting_note(list, &quota->key, pass->waiting);
}

void
quotas_look(struct quotas *quotas, struct waiting_list *list)
{
    for (size_t i = 0; i < QUOTA_SHARDS; i++) {
        pthread_mutex_lock(&quotas->shards[i].lock);
        map_each(&quotas->shards[i].map, note_waiting, list);
        pthread_mutex_unlock(&quotas->shards[i].lock);
    }
}

unsigned
quotas_waiting(const struct quotas *quotas)
{
    return limit_of(&quotas->waiting);
}

unsigned
quotas_count(const struct quotas *quotas)
{
    return limit_of(&quotas->count);
}
