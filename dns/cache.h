#ifndef CARPOOL_DNS_CACHE_H
#define CARPOOL_DNS_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/address.h"
#include "base/mailbox.h"
#include "dns/name.h"
#include "dns/resolver.h"

/*
 * What names were found to be, or why not, for all resolvers of the process; and who is asking
 * for one right now, so that a name is asked for once however many workers want it.
 *
 *     find ──► known: answer or error                       (a lock, a look, no letter)
 *       └────► not known: claim ──► OURS: ask the servers, then settle ──► letters
 *                              └──► THEIRS: wait for a letter, then read ◄────┘
 *
 * Holds at most so many names; the one not asked for longest goes first. Answers outlive their
 * time for a while, for the case that no server can be reached (RFC 8767). One lock: a name is
 * looked up per dial, not per request, and the lock is held for a few list operations. Letters
 * are posted after it is given back.
 */

/* What is asked for in the last tenth of its time is asked anew ahead of its end. */
#define CACHE_REFRESH_PART 10

struct cache_entry;

/* One resolver's part in a question: it asks, or it waits for the one who does. Embedded. */
struct cache_claim {
    TAILQ_ENTRY(cache_claim) link;
    struct cache_claim *next_told;
    struct letter letter; /* posted when there is something to read; on_mail is the owner's */
    struct mailbox *mailbox;   /* the owner's */
    struct cache_entry *entry; /* NULL: takes no part */
    unsigned round;
    bool is_mailed; /* a letter is on its way: the claim must live until it is read */
    bool has_partial;
};

enum cache_part {
    CACHE_OURS,   /* nobody asks: the caller does, and settles */
    CACHE_THEIRS, /* another one asks: a letter will come */
    CACHE_KNOWN,  /* it was settled a moment ago, or is being refreshed */
};

enum cache_news {
    CACHE_NOTHING,
    CACHE_PARTIAL,   /* *answer: what is there so far; once per claim */
    CACHE_SETTLED,   /* *err and *answer; the claim's part is over */
    CACHE_ABANDONED, /* whoever asked has gone; the claim's part is over: claim again */
};

/* What a question came to. */
struct cache_outcome {
    enum err err;
    struct answer *answer; /* of ERR_OK */
    uint64_t ttl_ms;
    unsigned latency_ms;
    bool is_stale; /* the servers failed, and an old answer stands in */
};

struct cache *cache_new(const struct resolver_settings *settings);

/* When no resolver uses it any more. NULL is fine. */
void cache_free(struct cache *cache);

/*
 * Forgets everything and takes new settings; questions under way answer those who wait for them
 * and nobody else. Any thread.
 */
void cache_clear(struct cache *cache, const struct resolver_settings *settings);

/*
 * True if the name is known: *err, and of ERR_OK an *answer that the caller owns a reference
 * of. *is_due: its time is nearly up, and whoever asks anew now spares the next one the wait.
 * Any thread.
 */
bool cache_find(struct cache *cache, struct slice name, enum err *err, struct answer **answer,
                bool *is_due);

/* The same of what was known last, although its time may be up. Any thread. */
bool cache_recall(struct cache *cache, struct slice name, enum err *err,
                  struct answer **answer);

/*
 * Takes part in finding a name out. The claim's letter and mailbox are set. is_refresh: ask
 * although the name is known, unless somebody does already. Of CACHE_KNOWN *outcome is what it
 * is; of CACHE_OURS its answer is one whose time is up, in case the servers are slow, or NULL.
 * The caller owns the answer. The thread of the mailbox, as all that concerns the claim.
 */
enum cache_part cache_claim(struct cache *cache, struct slice name, struct cache_claim *claim,
                            bool is_refresh, struct cache_outcome *outcome);

/* Of a runner: an answer that others may begin with. */
void cache_publish(struct cache *cache, struct cache_claim *claim, struct answer *partial);

/*
 * Of a runner: the end. Where the servers failed and there is an old answer that may still be
 * used, that is the outcome: *outcome is changed to it. The caller owns outcome->answer before
 * and after.
 */
void cache_settle(struct cache *cache, struct cache_claim *claim,
                  struct cache_outcome *outcome);

/* Of a waiter whose letter came. The caller owns *answer. */
enum cache_news cache_read(struct cache *cache, struct cache_claim *claim, enum err *err,
                           struct answer **answer);

/* Takes no part any more. A runner's waiters are told to ask themselves. */
void cache_leave(struct cache *cache, struct cache_claim *claim);

/*
 * Room for so many questions more at servers, in the whole process: ERR_DNS_BUSY if there is
 * none. One question is always let through. Any thread.
 */
enum err cache_reserve(struct cache *cache, unsigned questions);
void cache_release(struct cache *cache, unsigned questions);

/* One name, for people. */
struct cache_row {
    char name[NAME_SIZE];
    enum err err;          /* what it was found to be */
    enum err last_err;     /* what the servers said last */
    struct answer *answer; /* what is known, or a part of it while it is asked for the first
                            * time; the copy's owner has a reference; NULL: none */
    bool is_known;         /* false: asked for the first time */
    bool is_asked;
    int64_t ttl_left_ms; /* below 0: its time is up */
    unsigned latency_ms;
};

/*
 * Copies up to capacity rows, the most recently used first, and returns how many; *total is how
 * many there are. The caller drops their answers. Any thread.
 */
size_t cache_rows(struct cache *cache, struct cache_row *rows, size_t capacity, size_t *total);

#endif
