#ifndef CARPOOL_DNS_QUESTION_H
#define CARPOOL_DNS_QUESTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "base/map.h"
#include "dns/channel.h"
#include "dns/order.h"

struct question;

/* What a question needs of the resolver whose it is; outlives the question. */
struct question_home {
    struct event_base *base;
    const struct resolver_settings *settings;
    stat_counter *stats;
    unsigned inflight; /* queries on the wire */
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
    uint32_t ttl_s; /* the shortest on the way to these addresses, aliases included */
    struct family_list found;
};

/*
 * A name that is being looked up: for each candidate in turn an A and an AAAA query side by
 * side, and those who wait for the outcome.
 */
struct question {
    struct map_node node; /* by name, while others may join */
    TAILQ_ENTRY(question) link;
    TAILQ_ENTRY(question) change_link;
    bool is_joinable;
    bool is_changed;
    TAILQ_HEAD(ask_list, dns_ask) fresh; /* heard nothing yet */
    struct ask_list partial;             /* heard of one family */

    struct name name;
    struct question_home *home;
    struct channel *channel;
    unsigned next_candidate;
    enum err worst; /* of the candidates that came to nothing */
    struct question_half v6;
    struct question_half v4;
    struct event delay; /* RFC 8305 §3 Resolution Delay */
    bool is_partial_due;
};

/* How many queries question_start() would send for a family setting. */
unsigned question_queries(enum dns_family family);

/* Asks nothing yet. References the channel. */
struct question *question_new(struct question_home *home, struct channel *channel,
                              const struct name *name);

/* Sends the first queries. */
void question_start(struct question *question);

/* Where it stands; moves on to the next candidate where the last came to nothing. */
enum question_state question_look(struct question *question);

/*
 * What is known so far: an answer of its own for the caller with ERR_OK, or why there is none;
 * and for how long that may be remembered.
 */
enum err question_outcome(const struct question *question, struct answer **answer,
                          uint64_t *ttl_ms);

/* When nobody waits any more. Not inside a call of c-ares. A query under way is abandoned only
 * together with its channel. */
void question_free(struct question *question);

#endif
