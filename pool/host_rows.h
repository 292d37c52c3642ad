#ifndef CARPOOL_POOL_HOST_ROWS_H
#define CARPOOL_POOL_HOST_ROWS_H

#include <stddef.h>

#include "pool/key.h"
#include "pool/ledger.h"

/* What was counted and measured of each host, for those who look on. */
struct hosts;

enum host_order { HOSTS_BY_SAVED, HOSTS_BY_REQUESTS, HOSTS_BY_OPENED, HOSTS_BY_TUNNELS };

/* A copy of one host's figures. */
struct host_row {
    char host[POOL_HOST_SIZE];
    uint16_t port;
    bool is_tls;
    struct address
        sources[2];         /* it is reached from these, one of each family; AF_UNSPEC: none */
    unsigned idle_limit_ms; /* learned: connections idle for longer are retired; 0: none */
    uint64_t rank;          /* what the order goes by */
    struct ledger_figures figures;
};

/* All hosts together: the sums are exact, whatever was forgotten. */
struct host_sums {
    uint64_t remembered;
    uint64_t forgotten;
    struct ledger_figures total;
};

/*
 * Copies those hosts that come first in this order, at most capacity of them, and returns how
 * many; of *sums all but the medians. Any thread; one shard's lock at a time.
 */
size_t host_rows_first(struct hosts *hosts, enum host_order order, struct host_row *rows,
                       size_t capacity, struct host_sums *sums);

#endif
