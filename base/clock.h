#ifndef CARPOOL_BASE_CLOCK_H
#define CARPOOL_BASE_CLOCK_H

#include <stdint.h>

/*
 * Microseconds on a clock that never goes back and has no meaning outside this process.
 * Any thread; costs a few nanoseconds (vDSO). The only source of time: tests wrap it.
 */
uint64_t clock_now_us(void);

/* The same in milliseconds. */
static inline uint64_t
clock_now_ms(void)
{
    return clock_now_us() / 1000;
}

/* The same in nanoseconds, as exact as microseconds are. */
static inline uint64_t
clock_now_ns(void)
{
    return clock_now_us() * 1000;
}

#endif
