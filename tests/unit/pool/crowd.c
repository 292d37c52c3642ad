/* Random clients of the shelf. */
#include "tests/unit/pool/crowd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* xorshift64*: the same on every machine. */
static unsigned
draw(struct crowd *crowd, unsigned below)
{
    crowd->random ^= crowd->random >> 12;
    crowd->random ^= crowd->random << 25;
    crowd->random ^= crowd->random >> 27;
    return (unsigned)((crowd->random * UINT64_C(2685821657736338717)) >> 33) % below;
}

/* Five hosts, two of them with equal hashes, two more in the same shard. */
static struct pool_key
key_of(unsigned index)
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

/* ---- each call, and what the model says of it ---- */

void
crowd_on_evicted(void *arg, const struct upstream *upstream)
{
    struct crowd *crowd = arg;

    crowd->evicted[crowd->evicted_count++] = upstream->id;
}

static void
begin(struct crowd *crowd, const char *doing)
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

static void
expect(struct crowd *crowd, bool claim, const char *what)
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
        expect(crowd, client->taker.grants == client->seen_grants + 1, "no grant came");
        expect(crowd, (stream != NULL ? stream->id : 0) == grant->stream, "another gift");
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        const struct client *client = &crowd->clients[i];
        bool has_mail = client->taker.grants != client->seen_grants;

        expect(crowd,
               !has_mail || is_granted[i] || client->place != PLACE_WAITS ||
                   !model->waiters[i].is_waiting,
               "a grant that nobody owed");
    }
}

static void
expect_same(struct crowd *crowd)
{
    const struct model *model = crowd->model;
    struct shelf_counts counts;

    if (model == NULL)
        return;
    expect(crowd, crowd->evicted_count == model->evicted_count, "another number evicted");
    for (size_t i = 0; i < crowd->evicted_count; i++)
        expect(crowd, crowd->evicted[i] == model->evicted[i], "another one evicted");
    expect_grants(crowd);
    shelf_count(crowd->rig->shelf, &counts);
    expect(crowd, counts.open == model->total, "open counts differ");
    expect(crowd, counts.parked == model_parked(model), "parked counts differ");
    expect(crowd, counts.waiting == model_waiting(model), "waiting counts differ");
    expect(crowd, shelf_is_sound(crowd->rig->shelf), "not sound");
}

static void
own(struct crowd *crowd, struct upstream *stream)
{
    expect(crowd, rig_own(stream), "a stream has two owners");
}

static enum shelf_got
do_take(struct crowd *crowd, struct client *client, bool has_slot)
{
    struct pool_key key = key_of(client->key);
    struct shelf_waiter *waiter = &client->taker.waiter;
    struct shelf_gift *got = &client->taker.got;
    enum shelf_got result;

    begin(crowd, "take");
    waiter->has_slot = has_slot;
    result = shelf_take(crowd->rig->shelf, &key, waiter, got);
    if (result == SHELF_GOT_STREAM)
        own(crowd, got->stream);
    if (crowd->model != NULL) {
        uint64_t stream = 0;

        expect(crowd,
               result == model_take(crowd->model, client->index, client->key, waiter->want,
                                    has_slot, &stream),
               "another answer");
        expect(crowd, result != SHELF_GOT_STREAM || got->stream->id == stream,
               "another stream");
        expect_same(crowd);
    }
    return result;
}

static void
do_give(struct crowd *crowd, struct upstream *stream, bool is_used)
{
    uint64_t id = stream->id;

    begin(crowd, is_used ? "give" : "give unused");
    rig_disown(stream);
    if (is_used)
        rig_give(crowd->rig, stream);
    else
        shelf_give(crowd->rig->shelf, stream);
    if (crowd->model != NULL)
        model_give(crowd->model, id, is_used);
    expect_same(crowd);
}

static void
do_close(struct crowd *crowd, struct upstream *stream)
{
    uint64_t id = stream->id;

    begin(crowd, "close");
    rig_disown(stream);
    rig_close(crowd->rig, stream);
    if (crowd->model != NULL)
        model_close(crowd->model, id);
    expect_same(crowd);
}

