#ifndef CARPOOL_POOL_QUOTA_H
#define CARPOOL_POOL_QUOTA_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/slice.h"
#include "pool/key.h"
#include "pool/limits.h"
#include "pool/waiting.h"

/*
 * How many checkouts of one host one client may have at once: the gate before the shelf.
 * Whoever has entered has a connection, dials, or queues for one; at max_per_client
 * (0: no cap) the others of this client wait here, oldest first, while other clients pass them.
 * Memory is for clients that have entered something. Any thread; a lock per shard, never held
 * with another.
 */
struct quotas;
struct quota;

/* A client's name, at most; what is longer is cut. */
#define QUOTA_NAME_SIZE 16

/*
 * One checkout, embedded in its lease. What stands before the empty line is the lease's to set,
 * the rest the quota's.
 */
struct quota_pass {
    /* Called once after it had to wait, by whichever thread left, without a lock. */
    void (*on_entered)(struct quota_pass *pass);
    const struct waiting *waiting; /* lives as long as the pass, and changes only outside */

    struct quota *quota; /* NULL: outside, or not counted */
    bool is_waiting;     /* under the lock */
    TAILQ_ENTRY(quota_pass) entry;
};

enum quota_got {
    QUOTA_ENTERED,
    QUOTA_WAITS, /* until on_entered(), or quota_cancel() */
    QUOTA_FULL,  /* max_waiting wait here already */
};

struct quotas *quotas_new(const struct pool_limits *limits);

/* When nobody has entered or waits. NULL is fine. */
void quotas_free(struct quotas *quotas);

/* A nameless client is not counted. */
enum quota_got quota_enter(struct quotas *quotas, const struct pool_key *key,
                           struct slice client, struct quota_pass *pass);

/*
 * It waits no more. False: it entered before this came, and on_entered() was or will be called:
 * it has to leave.
 */
bool quota_cancel(struct quotas *quotas, struct quota_pass *pass);

/* It has nothing of this host any more: the oldest of its client's enters. If it ever entered.
 */
void quota_leave(struct quotas *quotas, struct quota_pass *pass);

/* The cap has changed: whoever it lets in now enters. */
void quotas_refresh(struct quotas *quotas);

/* Notes those who wait. */
void quotas_look(struct quotas *quotas, struct waiting_list *list);

unsigned quotas_waiting(const struct quotas *quotas);

/* Clients that have entered something, once for each host. */
unsigned quotas_count(const struct quotas *quotas);

#endif
