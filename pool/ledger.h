#ifndef CARPOOL_POOL_LEDGER_H
#define CARPOOL_POOL_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pool/miss.h"

/*
 * What requests to one host came to: how many there were, how many connections were opened for
 * them, how long those took to set up, and what was saved where none had to be. Written and
 * read by any thread without a lock: relaxed atomics, but for the measured times.
 * docs/measuring.md has the formula of each figure. Times are in microseconds: over loopback a
 * connection takes some fifty of them.
 */
enum ledger_count {
#define COUNT(symbol, word) LEDGER_##symbol,
#include "pool/ledger.def"
#undef COUNT
#define MISS(symbol, word, help) LEDGER_MISS_##symbol,
#include "pool/misses.def"
#undef MISS
    LEDGER_COUNT
};
#define LEDGER_MISSES LEDGER_MISS_COLD /* where they begin */

static inline enum ledger_count
ledger_miss(enum miss miss)
{
    return (enum ledger_count)(LEDGER_MISSES + (miss - MISS_COLD));
}

/* The last so many measured times of one kind: their median is exact. */
#define TIMES_KEPT 31u

struct times {
    _Atomic uint32_t kept[TIMES_KEPT]; /* 0: none yet */
    _Atomic unsigned begun;
    _Atomic unsigned written;
    _Atomic uint32_t median;
};

struct tls_facts;

/* How long a new connection took to set up. */
struct setup {
    uint64_t connect_us; /* from the first address tried to the connection */
    uint64_t dns_us;     /* of no meaning if not was_asked */
    bool was_asked;      /* name servers were: the name was neither known nor local */
    uint64_t ttl_us;     /* for how long the name's answer may be kept; 0: not at all */
    uint64_t until_us;   /* and so, by clock_now_us(), until when */
    bool is_local;       /* no name server ever has a say */
};

struct ledger {
    _Atomic uint64_t counts[LEDGER_COUNT];
    struct times connect;
    struct times dns;
    struct times full; /* TLS handshakes, of either kind */
    struct times resumed;
    _Atomic unsigned
        last_loss; /* enum miss: why a connection was lost, until that explains one */
    _Atomic uint64_t name_ttl_us;
    _Atomic uint64_t name_until_us; /* until when a new connection would find the name known */
};

/* What a new connection would have cost in place of a reused one: modelled, from the medians.
 */
struct saving {
    uint64_t connect_us;
    uint64_t dns_us;
    uint64_t shake_us;
    bool is_lookup; /* the name would not have been known any more */
};

/* A time of 0 counts as 1 us. */
void times_add(struct times *times, uint64_t us);

void ledger_add(struct ledger *ledger, enum ledger_count count, uint64_t amount);

/* A connection was set up now; its dial is over. */
void ledger_note_setup(struct ledger *ledger, const struct setup *setup);

/* A TLS handshake with it is done. What it came to is in figures of its kind. */
void ledger_note_handshake(struct ledger *ledger, const struct tls_facts *facts);

/*
 * A request goes over a connection that others used before. What that spares it, had a new
 * connection been set up now; from then on the name counts as looked up now, if it was not
 * known.
 */
struct saving ledger_weigh(struct ledger *ledger);

/* It was spared indeed. */
void ledger_credit(struct ledger *ledger, const struct saving *saving);

/* A connection to the host is lost to others: the next miss may be because of that. */
void ledger_note_loss(struct ledger *ledger, enum miss loss);

/*
 * Counts a miss and returns why it is one: why, if the caller knows (MISS_NONE: it does not),
 * else the last loss, else MISS_COLD. What was lost before has then explained its miss.
 */
enum miss ledger_count_miss(struct ledger *ledger, enum miss why);

/* A copy for those who look on. */
struct ledger_figures {
    uint64_t counts[LEDGER_COUNT];
    uint32_t connect_us; /* the medians; 0: nothing was measured */
    uint32_t dns_us;
    uint32_t full_us;
    uint32_t resumed_us;
    unsigned connect_samples; /* of how many times */
    unsigned dns_samples;
    unsigned full_samples;
    unsigned resumed_samples;
};

void ledger_read_counts(const struct ledger *ledger, struct ledger_figures *figures);
void ledger_read_times(const struct ledger *ledger, struct ledger_figures *figures);

/* The median of what is kept, and of how many times that is. 0: of none. */
uint32_t times_median(const struct times *times, unsigned *samples);

/* Sums the counts up; medians are no sums and stay as they are. */
void ledger_sum(struct ledger_figures *to, const struct ledger_figures *from);

/* All that reuse saved, in microseconds. */
uint64_t ledger_saved_us(const struct ledger_figures *figures);

/* The word for a count, as in /hosts; misses have theirs from miss_word(). */
const char *ledger_word(enum ledger_count count);

#endif
