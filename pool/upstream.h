#ifndef CARPOOL_POOL_UPSTREAM_H
#define CARPOOL_POOL_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/stream.h"
#include "pool/limits.h"
#include "pool/miss.h"
#include "pool/tuple_table.h"

struct bucket;

struct host;

/* What the TLS handshake of a connection came to, and what it cost; all 0 on a plain one. */
struct tls_facts {
    const char *version; /* OpenSSL's words for both, which stay; NULL: plain */
    const char *cipher;
    uint64_t shake_us; /* from its first byte to its end */
    uint64_t cpu_us;   /* of our thread */
    uint64_t sent_bytes;
    uint64_t received_bytes;
    unsigned round_trips; /* how often the far side spoke after us */
    bool is_resumed;
};

/*
 * An upstream connection as the pool knows it. Owned by exactly one of dial, lease, shelf and
 * janitor; whoever owns it may write to it, on whatever thread.
 */
struct upstream {
    struct stream stream;
    struct tuple_row *row; /* its 4-tuple, id and traffic, for all to see */
    struct host *host;     /* what is known of its far end; a reference */
    struct bucket *bucket; /* the one whose slot it holds; NULL: none (a tunnel, or evicted) */
    uint64_t id;
    uint64_t opened_us;
    uint64_t used_us;     /* when it was last in use, or opened: its place in both orders */
    uint64_t measured_us; /* when its row was told of the path; 0: never */
    unsigned uses;
    unsigned idle_limit_ms; /* shorter than the setting because the origin said so; 0: not */
    unsigned dns_ms;
    unsigned connect_ms;
    struct tls_facts tls;
    uint64_t named_until_us; /* until when name servers said that the host is there */
    bool was_parked;
    bool is_astray;  /* not at the address that its shared key says: nobody else's */
    bool is_by_dns;  /* name servers said that the host is there */
    bool is_scout;   /* left open to see when the origin closes it; see pool/habit.h */
    bool is_used_up; /* the origin announced that it takes no more requests */
    enum miss loss;  /* set when it is to be closed: why others cannot have it */
    TAILQ_ENTRY(upstream) in_bucket;
    TAILQ_ENTRY(upstream) in_shard;
};

TAILQ_HEAD(upstream_list, upstream);

/*
 * Too old, used too often or idle for too long to be used again? Too old is up to a tenth less
 * than max_age_ms, each at its own time.
 */
bool upstream_is_spent(const struct upstream *upstream, const struct pool_limits *limits,
                       uint64_t now_us);

/* By what; MISS_NONE where it is not. */
enum miss upstream_spent_by(const struct upstream *upstream, const struct pool_limits *limits,
                            uint64_t now_us);

/* Idle for so long that its origin, by its habit, is about to close it? */
bool upstream_is_retired(const struct upstream *upstream, const struct pool_limits *limits,
                         uint64_t now_us);

/* For how many milliseconds it may rest, so that it is neither spent by then nor retired. */
unsigned upstream_rest_ms(const struct upstream *upstream, const struct pool_limits *limits);

/* It has served, and was idle for as long as the settings allow, while its origin kept it? */
bool upstream_has_outlived(const struct upstream *upstream, const struct pool_limits *limits,
                           uint64_t now_us);

/*
 * Takes it out of the table, closes it and frees it; its host remembers its loss, if that is
 * set. Its slot is the caller's business. Not under a lock. NULL is fine.
 */
void upstream_close(struct upstream *upstream, struct tuple_table *table);

#endif
