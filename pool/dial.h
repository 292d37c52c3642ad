#ifndef CARPOOL_POOL_DIAL_H
#define CARPOOL_POOL_DIAL_H

#include "base/err.h"
#include "pool/key.h"
#include "pool/lane.h"
#include "pool/lease.h"
#include "pool/upstream.h"

/*
 * Opens one connection to a key's host: asks for its addresses and races them (RFC 8305),
 * within connect_timeout_ms. Lives on its lane's thread and ends with the lane.
 */
struct dial;

/* How a dial ended. The upstream, or why there is none; the slot is the caller's again. */
struct dial_end {
    struct lane *lane;
    struct lease *lease; /* NULL: detached */
    struct bucket *slot; /* NULL: a tunnel's */
    struct upstream *upstream;
    enum err err;      /* ERR_CANCELLED: given up, not failed */
    bool is_held_down; /* the error is a remembered one: see pool/holddown.h */
};

struct dial_request {
    struct lane *lane;
    struct lease *lease;
    struct bucket *slot; /* held for the dial's life; NULL for a tunnel */
    const struct pool_key *key;
    struct tls_profile *tls; /* NULL: plain; a reference is taken */
    bool is_retry; /* addresses that are held down are tried, too, if there are no others */
    lease_rule *rule;
    const void *rule_arg;         /* borrowed until the dial is detached */
    const struct address *client; /* likewise */
    /* Called once, with the dial freed already; inside dial_run() if it ends at once. */
    void (*on_end)(const struct dial_end *end);
};

struct dial *dial_new(const struct dial_request *request);
void dial_run(struct dial *dial);

/* Where it leads: borrowed for the dial's life. */
struct host *dial_host(const struct dial *dial);

/*
 * Its lease needs it no longer and may be gone. Attempts that are under way go on, since their
 * result serves others; no new one is started, as there is nobody to ask the rule of. With none
 * under way, or for a tunnel, the dial ends inside this call.
 */
void dial_detach(struct dial *dial);

/* Ends it at once with ERR_CANCELLED. */
void dial_abandon(struct dial *dial);

#endif
