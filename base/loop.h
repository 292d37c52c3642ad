#ifndef CARPOOL_BASE_LOOP_H
#define CARPOOL_BASE_LOOP_H

#include <stdint.h>
#include <sys/time.h>

#include <event2/event.h>

/*
 * An event base for one thread: without locks, since a base is touched by its own thread only,
 * and deaf to libevent's environment variables. NULL: no descriptors.
 */
struct event_base *loop_new(void);

/* A time to wait, as event_add() takes it. */
static inline struct timeval
loop_delay_us(uint64_t us)
{
    return (struct timeval){(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
}

static inline struct timeval
loop_delay_ms(uint64_t ms)
{
    return loop_delay_us(ms * 1000);
}

#endif
