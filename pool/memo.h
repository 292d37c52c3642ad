#ifndef CARPOOL_POOL_MEMO_H
#define CARPOOL_POOL_MEMO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/map.h"

/*
 * Something bad that is remembered of a peer for a while: embedded first in what is remembered,
 * which is allocated on the heap and freed here.
 */
struct memo {
    struct map_node node;
    TAILQ_ENTRY(memo) entry;
    uint64_t until_us;
};

/*
 * All of a kind, at most so many: beyond that the oldest is forgotten. One lock, never held
 * together with another, and not touched while there is nothing to remember.
 */
struct memos {
    pthread_mutex_t lock;
    struct map map;
    TAILQ_HEAD(memo_list, memo) list; /* noted longest ago first */
    size_t most;
    _Atomic uint64_t last_us; /* from then on nothing is remembered */
};

void memos_init(struct memos *memos, size_t most);
void memos_fini(struct memos *memos);

/* Could anything be found now? Any thread, without the lock. */
bool memos_any(const struct memos *memos, uint64_t now_us);

/* Under the lock: what is remembered by this key, if its time is not over, or NULL. */
struct memo *memos_find(struct memos *memos, uint64_t hash, map_match *match, const void *key,
                        uint64_t now_us);

/* Under the lock: takes a memo over that no other equals, and remembers it until then. */
void memos_add(struct memos *memos, struct memo *memo, uint64_t hash, uint64_t until_us);

/* Under the lock: it was noted once more. */
void memos_renew(struct memos *memos, struct memo *memo, uint64_t until_us);

/* Under the lock: forgets and frees it. */
void memos_forget(struct memos *memos, struct memo *memo);

#endif
