#ifndef CARPOOL_PROXY_PROGRAM_INSIDE_H
#define CARPOOL_PROXY_PROGRAM_INSIDE_H

#include <event2/event.h>

#include "proxy/listening.h"
#include "proxy/overview.h"
#include "proxy/policy/auth.h"
#include "proxy/program.h"
#include "proxy/relief.h"

/* The process itself: for program.c, its life, and program_reload.c, new settings for it. */

struct program;

/* A worker's letter that it is done. */
struct departure {
    struct letter letter; /* first, so that the letter is the departure */
    struct program *program;
};

struct program {
    const struct config_sources *sources;
    struct config *config;
    struct config *first; /* the one it was started with, whose START settings hold */
    struct event_base *base;
    struct mailbox *mailbox;
    struct listening listening;
    struct access_log *access_log;
    struct auth *auth;
    struct pool *pool;
    struct cache *names;
    struct admin *admin;
    struct worker **workers;
    struct departure *departures;
    size_t worker_count;
    _Atomic unsigned all_clients;
    struct limit_table *limits;
    size_t running; /* workers that were started and have not departed */
    struct overview overview;
    struct event *signals[3];
    struct event *janitor;
    struct event *deadline;
    struct relief relief;
    bool is_stopping;
};

/* What the parts of the process are told of a config. */
struct pool_settings program_pool_settings(const struct config *config);
struct auth_settings program_auth_settings(const struct config *config);
void program_configure_log(const struct config *config);

/* Warns of each address of tcp.source that this machine does not have now. */
void program_tell_sources(const struct config *config);

/* Warns of each line of tls.origins that takes whoever answers. */
void program_tell_unverified(const struct config *config);

/* Reads the settings again; what is wrong is logged and leaves them as they were. */
void program_reload(struct program *program);

#endif
