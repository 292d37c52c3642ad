#ifndef CARPOOL_TESTS_POOL_CROWD_CALLS_H
#define CARPOOL_TESTS_POOL_CROWD_CALLS_H

#include "tests/unit/pool/crowd.h"

/*
 * The calls that a crowd makes of the shelf. Where there is a model it is asked the same, and
 * the test ends where the two differ.
 */

/* Five hosts, two of them with equal hashes, two more in the same shard. */
struct pool_key crowd_key(unsigned index);

/* Before each call: what it is, for people; moves the clock. */
void crowd_begin(struct crowd *crowd, const char *doing);

/* Ends the test (on threads: the process) unless the claim holds. */
void crowd_expect(struct crowd *crowd, bool claim, const char *what);

/* Behind each call: counts, grants and evictions are the model's. */
void crowd_expect_same(struct crowd *crowd);

/* The stream is one client's from now on, and was nobody's. */
void crowd_own(struct crowd *crowd, struct upstream *stream);

/* On threads: a slot to dial in was got, or is about to be given up. */
void crowd_count_dial(struct crowd *crowd, unsigned key, int change);

enum shelf_got crowd_take(struct crowd *crowd, struct client *client, bool has_slot);
void crowd_give(struct crowd *crowd, struct upstream *stream, bool is_used);
void crowd_close(struct crowd *crowd, struct upstream *stream);
void crowd_undial(struct crowd *crowd, struct bucket *slot, unsigned key);
bool crowd_leave(struct crowd *crowd, struct client *client);

/* A dial of this client, or of nobody (NULL), became a stream: returned if it is the client's.
 */
struct upstream *crowd_open(struct crowd *crowd, struct client *client, struct bucket *slot,
                            unsigned key);

/* What the client uses turns out to be dead: once more, on a new one. */
bool crowd_redial(struct crowd *crowd, struct client *client, struct bucket *slot, uint64_t id);

void crowd_evict(struct crowd *crowd);
void crowd_thin(struct crowd *crowd);

/* A sweep: takes out what is retired, but for scouts, which nobody is given either. */
void crowd_sweep(struct crowd *crowd);

#endif
