#ifndef CARPOOL_TESTS_POOL_RIG_H
#define CARPOOL_TESTS_POOL_RIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pool/hosts.h"
#include "pool/limits.h"
#include "pool/shelf.h"

/* A shelf with limits of the test's own, what it evicts, and a clock that the test moves. */
struct rig {
    struct shelf *shelf;
    struct hosts *hosts;
    struct pool_settings settings;
    struct pool_limits limits;
    _Atomic unsigned evicted;
    _Atomic uint64_t last_evicted_id;
    _Atomic uint64_t last_id;
    _Atomic unsigned living; /* streams opened and not closed */
    /* If set, hears of each eviction, on the thread that evicts. */
    void (*on_evicted)(void *arg, const struct upstream *upstream);
    void *on_evicted_arg;
};

/* Without limits, but for those that the test sets and passes to rig_configure(). */
void rig_init(struct rig *rig);
void rig_configure(struct rig *rig);
void rig_fini(struct rig *rig);

/* What its origin is known to do: retired when idle for so long; 0: nothing. Any thread. */
void rig_teach(struct rig *rig, const struct pool_key *key, unsigned limit_ms);

/* What clock_now_us() says; starts at one second. Any thread. */
void rig_advance_ms(unsigned ms);
uint64_t rig_now_us(void);

struct pool_key rig_key(const char *host);

/* Which of the shelf's shards has the host's bucket. */
unsigned rig_shard(const char *host);

/* A stream without a socket, opened just now in the slot, of which the shelf is to hear. */
struct upstream *rig_open(struct rig *rig, struct bucket *slot);

/*
 * For tests on threads: whoever has a stream owns it, and says so. False if somebody else does.
 * What is evicted or closed must be nobody's.
 */
bool rig_own(struct upstream *upstream);
void rig_disown(struct upstream *upstream);

/* Back from use: given with its use counted and timed. */
void rig_give(struct rig *rig, struct upstream *upstream);

/* Closes a stream that the test owns; its slot stays. */
void rig_drop(struct upstream *upstream);

/* Closes a stream that the test holds and releases its slot. */
void rig_close(struct rig *rig, struct upstream *upstream);

/* One checkout of a test's own, and what it heard. */
struct taker {
    struct shelf_waiter waiter;
    struct shelf_gift got; /* by the take itself */
    _Atomic unsigned grants;
};

/* Counts a grant; a test that takes without rig_take() sets it itself. */
void rig_on_granted(struct shelf_waiter *waiter);

enum shelf_got rig_take(struct rig *rig, struct taker *taker, const char *host,
                        enum shelf_want want);

/* Takes a slot and opens a stream in it at once: a dial that took no time. */
struct upstream *rig_dial(struct rig *rig, const char *host);

/* Dials and parks it as if it had been used. */
uint64_t rig_park(struct rig *rig, const char *host);

/* A rig per test, as cmocka wants it. */
int rig_setup(void **state);
int rig_teardown(void **state);

/* The shelf's counts, once it was seen to be sound. */
struct shelf_counts counts_of(struct rig *rig);

/* Takes what must be parked there and returns its id; the stream is closed. */
uint64_t taken_id(struct rig *rig, const char *host);

/* What a taker was granted is dropped: a dial that fails at once, or a close. */
void drop_gift(struct rig *rig, struct taker *taker);

/* Leaves a dial of the taker's own and releases its slot. */
void drop_dial(struct rig *rig, struct taker *taker);

#endif
