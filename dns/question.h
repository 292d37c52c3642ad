#ifndef CARPOOL_DNS_QUESTION_H
#define CARPOOL_DNS_QUESTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "base/map.h"
#include "dns/cache.h"
#include "dns/channel.h"
#include "dns/order.h"

struct question;

/* What a question needs of the resolver whose it is; outlives the question. */
struct question_home {
    struct event_base *base;
    const struct resolver_settings *settings;
    stat_counter *stats;
    /* Something changed: question_look() tells what. May run inside question_start(). */
    void (*on_change)(struct question_home *home, struct question *question);
};

enum question_state {
    QUESTION_WAITS,
    QUESTION_PARTIAL, /* one family is there and the other had its time */
    QUESTION_DONE,
};

/* One family's half. */
struct question_half {
    struct query query;
    struct question *question;
    enum dns_family family;
    bool is_done;
    enum err err;
    bool has_ttl;
    uint32_t
        ttl_s; /* the shortest on the way to these addresses, or the zone's for their lack */
    struct family_list found;
};

/*
 * A name that is being looked up, and those of this thread who wait for the outcome. Either for
 * each candidate in turn an A and an AAAA query side by side, or, where another thread asks
 * already, the wait for what it hears.
 */
struct question {
    struct map_node node; /* by name, while others may join */
    TAILQ_ENTRY(question) link;
    TAILQ_ENTRY(question) change_link;
    bool is_joinable;
    bool is_changed;
    TAILQ_HEAD(ask_list, dns_ask) fresh; /* heard nothing yet */
    struct ask_list partial;             /* heard of one family */

    struct cache_claim claim;
    bool is_published;    /* a part of the answer was handed to other threads */
    unsigned reserved;    /* queries that it has room for */
    struct answer *early; /* to begin with: another's part of the answer, or an old one */
    struct answer *stale; /* becomes early when the servers take too long */
    bool is_settled;      /* by another: */
    struct cache_outcome settled;

    uint64_t started_us;
    struct name name;
    struct question_home *home;
    struct channel *channel;
    unsigned next_candidate;
    enum err worst; /* of the candidates that came to nothing */
    bool has_lack_ttl;
    uint32_t lack_ttl_s; /* for how long zones say that there is nothing */
    struct question_half v6;
    struct question_half v4;
    struct event delay;    /* RFC 8305 §3 Resolution Delay */
    struct event patience; /* RFC 8767 §5 client response timer */
    bool is_partial_due;
};

/* How many queries question_start() would send for a family setting. */
unsigned question_queries(enum dns_family family);

/* Asks nothing yet. References the channel. */
struct question *question_new(struct question_home *home, struct channel *channel,
                              const struct name *name);

/*
 * Sends the first queries. stale (may be NULL; taken) is handed on when the servers have not
 * answered after a while.
 */
void question_start(struct question *question, struct answer *stale);

/* Another thread's part of the answer, and its outcome; what they hold is taken. */
void question_take_early(struct question *question, struct answer *answer);
void question_take_settled(struct question *question, const struct cache_outcome *outcome);

/* Where it stands; moves on to the next candidate where the last came to nothing. */
enum question_state question_look(struct question *question);

/* An answer that is there before the end; the caller owns the reference. */
struct answer *question_partial(const struct question *question);

/* What it came to. The caller owns outcome->answer. */
void question_outcome(const struct question *question, struct cache_outcome *outcome);

/* When nobody waits any more. Not inside a call of c-ares. A query under way is abandoned only
 * together with its channel. */
void question_free(struct question *question);

#endif
