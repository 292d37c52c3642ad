#ifndef CARPOOL_PROXY_WORKER_H
#define CARPOOL_PROXY_WORKER_H

#include <stddef.h>

#include "base/address.h"
#include "base/err.h"
#include "base/mailbox.h"
#include "pool/pool.h"
#include "proxy/access_log.h"
#include "proxy/config.h"
#include "proxy/policy/acl.h"
#include "proxy/policy/limit_table.h"
#include "proxy/stats.h"

/*
 * A thread of the data plane: its event base, listeners, resolver, lane, counters and clients.
 * These functions are the main thread's; workers are told things by mail.
 */
struct worker;

struct worker_setup {
    struct config *config; /* a reference is taken */
    struct pool *pool;     /* borrowed */
    struct cache *names;   /* what DNS told any worker; borrowed */
    const int *listeners;  /* bound and listening; the worker owns them from now on */
    size_t listener_count;
    struct own_addresses own;      /* borrowed */
    _Atomic unsigned *all_clients; /* open client connections of all workers; borrowed */
    struct limit_table *limits;    /* borrowed */
    struct access_log *access_log; /* borrowed, any thread may write to it */
    struct auth *auth;             /* borrowed; only asked where the config has users */
    struct worker *const *workers; /* all of the process, there before any starts; borrowed */
    size_t worker_count;           /* 0: it is alone */
    struct mailbox *main;          /* where on_done is posted */
    struct letter *on_done;        /* posted once, when the worker has drained or was stopped */
};

enum err worker_new(const struct worker_setup *setup, struct worker **worker);

/* Starts its thread. */
enum err worker_start(struct worker *worker);

/* New settings for exchanges that begin from now on; takes its own reference. */
void worker_reload(struct worker *worker, struct config *config);

/* Accepts what already queues, stops listening, finishes what runs, then posts on_done. */
void worker_drain(struct worker *worker);

/* Ends all that runs at once, then posts on_done. May follow worker_drain(). */
void worker_stop(struct worker *worker);

/*
 * Ends the thread of a worker that posted on_done, and waits for it; one that was never started
 * is fine. Until then it serves other workers, who wait for what it has begun: end none before
 * all are done, and all before the first is freed.
 */
void worker_end(struct worker *worker);

/* Frees one that was ended or never started. */
void worker_free(struct worker *worker);

/* What of the config is for a resolver; for whoever else wants to find what a worker finds. */
void worker_resolver_settings(const struct config *config, struct resolver_settings *settings);

/* Its counters; readable from any thread as long as the worker lives. */
const struct worker_stats *worker_stats(const struct worker *worker);

#endif
