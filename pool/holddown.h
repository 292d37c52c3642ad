#ifndef CARPOOL_POOL_HOLDDOWN_H
#define CARPOOL_POOL_HOLDDOWN_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/err.h"
#include "pool/key.h"

/*
 * Addresses, with their ports, to which a connection failed a moment ago: refused, silent, no
 * way there. For pool.holddown they are not dialed again (held down), and for a while longer
 * only if nothing better is there (doubtful), or until one connects. Bounded: beyond
 * HOLDDOWN_MOST the one that failed longest ago is forgotten. Any thread; costs no lock while
 * nothing has failed. A key stands for its source here: what cannot be reached from one address
 * of ours may be from another.
 *
 * One failure is enough, since a crowd of requests is what must not fall on a host that just
 * refused; but the time is short, about what a restart takes. A request that is sent again does
 * not heed it: it must not fail for having met a dead connection first.
 */
struct holddown;

#define HOLDDOWN_MOST 4096u
/* A failed address stays doubtful for so long, or for its holddown where that is longer. */
#define HOLDDOWN_DOUBT_MS 60000u

/* In the order in which they are tried. */
enum standing { STANDING_GOOD, STANDING_DOUBTFUL, STANDING_HELD };

struct holddown *holddown_new(void);
void holddown_free(struct holddown *holddown);

/*
 * A connection attempt failed: held down from now on for for_ms. What went wrong at our own end
 * (no ports, no descriptors) says nothing of the address and is not noted.
 */
void holddown_note_failure(struct holddown *holddown, const struct pool_key *key,
                           const struct address *address, enum err err, unsigned for_ms);

/* It connected. */
void holddown_clear(struct holddown *holddown, const struct pool_key *key,
                    const struct address *address);

/* How it stands with an address. Unless that is good, *err is why it failed. */
enum standing holddown_ask(struct holddown *holddown, const struct pool_key *key,
                           const struct address *address, enum err *err);

/* How many are held down now. */
size_t holddown_size(struct holddown *holddown);

#endif
