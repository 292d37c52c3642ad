/*
 * The table of all open upstream connections by 4-tuple, in shards with a lock each. Any
 * thread.
 */
#include "pool/tuple.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "pool/tuple_table.h"

#define TUPLE_SHARDS 16u

struct tuple_shard {
    pthread_mutex_t lock;
    struct map rows;
    TAILQ_HEAD(, tuple_row) list;
};

struct tuple_table {
    _Atomic uint64_t last_id;
    _Atomic size_t count;
    struct tuple_shard shards[TUPLE_SHARDS];
};

/*
 * The two ends as rows are found by: without disguise, since what we dialed as ::ffff:1.2.3.4
 * is accepted as 1.2.3.4, or the other way round.
 */
struct tuple_ends {
    struct address local;
    struct address remote;
};

const char *
tuple_state_word(enum tuple_state state)
{
    static const char *const words[] = {
        [TUPLE_DIALING] = "dialing", [TUPLE_LEASED] = "leased", [TUPLE_PARKED] = "parked",
        [TUPLE_PINNED] = "pinned",   [TUPLE_TUNNEL] = "tunnel",
    };

    return words[state];
}

static struct tuple_ends
ends_of(const struct address *local, const struct address *remote)
{
    return (struct tuple_ends){address_unmapped(local), address_unmapped(remote)};
}

static bool
has_ends(const struct map_node *node, const void *key)
{
    const struct tuple_row *row = MAP_OWNER(node, struct tuple_row, node);
    struct tuple_ends have = ends_of(&row->local, &row->remote);
    const struct tuple_ends *ends = key;

    return address_equal(&have.local, &ends->local) &&
           address_equal(&have.remote, &ends->remote);
}

static struct tuple_shard *
shard_of(struct tuple_table *table, uint64_t hash)
{
    return &table->shards[hash_shard(hash, TUPLE_SHARDS)];
}

struct tuple_table *
tuple_table_new(void)
{
    struct tuple_table *table = xcalloc(1, sizeof(*table));

    for (size_t i = 0; i < TUPLE_SHARDS; i++) {
        pthread_mutex_init(&table->shards[i].lock, NULL);
        TAILQ_INIT(&table->shards[i].list);
    }
    return table;
}

void
tuple_table_free(struct tuple_table *table)
{
    if (table == NULL)
        return;
    assert(tuple_count(table) == 0);
    for (size_t i = 0; i < TUPLE_SHARDS; i++) {
        map_fini(&table->shards[i].rows);
        pthread_mutex_destroy(&table->shards[i].lock);
    }
    free(table);
}

struct tuple_row *
tuple_insert(struct tuple_table *table, const struct pool_key *key, const struct address *local,
             const struct address *remote)
{
    size_t host_size = strlen(key->host) + 1;
    struct tuple_row *row = xcalloc(1, sizeof(*row) + host_size);
    struct tuple_ends ends = ends_of(local, remote);
    struct tuple_shard *shard;

    row->local = *local;
    row->remote = *remote;
    row->id = atomic_fetch_add_explicit(&table->last_id, 1, memory_order_relaxed) + 1;
    row->opened_us = clock_now_us();
    row->port = key->port;
    memcpy(row->host, key->host, host_size);
    row->node.hash = address_hash_two(&ends.local, &ends.remote);
    shard = shard_of(table, row->node.hash);
    pthread_mutex_lock(&shard->lock);
    map_insert(&shard->rows, &row->node);
    TAILQ_INSERT_HEAD(&shard->list, row, entry);
    pthread_mutex_unlock(&shard->lock);
    atomic_fetch_add_explicit(&table->count, 1, memory_order_relaxed);
    return row;
}

void
tuple_remove(struct tuple_table *table, struct tuple_row *row)
{
    struct tuple_shard *shard;

    if (row == NULL)
        return;
    shard = shard_of(table, row->node.hash);
    pthread_mutex_lock(&shard->lock);
    map_remove(&shard->rows, &row->node);
    TAILQ_REMOVE(&shard->list, row, entry);
    pthread_mutex_unlock(&shard->lock);
    atomic_fetch_sub_explicit(&table->count, 1, memory_order_relaxed);
    free(row);
}

bool
tuple_holds(struct tuple_table *table, const struct address *local,
            const struct address *remote)
{
    struct tuple_ends ends = ends_of(local, remote);
    uint64_t hash = address_hash_two(&ends.local, &ends.remote);
    struct tuple_shard *shard = shard_of(table, hash);
    bool is_held;

    pthread_mutex_lock(&shard->lock);
    is_held = map_find(&shard->rows, hash, has_ends, &ends) != NULL;
    pthread_mutex_unlock(&shard->lock);
    return is_held;
}