/* On threads: a slot to dial in was got, or is about to be given up. */
static void
count_dial(struct crowd *crowd, unsigned key, int change)
{
    if (crowd->dialing == NULL)
        return;
    if (change < 0)
        atomic_fetch_sub(&crowd->dialing[key], 1);
    else if (atomic_fetch_add(&crowd->dialing[key], 1) >=
             crowd->rig->settings.max_dials_per_host)
        expect(crowd, false, "too many dial to one host");
}

static void
do_undial(struct crowd *crowd, struct bucket *slot, unsigned key)
{
    begin(crowd, "undial");
    count_dial(crowd, key, -1);
    shelf_undial(crowd->rig->shelf, slot);
    if (crowd->model != NULL)
        model_undial(crowd->model, key);
    expect_same(crowd);
}

static bool
do_leave(struct crowd *crowd, struct client *client)
{
    bool has_left;

    begin(crowd, "leave");
    has_left = shelf_leave(crowd->rig->shelf, &client->taker.waiter);
    if (crowd->model != NULL)
        expect(crowd, has_left == model_leave(crowd->model, client->index), "left otherwise");
    expect_same(crowd);
    return has_left;
}

/* A dial of this client, or of nobody (NULL), became a stream: returned if it is the client's.
 */
static struct upstream *
do_open(struct crowd *crowd, struct client *client, struct bucket *slot, unsigned key)
{
    struct upstream *stream;
    uint64_t id;
    bool is_theirs;

    begin(crowd, "open");
    count_dial(crowd, key, -1);
    stream = rig_open(crowd->rig, slot);
    id = stream->id;
    is_theirs =
        shelf_dialed(crowd->rig->shelf, client != NULL ? &client->taker.waiter : NULL, stream);
    if (is_theirs)
        own(crowd, stream);
    if (crowd->model != NULL)
        expect(crowd,
               is_theirs == model_dialed(crowd->model,
                                         client != NULL ? client->index : MODEL_CLIENTS, id,
                                         key),
               "the dialed one went elsewhere");
    expect_same(crowd);
    return is_theirs ? stream : NULL;
}

/* What the client uses turns out to be dead: once more, on a new one. */
static bool
do_redial(struct crowd *crowd, struct client *client, struct bucket *slot, uint64_t id)
{
    struct shelf_waiter *waiter = &client->taker.waiter;
    bool may_dial;

    begin(crowd, "redial");
    waiter->want = SHELF_FRESH;
    may_dial = shelf_redial(crowd->rig->shelf, slot, waiter);
    if (crowd->model != NULL)
        expect(crowd, may_dial == model_redial(crowd->model, client->index, id),
               "dials or queues otherwise");
    expect_same(crowd);
    return may_dial;
}

/* ---- what clients do: the lease's part, by dice ---- */

static void
detach_dial(struct crowd *crowd, struct client *client)
{
    if (client->dial == NULL)
        return;
    expect(crowd, crowd->dial_count < DIALS, "too many dials");
    crowd->dials[crowd->dial_count].slot = client->dial;
    crowd->dials[crowd->dial_count++].key = client->key;
    client->dial = NULL;
}

static void
hold(struct crowd *crowd, struct client *client, struct upstream *stream)
{
    client->place = PLACE_HOLDS;
    client->stream = stream;
    detach_dial(crowd, client);
}

static void
go_idle(struct crowd *crowd, struct client *client)
{
    client->place = PLACE_IDLE;
    client->taker.waiter.rank = 0;
    if (crowd->model != NULL)
        model_forget(crowd->model, client->index);
}

/* slot: granted and not dialed yet, or NULL. */
static void
seek(struct crowd *crowd, struct client *client, struct bucket *slot)
{
    bool has_slot = slot != NULL || client->dial != NULL;

    client->place = PLACE_WAITS;
    switch (do_take(crowd, client, has_slot)) {
    case SHELF_GOT_STREAM:
        hold(crowd, client, client->taker.got.stream);
        if (slot != NULL)
            do_undial(crowd, slot, client->key);
        break;
    case SHELF_GOT_SLOT:
        if (!has_slot) {
            slot = client->taker.got.slot;
            count_dial(crowd, client->key, 1);
        }
        if (slot != NULL)
            client->dial = slot;
        break;
    case SHELF_GOT_QUEUE:
        break;
    case SHELF_GOT_FULL:
        go_idle(crowd, client);
        break;
    }
}

