#ifndef CARPOOL_PROXY_OVERVIEW_H
#define CARPOOL_PROXY_OVERVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/buffer.h>

#include "pool/pool.h"
#include "proxy/access_log.h"
#include "proxy/config.h"
#include "proxy/stats.h"
#include "proxy/worker.h"

struct evkeyvalq;

/*
 * What the admin's pages are made from. Belongs to the program, which keeps it true; all of it
 * is read on the main thread.
 */
struct overview {
    struct pool *pool;
    struct cache *names;
    struct worker **workers;
    size_t worker_count;
    struct access_log *access_log;
    struct limit_table *limits;
    struct auth *auth;
    const struct config *config; /* the one now in force */
    uint64_t started_ms;         /* by clock_now_ms() */
    bool is_draining;
};

/* The counters of all workers together. */
struct overview_sums {
    uint64_t proxy[PROXY_STAT_COUNT];
    uint64_t reasons[REASON_COUNT];
    uint64_t pool[POOL_STAT_COUNT];
    uint64_t dns[DNS_STAT_COUNT];
};

void overview_sum(const struct overview *overview, struct overview_sums *sums);

/* Prometheus text format 0.0.4, appended. */
void metrics_write(const struct overview *overview, struct evbuffer *to);

/* A small page in HTML, appended. */
void status_page_write(const struct overview *overview, struct evbuffer *to);

/*
 * The upstream connections, and who waits for one, that a query chooses (see
 * connections_filter.h; an empty one: all) as a JSON object, appended. False, and what was
 * expected, if the query is not understood.
 */
bool connections_write(const struct overview *overview, const struct evkeyvalq *query,
                       struct evbuffer *to);

/*
 * What was counted and measured of each host as a JSON object, appended; sort=ORDER and limit=N
 * of the query choose. False, and what was expected, if it cannot be understood.
 */
bool hosts_write(const struct overview *overview, const struct evkeyvalq *query,
                 struct evbuffer *to);

/* The names that DNS was asked for, as a JSON object, appended. False if the query is not
 * empty. */
bool names_write(const struct overview *overview, const struct evkeyvalq *query,
                 struct evbuffer *to);

/*
 * Closes the parked connections that a query chooses (host=NAME, host=NAME:PORT, id=N or
 * all=true) and appends how many these were, in JSON. Returns the status: 200; 400, and what
 * was expected, if it chooses nothing; 404 or 409, and why, if no connection has this id or it
 * is not parked.
 */
int connections_close(const struct overview *overview, const struct evkeyvalq *query,
                      struct evbuffer *to);

#endif
