/* What the tests with real sockets have in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/fakes.h"

int
bench_setup(void **state)
{
    struct bench *bench = malloc(sizeof(*bench));

    memset(&fakes, 0, sizeof(fakes));

    bench_init(bench);
    *state = bench;
    return 0;
}

int
bench_teardown(void **state)
{
    struct bench *bench = *state;

    bench_fini(bench);
    free(bench);
    return 0;
}

uint64_t
count_of(struct bench *bench, enum pool_stat stat)
{
    return stat_read(&bench->stats[stat]);
}

void
nothing_is_open(struct bench *bench)
{
    struct pool_gauges gauges = bench_gauges(bench);

    assert_int_equal(gauges.open, 0);
    assert_int_equal(gauges.waiting, 0);
    assert_int_equal(gauges.tunnels, 0);
    assert_int_equal(gauges.pinned, 0);
    assert_int_equal(gauges.hosts, 0);
}

void
fails_with(struct bench *bench, struct guest *guest, enum err err)
{
    guest_wait(guest);
    assert_int_equal(lease_state(guest->lease), LEASE_FAILED);
    assert_int_equal(lease_error(guest->lease), err);
    lease_cancel(&guest->lease);
    nothing_is_open(bench);
}