static void
start(struct crowd *crowd, struct client *client)
{
    static const enum shelf_want wants[] = {SHELF_ANY,   SHELF_ANY,   SHELF_ANY,
                                            SHELF_YOUNG, SHELF_FRESH, SHELF_SLOT};

    client->key = draw(crowd, MODEL_KEYS);
    client->taker.waiter.want = wants[draw(crowd, 6)];
    client->taker.waiter.on_granted = rig_on_granted;
    seek(crowd, client, NULL);
}

static void
renew(struct crowd *crowd, struct client *client, struct upstream *stream)
{
    struct bucket *slot = stream->bucket;
    uint64_t id = stream->id;

    rig_drop(stream);
    client->place = PLACE_WAITS;
    if (do_redial(crowd, client, slot, id)) {
        client->dial = slot;
        count_dial(crowd, client->key, 1);
    }
}

static void
finish(struct crowd *crowd, struct client *client)
{
    struct upstream *stream = client->stream;

    client->stream = NULL;
    if (!crowd->is_winding_down && draw(crowd, 8) == 0) {
        renew(crowd, client, stream);
        return;
    }
    switch (draw(crowd, 5)) {
    case 0:
        do_close(crowd, stream);
        break;
    case 1:
        do_give(crowd, stream, false);
        break;
    default:
        do_give(crowd, stream, true);
        break;
    }
    go_idle(crowd, client);
}

/* The client's own dial ends, well or not. */
static void
end_dial(struct crowd *crowd, struct client *client)
{
    struct bucket *slot = client->dial;
    struct upstream *stream;
    bool is_waiting;

    client->dial = NULL;
    if (draw(crowd, 4) > 0) {
        stream = do_open(crowd, client, slot, client->key);
        if (stream != NULL)
            hold(crowd, client, stream);
        return;
    }
    is_waiting = do_leave(crowd, client);
    do_undial(crowd, slot, client->key);
    if (is_waiting)
        go_idle(crowd, client);
}

static void
cancel(struct crowd *crowd, struct client *client)
{
    if (do_leave(crowd, client)) {
        detach_dial(crowd, client);
        go_idle(crowd, client);
    } else {
        client->place = PLACE_GAVE_UP;
        detach_dial(crowd, client);
    }
}

/* The client reads its mail. */
static void
read_grant(struct crowd *crowd, struct client *client)
{
    struct upstream *stream = client->taker.waiter.gift.stream;
    struct bucket *slot = client->taker.waiter.gift.slot;

    client->seen_grants++;
    if (stream != NULL)
        own(crowd, stream);
    else
        count_dial(crowd, client->key, 1);
    if (client->place == PLACE_GAVE_UP) {
        if (stream != NULL)
            do_give(crowd, stream, false);
        else
            do_undial(crowd, slot, client->key);
        go_idle(crowd, client);
    } else if (stream == NULL) {
        seek(crowd, client, slot);
    } else if (draw(crowd, 5) > 0) {
        hold(crowd, client, stream);
    } else if (draw(crowd, 2) == 0) {
        /* Dead: the next one, with the old rank. */
        do_close(crowd, stream);
        seek(crowd, client, NULL);
    } else {
        /* Its rule refuses it. */
        client->taker.waiter.want = SHELF_SLOT;
        do_give(crowd, stream, false);
        seek(crowd, client, NULL);
    }
}

static void
step_client(struct crowd *crowd, struct client *client)
{
    switch (client->place) {
    case PLACE_IDLE:
        if (!crowd->is_winding_down)
            start(crowd, client);
        break;
    case PLACE_HOLDS:
        finish(crowd, client);
        break;
    case PLACE_GAVE_UP:
    case PLACE_WAITS:
        if (client->taker.grants != client->seen_grants && draw(crowd, 3) > 0)
            read_grant(crowd, client);
        else if (client->dial != NULL && draw(crowd, 2) == 0)
            end_dial(crowd, client);
        else if (client->place == PLACE_WAITS && !crowd->is_winding_down && draw(crowd, 4) == 0)
            cancel(crowd, client);
        break;
    }
}

/* A dial that nobody waits for any more ends. */
static void
step_dial(struct crowd *crowd)
{
    struct bucket *slot;
    unsigned key;
    size_t chosen;

    if (crowd->dial_count == 0)
        return;
    chosen = draw(crowd, (unsigned)crowd->dial_count);
    slot = crowd->dials[chosen].slot;
    key = crowd->dials[chosen].key;
    crowd->dials[chosen] = crowd->dials[--crowd->dial_count];
    if (draw(crowd, 3) == 0)
        do_undial(crowd, slot, key);
    else
        do_open(crowd, NULL, slot, key);
}

