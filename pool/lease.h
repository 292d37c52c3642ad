#ifndef CARPOOL_POOL_LEASE_H
#define CARPOOL_POOL_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/stream.h"
#include "pool/key.h"
#include "pool/miss.h"
#include "pool/pool.h"

/*
 * A borrowed upstream connection, or the wait for one. Belongs to the exchange that checked it
 * out, on its worker's thread. park, discard and cancel take it and clear the pointer.
 */
struct lease;
struct tls_profile;

enum lease_want {
    LEASE_ANY,    /* whatever is parked, else a new one */
    LEASE_YOUNG,  /* a new one, or one used within fresh_for_unsafe_ms (non-idempotent) */
    LEASE_FRESH,  /* a new one: it cannot be sent again */
    LEASE_RETRY,  /* a new one: it is sent again, since a reused one was dead */
    LEASE_TUNNEL, /* a new one that is used up: outside the per-host cap, under max_tunnels */
};

enum lease_state { LEASE_WAITING, LEASE_HELD, LEASE_FAILED };

/*
 * May this checkout use this far end? Asked of every address dialed and every stream reused.
 * is_by_dns: it is where name servers said that the host is.
 */
typedef enum err lease_rule(const void *arg, const struct address *address, bool is_by_dns);

struct lease_request {
    const struct pool_key *key; /* copied */
    struct tls_profile *tls; /* whose number is in the key; NULL: plain; a reference is taken */
    enum lease_want want;
    lease_rule *rule;             /* ERR_OK, ERR_FORBIDDEN or ERR_SELF; any worker's thread */
    const void *rule_arg;         /* borrowed while the lease waits */
    const struct address *client; /* whose it is, for those who look on; copied */
    struct slice quota_name;      /* whose quota it counts under; empty: nobody's; copied */
    void (*on_lease)(
        void *arg); /* no longer LEASE_WAITING; from the loop, never inside a call */
    void *arg;
};

/* What an access log line says of a lease. */
struct lease_facts {
    bool is_reused;    /* it has served before */
    bool may_be_stale; /* it was not dialed for this lease: the origin may have closed it */
    bool is_queued;    /* had to wait at a cap */
    unsigned uses;     /* exchanges on this connection, this one included */
    uint64_t id;       /* the connection's, never used again */
    struct address local;
    struct address remote;
    unsigned idle_ms; /* parked before this lease; 0 if fresh */
    unsigned dns_ms;  /* of this connection's own dial, when fresh */
    unsigned connect_ms;
    const char *tls; /* the version, or NULL: plain; this and the cipher are never freed */
    const char *cipher;
    unsigned tls_ms; /* of this connection's own handshake, when fresh */
    bool is_resumed; /* it was a short one, from an earlier session; when fresh */
};

/* Never NULL. May be HELD or FAILED at once; then on_lease is not called. */
struct lease *lease_checkout(struct lane *lane, const struct lease_request *request);

enum lease_state lease_state(const struct lease *lease);

/* Why it is LEASE_FAILED. */
enum err lease_error(const struct lease *lease);

/* Is that what its host's addresses failed with a moment ago, so that they were not tried? */
bool lease_is_held_down(const struct lease *lease);

/* Does a WAITING lease wait for its own dial (true) or in the queue at a cap (false)? */
bool lease_is_dialing(const struct lease *lease);

/* Of a HELD lease: borrowed until it is given back. The watch on it is the borrower's. */
struct stream *lease_stream(struct lease *lease);
const struct lease_facts *lease_facts(const struct lease *lease);

/* Notes traffic for the table of connections. */
void lease_count(struct lease *lease, uint64_t sent_bytes, uint64_t received_bytes);

/* The pulse of a HELD lease's connection, as long as its origin has nothing to answer. */
enum pulse lease_probe(const struct lease *lease);

/* Bytes were read from a HELD lease's connection that nobody asked for: its host is caught. */
void lease_note_stray(struct lease *lease);

/* What came in place of an answer, on a HELD lease's connection that was used before. */
void lease_note_dead(struct lease *lease);

/* What HTTP learned about whether and how the connection may be used again. */
struct park_terms {
    unsigned idle_timeout_ms; /* announced by the origin's Keep-Alive; 0: nothing announced */
    unsigned uses_left;       /* announced; 0 is "none left" only if has_uses_left */
    bool has_uses_left;
};

/*
 * Gives a HELD lease's connection back for reuse. The caller vouches that both messages ended
 * exactly; what is buffered, too old or used up is closed instead. Shut the watch first.
 */
void lease_park(struct lease **owned, const struct park_terms *terms);

/* Why a HELD lease's connection is about to be discarded, where HTTP knows. */
void lease_note_loss(struct lease *lease, enum miss loss);

/* Closes a HELD lease's connection and frees the lease. Shut the watch first. */
void lease_discard(struct lease **owned);

/*
 * From now on the HELD lease's connection is for one client only, since its origin may take
 * whatever comes on it for that client's: it is never parked. It gives its slot or its place
 * among the tunnels to others and counts as pinned. ERR_PINS_FULL at max_pinned: the lease is
 * as it was. A lease that is pinned already stays so.
 */
enum err lease_pin(struct lease *lease);

/*
 * A pinned lease has done its work and waits for its client's next request. Says for how many
 * milliseconds it may; 0: not at all, it is to be discarded.
 */
unsigned lease_rest(struct lease *lease, const struct park_terms *terms);

/*
 * A pinned lease that rests is used once more, for a request with this rule. ERR_CLOSED where
 * its connection is dead or spent, or what the rule says: it is to be discarded then.
 */
enum err lease_resume(struct lease *lease, lease_rule *rule, const void *rule_arg);

/*
 * A HELD lease's connection was dead already when it was reused: closes it and dials a new one
 * in its place; where so many dial to this host already, it queues before all who wait there.
 * The lease is then as after lease_checkout(), with LEASE_RETRY. Shut the watch first.
 */
void lease_renew(struct lease *lease);

/*
 * Gives up a lease in any state: what it was granted goes back. A HELD one is closed like
 * lease_discard(), as nobody vouches for it. NULL is fine.
 */
void lease_cancel(struct lease **owned);

#endif
