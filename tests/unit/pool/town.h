#ifndef CARPOOL_TESTS_POOL_TOWN_H
#define CARPOOL_TESTS_POOL_TOWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * Origins of a forward proxy, each at an address of its own: real listening sockets, and of
 * each connection what its origin sees of it.
 */
enum { TOWN_HOSTS = 60, TOWN_REST = 512 };

/* One connection at its far end. */
struct far {
    int fd;
    uint16_t port; /* of the pool's end */
    uint64_t number;
    uint64_t opened_us;
    uint64_t rested_us; /* since when it is not in use */
    unsigned uses;
    bool is_held;
    TAILQ_ENTRY(far) entry;
};

struct origin {
    char ip[16];
    uint16_t port;
    int fd;           /* listens; -1: it is down */
    uint64_t down_us; /* when it went down last */
    uint64_t idle_ms; /* closes what rests for so long; 0: never */
    bool tells;       /* says so (Keep-Alive: timeout) */
    unsigned max_uses;
    unsigned answer_ms; /* on average */
    TAILQ_HEAD(, far) fars;
    /* The oracle: since when connections would rest that nothing but time takes away. */
    uint64_t resting_us[TOWN_REST];
    unsigned resting;
};

struct town {
    struct origin origins[TOWN_HOSTS];
    double weights[TOWN_HOSTS]; /* summed up: how often one of the first i is asked for */
    uint64_t accepted;
};

void town_init(struct town *town);
void town_fini(struct town *town);

/* Zipf: the first is asked for twice as often as the second. */
struct origin *town_choose(struct town *town, double chance);

/* Accepts what came in. */
void origin_greet(struct town *town, struct origin *origin);

struct far *origin_find(struct origin *origin, uint16_t port);
struct far *origin_find_number(struct origin *origin, uint64_t number);

/* The pool closed its end. */
bool far_has_ended(const struct far *far);
void far_close(struct origin *origin, struct far *far);

/* Closes all connections, and listens no more until origin_rise(). */
void origin_fall(struct origin *origin);
void origin_rise(struct origin *origin);

/* The oracle: would a connection have been there, resting less than idle_ms? Takes it. */
bool oracle_takes(struct origin *origin, uint64_t idle_ms);
void oracle_rests(struct origin *origin);

#endif
