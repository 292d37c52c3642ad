#ifndef CARPOOL_POOL_LEASE_INSIDE_H
#define CARPOOL_POOL_LEASE_INSIDE_H

#include <event2/event_struct.h>

#include "pool/lane.h"
#include "pool/lease.h"

/*
 * The lease itself: for lease.c, which gets a connection, lease_dial.c, which opens one, and
 * lease_held.c, which has one.
 */
struct lease {
    struct shelf_waiter waiter;
    struct letter letter; /* posted by whoever grants */
    struct lane *lane;
    struct pool_key key;
    struct quota_pass pass;
    bool is_held_back; /* by its client's quota: it is not at the shelf yet */
    bool is_tunnel;
    bool is_pinned;      /* holds no slot: counted under max_pinned */
    bool is_retry;       /* its request was counted when it was sent first */
    bool is_held_down;   /* its last dial told what was remembered, without trying */
    bool is_inside;      /* a call of ours is under way: on_lease must wait for its end */
    bool is_cancelled;   /* lives only until its letter is read */
    bool is_by_dns;      /* of a shared key: name servers led this lease to its address */
    struct dns_ask *ask; /* for a shared key's address */
    void (*on_shared)(struct lease *lease, enum err err);
    struct tls_profile *tls; /* a reference; NULL: plain */
    lease_rule *rule;
    const void *rule_arg;
    void (*on_lease)(void *arg);
    void *arg;
    enum lease_state state;
    enum err err;
    enum miss miss;      /* why it has nothing to reuse, where that is known */
    struct bucket *slot; /* granted, and no dial started in it yet */
    struct dial *dial;
    struct upstream *upstream;
    struct event queue_timer;
    struct lease_facts facts;
    struct saving saving; /* by its present use; nothing if that is the connection's first */
};

/* Begins a use of the connection that it has got: what is to be known of it, and the counts. */
void lease_begin_use(struct lease *lease);

/* Its wait is over: it has this connection, or none and why not. */
void lease_hold(struct lease *lease, struct upstream *upstream);
void lease_fail(struct lease *lease, enum err err);

/* Says so to the borrower, from the loop only. The lease may be gone afterwards. */
void lease_tell(struct lease *lease);

/* Dials in its slot. */
void lease_dial(struct lease *lease);

/*
 * Dials for a tunnel: counted apart, as it uses its connection up and holds it for as long as
 * it likes.
 */
void lease_tunnel(struct lease *lease);

/* When it holds nothing any more. */
void lease_free(struct lease *lease);

#endif
