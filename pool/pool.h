#ifndef CARPOOL_POOL_POOL_H
#define CARPOOL_POOL_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "base/keepalive.h"
#include "base/mailbox.h"
#include "base/stats.h"
#include "dns/resolver.h"
#include "pool/host_rows.h"

/* All upstream connections of the process: the shelf, the tuple table, the caps. */
struct pool;

/* One worker's side of the pool: its base, resolver, mailbox and counters. */
struct lane;

enum pool_stat {
#define STAT(symbol, name, help) POOL_STAT_##symbol,
#include "pool/stats.def"
#undef STAT
#define MISS(symbol, word, help) POOL_STAT_MISS_##symbol,
#include "pool/misses.def"
#undef MISS
    POOL_STAT_COUNT
};
#define POOL_STAT_MISSES POOL_STAT_MISS_COLD /* where they begin */

struct pool_settings {
    unsigned idle_timeout_ms;     /* a parked connection is closed after this long */
    bool learns_idle_timeout;     /* earlier where its origin would close it; see habit.h */
    unsigned max_age_ms;          /* since connect; 0: no limit */
    unsigned max_uses;            /* exchanges on one connection; 0: no limit */
    unsigned max_per_host;        /* parked + leased + dialing, for one key */
    unsigned max_parked_per_host; /* of these, parked */
    unsigned max_dials_per_host;  /* of these, being dialed */
    unsigned max_per_client;      /* leased or awaited by one client; 0: no cap */
    unsigned max_total;           /* over all keys, without tunnels and pinned ones */
    unsigned max_parked;          /* of these, parked; the least recently used one goes */
    unsigned max_tunnels;
    unsigned max_pinned;  /* connections that belong to one client each */
    unsigned max_waiting; /* leases that queue, or are held back, each; ERR_QUEUE_FULL beyond */
    unsigned max_hosts;   /* remembered while nothing is open to them */
    unsigned fresh_for_unsafe_ms; /* "just used": what non-idempotent requests may still take */
    unsigned quarantine_ms; /* no reuse of a host that sent bytes nobody asked for; 0: off */
    unsigned holddown_ms;   /* no dial to an address that just failed; 0: off */
    unsigned connect_timeout_ms;   /* DNS, TCP, all addresses together */
    unsigned handshake_timeout_ms; /* TLS, on one connection */
    unsigned queue_timeout_ms;     /* wait for a connection at a cap */
    bool share_by_address;         /* of plain hosts at one address and port */
    bool follow_dns;               /* reuse no connection to an address that its name left */
    struct keepalive keepalive;
    bool fast_open;           /* a TLS handshake begins in the SYN (RFC 7413) */
    unsigned user_timeout_ms; /* TCP_USER_TIMEOUT of all but tunnels; 0: the kernel's */
};

struct pool *pool_new(const struct pool_settings *settings);

/* When no lane is left. Closes what is parked. */
void pool_free(struct pool *pool);

/* New settings for what happens from now on. Any thread. */
void pool_configure(struct pool *pool, const struct pool_settings *settings);

/*
 * One sweep of the janitor: closes parked streams that are readable, too old or idle too long,
 * one shard after another. Called about once a second, on the main thread.
 */
void pool_sweep(struct pool *pool);

/*
 * Closes the parked stream that was used least recently, for the descriptor of a newcomer; some
 * always stay (shelf_thin()). False: nothing was closed. Any thread.
 */
bool pool_thin(struct pool *pool);

/* Closes every parked stream, for drain. Any thread. */
void pool_clear(struct pool *pool);

/*
 * Closes the parked streams of a host, spelt as in a key (NULL: of every host), at one port (0:
 * at any). Returns how many. Any thread.
 */
uint64_t pool_close_parked(struct pool *pool, const char *host, uint16_t port);

/* Closes the connection with this id if it is parked. Any thread. */
bool pool_close_id(struct pool *pool, uint64_t id);

/* Gauges that belong to the pool, not to a lane. Any thread. */
struct pool_gauges {
    uint64_t open; /* parked + leased + dialing */
    uint64_t parked;
    uint64_t waiting; /* leases that queue at a cap */
    uint64_t tunnels;
    uint64_t pinned;
    uint64_t hosts;       /* buckets */
    uint64_t remembered;  /* hosts of which something is known */
    uint64_t quarantined; /* hosts */
    uint64_t held_down;   /* addresses */
};
void pool_gauges(struct pool *pool, struct pool_gauges *gauges);

/*
 * The hosts that come first in this order, at most capacity of them: copies. Returns how many;
 * *sums has all of them together, also those that were forgotten. Any thread.
 */
size_t pool_hosts(struct pool *pool, enum host_order order, struct host_row *rows,
                  size_t capacity, struct host_sums *sums);

/*
 * What was counted without a lane: connections that the janitor closed or that were evicted.
 * To be added to the lanes' counters. POOL_STAT_COUNT of them; any thread may read.
 */
const stat_counter *pool_stats(const struct pool *pool);

/* base, mailbox, resolver and stats (POOL_STAT_COUNT of them) are borrowed for its life. */
struct lane *lane_new(struct pool *pool, struct event_base *base, struct mailbox *mailbox,
                      struct resolver *resolver, stat_counter *stats);

/*
 * When none of its leases is held or waits. Dials under way are given up. Leases cancelled
 * after their grant live until their letter is read, before or after this: free the mailbox
 * when no lane's lease waits any more.
 */
void lane_free(struct lane *lane);

#endif
