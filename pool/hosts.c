/*
 * The records of hosts. Shards by key hash with one lock each, never held together with
 * another. No callback is called under one but the visitor's.
 */
#include "pool/hosts.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

#define HOSTS_SHARDS 16u

TAILQ_HEAD(host_list, host);

struct hosts_shard {
    struct hosts *hosts;
    pthread_mutex_t lock;
    struct map records;
    struct host_list resting; /* left longest ago first */
    size_t resting_count;
    struct hosts_forgotten forgotten;
};

struct hosts {
    const struct pool_limits *limits;
    struct hosts_shard shards[HOSTS_SHARDS];
};

struct hosts *
hosts_new(const struct pool_limits *limits)
{
    struct hosts *hosts = xcalloc(1, sizeof(*hosts));

    hosts->limits = limits;
    for (size_t i = 0; i < HOSTS_SHARDS; i++) {
        hosts->shards[i].hosts = hosts;
        pthread_mutex_init(&hosts->shards[i].lock, NULL);
        TAILQ_INIT(&hosts->shards[i].resting);
    }
    return hosts;
}

/* Under the lock: no longer among those that rest. */
static void
wake(struct hosts_shard *shard, struct host *host)
{
    TAILQ_REMOVE(&shard->resting, host, resting);
    shard->resting_count--;
}

/* Under the lock: takes the record out that was left longest ago. */
static struct host *
take_oldest(struct hosts_shard *shard)
{
    struct host *host = TAILQ_FIRST(&shard->resting);

    wake(shard, host);
    map_remove(&shard->records, &host->node);
    return host;
}

static void
host_free(struct host *host)
{
    tickets_fini(&host->tickets);
    free(host);
}

void
hosts_free(struct hosts *hosts)
{
    if (hosts == NULL)
        return;
    for (size_t i = 0; i < HOSTS_SHARDS; i++) {
        struct hosts_shard *shard = &hosts->shards[i];

        while (!TAILQ_EMPTY(&shard->resting))
            host_free(take_oldest(shard));
        assert(shard->records.size == 0);
        map_fini(&shard->records);
        pthread_mutex_destroy(&shard->lock);
    }
    free(hosts);
}

static struct hosts_shard *
shard_of(struct hosts *hosts, const struct pool_key *key)
{
    return &hosts->shards[hash_shard(key->hash, HOSTS_SHARDS)];
}

static bool
has_key(const struct map_node *node, const void *key)
{
    return pool_key_equal(&MAP_OWNER(node, struct host, node)->key, key);
}

/* Under the lock. */
static struct host *
host_enter(struct hosts_shard *shard, const struct pool_key *key)
{
    struct host *host = xcalloc(1, sizeof(*host));

    host->shard = shard;
    host->key = *key;
    tickets_init(&host->tickets);
    host->node.hash = key->hash;
    map_insert(&shard->records, &host->node);
    return host;
}

struct host *
hosts_obtain(struct hosts *hosts, const struct pool_key *key)
{
    struct hosts_shard *shard = shard_of(hosts, key);
    struct map_node *node;
    struct host *host;

    pthread_mutex_lock(&shard->lock);
    node = map_find(&shard->records, key->hash, has_key, key);
    if (node == NULL) {
        host = host_enter(shard, key);
    } else {
        host = MAP_OWNER(node, struct host, node);
        if (host->references == 0)
            wake(shard, host);
    }
    host->references++;
    pthread_mutex_unlock(&shard->lock);
    return host;
}

/* More rest than a shard's part of the limit? */
static bool
is_crowded(const struct hosts_shard *shard)
{
    unsigned most = limit_of(&shard->hosts->limits->max_hosts);

    return shard->resting_count > (most + HOSTS_SHARDS - 1) / HOSTS_SHARDS;
}

/* Under the lock: nobody refers to it any more. */
static void
rest(struct hosts_shard *shard, struct host *host)
{
    TAILQ_INSERT_TAIL(&shard->resting, host, resting);
    shard->resting_count++;
}

static void
add_forgotten(struct hosts_forgotten *to, const struct hosts_forgotten *from)
{
    to->hosts += from->hosts;
    ledger_sum(&to->figures, &from->figures);
}

/* Under the lock: the record's counts go into the sum, the record to whoever frees it. */
static void
forget_oldest(struct hosts_shard *shard, struct host_list *forgotten)
{
    struct host *host = take_oldest(shard);
    struct hosts_forgotten last = {.hosts = 1};

    ledger_read_counts(&host->ledger, &last.figures);
    add_forgotten(&shard->forgotten, &last);
    TAILQ_INSERT_TAIL(forgotten, host, resting);
}

static void
free_all(struct host_list *forgotten)
{
    struct host *host;

    while ((host = TAILQ_FIRST(forgotten)) != NULL) {
        TAILQ_REMOVE(forgotten, host, resting);
        host_free(host);
    }
}

void
hosts_leave(struct host *host)
{
    struct host_list forgotten = TAILQ_HEAD_INITIALIZER(forgotten);
    struct hosts_shard *shard;

    if (host == NULL)
        return;
    shard = host->shard;
    pthread_mutex_lock(&shard->lock);
    assert(host->references > 0);
    if (--host->references == 0)
        rest(shard, host);
    /* More than one where the limit was lowered. */
    while (is_crowded(shard))
        forget_oldest(shard, &forgotten);
    pthread_mutex_unlock(&shard->lock);
    free_all(&forgotten);
}

struct visit {
    void (*visit)(const struct host *host, void *arg);
    void *arg;
};

static void
visit_record(struct map_node *node, void *arg)
{
    const struct visit *visit = arg;

    visit->visit(MAP_OWNER(node, struct host, node), visit->arg);
}

void
hosts_each(struct hosts *hosts, void (*visit)(const struct host *host, void *arg), void *arg,
           struct hosts_forgotten *forgotten)
{
    struct visit each = {visit, arg};

    for (size_t i = 0; i < HOSTS_SHARDS; i++) {
        pthread_mutex_lock(&hosts->shards[i].lock);
        map_each(&hosts->shards[i].records, visit_record, &each);
        if (forgotten != NULL)
            add_forgotten(forgotten, &hosts->shards[i].forgotten);
        pthread_mutex_unlock(&hosts->shards[i].lock);
    }
}

size_t
hosts_size(struct hosts *hosts)
{
    size_t size = 0;

    for (size_t i = 0; i < HOSTS_SHARDS; i++) {
        pthread_mutex_lock(&hosts->shards[i].lock);
        size += hosts->shards[i].records.size;
        pthread_mutex_unlock(&hosts->shards[i].lock);
    }
    return size;
}
