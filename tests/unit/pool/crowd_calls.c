/* Each call of the shelf, and what the model says of it. */
#include "tests/unit/pool/crowd_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct pool_key
crowd_key(unsigned index)
{
    static const char *const hosts[MODEL_KEYS] = {"a.test", "b.test", "c.test", "d.test",
                                                  "e.test"};
    struct pool_key key = rig_key(hosts[index]);

    if (index < 2)
        key.hash = UINT64_C(0x1234567800000001);
    else if (index < 4)
        key.hash = UINT64_C(0x1234567800000000) + index;
    return key;
}

void
crowd_on_evicted(void *arg, const struct upstream *upstream)
{
    struct crowd *crowd = arg;

    crowd->evicted[crowd->evicted_count++] = upstream->id;
}

void
crowd_begin(struct crowd *crowd, const char *doing)
{
    crowd->doing = doing;
    crowd->steps++;
    crowd->evicted_count = 0;
    /* Every call at its own time: then the order of last use is unambiguous. */
    if (crowd->model != NULL) {
        rig_advance_ms(1);
        model_begin(crowd->model, rig_now_us());
    }
}

void
crowd_expect(struct crowd *crowd, bool claim, const char *what)
{
    if (claim)
        return;
    fprintf(stderr, "step %llu, %s: %s\n", (unsigned long long)crowd->steps, crowd->doing,
            what);
    /* cmocka's way out of a test is for the main thread only. */
    if (crowd->model == NULL)
        abort();
    fail();
}

static void
expect_grants(struct crowd *crowd)
{
    const struct model *model = crowd->model;
    bool is_granted[CLIENTS] = {false};

    for (size_t i = 0; i < model->grant_count; i++) {
        const struct model_grant *grant = &model->grants[i];
        const struct client *client = &crowd->clients[grant->client];
        const struct upstream *stream = client->taker.waiter.gift.stream;

        is_granted[grant->client] = true;
        crowd_expect(crowd, client->taker.grants == client->seen_grants + 1, "no grant came");
        crowd_expect(crowd, (stream != NULL ? stream->id : 0) == grant->stream, "another gift");
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        const struct client *client = &crowd->clients[i];
        bool has_mail = client->taker.grants != client->seen_grants;

        crowd_expect(crowd,
                     !has_mail || is_granted[i] || client->place != PLACE_WAITS ||
                         !model->waiters[i].is_waiting,
                     "a grant that nobody owed");
    }
}

void
crowd_expect_same(struct crowd *crowd)
{
    const struct model *model = crowd->model;
    struct shelf_counts counts;

    if (model == NULL)
        return;
    crowd_expect(crowd, crowd->evicted_count == model->evicted_count, "another number evicted");
    for (size_t i = 0; i < crowd->evicted_count; i++)
        crowd_expect(crowd, crowd->evicted[i] == model->evicted[i], "another one evicted");
    expect_grants(crowd);
    shelf_count(crowd->rig->shelf, &counts);
    crowd_expect(crowd, counts.open == model->total, "open counts differ");
    crowd_expect(crowd, counts.parked == model_parked(model), "parked counts differ");
    crowd_expect(crowd, counts.waiting == model_waiting(model), "waiting counts differ");
    crowd_expect(crowd, shelf_is_sound(crowd->rig->shelf), "not sound");
}

void
crowd_own(struct crowd *crowd, struct upstream *stream)
{
    crowd_expect(crowd, rig_own(stream), "a stream has two owners");
}

enum shelf_got
crowd_take(struct crowd *crowd, struct client *client, bool has_slot)
{
    struct pool_key key = crowd_key(client->key);
    struct shelf_waiter *waiter = &client->taker.waiter;
    struct shelf_gift *got = &client->taker.got;
    enum shelf_got result;

    crowd_begin(crowd, "take");
    waiter->has_slot = has_slot;
    result = shelf_take(crowd->rig->shelf, &key, waiter, got);
    if (result == SHELF_GOT_STREAM)
        crowd_own(crowd, got->stream);
    if (crowd->model != NULL) {
        uint64_t stream = 0;

        crowd_expect(crowd,
                     result == model_take(crowd->model, client->index, client->key,
                                          waiter->want, has_slot, &stream),
                     "another answer");
        crowd_expect(crowd, result != SHELF_GOT_STREAM || got->stream->id == stream,
                     "another stream");
        crowd_expect_same(crowd);
    }
    return result;
}

void
crowd_give(struct crowd *crowd, struct upstream *stream, bool is_used)
{
    uint64_t id = stream->id;

    crowd_begin(crowd, is_used ? "give" : "give unused");
    rig_disown(stream);
    if (is_used)
        rig_give(crowd->rig, stream);
    else
        shelf_give(crowd->rig->shelf, stream);
    if (crowd->model != NULL)
        model_give(crowd->model, id, is_used);
    crowd_expect_same(crowd);
}

