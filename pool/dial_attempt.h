#ifndef CARPOOL_POOL_DIAL_ATTEMPT_H
#define CARPOOL_POOL_DIAL_ATTEMPT_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/address.h"
#include "base/err.h"
#include "base/watch.h"
#include "pool/key.h"
#include "pool/lane.h"

/* One address being connected to. Belongs to its dial; kept when it failed, as "tried". */
struct attempt {
    struct address address;
    struct watch watch;
    struct tuple_row *row;
    int fd; /* -1: over */
    uint64_t started_us;
    bool is_tunnel;
    void *dial;
    void (*on_end)(struct attempt *attempt, enum err err);
    TAILQ_ENTRY(attempt) entry;
};

TAILQ_HEAD(attempt_list, attempt);

/*
 * Starts to connect. on_end follows from the loop, unless this fails or attempt_stop() comes
 * first. ERR_NO_PORTS when the local ports for this destination are used up;
 * ERR_NO_DESCRIPTORS.
 */
enum err attempt_start(struct attempt *attempt, struct lane *lane, const struct pool_key *key);

/* Shuts the watch, takes the row out of the table and closes the socket. */
void attempt_stop(struct attempt *attempt, struct lane *lane);

/* Was this address tried by one of them, whatever became of it? Ports do not count. */
bool attempts_had(const struct attempt_list *attempts, const struct address *address);

/* Of two errors of one dial, the one that says more; the later one where both say as much. */
enum err attempt_reason(enum err before, enum err now);

#endif
