#ifndef CARPOOL_TESTS_POOL_CROWD_H
#define CARPOOL_TESTS_POOL_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/dice.h"
#include "tests/unit/pool/model.h"
#include "tests/unit/pool/rig.h"

/*
 * Clients who do by dice what leases do: take, hold, give, close, dial, cancel, find dead or
 * forbidden what they were given. With a model, each call is compared with it.
 */
enum { CLIENTS = MODEL_CLIENTS, DIALS = 2 * CLIENTS };

/* Where a client stands between two calls. */
enum place { PLACE_IDLE, PLACE_WAITS, PLACE_HOLDS, PLACE_GAVE_UP };

struct client {
    struct taker taker;
    unsigned index;
    enum place place;
    unsigned seen_grants;
    unsigned key;
    struct upstream *stream;
    struct bucket *dial; /* the slot of its dial under way, or NULL */
};

/* A thread's clients; alone, with the model beside them. */
struct crowd {
    struct rig *rig;
    struct model *model; /* NULL on threads */
    /* On threads: dials under way for each key, of all crowds; never more than the shelf
     * counts. */
    _Atomic unsigned *dialing;
    struct dice dice;
    struct client clients[CLIENTS];
    unsigned guests; /* of them, who come at present: with few of them more is parked */
    struct {
        struct bucket *slot; /* detached from its client, which no longer needs it */
        unsigned key;
    } dials[DIALS];
    size_t dial_count;
    uint64_t evicted[MODEL_STREAMS];
    size_t evicted_count;
    uint64_t steps;
    const char *doing;
    bool is_winding_down;
};

void crowd_init(struct crowd *crowd, struct rig *rig, uint64_t seed);

/* Somebody does something. Ends the test (on threads: the process) when a claim is broken. */
void crowd_step(struct crowd *crowd);

/* New limits, by dice. With a model only: threads keep the limits that they began with. */
void crowd_configure(struct crowd *crowd);

/* Nobody holds, waits or dials. */
bool crowd_is_quiet(const struct crowd *crowd);

/* Nobody starts anew; whoever waits must be served by what the others give back. */
void crowd_wind_down(struct crowd *crowd);

/* For rig.on_evicted, where there is a model. */
void crowd_on_evicted(void *arg, const struct upstream *upstream);

#endif
