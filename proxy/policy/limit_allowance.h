#ifndef CARPOOL_PROXY_POLICY_LIMIT_ALLOWANCE_H
#define CARPOOL_PROXY_POLICY_LIMIT_ALLOWANCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What may be used up now: so much a second, and what was not used is saved up for a while (a
 * token bucket). It is one number: the time at which all that was used is paid for. Where that
 * lies in the past the allowance is full; where it lies further ahead than the burst there is
 * debt, and nothing more until it is paid.
 *
 *     ──────┬───────────────┬──────────────┬─────► time
 *          now         paid_ns       now + burst
 *           └──── used ─────┘└─── left ────┘
 *
 * One atomic word, so that all threads can charge without a lock. Times are nanoseconds by
 * clock_now_ns(). Any thread.
 */
struct limit_allowance {
    _Atomic uint64_t paid_ns; /* zeroed: full */
};

struct limit_rate {
    uint64_t amount; /* 0: no limit */
    uint64_t per_ns; /* so much in this time */
    uint64_t burst_ns;
    size_t portion; /* what it pays to wait for, and what fits into the burst at least */
};

/* Requests: waited for one by one. */
struct limit_rate limit_rate_of_requests(uint64_t per_hour, unsigned burst_ms);

/* Bytes: in portions of a hundredth of a second, from 1 KiB to 64 KiB. */
struct limit_rate limit_rate_of_bytes(uint64_t per_second, unsigned burst_ms);

/* Uses one, if there is one. Otherwise *wait_ns is the time until there will be. */
bool limit_allowance_take(struct limit_allowance *allowance, const struct limit_rate *rate,
                          uint64_t now_ns, uint64_t *wait_ns);

/* Uses so much, there or not. Returns the time from which on there is no debt. */
uint64_t limit_allowance_charge(struct limit_allowance *allowance,
                                const struct limit_rate *rate, uint64_t now_ns, size_t amount);

/* Gives back what was charged and not used. */
void limit_allowance_refund(struct limit_allowance *allowance, const struct limit_rate *rate,
                            size_t amount);

/* How much is there, up to most, which is less than 2^33. */
size_t limit_allowance_left(const struct limit_allowance *allowance,
                            const struct limit_rate *rate, uint64_t now_ns, size_t most);

bool limit_allowance_is_full(const struct limit_allowance *allowance, uint64_t now_ns);

#endif
