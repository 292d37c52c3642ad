#ifndef CARPOOL_DNS_RESOLVER_INSIDE_H
#define CARPOOL_DNS_RESOLVER_INSIDE_H

#include "base/file_stamp.h"
#include "dns/cache.h"
#include "dns/hosts.h"
#include "dns/question.h"

/*
 * The resolver itself: for resolver.c, which speaks with those who ask, and inquiry.c, which
 * makes questions and shares them with other threads.
 */
struct resolver {
    struct question_home home; /* first: on_change gets it back */
    struct resolver_settings settings;
    struct cache *cache;
    struct mailbox *mailbox;
    struct hosts hosts;
    struct channel *channel;
    struct file_stamp resolv_conf;
    struct map joinable; /* questions by name */
    TAILQ_HEAD(question_list, question) questions;
    struct question_list changed; /* by change_link */
    struct event turn;
    bool is_freeing;
};

/*
 * The question under way for a name, or a new one. is_refresh: ask though the cache knows it.
 * ERR_DNS_BUSY.
 */
enum err inquiry_find(struct resolver *resolver, const struct name *name, bool is_refresh,
                      struct question **question);

/* Nobody may join any more. */
void inquiry_close(struct resolver *resolver, struct question *question);

/* Gives up its part in the cache, and frees it. */
void inquiry_end(struct resolver *resolver, struct question *question);

/* What a name is known by. */
struct slice inquiry_name(const struct name *name);

#endif
