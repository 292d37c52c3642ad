#ifndef CARPOOL_TESTS_UNIT_DNS_FAKE_CLOCK_H
#define CARPOOL_TESTS_UNIT_DNS_FAKE_CLOCK_H

#include <stdint.h>

/* What clock_now_us() says; only the test moves it. */
extern uint64_t fake_now_us;

#endif
