#ifndef CARPOOL_PROXY_STATS_H
#define CARPOOL_PROXY_STATS_H

#include "base/stats.h"
#include "dns/resolver.h"
#include "pool/pool.h"
#include "proxy/reasons.h"

enum proxy_stat {
#define STAT(symbol, kind, name, help) PROXY_STAT_##symbol,
#include "proxy/stats.def"
#undef STAT
    PROXY_STAT_COUNT
};

/* All counters of one worker. Written by its thread, read by any. */
struct worker_stats {
    stat_counter proxy[PROXY_STAT_COUNT];
    stat_counter reasons[REASON_COUNT]; /* how exchanges ended */
    stat_counter pool[POOL_STAT_COUNT];
    stat_counter dns[DNS_STAT_COUNT];
};

#endif
