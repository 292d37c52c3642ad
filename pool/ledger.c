/*
 * What is counted and measured of a host, and what reuse saved there. Any thread, no lock.
 */
#include "pool/ledger.h"

#include "base/clock.h"
#include "dns/cache.h"
#include "pool/upstream.h"

static uint64_t
load(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

void
ledger_note_loss(struct ledger *ledger, enum miss loss)
{
    atomic_store_explicit(&ledger->last_loss, loss, memory_order_relaxed);
}

enum miss
ledger_count_miss(struct ledger *ledger, enum miss why)
{
    enum miss loss = MISS_NONE;

    /* Where others hold connections, what was lost before is not why none is there. */
    if (why != MISS_BUSY)
        loss = (enum miss)atomic_exchange_explicit(&ledger->last_loss, MISS_NONE,
                                                   memory_order_relaxed);
    if (why == MISS_NONE)
        why = loss != MISS_NONE ? loss : MISS_COLD;
    ledger_add(ledger, ledger_miss(why), 1);
    return why;
}

/* Sorts what is kept into a copy. Returns how many there are. */
static unsigned
sort_kept(const struct times *times, uint32_t sorted[TIMES_KEPT])
{
    unsigned count = 0;

    for (unsigned i = 0; i < TIMES_KEPT; i++) {
        uint32_t us = atomic_load(&times->kept[i]);
        unsigned at = count;

        if (us == 0)
            continue;
        for (; at > 0 && sorted[at - 1] > us; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = us;
        count++;
    }
    return count;
}

uint32_t
times_median(const struct times *times, unsigned *samples)
{
    uint32_t sorted[TIMES_KEPT];
    unsigned count = sort_kept(times, sorted);

    *samples = count;
    if (count == 0)
        return 0;
    if (count % 2 == 1)
        return sorted[count / 2];
    return (uint32_t)(((uint64_t)sorted[count / 2 - 1] + sorted[count / 2]) / 2);
}

/*
 * Two threads may add at once. Each counts itself as written before it makes the median, and
 * makes it again if another one was written meanwhile: so the last to store it saw all.
 */
void
times_add(struct times *times, uint64_t us)
{
    unsigned at = atomic_fetch_add(&times->begun, 1) % TIMES_KEPT;
    unsigned samples;
    unsigned written;

    if (us == 0)
        us = 1;
    atomic_store(&times->kept[at], us < UINT32_MAX ? (uint32_t)us : UINT32_MAX);
    atomic_fetch_add(&times->written, 1);
    do {
        written = atomic_load(&times->written);
        atomic_store(&times->median, times_median(times, &samples));
    } while (atomic_load(&times->written) != written);
}

void
ledger_add(struct ledger *ledger, enum ledger_count count, uint64_t amount)
{
    atomic_fetch_add_explicit(&ledger->counts[count], amount, memory_order_relaxed);
}

/*
 * An answer whose time was up stood in for servers that failed: such a one counts as good for
 * its whole time again, so that no lookup is credited that may not have been needed.
 */
static uint64_t
name_until(const struct setup *setup)
{
    uint64_t now_us = clock_now_us();

    if (setup->is_local)
        return UINT64_MAX;
    return setup->until_us > now_us ? setup->until_us : now_us + setup->ttl_us;
}

void
ledger_note_setup(struct ledger *ledger, const struct setup *setup)
{
    times_add(&ledger->connect, setup->connect_us);
    if (setup->was_asked)
        times_add(&ledger->dns, setup->dns_us);
    atomic_store_explicit(&ledger->name_ttl_us, setup->ttl_us, memory_order_relaxed);
    atomic_store_explicit(&ledger->name_until_us, name_until(setup), memory_order_relaxed);
}

void
ledger_note_handshake(struct ledger *ledger, const struct tls_facts *facts)
{
    enum ledger_count first = facts->is_resumed ? LEDGER_RESUMED : LEDGER_FULL;

    ledger_add(ledger, first, 1);
    ledger_add(ledger, first + (LEDGER_FULL_TRIPS - LEDGER_FULL), facts->round_trips);
    ledger_add(ledger, first + (LEDGER_FULL_SENT - LEDGER_FULL), facts->sent_bytes);
    ledger_add(ledger, first + (LEDGER_FULL_RECEIVED - LEDGER_FULL), facts->received_bytes);
    ledger_add(ledger, first + (LEDGER_FULL_CPU - LEDGER_FULL), facts->cpu_us);
    times_add(facts->is_resumed ? &ledger->resumed : &ledger->full, facts->shake_us);
}

/*
 * The handshake of a new connection would be a short one if its host would resume. Where it
 * ever did, that is what is credited: the lesser of both. Plain hosts have neither.
 */
static uint64_t
usual_shake_us(struct ledger *ledger)
{
    uint32_t full_us = atomic_load(&ledger->full.median);
    uint32_t resumed_us = atomic_load(&ledger->resumed.median);

    if (full_us == 0)
        return resumed_us;
    return resumed_us != 0 && resumed_us < full_us ? resumed_us : full_us;
}

/*
 * Would a new connection have had to wait for name servers? Where it comes in the last part of
 * the answer's time it would not, but the cache would have asked anew ahead of its end. Of
 * several at once one would have asked; the others are not credited.
 */
static bool
would_ask(struct ledger *ledger)
{
    uint64_t now_us = clock_now_us();
    uint64_t ttl_us = load(&ledger->name_ttl_us);
    uint64_t until_us = load(&ledger->name_until_us);

    if (until_us > now_us && until_us - now_us > ttl_us / CACHE_REFRESH_PART)
        return false;
    return atomic_compare_exchange_strong_explicit(&ledger->name_until_us, &until_us,
                                                   now_us + ttl_us, memory_order_relaxed,
                                                   memory_order_relaxed) &&
           until_us <= now_us;
}

struct saving
ledger_weigh(struct ledger *ledger)
{
    struct saving saving = {.connect_us = atomic_load(&ledger->connect.median),
                            .shake_us = usual_shake_us(ledger)};

    if (would_ask(ledger)) {
        saving.is_lookup = true;
        saving.dns_us = atomic_load(&ledger->dns.median);
    }
    return saving;
}

void
ledger_credit(struct ledger *ledger, const struct saving *saving)
{
    if (saving->connect_us > 0)
        ledger_add(ledger, LEDGER_SAVED_CONNECT, saving->connect_us);
    if (saving->dns_us > 0)
        ledger_add(ledger, LEDGER_SAVED_DNS, saving->dns_us);
    if (saving->shake_us > 0)
        ledger_add(ledger, LEDGER_SAVED_SHAKE, saving->shake_us);
    if (saving->is_lookup)
        ledger_add(ledger, LEDGER_LOOKUPS_SPARED, 1);
}

void
ledger_read_counts(const struct ledger *ledger, struct ledger_figures *figures)
{
    for (unsigned i = 0; i < LEDGER_COUNT; i++)
        figures->counts[i] = load(&ledger->counts[i]);
}

void
ledger_read_times(const struct ledger *ledger, struct ledger_figures *figures)
{
    figures->connect_us = times_median(&ledger->connect, &figures->connect_samples);
    figures->dns_us = times_median(&ledger->dns, &figures->dns_samples);
    figures->full_us = times_median(&ledger->full, &figures->full_samples);
    figures->resumed_us = times_median(&ledger->resumed, &figures->resumed_samples);
}

void
ledger_sum(struct ledger_figures *to, const struct ledger_figures *from)
{
    for (unsigned i = 0; i < LEDGER_COUNT; i++)
        to->counts[i] += from->counts[i];
}

uint64_t
ledger_saved_us(const struct ledger_figures *figures)
{
    return figures->counts[LEDGER_SAVED_CONNECT] + figures->counts[LEDGER_SAVED_DNS] +
           figures->counts[LEDGER_SAVED_SHAKE];
}

const char *
ledger_word(enum ledger_count count)
{
    static const char *const words[LEDGER_MISSES] = {
#define COUNT(symbol, word) [LEDGER_##symbol] = (word),
#include "pool/ledger.def"
#undef COUNT
    };

    return words[count];
}
