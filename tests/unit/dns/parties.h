#ifndef CARPOOL_TESTS_UNIT_DNS_PARTIES_H
#define CARPOOL_TESTS_UNIT_DNS_PARTIES_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event.h>

#include "base/mailbox.h"
#include "dns/answer.h"
#include "dns/cache.h"

#define COUNTER_NAMES_MOST 3
#define COUNTER_STALE_MS 60000

extern const struct resolver_settings counter_settings;

/* A cache, and the letters that it sends. */
struct counter {
    struct cache *cache;
    struct event_base *base;
    struct mailbox *mailbox;
    unsigned letters;
};

/* One who takes part. */
struct party {
    struct cache_claim claim; /* first: its letter leads here */
    struct counter *counter;
};

/* A counter per test, as cmocka wants it; its state is the counter. */
int counter_set_up(void **state);
int counter_tear_down(void **state);

/* The party's part in finding a name out; again: although an answer is still good. */
enum cache_part claim(struct counter *counter, struct party *party, const char *name);
enum cache_part claim_again(struct counter *counter, struct party *party, const char *name);

/* The party has found this. What those who ask are told: not that, if an old answer stands in.
 */
enum err settle(struct counter *counter, struct party *party, enum err err, uint64_t ttl_ms);

/* Claims and settles. */
void put(struct counter *counter, const char *name, enum err err, uint64_t ttl_ms);

bool knows(struct counter *counter, const char *name);

/* Of what is known: is it time to ask again? */
bool is_due(struct counter *counter, const char *name);

/* What the party hears when it looks. */
enum cache_news news(struct party *party, enum err *err);

/* Reads the letters that were posted, and says how many all together were. */
unsigned letters(struct counter *counter);

#endif
