#ifndef CARPOOL_PROXY_POLICY_AUTH_CHECKS_H
#define CARPOOL_PROXY_POLICY_AUTH_CHECKS_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/address.h"
#include "base/map.h"
#include "base/slice.h"

/*
 * The inside of auth: credentials that wait for their check, are being checked, or were. Not
 * locked: auth's lock guards it.
 *
 *     by digest ─► check: QUEUED ──► RUNNING ──► GOOD or BAD ──► forgotten when it is old,
 *                    in queue                    in good, bad    or for want of room
 */

#define CHECK_DIGEST_SIZE 32
/* Wrong ones are remembered for a moment, so that a program that repeats them costs nothing. */
#define CHECK_BAD_MOST 1000
#define CHECK_BAD_MS 10000

struct auth_ask;

enum check_state { CHECK_QUEUED, CHECK_RUNNING, CHECK_GOOD, CHECK_BAD };

struct check {
    struct map_node node;
    TAILQ_ENTRY(check) entry;
    enum check_state state;
    unsigned char digest[CHECK_DIGEST_SIZE];
    LIST_HEAD(, auth_ask) asks; /* who waits for it */
    struct address client;      /* whose place in the queue it takes */
    uint64_t round;             /* when it is its turn */
    uint64_t until_us;          /* remembered */
    char *text;                 /* "user:password" until it was checked */
    size_t user_size;
};

TAILQ_HEAD(check_list, check);

struct checks {
    struct map by_digest;
    struct check_list queue;
    struct check_list good;
    struct check_list bad;
    size_t waiting; /* in the queue */
    size_t good_count;
    size_t bad_count;
    const struct check *running;
    uint64_t round; /* of the one that runs or ran last */
};

void checks_init(struct checks *checks);

/* Frees all; none may have asks. */
void checks_fini(struct checks *checks);

/* The one with this digest that is not too old, or NULL. */
struct check *checks_find(struct checks *checks, const unsigned char *digest);

/*
 * Puts "user:password" into the queue. NULL if it is full, or if the client has a quarter of
 * most there already. Clients take turns: each one's n-th check goes before all others' n+1st.
 */
struct check *checks_queue(struct checks *checks, const unsigned char *digest, const char *text,
                           const struct address *client, size_t most);

/* Takes the next one out of the queue, to be run; NULL if there is none. */
struct check *checks_next(struct checks *checks);

/* What ran has to run again, before all others. */
void checks_requeue(struct checks *checks, struct check *check);

/* What ran is done: wipes its text, and remembers it for a while, but no more than most. */
void checks_remember(struct checks *checks, struct check *check, bool is_good, unsigned for_ms,
                     size_t most);

/* Frees one that does not run and has no asks. */
void checks_drop(struct checks *checks, struct check *check);

/* Forgets what is remembered: what is too old, or all. */
void checks_forget(struct checks *checks, bool all);

#endif
