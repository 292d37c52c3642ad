/*
 * Time stands still unless the test moves it.
 */
#include "tests/unit/dns/fake_clock.h"

uint64_t __wrap_clock_now_us(void);

uint64_t fake_now_us = 1000000;

uint64_t
__wrap_clock_now_us(void)
{
    return fake_now_us;
}
