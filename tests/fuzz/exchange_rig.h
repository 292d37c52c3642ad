#ifndef CARPOOL_TESTS_FUZZ_EXCHANGE_RIG_H
#define CARPOOL_TESTS_FUZZ_EXCHANGE_RIG_H

#include <stdbool.h>

#include "base/slice.h"

/*
 * A worker with its pool, three clients and an origin on loopback, all on one thread. What must
 * hold is checked as it happens: see fuzz_exchange.c.
 */
#define RIG_CLIENTS 3

struct rig;

struct rig *rig_open(void);

/* Turns the worker's loop until nothing moves any more. */
void rig_settle(struct rig *rig);

void rig_client_sends(struct rig *rig, unsigned number, struct slice bytes);
void rig_client_ends(struct rig *rig, unsigned number, bool is_half);

/* is_other: the oldest connection that is not the one used last. */
void rig_origin_sends(struct rig *rig, bool is_other, struct slice bytes);
void rig_origin_ends(struct rig *rig, bool is_other, bool is_half);

/* Has carpool ended its side of the connection that was used last? */
bool rig_origin_saw_end(struct rig *rig);

void rig_sweep(struct rig *rig);

/* All clients reset; afterwards nothing is leased or waits, and what is parked is quiet. */
void rig_everybody_leaves(struct rig *rig);

/* A client asks as people do, and gets exactly its answer. */
void rig_ordinary_request(struct rig *rig);

/* Ends all; the gauges are zero and the descriptors as before. */
void rig_close(struct rig *rig);

#endif
