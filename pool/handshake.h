#ifndef CARPOOL_POOL_HANDSHAKE_H
#define CARPOOL_POOL_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "base/err.h"
#include "base/watch.h"
#include "pool/lane.h"
#include "pool/tls.h"
#include "pool/upstream.h"

/*
 * One TLS handshake on a connection that was just opened. Belongs to its dial, as the
 * connection does; the lane's thread. It ends once: in on_end, or by handshake_stop().
 */
struct handshake {
    struct upstream *upstream; /* NULL: none under way */
    struct lane *lane;
    struct watch watch;
    struct event deadline;
    uint64_t started_us;
    bool has_spoken; /* since the far side last did */
    void *dial;
    void (*on_end)(struct handshake *handshake, enum err err);
};

/*
 * Starts it with the profile's context, resuming where the host gave a ticket. on_end follows
 * from the loop, with the upstream still the dial's; not where this fails.
 */
enum err handshake_start(struct handshake *handshake, struct upstream *upstream,
                         struct lane *lane, struct tls_profile *profile);

/* Nothing is called any more. One that is not under way is fine. */
void handshake_stop(struct handshake *handshake);

#endif
