#ifndef CARPOOL_POOL_LIMITS_H
#define CARPOOL_POOL_LIMITS_H

#include <stdatomic.h>

#include "pool/pool.h"

/*
 * The pool's settings where every thread reads them while a reload changes them: one relaxed
 * atomic each, since no limit has to change together with another.
 */
struct pool_limits {
    _Atomic unsigned idle_timeout_ms;
    _Atomic unsigned learns_idle_timeout;
    _Atomic unsigned max_age_ms;
    _Atomic unsigned max_uses;
    _Atomic unsigned max_per_host;
    _Atomic unsigned max_parked_per_host;
    _Atomic unsigned max_dials_per_host;
    _Atomic unsigned max_per_client;
    _Atomic unsigned max_total;
    _Atomic unsigned max_parked;
    _Atomic unsigned max_tunnels;
    _Atomic unsigned max_pinned;
    _Atomic unsigned max_waiting;
    _Atomic unsigned max_hosts;
    _Atomic unsigned fresh_for_unsafe_ms;
    _Atomic unsigned quarantine_ms;
    _Atomic unsigned holddown_ms;
    _Atomic unsigned connect_timeout_ms;
    _Atomic unsigned handshake_timeout_ms;
    _Atomic unsigned queue_timeout_ms;
    _Atomic unsigned share_by_address; /* 1: yes */
    _Atomic unsigned follow_dns;       /* 1: yes */
    _Atomic unsigned keepalive_idle_ms;
    _Atomic unsigned keepalive_interval_ms;
    _Atomic unsigned keepalive_probes;
    _Atomic unsigned fast_open;
    _Atomic unsigned user_timeout_ms;
};

void limits_set(struct pool_limits *limits, const struct pool_settings *settings);

static inline unsigned
limit_of(const _Atomic unsigned *limit)
{
    return atomic_load_explicit(limit, memory_order_relaxed);
}

/* Counts one more unless that would pass the limit. */
static inline _Bool
limit_reserve(_Atomic unsigned *count, const _Atomic unsigned *limit)
{
    unsigned now = atomic_load(count);

    while (now < limit_of(limit))
        if (atomic_compare_exchange_weak(count, &now, now + 1))
            return 1;
    return 0;
}

#endif
