#ifndef CARPOOL_POOL_TUPLE_TABLE_H
#define CARPOOL_POOL_TUPLE_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/address.h"
#include "base/map.h"
#include "pool/key.h"
#include "pool/tuple.h"

/* The inside of the table of connections: what dial and lease do with it. See pool/tuple.h. */
struct tuple_table;

/* What stream_measure() found. */
struct tuple_path {
    _Atomic uint32_t rtt_us;
    _Atomic uint32_t rtt_min_us;
    _Atomic uint32_t cwnd;
    _Atomic uint32_t resent;
};

/*
 * One open connection. The table's memory; what can change is written by the connection's owner
 * and read by whoever lists the table: numbers as relaxed atomics, the client under the lock.
 */
struct tuple_row {
    struct map_node node;
    TAILQ_ENTRY(tuple_row) entry;
    struct address local;
    struct address remote;
    uint64_t id;
    uint64_t opened_us;
    _Atomic int state; /* enum tuple_state */
    _Atomic uint64_t parked_us;
    _Atomic uint64_t uses;
    _Atomic uint64_t sent_bytes;
    _Atomic uint64_t received_bytes;
    struct tuple_path path;
    struct address client;
    const char *_Atomic tls; /* both NULL: plain, or not yet */
    const char *_Atomic cipher;
    uint16_t port;
    char host[];
};

struct tuple_table *tuple_table_new(void);

/* When every row was removed. */
void tuple_table_free(struct tuple_table *table);

/* A row in state TUPLE_DIALING under an id that was never used before. Any thread. */
struct tuple_row *tuple_insert(struct tuple_table *table, const struct pool_key *key,
                               const struct address *local, const struct address *remote);

/* Takes the row out and frees it. Before the socket is closed. NULL is fine. Any thread. */
void tuple_remove(struct tuple_table *table, struct tuple_row *row);

/* Is there a row with these ends? Any thread. */
bool tuple_holds(struct tuple_table *table, const struct address *local,
                 const struct address *remote);

size_t tuple_count(const struct tuple_table *table);

/* From now on it is this client's. Its owner only; no lock if it was the same one's before. */
void tuple_set_client(struct tuple_table *table, struct tuple_row *row,
                      const struct address *client);

/* Its owner only. */
void tuple_set_path(struct tuple_row *row, const struct stream_path *path);

/* Its handshake is done; both are never freed. Its owner only. */
void tuple_set_tls(struct tuple_row *row, const char *version, const char *cipher);

/* See pool_each_connection(). */
void tuple_each(struct tuple_table *table,
                void (*visit)(const struct tuple_view *view, void *arg), void *arg);

static inline void
tuple_set_state(struct tuple_row *row, enum tuple_state state)
{
    atomic_store_explicit(&row->state, (int)state, memory_order_relaxed);
}

/* Adds to one of a row's counters; its owner only. */
static inline void
tuple_add(_Atomic uint64_t *counter, uint64_t amount)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, value + amount, memory_order_relaxed);
}

#endif
