/* What random clients of the shelf do: the lease's part, by dice. */
#include "tests/unit/pool/crowd.h"

#include <string.h>

#include "tests/unit/pool/crowd_calls.h"

static void
detach_dial(struct crowd *crowd, struct client *client)
{
    if (client->dial == NULL)
        return;
    crowd_expect(crowd, crowd->dial_count < DIALS, "too many dials");
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
    switch (crowd_take(crowd, client, has_slot)) {
    case SHELF_GOT_STREAM:
        hold(crowd, client, client->taker.got.stream);
        if (slot != NULL)
            crowd_undial(crowd, slot, client->key);
        break;
    case SHELF_GOT_SLOT:
        if (!has_slot) {
            slot = client->taker.got.slot;
            crowd_count_dial(crowd, client->key, 1);
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

    client->key = dice_draw(&crowd->dice, MODEL_KEYS);
    client->taker.waiter.want = wants[dice_draw(&crowd->dice, 6)];
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
    if (crowd_redial(crowd, client, slot, id)) {
        client->dial = slot;
        crowd_count_dial(crowd, client->key, 1);
    }
}

static void
finish(struct crowd *crowd, struct client *client)
{
    struct upstream *stream = client->stream;

    client->stream = NULL;
    if (!crowd->is_winding_down && dice_draw(&crowd->dice, 8) == 0) {
        renew(crowd, client, stream);
        return;
    }
    switch (dice_draw(&crowd->dice, 5)) {
    case 0:
        crowd_close(crowd, stream);
        break;
    case 1:
        crowd_give(crowd, stream, false);
        break;
    default:
        crowd_give(crowd, stream, true);
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
    if (dice_draw(&crowd->dice, 4) > 0) {
        stream = crowd_open(crowd, client, slot, client->key);
        if (stream != NULL)
            hold(crowd, client, stream);
        return;
    }
    is_waiting = crowd_leave(crowd, client);
    crowd_undial(crowd, slot, client->key);
    if (is_waiting)
        go_idle(crowd, client);
}

static void
cancel(struct crowd *crowd, struct client *client)
{
    if (crowd_leave(crowd, client)) {
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
        crowd_own(crowd, stream);
    else
        crowd_count_dial(crowd, client->key, 1);
    if (client->place == PLACE_GAVE_UP) {
        if (stream != NULL)
            crowd_give(crowd, stream, false);
        else
            crowd_undial(crowd, slot, client->key);
        go_idle(crowd, client);
    } else if (stream == NULL) {
        seek(crowd, client, slot);
    } else if (dice_draw(&crowd->dice, 5) > 0) {
        hold(crowd, client, stream);
    } else if (dice_draw(&crowd->dice, 2) == 0) {
        /* Dead: the next one, with the old rank. */
        crowd_close(crowd, stream);
        seek(crowd, client, NULL);
    } else {
        /* Its rule refuses it. */
        client->taker.waiter.want = SHELF_SLOT;
        crowd_give(crowd, stream, false);
        seek(crowd, client, NULL);
    }
}

static void
step_client(struct crowd *crowd, struct client *client)
{
    switch (client->place) {
    case PLACE_IDLE:
        if (!crowd->is_winding_down && client->index < crowd->guests)
            start(crowd, client);
        break;
    case PLACE_HOLDS:
        finish(crowd, client);
        break;
    case PLACE_GAVE_UP:
    case PLACE_WAITS:
        if (client->taker.grants != client->seen_grants && dice_draw(&crowd->dice, 3) > 0)
            read_grant(crowd, client);
        else if (client->dial != NULL && dice_draw(&crowd->dice, 2) == 0)
            end_dial(crowd, client);
        else if (client->place == PLACE_WAITS && !crowd->is_winding_down &&
                 dice_draw(&crowd->dice, 4) == 0)
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
    chosen = dice_draw(&crowd->dice, (unsigned)crowd->dial_count);
    slot = crowd->dials[chosen].slot;
    key = crowd->dials[chosen].key;
    crowd->dials[chosen] = crowd->dials[--crowd->dial_count];
    if (dice_draw(&crowd->dice, 3) == 0)
        crowd_undial(crowd, slot, key);
    else
        crowd_open(crowd, NULL, slot, key);
}

/* What an origin does is found out, or forgotten. */
static void
step_learn(struct crowd *crowd)
{
    unsigned index = dice_draw(&crowd->dice, MODEL_KEYS);
    unsigned limit_ms = dice_draw(&crowd->dice, 2) * (2 + dice_draw(&crowd->dice, 60));
    struct pool_key key = crowd_key(index);

    rig_teach(crowd->rig, &key, limit_ms);
    if (crowd->model != NULL)
        crowd->model->idle_limit_ms[index] = limit_ms;
}

/* Nothing happens for a while: what is parked comes of age. */
static void
step_rest(struct crowd *crowd)
{
    if (crowd->model != NULL)
        rig_advance_ms(dice_draw(&crowd->dice, 40));
}

void
crowd_configure(struct crowd *crowd)
{
    struct pool_settings *settings = &crowd->rig->settings;

    crowd_begin(crowd, "configure");
    settings->learns_idle_timeout = dice_draw(&crowd->dice, 4) > 0;
    settings->max_per_host = 1 + dice_draw(&crowd->dice, 6);
    settings->max_parked_per_host = dice_draw(&crowd->dice, 4);
    settings->max_dials_per_host = 1 + dice_draw(&crowd->dice, 4);
    settings->max_total = 1 + dice_draw(&crowd->dice, 12);
    settings->max_parked = dice_draw(&crowd->dice, 12);
    settings->max_waiting = dice_draw(&crowd->dice, 2 * CLIENTS);
    settings->fresh_for_unsafe_ms = dice_draw(&crowd->dice, 20);
    crowd->guests = 1 + dice_draw(&crowd->dice, CLIENTS);
    rig_configure(crowd->rig);
    shelf_refresh(crowd->rig->shelf);
    model_configure(crowd->model, settings);
    crowd_expect_same(crowd);
}

void
crowd_step(struct crowd *crowd)
{
    unsigned drawn = dice_draw(&crowd->dice, 100);

    if (drawn < 2 || (drawn < 20 && crowd->dial_count > CLIENTS / 2) || crowd->is_winding_down)
        step_dial(crowd);
    if (drawn == 2)
        crowd_evict(crowd);
    else if (drawn == 3 && crowd->model != NULL && dice_draw(&crowd->dice, 4) == 0)
        crowd_configure(crowd);
    else if (drawn == 4)
        step_learn(crowd);
    else if (drawn == 5)
        crowd_sweep(crowd);
    else if (drawn == 6)
        crowd_thin(crowd);
    else if (drawn == 7)
        step_rest(crowd);
    else if (crowd->dial_count < CLIENTS || crowd->is_winding_down)
        step_client(crowd, &crowd->clients[dice_draw(&crowd->dice, CLIENTS)]);
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
    crowd->guests = CLIENTS;
    crowd->dice = dice_of(seed);
    for (unsigned i = 0; i < CLIENTS; i++)
        crowd->clients[i].index = i;
}

void
crowd_wind_down(struct crowd *crowd)
{
    crowd->is_winding_down = true;
    for (unsigned i = 0; !crowd_is_quiet(crowd); i++) {
        crowd_expect(crowd, i < 1000000, "somebody is never served");
        crowd_step(crowd);
    }
}
