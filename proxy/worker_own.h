#ifndef CARPOOL_PROXY_WORKER_OWN_H
#define CARPOOL_PROXY_WORKER_OWN_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "base/slice.h"
#include "pool/pool.h"
#include "proxy/http/head.h"
#include "proxy/pin.h"
#include "proxy/worker.h"

/*
 * The worker as its own thread sees it. Everything here is touched by that thread only, but for
 * the counters, which anyone may read.
 */

struct client;
struct listener;

/* What one read takes at most. Shared by all connections of a worker: never kept across a turn.
 */
#define WORKER_SCRATCH_SIZE ((size_t)64 * 1024)

/*
 * A config and how many exchanges of this worker run under it. The worker itself is one user,
 * so the process-wide count of the config is touched once per worker and reload, not per
 * request.
 */
struct epoch {
    struct config *config;
    unsigned users;
};

/*
 * What has died in this turn of the loop. Its memory stays valid until the turn ends, so that
 * nothing is freed beneath a caller. Embedded in what may be buried.
 */
struct grave {
    struct grave *next;
    void (*bury)(struct grave *grave);
};

struct worker {
    struct event_base *base;
    struct mailbox *mailbox;
    struct resolver *resolver;
    struct lane *lane;
    struct pool *pool;
    struct epoch *epoch;
    struct own_addresses own;
    struct access_log *access_log;
    struct auth *auth;
    _Atomic unsigned *all_clients; /* of all workers */
    struct worker *const *workers;
    size_t worker_count;
    struct limit_table *limits; /* of all workers */
    TAILQ_HEAD(client_list, client) clients;
    struct client_list resting; /* those between requests, the longest first */
    TAILQ_HEAD(, listener) listeners;
    struct pin_list pins; /* that rest; the longest first */
    struct grave *graves;
    char *scratch;         /* WORKER_SCRATCH_SIZE bytes */
    struct field *fields;  /* of the head that is being parsed */
    size_t field_capacity; /* http.max_fields of the present epoch */
    bool is_draining;      /* no new clients, no further requests */
    bool is_stopping;      /* no exchange goes on */
    bool is_ended;         /* no worker needs it any more */
    struct mailbox *main;
    struct letter *on_done;
    pthread_t thread;
    bool is_started;
    struct worker_stats stats;
};

/* One turn of its loop with event_base_loop()'s flags; what died in it is buried. */
void worker_turn(struct worker *worker, int flags);

/*
 * The table of clients is full and none of this worker's own rests: workers that have more than
 * their share of it let some go that rest, soon. Who comes to one worker must not wait for ever
 * because others were faster to fill the table.
 */
void worker_ask_room(struct worker *worker);

/* Frees it when the present turn of the loop ends. */
void worker_bury(struct worker *worker, struct grave *grave, void (*bury)(struct grave *grave));

/* The settings of now, for an exchange that begins. */
struct epoch *worker_epoch_ref(struct worker *worker);
void worker_epoch_unref(struct epoch *epoch);

static inline void
worker_count(struct worker *worker, enum proxy_stat stat, uint64_t amount)
{
    stat_add(&worker->stats.proxy[stat], amount);
}

#endif
