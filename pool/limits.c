/*
 * The pool's settings while the process runs. Any thread.
 */
#include "pool/limits.h"

static void
limit_set(_Atomic unsigned *limit, unsigned value)
{
    atomic_store_explicit(limit, value, memory_order_relaxed);
}

void
limits_set(struct pool_limits *limits, const struct pool_settings *settings)
{
    limit_set(&limits->idle_timeout_ms, settings->idle_timeout_ms);
    limit_set(&limits->learns_idle_timeout, settings->learns_idle_timeout);
    limit_set(&limits->max_age_ms, settings->max_age_ms);
    limit_set(&limits->max_uses, settings->max_uses);
    limit_set(&limits->max_per_host, settings->max_per_host);
    limit_set(&limits->max_parked_per_host, settings->max_parked_per_host);
    limit_set(&limits->max_dials_per_host, settings->max_dials_per_host);
    limit_set(&limits->max_per_client, settings->max_per_client);
    limit_set(&limits->max_total, settings->max_total);
    limit_set(&limits->max_parked, settings->max_parked);
    limit_set(&limits->max_tunnels, settings->max_tunnels);
    limit_set(&limits->max_pinned, settings->max_pinned);
    limit_set(&limits->max_waiting, settings->max_waiting);
    limit_set(&limits->max_hosts, settings->max_hosts);
    limit_set(&limits->fresh_for_unsafe_ms, settings->fresh_for_unsafe_ms);
    limit_set(&limits->quarantine_ms, settings->quarantine_ms);
    limit_set(&limits->holddown_ms, settings->holddown_ms);
    limit_set(&limits->connect_timeout_ms, settings->connect_timeout_ms);
    limit_set(&limits->handshake_timeout_ms, settings->handshake_timeout_ms);
    limit_set(&limits->queue_timeout_ms, settings->queue_timeout_ms);
    limit_set(&limits->share_by_address, settings->share_by_address);
    limit_set(&limits->follow_dns, settings->follow_dns);
    limit_set(&limits->keepalive_idle_ms, settings->keepalive.idle_ms);
    limit_set(&limits->keepalive_interval_ms, settings->keepalive.interval_ms);
    limit_set(&limits->keepalive_probes, settings->keepalive.probes);
    limit_set(&limits->fast_open, settings->fast_open);
    limit_set(&limits->user_timeout_ms, settings->user_timeout_ms);
}
