#ifndef CARPOOL_BASE_STATS_H
#define CARPOOL_BASE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * Counters that are written by one thread and read by any. Each layer lists its own in a .def
 * file and keeps one array per worker; readers sum the arrays. Relaxed: a counter orders
 * nothing.
 */
typedef _Atomic uint64_t stat_counter;

/* Adds to a counter of the calling thread's own: a plain add, no bus lock. */
static inline void
stat_add(stat_counter *counter, uint64_t amount)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, value + amount, memory_order_relaxed);
}

/* Takes from a gauge of the calling thread's own. */
static inline void
stat_sub(stat_counter *counter, uint64_t amount)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, value - amount, memory_order_relaxed);
}

/* Any thread. */
static inline uint64_t
stat_read(const stat_counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
