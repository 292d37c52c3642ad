/*
 * The queue of passwords to be checked, and what is remembered of them. Under auth's lock.
 */
#include "proxy/policy/auth_checks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/mem.h"

/* One client address has at most this part of the queue. */
#define SHARE 4
/* An IPv6 client can have any address of its network. */
#define IPV6_CLIENT_BYTES 8

void
checks_init(struct checks *checks)
{
    TAILQ_INIT(&checks->queue);
    TAILQ_INIT(&checks->good);
    TAILQ_INIT(&checks->bad);
}

static void
wipe(struct check *check)
{
    if (check->text == NULL)
        return;
    OPENSSL_cleanse(check->text, strlen(check->text));
    free(check->text);
    check->text = NULL;
}

static void
take_out(struct checks *checks, struct check *check)
{
    switch (check->state) {
    case CHECK_QUEUED:
        TAILQ_REMOVE(&checks->queue, check, entry);
        checks->waiting--;
        break;
    case CHECK_RUNNING:
        checks->running = NULL;
        break;
    case CHECK_GOOD:
        TAILQ_REMOVE(&checks->good, check, entry);
        checks->good_count--;
        break;
    case CHECK_BAD:
        TAILQ_REMOVE(&checks->bad, check, entry);
        checks->bad_count--;
        break;
    }
}

void
checks_drop(struct checks *checks, struct check *check)
{
    assert(LIST_EMPTY(&check->asks));
    take_out(checks, check);
    map_remove(&checks->by_digest, &check->node);
    wipe(check);
    free(check);
}

static void
trim(struct checks *checks, struct check_list *list, uint64_t before_us)
{
    struct check *check;

    /* The oldest come first. */
    while ((check = TAILQ_FIRST(list)) != NULL && check->until_us <= before_us)
        checks_drop(checks, check);
}

void
checks_forget(struct checks *checks, bool all)
{
    uint64_t before_us = all ? UINT64_MAX : clock_now_us();

    trim(checks, &checks->good, before_us);
    trim(checks, &checks->bad, before_us);
}

void
checks_fini(struct checks *checks)
{
    checks_forget(checks, true);
    while (!TAILQ_EMPTY(&checks->queue))
        checks_drop(checks, TAILQ_FIRST(&checks->queue));
    assert(checks->by_digest.size == 0);
    map_fini(&checks->by_digest);
}

/* ---- finding ---- */

static bool
has_digest(const struct map_node *node, const void *key)
{
    const struct check *check = MAP_OWNER(node, struct check, node);

    return CRYPTO_memcmp(check->digest, key, CHECK_DIGEST_SIZE) == 0;
}

/* The digest is keyed and even: any part of it will do. */
static uint64_t
hash_of(const unsigned char *digest)
{
    uint64_t hash;

    memcpy(&hash, digest, sizeof(hash));
    return hash;
}

static bool
is_remembered(const struct check *check)
{
    return check->state == CHECK_GOOD || check->state == CHECK_BAD;
}

struct check *
checks_find(struct checks *checks, const unsigned char *digest)
{
    struct map_node *node = map_find(&checks->by_digest, hash_of(digest), has_digest, digest);
    struct check *check = node != NULL ? MAP_OWNER(node, struct check, node) : NULL;

    if (check != NULL && is_remembered(check) && check->until_us <= clock_now_us()) {
        checks_drop(checks, check);
        check = NULL;
    }
    return check;
}

/* ---- the queue ---- */

static bool
is_same_client(const struct address *a, const struct address *b)
{
    if (a->any.sa_family == AF_INET6 && b->any.sa_family == AF_INET6)
        return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, IPV6_CLIENT_BYTES) == 0;
    return address_equal_ip(a, b);
}

/* When is the client's next turn? Also counts what it has in the queue. */
static uint64_t
next_round(const struct checks *checks, const struct address *client, size_t *count)
{
    uint64_t round = checks->round;
    const struct check *check;

    if (checks->running != NULL && is_same_client(&checks->running->client, client))
        round++;
    TAILQ_FOREACH (check, &checks->queue, entry)
        if (is_same_client(&check->client, client)) {
            (*count)++;
            if (check->round >= round)
                round = check->round + 1;
        }
    return round;
}

static void
insert_by_round(struct checks *checks, struct check *check)
{
    struct check *before;

    TAILQ_FOREACH_REVERSE(before, &checks->queue, check_list, entry)
    if (before->round <= check->round)
        break;
    if (before != NULL)
        TAILQ_INSERT_AFTER(&checks->queue, before, check, entry);
    else
        TAILQ_INSERT_HEAD(&checks->queue, check, entry);
    checks->waiting++;
}

struct check *
checks_queue(struct checks *checks, const unsigned char *digest, const char *text,
             const struct address *client, size_t most)
{
    struct address plain = address_unmapped(client);
    size_t share = (most + SHARE - 1) / SHARE;
    size_t count = 0;
    uint64_t round = next_round(checks, &plain, &count);
    struct check *check;

    if (checks->waiting >= most || count >= share)
        return NULL;
    check = xcalloc(1, sizeof(*check));
    LIST_INIT(&check->asks);
    memcpy(check->digest, digest, CHECK_DIGEST_SIZE);
    check->text = xstrdup(text);
    check->client = plain;
    check->round = round;
    check->state = CHECK_QUEUED;
    check->node.hash = hash_of(digest);
    map_insert(&checks->by_digest, &check->node);
    insert_by_round(checks, check);
    return check;
}

struct check *
checks_next(struct checks *checks)
{
    struct check *check = TAILQ_FIRST(&checks->queue);

    if (check == NULL)
        return NULL;
    take_out(checks, check);
    check->state = CHECK_RUNNING;
    checks->running = check;
    checks->round = check->round;
    return check;
}

void
checks_requeue(struct checks *checks, struct check *check)
{
    take_out(checks, check);
    check->state = CHECK_QUEUED;
    TAILQ_INSERT_HEAD(&checks->queue, check, entry);
    checks->waiting++;
}

void
checks_remember(struct checks *checks, struct check *check, bool is_good, unsigned for_ms,
                size_t most)
{
    struct check_list *list = is_good ? &checks->good : &checks->bad;
    size_t *count = is_good ? &checks->good_count : &checks->bad_count;

    wipe(check);
    take_out(checks, check);
    check->state = is_good ? CHECK_GOOD : CHECK_BAD;
    check->until_us = clock_now_us() + (uint64_t)for_ms * 1000;
    TAILQ_INSERT_TAIL(list, check, entry);
    (*count)++;
    while (*count > most)
        checks_drop(checks, TAILQ_FIRST(list));
}