void
crowd_close(struct crowd *crowd, struct upstream *stream)
{
    uint64_t id = stream->id;

    crowd_begin(crowd, "close");
    rig_disown(stream);
    rig_close(crowd->rig, stream);
    if (crowd->model != NULL)
        model_close(crowd->model, id);
    crowd_expect_same(crowd);
}

void
crowd_count_dial(struct crowd *crowd, unsigned key, int change)
{
    if (crowd->dialing == NULL)
        return;
    if (change < 0)
        atomic_fetch_sub(&crowd->dialing[key], 1);
    else if (atomic_fetch_add(&crowd->dialing[key], 1) >=
             crowd->rig->settings.max_dials_per_host)
        crowd_expect(crowd, false, "too many dial to one host");
}

void
crowd_undial(struct crowd *crowd, struct bucket *slot, unsigned key)
{
    crowd_begin(crowd, "undial");
    crowd_count_dial(crowd, key, -1);
    shelf_undial(crowd->rig->shelf, slot);
    if (crowd->model != NULL)
        model_undial(crowd->model, key);
    crowd_expect_same(crowd);
}

bool
crowd_leave(struct crowd *crowd, struct client *client)
{
    bool has_left;

    crowd_begin(crowd, "leave");
    has_left = shelf_leave(crowd->rig->shelf, &client->taker.waiter);
    if (crowd->model != NULL)
        crowd_expect(crowd, has_left == model_leave(crowd->model, client->index),
                     "left otherwise");
    crowd_expect_same(crowd);
    return has_left;
}

struct upstream *
crowd_open(struct crowd *crowd, struct client *client, struct bucket *slot, unsigned key)
{
    struct upstream *stream;
    uint64_t id;
    bool is_theirs;

    crowd_begin(crowd, "open");
    crowd_count_dial(crowd, key, -1);
    stream = rig_open(crowd->rig, slot);
    id = stream->id;
    is_theirs =
        shelf_dialed(crowd->rig->shelf, client != NULL ? &client->taker.waiter : NULL, stream);
    if (is_theirs)
        crowd_own(crowd, stream);
    if (crowd->model != NULL)
        crowd_expect(crowd,
                     is_theirs == model_dialed(crowd->model,
                                               client != NULL ? client->index : MODEL_CLIENTS,
                                               id, key),
                     "the dialed one went elsewhere");
    crowd_expect_same(crowd);
    return is_theirs ? stream : NULL;
}

bool
crowd_redial(struct crowd *crowd, struct client *client, struct bucket *slot, uint64_t id)
{
    struct shelf_waiter *waiter = &client->taker.waiter;
    bool may_dial;

    crowd_begin(crowd, "redial");
    waiter->want = SHELF_FRESH;
    may_dial = shelf_redial(crowd->rig->shelf, slot, waiter);
    if (crowd->model != NULL)
        crowd_expect(crowd, may_dial == model_redial(crowd->model, client->index, id),
                     "dials or queues otherwise");
    crowd_expect_same(crowd);
    return may_dial;
}

void
crowd_evict(struct crowd *crowd)
{
    bool has_evicted;

    crowd_begin(crowd, "evict");
    has_evicted = shelf_evict(crowd->rig->shelf);
    if (crowd->model != NULL)
        crowd_expect(crowd, has_evicted == model_evict(crowd->model), "evicted otherwise");
    crowd_expect_same(crowd);
}

void
crowd_thin(struct crowd *crowd)
{
    bool has_evicted;

    crowd_begin(crowd, "thin");
    has_evicted = shelf_thin(crowd->rig->shelf);
    if (crowd->model != NULL)
        crowd_expect(crowd, has_evicted == model_thin(crowd->model), "thinned otherwise");
    crowd_expect_same(crowd);
}

void
crowd_sweep(struct crowd *crowd)
{
    struct upstream_list retired = TAILQ_HEAD_INITIALIZER(retired);
    struct upstream *upstream;

    crowd_begin(crowd, "sweep");
    for (unsigned i = 0; i < SHELF_SHARDS; i++)
        shelf_look(crowd->rig->shelf, i, &retired, NULL, 0);
    TAILQ_FOREACH (upstream, &retired, in_shard) {
        crowd_own(crowd, upstream);
        if (crowd->model != NULL)
            crowd_expect(crowd, model_sweep(crowd->model, upstream->id),
                         "swept what is not retired");
    }
    crowd_expect_same(crowd);
    while ((upstream = TAILQ_FIRST(&retired)) != NULL) {
        TAILQ_REMOVE(&retired, upstream, in_shard);
        crowd_close(crowd, upstream);
    }
}
