#ifndef CARPOOL_TESTS_POOL_BENCH_H
#define CARPOOL_TESTS_POOL_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "base/address.h"
#include "base/mailbox.h"
#include "pool/lease.h"
#include "pool/pool.h"

/* A whole pool with one lane on a real loop, and a hosts file of the test's own. */
struct bench {
    struct event_base *base;
    struct mailbox *mailbox;
    struct cache *cache;
    struct resolver *resolver;
    struct pool_settings settings;
    struct pool *pool;
    struct lane *lane;
    stat_counter stats[POOL_STAT_COUNT];
    stat_counter dns_stats[DNS_STAT_COUNT];
    char hosts_file[64];
};

void bench_init(struct bench *bench);
void bench_fini(struct bench *bench);

/* A bench per test, as cmocka wants it, without any fake in force. */
int bench_setup(void **state);
int bench_teardown(void **state);

uint64_t count_of(struct bench *bench, enum pool_stat stat);

/* No slot, no tunnel, nothing pinned, nobody waiting, no bucket. */
void nothing_is_open(struct bench *bench);

/* Adds "address name" to the hosts file; before the first checkout. */
void bench_host(struct bench *bench, const char *address, const char *name);

/* A checkout, what its rule says, and what it heard. */
struct guest {
    struct bench *bench;
    struct lease *lease;
    struct address client;
    const char *quota; /* whose quota it counts under; NULL: nobody's */
    enum err verdict;  /* of the rule */
    const char *only;  /* the rule allows but this address; NULL: what verdict says */
    unsigned rule_calls;
    bool was_by_dns;         /* what the rule was told last */
    unsigned calls;          /* of on_lease */
    bool is_inside;          /* lease_checkout() is running */
    const char *source;      /* to connect from; NULL: anywhere */
    struct tls_profile *tls; /* NULL: plain */
};

void guest_ask(struct bench *bench, struct guest *guest, const char *host, uint16_t port,
               enum lease_want want);

/* Runs the loop until the guest's lease waits no more; a few seconds at most. */
void guest_wait(struct guest *guest);

/* Asks, waits and sees that it is held. */
void guest_hold(struct bench *bench, struct guest *guest, const char *host, uint16_t port);

void guest_park(struct guest *guest);

/* Waits; the lease fails with this error, and leaves no slot reserved. */
void fails_with(struct bench *bench, struct guest *guest, enum err err);

/* One round of the loop, without waiting for anything. */
void bench_turn(struct bench *bench);

/* A round that waits for an event; five seconds at most. */
void bench_wait(struct bench *bench);

/* Runs the loop until so many are parked; a few seconds at most. */
void bench_until_parked(struct bench *bench, uint64_t parked);

struct pool_gauges bench_gauges(struct bench *bench);

/* As a backlog: until listen() connections are refused, and nobody else gets the port. */
#define ORIGIN_CLOSED (-1)

/*
 * An origin: a listening socket on a free port (0) or a given one, or -1 if that is not free.
 * Connections need no accept.
 */
int origin_open(const char *ip, uint16_t port, int backlog);
uint16_t origin_port(int fd);

/* The origins of two.test, which leads to 127.0.0.2 and 127.0.0.3, on one port. */
struct twins {
    int low;
    int high;
    uint16_t port;
};

void twins_open(struct bench *bench, int low_backlog, struct twins *twins);
void twins_close(struct twins *twins);

/* Accepts what came in. */
int origin_accept(int fd);

/* Connects until the backlog is full, so that further SYNs stay unanswered. */
void origin_jam(int fd, int *jams, int count);

#endif
