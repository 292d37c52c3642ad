#ifndef CARPOOL_TESTS_POOL_MODEL_H
#define CARPOOL_TESTS_POOL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/pool.h"
#include "pool/shelf.h"

/*
 * The shelf as its rules read, without shards, locks or lists kept in step: every question is
 * answered by looking through everything. What a call should bring about is left in grants and
 * evicted.
 */
enum { MODEL_KEYS = 5, MODEL_CLIENTS = 24, MODEL_STREAMS = 512 };

struct model_stream {
    uint64_t id; /* 0: free row */
    unsigned key;
    uint64_t used_us;
    unsigned uses;
    bool was_parked;
    bool is_parked;
};

struct model_waiter {
    bool is_waiting;
    bool is_queued; /* else joined */
    unsigned key;
    enum shelf_want want;
    uint64_t rank; /* 0: none yet */
};

struct model_grant {
    unsigned client;
    uint64_t stream; /* 0: a slot */
};

struct model {
    struct pool_settings settings;
    struct model_stream streams[MODEL_STREAMS];
    struct model_waiter waiters[MODEL_CLIENTS];
    unsigned open[MODEL_KEYS];
    unsigned dialing[MODEL_KEYS];
    unsigned idle_limit_ms[MODEL_KEYS]; /* learned; 0: nothing */
    unsigned total;
    uint64_t last_rank;
    uint64_t last_redial_rank;
    uint64_t now_us;

    struct model_grant grants[MODEL_CLIENTS];
    size_t grant_count;
    uint64_t evicted[MODEL_STREAMS];
    size_t evicted_count;
};

/* Before each call of the others. */
void model_begin(struct model *model, uint64_t now_us);

/* *stream: which one, if it is GOT_STREAM. */
enum shelf_got model_take(struct model *model, unsigned client, unsigned key,
                          enum shelf_want want, bool has_slot, uint64_t *stream);

/*
 * A stream that the test opened in a slot. True: it is the client's own (MODEL_CLIENTS:
 * nobody's).
 */
bool model_dialed(struct model *model, unsigned client, uint64_t id, unsigned key);
void model_undial(struct model *model, unsigned key);
bool model_redial(struct model *model, unsigned client, uint64_t id);

/* is_used: it comes back from use, now. */
void model_give(struct model *model, uint64_t id, bool is_used);
void model_close(struct model *model, uint64_t id);

/* A sweep takes it off the shelf, if it is there and retired: it is to be closed. */
bool model_sweep(struct model *model, uint64_t id);
bool model_leave(struct model *model, unsigned client);
bool model_evict(struct model *model);
bool model_thin(struct model *model);
void model_configure(struct model *model, const struct pool_settings *settings);

/* A checkout is over: the next one takes a new rank. */
void model_forget(struct model *model, unsigned client);

unsigned model_waiting(const struct model *model);
unsigned model_parked(const struct model *model);

#endif
