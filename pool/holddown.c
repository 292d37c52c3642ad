/*
 * Addresses that failed a moment ago. Any thread.
 */
#include "pool/holddown.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pool/memo.h"

/* Where the kernel chooses, from is the family's wildcard. */
struct path {
    struct address from;
    struct address to;
};

struct failure {
    struct memo memo;
    struct path path;
    enum err err;
    uint64_t held_until_us; /* then doubtful, as long as it is remembered */
};

struct holddown {
    struct memos failures;
};

struct holddown *
holddown_new(void)
{
    struct holddown *holddown = xcalloc(1, sizeof(*holddown));

    memos_init(&holddown->failures, HOLDDOWN_MOST);
    return holddown;
}

void
holddown_free(struct holddown *holddown)
{
    if (holddown == NULL)
        return;
    memos_fini(&holddown->failures);
    free(holddown);
}

static struct path
path_of(const struct pool_key *key, const struct address *address)
{
    struct path path = {.to = *address};

    if (!pool_key_source(key, address->any.sa_family, &path.from))
        path.from.any.sa_family = address->any.sa_family;
    return path;
}

static struct failure *
failure_of(struct memo *memo)
{
    return (struct failure *)(void *)memo;
}

static bool
has_path(const struct map_node *node, const void *arg)
{
    const struct path *have = &MAP_OWNER(node, struct failure, memo.node)->path;
    const struct path *path = arg;

    return address_equal(&have->to, &path->to) && address_equal(&have->from, &path->from);
}

/* Under the lock. */
static struct memo *
find(struct memos *failures, const struct path *path, uint64_t now_us)
{
    return memos_find(failures, address_hash_two(&path->from, &path->to), has_path, path,
                      now_us);
}

/* Is it the far end's word, or the silence between? */
static bool
is_theirs(enum err err)
{
    return err == ERR_REFUSED || err == ERR_RESET || err == ERR_TIMEOUT ||
           err == ERR_UNREACHABLE;
}

void
holddown_note_failure(struct holddown *holddown, const struct pool_key *key,
                      const struct address *address, enum err err, unsigned for_ms)
{
    struct path path = path_of(key, address);
    struct memos *failures = &holddown->failures;
    uint64_t now_us = clock_now_us();
    uint64_t known_ms = for_ms > HOLDDOWN_DOUBT_MS ? for_ms : HOLDDOWN_DOUBT_MS;
    uint64_t until_us = now_us + known_ms * 1000;
    struct memo *memo;

    if (!is_theirs(err))
        return;
    pthread_mutex_lock(&failures->lock);
    memo = find(failures, &path, now_us);
    if (memo != NULL) {
        memos_renew(failures, memo, until_us);
    } else {
        memo = xcalloc(1, sizeof(struct failure));
        failure_of(memo)->path = path;
        memos_add(failures, memo, address_hash_two(&path.from, &path.to), until_us);
    }
    failure_of(memo)->err = err;
    failure_of(memo)->held_until_us = now_us + (uint64_t)for_ms * 1000;
    pthread_mutex_unlock(&failures->lock);
}

void
holddown_clear(struct holddown *holddown, const struct pool_key *key,
               const struct address *address)
{
    struct memos *failures = &holddown->failures;
    uint64_t now_us = clock_now_us();
    struct path path;
    struct memo *memo;

    if (!memos_any(failures, now_us))
        return;
    path = path_of(key, address);
    pthread_mutex_lock(&failures->lock);
    memo = find(failures, &path, now_us);
    if (memo != NULL)
        memos_forget(failures, memo);
    pthread_mutex_unlock(&failures->lock);
}

enum standing
holddown_ask(struct holddown *holddown, const struct pool_key *key,
             const struct address *address, enum err *err)
{
    struct memos *failures = &holddown->failures;
    uint64_t now_us = clock_now_us();
    enum standing standing = STANDING_GOOD;
    struct path path;
    struct memo *memo;

    if (!memos_any(failures, now_us))
        return standing;
    path = path_of(key, address);
    pthread_mutex_lock(&failures->lock);
    memo = find(failures, &path, now_us);
    if (memo != NULL) {
        standing = failure_of(memo)->held_until_us > now_us ? STANDING_HELD : STANDING_DOUBTFUL;
        *err = failure_of(memo)->err;
    }
    pthread_mutex_unlock(&failures->lock);
    return standing;
}

size_t
holddown_size(struct holddown *holddown)
{
    struct memos *failures = &holddown->failures;
    uint64_t now_us = clock_now_us();
    struct memo *memo;
    size_t size = 0;

    pthread_mutex_lock(&failures->lock);
    TAILQ_FOREACH (memo, &failures->list, entry)
        size += failure_of(memo)->held_until_us > now_us;
    pthread_mutex_unlock(&failures->lock);
    return size;
}
