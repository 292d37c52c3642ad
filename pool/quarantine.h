#ifndef CARPOOL_POOL_QUARANTINE_H
#define CARPOOL_POOL_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/key.h"

/*
 * Hosts that were caught: bytes came from them that nobody had asked for. For a while no
 * connection to them is used twice, since the next such bytes may come a moment too late to be
 * noticed. Bounded: beyond QUARANTINE_MOST the one caught longest ago is let go. Any thread.
 */
struct quarantine;

#define QUARANTINE_MOST 1024u

struct quarantine *quarantine_new(void);
void quarantine_free(struct quarantine *quarantine);

/* Caught now, once more or for the first time: held for so long. True if it was not held. */
bool quarantine_add(struct quarantine *quarantine, const struct pool_key *key, unsigned for_ms);

/* Costs no lock while nobody is held. */
bool quarantine_holds(struct quarantine *quarantine, const struct pool_key *key);

/* How many hosts are held now. */
size_t quarantine_size(struct quarantine *quarantine);

#endif
