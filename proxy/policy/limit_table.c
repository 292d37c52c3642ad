/*
 * The table of accounts: a map and a list of idle accounts per shard, each under a lock of its
 * own. Any thread.
 */
#include "proxy/policy/limit_table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

#define SHARD_COUNT 16u

/* An account with its place in the table. */
struct entry {
    struct limit_account account; /* first, so that the account is the entry */
    struct map_node node;
    TAILQ_ENTRY(entry) link; /* while idle */
    unsigned holders;
    enum limit_party party;
    size_t name_size;
    char name[];
};

TAILQ_HEAD(entry_list, entry);

struct shard {
    pthread_mutex_t lock;
    struct map map;
    struct entry_list idle; /* the first one was left longest ago */
    size_t idle_count;
};

struct limit_table {
    size_t most_idle; /* per shard */
    struct shard shards[SHARD_COUNT];
};

/* What a look-up is for. */
struct wanted {
    enum limit_party party;
    struct slice name;
};

static struct shard *
shard_of(struct limit_table *table, uint64_t hash)
{
    return &table->shards[hash_shard(hash, SHARD_COUNT)];
}

static bool
is_wanted(const struct map_node *node, const void *key)
{
    const struct entry *entry = MAP_OWNER(node, struct entry, node);
    const struct wanted *wanted = key;

    return entry->party == wanted->party &&
           slice_equal((struct slice){entry->name, entry->name_size}, wanted->name);
}

static bool
has_nothing_to_remember(const struct entry *entry, uint64_t now_ns)
{
    const struct limit_account *account = &entry->account;

    return limit_allowance_is_full(&account->requests, now_ns) &&
           limit_allowance_is_full(&account->bytes[LIMIT_DOWN], now_ns) &&
           limit_allowance_is_full(&account->bytes[LIMIT_UP], now_ns);
}

static void
idle_remove(struct shard *shard, struct entry *entry)
{
    TAILQ_REMOVE(&shard->idle, entry, link);
    shard->idle_count--;
}

static void
forget(struct shard *shard, struct entry *entry)
{
    idle_remove(shard, entry);
    map_remove(&shard->map, &entry->node);
    free(entry);
}

static void
become_idle(struct limit_table *table, struct shard *shard, struct entry *entry,
            uint64_t now_ns)
{
    TAILQ_INSERT_TAIL(&shard->idle, entry, link);
    shard->idle_count++;
    if (has_nothing_to_remember(entry, now_ns))
        forget(shard, entry);
    else if (shard->idle_count > table->most_idle)
        forget(shard, TAILQ_FIRST(&shard->idle));
}

struct limit_table *
limit_table_new(size_t most_idle)
{
    struct limit_table *table = xcalloc(1, sizeof(*table));

    table->most_idle = most_idle / SHARD_COUNT;
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        pthread_mutex_init(&table->shards[i].lock, NULL);
        TAILQ_INIT(&table->shards[i].idle);
    }
    return table;
}

void
limit_table_free(struct limit_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        struct shard *shard = &table->shards[i];

        while (!TAILQ_EMPTY(&shard->idle))
            forget(shard, TAILQ_FIRST(&shard->idle));
        map_fini(&shard->map);
        pthread_mutex_destroy(&shard->lock);
    }
    free(table);
}

static struct entry *
entry_new(const struct wanted *wanted, uint64_t hash)
{
    struct entry *entry = xcalloc(1, sizeof(*entry) + wanted->name.size);

    entry->node.hash = hash;
    entry->party = wanted->party;
    entry->name_size = wanted->name.size;
    memcpy(entry->name, wanted->name.data, wanted->name.size);
    return entry;
}

struct limit_account *
limit_table_hold(struct limit_table *table, enum limit_party party, struct slice name)
{
    const struct wanted wanted = {party, name};
    uint64_t hash = hash_bytes(name.data, name.size);
    struct shard *shard = shard_of(table, hash);
    struct map_node *node;
    struct entry *entry;

    pthread_mutex_lock(&shard->lock);
    node = map_find(&shard->map, hash, is_wanted, &wanted);
    if (node == NULL) {
        entry = entry_new(&wanted, hash);
        map_insert(&shard->map, &entry->node);
    } else {
        entry = MAP_OWNER(node, struct entry, node);
        if (entry->holders == 0)
            idle_remove(shard, entry);
    }
    entry->holders++;
    pthread_mutex_unlock(&shard->lock);
    return &entry->account;
}

void
limit_table_let_go(struct limit_table *table, struct limit_account **held, uint64_t now_ns)
{
    struct entry *entry = (struct entry *)*held;
    struct shard *shard = shard_of(table, entry->node.hash);

    *held = NULL;
    pthread_mutex_lock(&shard->lock);
    if (--entry->holders == 0)
        become_idle(table, shard, entry, now_ns);
    pthread_mutex_unlock(&shard->lock);
}

void
limit_table_sweep(struct limit_table *table, uint64_t now_ns)
{
    for (size_t i = 0; i < SHARD_COUNT; i++) {
        struct shard *shard = &table->shards[i];

        pthread_mutex_lock(&shard->lock);
        while (!TAILQ_EMPTY(&shard->idle) &&
               has_nothing_to_remember(TAILQ_FIRST(&shard->idle), now_ns))
            forget(shard, TAILQ_FIRST(&shard->idle));
        pthread_mutex_unlock(&shard->lock);
    }
}

size_t
limit_table_count(struct limit_table *table)
{
    size_t count = 0;

    for (size_t i = 0; i < SHARD_COUNT; i++) {
        pthread_mutex_lock(&table->shards[i].lock);
        count += table->shards[i].map.size;
        pthread_mutex_unlock(&table->shards[i].lock);
    }
    return count;
}

struct slice
limit_client_name(const struct address *client, unsigned prefix,
                  unsigned char to[LIMIT_NAME_SIZE])
{
    struct address plain = address_unmapped(client);
    unsigned whole = prefix / 8;

    if (plain.any.sa_family == AF_INET) {
        memcpy(to, &plain.v4.sin_addr, sizeof(plain.v4.sin_addr));
        return (struct slice){(char *)to, sizeof(plain.v4.sin_addr)};
    }
    memcpy(to, &plain.v6.sin6_addr, LIMIT_NAME_SIZE);
    if (address_kind(&plain) != ADDRESS_LINK_LOCAL && whole < LIMIT_NAME_SIZE) {
        to[whole] &= (unsigned char)(0xff00u >> prefix % 8);
        memset(to + whole + 1, 0, LIMIT_NAME_SIZE - whole - 1);
    }
    return (struct slice){(char *)to, LIMIT_NAME_SIZE};
}

bool
limit_count(_Atomic unsigned *count, unsigned most)
{
    unsigned now = atomic_load_explicit(count, memory_order_relaxed);

    do
        if (most > 0 && now >= most)
            return false;
    while (!atomic_compare_exchange_weak_explicit(count, &now, now + 1, memory_order_relaxed,
                                                  memory_order_relaxed));
    return true;
}
