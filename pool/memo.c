/*
 * What is remembered for a while: by key, and in the order in which it was noted. Any thread;
 * what needs the lock says so.
 */
#include "pool/memo.h"

#include <stdlib.h>

void
memos_init(struct memos *memos, size_t most)
{
    *memos = (struct memos){.most = most};
    pthread_mutex_init(&memos->lock, NULL);
    TAILQ_INIT(&memos->list);
}

void
memos_fini(struct memos *memos)
{
    while (!TAILQ_EMPTY(&memos->list))
        memos_forget(memos, TAILQ_FIRST(&memos->list));
    map_fini(&memos->map);
    pthread_mutex_destroy(&memos->lock);
}

bool
memos_any(const struct memos *memos, uint64_t now_us)
{
    return now_us < atomic_load_explicit(&memos->last_us, memory_order_acquire);
}

struct memo *
memos_find(struct memos *memos, uint64_t hash, map_match *match, const void *key,
           uint64_t now_us)
{
    struct map_node *node = map_find(&memos->map, hash, match, key);
    struct memo *memo;

    if (node == NULL)
        return NULL;
    memo = MAP_OWNER(node, struct memo, node);
    if (memo->until_us > now_us)
        return memo;
    memos_forget(memos, memo);
    return NULL;
}

static void
hold_until(struct memos *memos, struct memo *memo, uint64_t until_us)
{
    TAILQ_INSERT_TAIL(&memos->list, memo, entry);
    memo->until_us = until_us;
    /* Under the lock, so that it only grows; a reader that misses it had come before us. */
    if (atomic_load_explicit(&memos->last_us, memory_order_relaxed) < until_us)
        atomic_store_explicit(&memos->last_us, until_us, memory_order_release);
}

void
memos_add(struct memos *memos, struct memo *memo, uint64_t hash, uint64_t until_us)
{
    if (memos->map.size >= memos->most)
        memos_forget(memos, TAILQ_FIRST(&memos->list));
    memo->node.hash = hash;
    map_insert(&memos->map, &memo->node);
    hold_until(memos, memo, until_us);
}

void
memos_renew(struct memos *memos, struct memo *memo, uint64_t until_us)
{
    TAILQ_REMOVE(&memos->list, memo, entry);
    hold_until(memos, memo, until_us);
}

void
memos_forget(struct memos *memos, struct memo *memo)
{
    map_remove(&memos->map, &memo->node);
    TAILQ_REMOVE(&memos->list, memo, entry);
    free(memo);
}
