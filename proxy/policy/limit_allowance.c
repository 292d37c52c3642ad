/*
 * Allowances: arithmetic on one atomic number. It orders nothing else, so all of it is relaxed.
 * Any thread.
 */
#include "proxy/policy/limit_allowance.h"

#define SECOND_NS UINT64_C(1000000000)
#define MSEC_NS UINT64_C(1000000)
/* A portion lasts this fraction of a second, if it is neither tiny nor more than one read. */
#define PORTIONS_PER_SECOND 100
#define PORTION_LEAST ((size_t)1024)
#define PORTION_MOST ((size_t)64 * 1024)

static uint64_t
add(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t
multiply(uint64_t a, uint64_t b)
{
    uint64_t product;

    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* The time that pays for so much, rounded up: nothing is free. What does not fit lasts for
 * ever. */
static uint64_t
price(const struct limit_rate *rate, uint64_t amount)
{
    uint64_t whole = multiply(amount / rate->amount, rate->per_ns);
    uint64_t rest = multiply(amount % rate->amount, rate->per_ns);

    return add(whole, add(rest, rate->amount - 1) / rate->amount);
}

static struct limit_rate
rate_of(uint64_t amount, uint64_t per_ns, unsigned burst_ms, size_t portion)
{
    struct limit_rate rate = {amount, per_ns, burst_ms * MSEC_NS, portion};

    if (amount > 0 && price(&rate, portion) > rate.burst_ns)
        rate.burst_ns = price(&rate, portion);
    return rate;
}

struct limit_rate
limit_rate_of_requests(uint64_t per_hour, unsigned burst_ms)
{
    return rate_of(per_hour, 3600 * SECOND_NS, burst_ms, 1);
}

struct limit_rate
limit_rate_of_bytes(uint64_t per_second, unsigned burst_ms)
{
    uint64_t portion = per_second / PORTIONS_PER_SECOND;

    if (portion < PORTION_LEAST)
        portion = per_second < PORTION_LEAST ? per_second : PORTION_LEAST;
    if (portion > PORTION_MOST)
        portion = PORTION_MOST;
    return rate_of(per_second, SECOND_NS, burst_ms, (size_t)portion);
}

/* What was used and is not paid for at this time. */
static uint64_t
used_ns(uint64_t paid_ns, uint64_t now_ns)
{
    return paid_ns > now_ns ? paid_ns - now_ns : 0;
}

bool
limit_allowance_take(struct limit_allowance *allowance, const struct limit_rate *rate,
                     uint64_t now_ns, uint64_t *wait_ns)
{
    uint64_t paid_ns = atomic_load_explicit(&allowance->paid_ns, memory_order_relaxed);
    uint64_t used;

    do {
        used = add(used_ns(paid_ns, now_ns), price(rate, 1));
        if (used > rate->burst_ns) {
            *wait_ns = used - rate->burst_ns;
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&allowance->paid_ns, &paid_ns,
                                                    now_ns + used, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

uint64_t
limit_allowance_charge(struct limit_allowance *allowance, const struct limit_rate *rate,
                       uint64_t now_ns, size_t amount)
{
    uint64_t paid_ns = atomic_load_explicit(&allowance->paid_ns, memory_order_relaxed);
    uint64_t cost = price(rate, amount);
    uint64_t after;

    do
        after = add(paid_ns > now_ns ? paid_ns : now_ns, cost);
    while (!atomic_compare_exchange_weak_explicit(&allowance->paid_ns, &paid_ns, after,
                                                  memory_order_relaxed, memory_order_relaxed));
    return used_ns(after, rate->burst_ns);
}

void
limit_allowance_refund(struct limit_allowance *allowance, const struct limit_rate *rate,
                       size_t amount)
{
    uint64_t paid_ns = atomic_load_explicit(&allowance->paid_ns, memory_order_relaxed);
    uint64_t cost = price(rate, amount);
    uint64_t after;

    do
        after = paid_ns > cost ? paid_ns - cost : 0;
    while (!atomic_compare_exchange_weak_explicit(&allowance->paid_ns, &paid_ns, after,
                                                  memory_order_relaxed, memory_order_relaxed));
}

size_t
limit_allowance_left(const struct limit_allowance *allowance, const struct limit_rate *rate,
                     uint64_t now_ns, size_t most)
{
    uint64_t paid_ns = atomic_load_explicit(&allowance->paid_ns, memory_order_relaxed);
    uint64_t used = used_ns(paid_ns, now_ns);

    if (used >= rate->burst_ns)
        return 0;
    if (rate->burst_ns - used >= price(rate, most))
        return most;
    /* Less than the price of most, so that the product is less than most times per_ns. */
    return (size_t)((rate->burst_ns - used) * rate->amount / rate->per_ns);
}

bool
limit_allowance_is_full(const struct limit_allowance *allowance, uint64_t now_ns)
{
    return atomic_load_explicit(&allowance->paid_ns, memory_order_relaxed) <= now_ns;
}