size_t
tuple_count(const struct tuple_table *table)
{
    return atomic_load_explicit(&table->count, memory_order_relaxed);
}

void
tuple_set_client(struct tuple_table *table, struct tuple_row *row, const struct address *client)
{
    struct tuple_shard *shard = shard_of(table, row->node.hash);

    /* Nobody else writes it. */
    if (address_equal(&row->client, client))
        return;
    pthread_mutex_lock(&shard->lock);
    row->client = *client;
    pthread_mutex_unlock(&shard->lock);
}

void
tuple_set_path(struct tuple_row *row, const struct stream_path *path)
{
    atomic_store_explicit(&row->path.rtt_us, path->rtt_us, memory_order_relaxed);
    atomic_store_explicit(&row->path.rtt_min_us, path->rtt_min_us, memory_order_relaxed);
    atomic_store_explicit(&row->path.cwnd, path->cwnd, memory_order_relaxed);
    atomic_store_explicit(&row->path.resent, path->resent, memory_order_relaxed);
}

void
tuple_set_tls(struct tuple_row *row, const char *version, const char *cipher)
{
    atomic_store_explicit(&row->tls, version, memory_order_relaxed);
    atomic_store_explicit(&row->cipher, cipher, memory_order_relaxed);
}

static struct stream_path
path_of(const struct tuple_path *path)
{
    return (struct stream_path){
        .rtt_us = atomic_load_explicit(&path->rtt_us, memory_order_relaxed),
        .rtt_min_us = atomic_load_explicit(&path->rtt_min_us, memory_order_relaxed),
        .cwnd = atomic_load_explicit(&path->cwnd, memory_order_relaxed),
        .resent = atomic_load_explicit(&path->resent, memory_order_relaxed),
    };
}

static uint64_t
since_ms(uint64_t then_us, uint64_t now_us)
{
    return now_us > then_us ? (now_us - then_us) / 1000 : 0;
}

static void
row_view(const struct tuple_row *row, uint64_t now_us, struct tuple_view *view)
{
    uint64_t parked_us = atomic_load_explicit(&row->parked_us, memory_order_relaxed);

    view->local = row->local;
    view->remote = row->remote;
    view->id = row->id;
    view->state = (enum tuple_state)atomic_load_explicit(&row->state, memory_order_relaxed);
    memcpy(view->host, row->host, strlen(row->host) + 1);
    view->port = row->port;
    view->age_ms = since_ms(row->opened_us, now_us);
    view->idle_ms = view->state == TUPLE_PARKED || view->state == TUPLE_PINNED
                        ? since_ms(parked_us, now_us)
                        : 0;
    view->uses = atomic_load_explicit(&row->uses, memory_order_relaxed);
    view->sent_bytes = atomic_load_explicit(&row->sent_bytes, memory_order_relaxed);
    view->received_bytes = atomic_load_explicit(&row->received_bytes, memory_order_relaxed);
    view->path = path_of(&row->path);
    view->tls = atomic_load_explicit(&row->tls, memory_order_relaxed);
    view->cipher = atomic_load_explicit(&row->cipher, memory_order_relaxed);
    /* Whoever had it last is of no interest once it lies on the shelf. */
    if (view->state != TUPLE_PARKED)
        view->client = row->client;
}

/* Copies a shard's rows into views that have room for so many; returns how many they are. */
static size_t
shard_copy(struct tuple_shard *shard, struct tuple_view *views, size_t room)
{
    uint64_t now_us = clock_now_us();
    struct tuple_row *row;
    size_t count = 0;

    pthread_mutex_lock(&shard->lock);
    TAILQ_FOREACH (row, &shard->list, entry) {
        if (count == room)
            break;
        row_view(row, now_us, &views[count++]);
    }
    pthread_mutex_unlock(&shard->lock);
    return count;
}

static size_t
shard_size(struct tuple_shard *shard)
{
    size_t size;

    pthread_mutex_lock(&shard->lock);
    size = shard->rows.size;
    pthread_mutex_unlock(&shard->lock);
    return size;
}

void
tuple_each(struct tuple_table *table, void (*visit)(const struct tuple_view *view, void *arg),
           void *arg)
{
    for (size_t i = 0; i < TUPLE_SHARDS; i++) {
        size_t room = shard_size(&table->shards[i]);
        struct tuple_view *views;

        if (room == 0)
            continue;
        /* Copied first: nothing is called under the lock. */
        views = xcalloc(room, sizeof(*views));
        room = shard_copy(&table->shards[i], views, room);
        for (size_t k = 0; k < room; k++)
            visit(&views[k], arg);
        free(views);
    }
}
