/* The fixture of the shelf's tests. */
#include "tests/unit/pool/rig.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "pool/bucket.h"

/* The test program's clock: moved by the tests, read by everything. */
static _Atomic uint64_t now_us = 1000000;

uint64_t __wrap_clock_now_us(void);

uint64_t
__wrap_clock_now_us(void)
{
    return atomic_load_explicit(&now_us, memory_order_relaxed);
}

void
rig_advance_ms(unsigned ms)
{
    atomic_fetch_add_explicit(&now_us, (uint64_t)ms * 1000, memory_order_relaxed);
}

uint64_t
rig_now_us(void)
{
    return atomic_load_explicit(&now_us, memory_order_relaxed);
}

/* A stream of the tests, with the rig that counts it and a mark for its owner. */
struct rig_stream {
    struct upstream upstream;
    struct rig *rig;
    _Atomic bool is_owned;
};

static struct rig_stream *
stream_of(struct upstream *upstream)
{
    return (struct rig_stream *)(void *)upstream;
}

bool
rig_own(struct upstream *upstream)
{
    return !atomic_exchange(&stream_of(upstream)->is_owned, true);
}

void
rig_disown(struct upstream *upstream)
{
    atomic_store(&stream_of(upstream)->is_owned, false);
}

static void
close_stream(struct upstream *upstream)
{
    if (atomic_load(&stream_of(upstream)->is_owned))
        abort();
    atomic_fetch_sub(&stream_of(upstream)->rig->living, 1);
    upstream_close(upstream, NULL);
}

void
rig_drop(struct upstream *upstream)
{
    rig_disown(upstream);
    close_stream(upstream);
}

static void
on_evicted(void *arg, struct upstream *upstream)
{
    struct rig *rig = arg;

    atomic_fetch_add(&rig->evicted, 1);
    atomic_store(&rig->last_evicted_id, upstream->id);
    if (rig->on_evicted != NULL)
        rig->on_evicted(rig->on_evicted_arg, upstream);
    close_stream(upstream);
}

void
rig_init(struct rig *rig)
{
    memset(rig, 0, sizeof(*rig));
    rig->settings = (struct pool_settings){.idle_timeout_ms = 60000,
                                           .learns_idle_timeout = true,
                                           .max_hosts = 1000,
                                           .max_per_host = 1000,
                                           .max_parked_per_host = 1000,
                                           .max_dials_per_host = 1000,
                                           .max_total = 1000,
                                           .max_parked = 1000,
                                           .max_waiting = 1000,
                                           .fresh_for_unsafe_ms = 500};
    rig_configure(rig);
    rig->hosts = hosts_new(&rig->limits);
    rig->shelf = shelf_new(&rig->limits, on_evicted, rig);
}

void
rig_configure(struct rig *rig)
{
    limits_set(&rig->limits, &rig->settings);
}

void
rig_fini(struct rig *rig)
{
    while (shelf_evict(rig->shelf))
        continue;
    shelf_free(rig->shelf);
    hosts_free(rig->hosts);
}

void
rig_teach(struct rig *rig, const struct pool_key *key, unsigned limit_ms)
{
    struct host *host = hosts_obtain(rig->hosts, key);

    atomic_store(&host->habit.limit_ms, limit_ms);
    hosts_leave(host);
}

struct pool_key
rig_key(const char *host)
{
    struct pool_key key;

    memset(&key, 0, sizeof(key));
    if (pool_key_init(&key, slice_of(host), 80) != ERR_OK)
        abort();
    return key;
}

unsigned
rig_shard(const char *host)
{
    return (unsigned)hash_shard(rig_key(host).hash, SHELF_SHARDS);
}

struct upstream *
rig_open(struct rig *rig, struct bucket *slot)
{
    struct rig_stream *stream = xcalloc(1, sizeof(*stream));
    struct upstream *upstream = &stream->upstream;

    stream->rig = rig;
    atomic_fetch_add(&rig->living, 1);
    upstream->stream.fd = -1;
    upstream->bucket = slot;
    upstream->host = hosts_obtain(rig->hosts, &slot->key);
    upstream->id = atomic_fetch_add(&rig->last_id, 1) + 1;
    upstream->opened_us = clock_now_us();
    upstream->used_us = upstream->opened_us;
    return upstream;
}

void
rig_give(struct rig *rig, struct upstream *upstream)
{
    upstream->uses++;
    upstream->used_us = clock_now_us();
    shelf_give(rig->shelf, upstream);
}

void
rig_close(struct rig *rig, struct upstream *upstream)
{
    struct bucket *slot = upstream->bucket;

    close_stream(upstream);
    shelf_release(rig->shelf, slot);
}

void
rig_on_granted(struct shelf_waiter *waiter)
{
    struct taker *taker = (struct taker *)(void *)waiter;

    atomic_fetch_add(&taker->grants, 1);
}

enum shelf_got
rig_take(struct rig *rig, struct taker *taker, const char *host, enum shelf_want want)
{
    struct pool_key key = rig_key(host);

    taker->waiter.want = want;
    taker->waiter.on_granted = rig_on_granted;
    return shelf_take(rig->shelf, &key, &taker->waiter, &taker->got);
}

struct upstream *
rig_dial(struct rig *rig, const char *host)
{
    struct taker taker = {0};
    struct upstream *upstream;

    if (rig_take(rig, &taker, host, SHELF_SLOT) != SHELF_GOT_SLOT)
        abort();
    upstream = rig_open(rig, taker.got.slot);
    if (!shelf_dialed(rig->shelf, &taker.waiter, upstream))
        abort();
    return upstream;
}

uint64_t
rig_park(struct rig *rig, const char *host)
{
    struct upstream *upstream = rig_dial(rig, host);
    uint64_t id = upstream->id;

    rig_give(rig, upstream);
    return id;
}
