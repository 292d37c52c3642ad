#ifndef CARPOOL_TESTS_POOL_YARD_H
#define CARPOOL_TESTS_POOL_YARD_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/lane.h"
#include "tests/unit/pool/rig.h"

/*
 * A pool whose connections are socketpairs, on the rig's clock, and a poll() in which things
 * can happen. Links with --wrap=poll.
 */
struct yard {
    struct pool_settings settings;
    struct pool *pool;
    unsigned opened;
    unsigned uses; /* of what is parked */
    unsigned connect_ms;
    /* What happens while the janitor polls. */
    bool polls_readable;
    struct taker *polls_take;
};

/* A test's setup and teardown; its state is the yard. */
int yard_set_up(void **state);
int yard_tear_down(void **state);

/* Parks one end of a socketpair under a key; returns the other. */
int yard_park_at(struct yard *yard, const char *host, uint16_t port);

/* The same under a.test:80. */
int yard_park(struct yard *yard);

/* Takes what is parked there, which has to be something. */
void yard_take(struct yard *yard, struct taker *taker);

/* Sweeps: so many stay parked, all others are closed, and every count says so. */
void yard_sweep_leaves(struct yard *yard, unsigned parked);

#endif
