#ifndef CARPOOL_PROXY_CONNECTIONS_FILTER_H
#define CARPOOL_PROXY_CONNECTIONS_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/tuple.h"
#include "pool/waiting.h"
#include "proxy/complaint.h"

struct evkeyvalq;

/* What the state of a lease that queues is called; others are those of tuple_state_word(). */
#define STATE_WAITING "waiting"

/* The parameters that are patterns. */
enum filter_pattern {
    FILTER_HOST,
    FILTER_CLIENT,
    FILTER_LOCAL,
    FILTER_REMOTE,
    FILTER_PATTERNS,
};

/* Room for a host, its brackets, a port and the NUL. */
#define FILTER_TEXT_SIZE POOL_PLACE_SIZE

/* Which rows of the list of connections are wanted: those that fit all that is set. */
struct connections_filter {
    char patterns[FILTER_PATTERNS][FILTER_TEXT_SIZE]; /* "": any */
    const char *state;                                /* NULL: any */
    uint64_t id;                                      /* 0: any */
};

/*
 * From a query with host=, client=, local=, remote=, state= and id=, each at most once. A "*"
 * in one of the first four stands for anything; a pattern may name a port or not
 * ("127.0.0.1", "127.0.0.1:*", "*:80", "*.example.com"). ERR_SYNTAX with a complaint that names
 * what is wrong. Pure.
 */
enum err connections_filter_read(struct connections_filter *filter,
                                 const struct evkeyvalq *query, struct complaint *complaint);

/* The number of a connection; ERR_SYNTAX if it is none. Pure. */
enum err connection_id_read(const char *text, uint64_t *id);

/* Is the row wanted? What it does not have (a client, an address) fits no pattern. */
bool connections_filter_takes(const struct connections_filter *filter,
                              const struct tuple_view *view);
bool connections_filter_takes_waiting(const struct connections_filter *filter,
                                      const struct waiting_view *view);

#endif
