#ifndef CARPOOL_POOL_HOSTS_H
#define CARPOOL_POOL_HOSTS_H

#include <stddef.h>
#include <sys/queue.h>

#include "base/map.h"
#include "pool/habit.h"
#include "pool/key.h"
#include "pool/ledger.h"
#include "pool/limits.h"
#include "pool/tickets.h"

/*
 * What is known of each host, by key. It outlives the host's connections, since a bucket is
 * freed with the last of them. Whoever dials to a host or holds a connection to it refers to
 * its record; a record that nobody refers to rests, and beyond max_hosts of these the one that
 * was left longest ago is forgotten: so there are never more than that and the caps allow.
 * What the forgotten ones counted is kept as one sum.
 */
struct hosts;
struct hosts_shard;

/* Of one host. What others write in it are relaxed atomics. */
struct host {
    struct map_node node;
    struct hosts_shard *shard;
    unsigned references; /* under the shard's lock, as is the entry */
    TAILQ_ENTRY(host) resting;
    struct habit habit; /* when its origin closes idle connections */
    struct pool_key key;
    struct ledger ledger;
    struct tickets tickets; /* of TLS; under a lock of its own */
    _Atomic unsigned turn;  /* dials so far: each begins with another address */
};

/* Those that were forgotten, together. */
struct hosts_forgotten {
    uint64_t hosts;
    struct ledger_figures figures; /* their counts */
};

/* limits are borrowed. */
struct hosts *hosts_new(const struct pool_limits *limits);

/* When nobody refers to any record. */
void hosts_free(struct hosts *hosts);

/* The key's record, made if need be, with a reference for the caller. Any thread. */
struct host *hosts_obtain(struct hosts *hosts, const struct pool_key *key);

/* Gives a reference back. NULL is fine. Any thread. */
void hosts_leave(struct host *host);

/*
 * Calls visit with each record under its shard's lock: visit must not block. Adds up in
 * forgotten (NULL: nobody wants to know) what no record holds any more: with the visits that is
 * all there ever was, whatever is forgotten meanwhile. Any thread.
 */
void hosts_each(struct hosts *hosts, void (*visit)(const struct host *host, void *arg),
                void *arg, struct hosts_forgotten *forgotten);

/* How many records there are. Any thread. */
size_t hosts_size(struct hosts *hosts);

#endif