static void
step_evict(struct crowd *crowd)
{
    bool has_evicted;

    begin(crowd, "evict");
    has_evicted = shelf_evict(crowd->rig->shelf);
    if (crowd->model != NULL)
        expect(crowd, has_evicted == model_evict(crowd->model), "evicted otherwise");
    expect_same(crowd);
}

/* What an origin does is found out, or forgotten. */
static void
step_learn(struct crowd *crowd)
{
    unsigned index = draw(crowd, MODEL_KEYS);
    unsigned limit_ms = draw(crowd, 2) * (2 + draw(crowd, 60));
    struct pool_key key = key_of(index);

    rig_teach(crowd->rig, &key, limit_ms);
    if (crowd->model != NULL)
        crowd->model->idle_limit_ms[index] = limit_ms;
}

/* A sweep: takes out what is retired, but for scouts, which nobody is given either. */
static void
step_sweep(struct crowd *crowd)
{
    struct upstream_list retired = TAILQ_HEAD_INITIALIZER(retired);
    struct upstream *upstream;

    begin(crowd, "sweep");
    for (unsigned i = 0; i < SHELF_SHARDS; i++)
        shelf_look(crowd->rig->shelf, i, &retired, NULL, 0);
    TAILQ_FOREACH (upstream, &retired, in_shard) {
        own(crowd, upstream);
        if (crowd->model != NULL)
            expect(crowd, model_sweep(crowd->model, upstream->id), "swept what is not retired");
    }
    expect_same(crowd);
    while ((upstream = TAILQ_FIRST(&retired)) != NULL) {
        TAILQ_REMOVE(&retired, upstream, in_shard);
        do_close(crowd, upstream);
    }
}

void
crowd_configure(struct crowd *crowd)
{
    struct pool_settings *settings = &crowd->rig->settings;

    begin(crowd, "configure");
    settings->learns_idle_timeout = draw(crowd, 4) > 0;
    settings->max_per_host = 1 + draw(crowd, 6);
    settings->max_parked_per_host = draw(crowd, 4);
    settings->max_dials_per_host = 1 + draw(crowd, 4);
    settings->max_total = 1 + draw(crowd, 12);
    settings->max_parked = draw(crowd, 12);
    settings->max_waiting = draw(crowd, 2 * CLIENTS);
    settings->fresh_for_unsafe_ms = draw(crowd, 20);
    rig_configure(crowd->rig);
    shelf_refresh(crowd->rig->shelf);
    model_configure(crowd->model, settings);
    expect_same(crowd);
}

void
crowd_step(struct crowd *crowd)
{
    unsigned dice = draw(crowd, 100);

    if (dice < 2 || (dice < 20 && crowd->dial_count > CLIENTS / 2) || crowd->is_winding_down)
        step_dial(crowd);
    if (dice == 2)
        step_evict(crowd);
    else if (dice == 3 && crowd->model != NULL && draw(crowd, 4) == 0)
        crowd_configure(crowd);
    else if (dice == 4)
        step_learn(crowd);
    else if (dice == 5)
        step_sweep(crowd);
    else if (crowd->dial_count < CLIENTS || crowd->is_winding_down)
        step_client(crowd, &crowd->clients[draw(crowd, CLIENTS)]);
    else
        step_dial(crowd);
}

bool
crowd_is_quiet(const struct crowd *crowd)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        if (crowd->clients[i].place != PLACE_IDLE)
            return false;
    return crowd->dial_count == 0;
}

void
crowd_init(struct crowd *crowd, struct rig *rig, uint64_t seed)
{
    memset(crowd, 0, sizeof(*crowd));
    crowd->rig = rig;
    crowd->random = seed | 1;
    for (unsigned i = 0; i < CLIENTS; i++)
        crowd->clients[i].index = i;
}

void
crowd_wind_down(struct crowd *crowd)
{
    crowd->is_winding_down = true;
    for (unsigned i = 0; !crowd_is_quiet(crowd); i++) {
        expect(crowd, i < 1000000, "somebody is never served");
        crowd_step(crowd);
    }
}
