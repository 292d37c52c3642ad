/* A slow shelf that is easy to believe. */
#include "tests/unit/pool/model.h"

#include <stdlib.h>
#include <string.h>

/* Who was served a dead stream comes before all others. */
#define MODEL_RANK_FIRST (UINT64_C(1) << 32)

void
model_begin(struct model *model, uint64_t now_us)
{
    model->now_us = now_us;
    model->grant_count = 0;
    model->evicted_count = 0;
}

static struct model_stream *
stream_of(struct model *model, uint64_t id)
{
    for (size_t i = 0; i < MODEL_STREAMS; i++)
        if (model->streams[i].id == id)
            return &model->streams[i];
    abort();
}

/* The parked one used least recently; key MODEL_KEYS means any. */
static struct model_stream *
oldest_parked(struct model *model, unsigned key)
{
    struct model_stream *best = NULL;

    for (size_t i = 0; i < MODEL_STREAMS; i++) {
        struct model_stream *stream = &model->streams[i];

        if (stream->id == 0 || !stream->is_parked || (key != MODEL_KEYS && stream->key != key))
            continue;
        if (best == NULL || stream->used_us < best->used_us)
            best = stream;
    }
    return best;
}

unsigned
model_parked(const struct model *model)
{
    unsigned count = 0;

    for (size_t i = 0; i < MODEL_STREAMS; i++)
        count += model->streams[i].id != 0 && model->streams[i].is_parked;
    return count;
}

static unsigned
parked_count(const struct model *model, unsigned key)
{
    unsigned count = 0;

    for (size_t i = 0; i < MODEL_STREAMS; i++)
        count += model->streams[i].id != 0 && model->streams[i].is_parked &&
                 model->streams[i].key == key;
    return count;
}

unsigned
model_waiting(const struct model *model)
{
    unsigned count = 0;

    for (size_t i = 0; i < MODEL_CLIENTS; i++)
        count += model->waiters[i].is_waiting && model->waiters[i].is_queued;
    return count;
}

static bool
suits(const struct model *model, enum shelf_want want, const struct model_stream *stream)
{
    uint64_t age_us = model->now_us - stream->used_us;

    return want == SHELF_ANY ||
           (want == SHELF_YOUNG &&
            age_us <= (uint64_t)model->settings.fresh_for_unsafe_ms * 1000) ||
           (want == SHELF_FRESH && stream->uses == 0 && !stream->was_parked);
}

static bool
is_retired(const struct model *model, const struct model_stream *stream)
{
    uint64_t limit_us = (uint64_t)model->idle_limit_ms[stream->key] * 1000;

    return model->settings.learns_idle_timeout && limit_us > 0 && stream->uses > 0 &&
           model->now_us - stream->used_us >= limit_us;
}

/* The parked one used most recently that is good for this. */
static struct model_stream *
takeable(struct model *model, unsigned key, enum shelf_want want)
{
    struct model_stream *best = NULL;

    for (size_t i = 0; i < MODEL_STREAMS; i++) {
        struct model_stream *stream = &model->streams[i];

        if (stream->id != 0 && stream->is_parked && stream->key == key &&
            suits(model, want, stream) && !is_retired(model, stream) &&
            (best == NULL || stream->used_us > best->used_us))
            best = stream;
    }
    return best;
}

/* The waiter with the lowest rank: of a key, for a stream (or NULL: a slot, queued only). */
static struct model_waiter *
first_waiter(struct model *model, unsigned key, const struct model_stream *stream)
{
    struct model_waiter *best = NULL;

    for (size_t i = 0; i < MODEL_CLIENTS; i++) {
        struct model_waiter *waiter = &model->waiters[i];

        if (!waiter->is_waiting || waiter->key != key)
            continue;
        if (stream != NULL ? !suits(model, waiter->want, stream) : !waiter->is_queued)
            continue;
        if (best == NULL || waiter->rank < best->rank)
            best = waiter;
    }
    return best;
}

static bool
may_dial(const struct model *model, unsigned key)
{
    return model->dialing[key] < model->settings.max_dials_per_host &&
           (model->open[key] < model->settings.max_per_host || parked_count(model, key) > 0);
}

/* The oldest who waits for the total only. */
static struct model_waiter *
first_starving(struct model *model)
{
    struct model_waiter *best = NULL;

    for (unsigned key = 0; key < MODEL_KEYS; key++) {
        struct model_waiter *waiter = first_waiter(model, key, NULL);

        if (waiter != NULL && may_dial(model, key) &&
            (best == NULL || waiter->rank < best->rank))
            best = waiter;
    }
    return best;
}

static void
grant(struct model *model, struct model_waiter *waiter, uint64_t stream)
{
    waiter->is_waiting = false;
    model->grants[model->grant_count++] =
        (struct model_grant){(unsigned)(waiter - model->waiters), stream};
}

static void
evicts(struct model *model, struct model_stream *stream)
{
    model->evicted[model->evicted_count++] = stream->id;
    stream->id = 0;
}

static bool
share(struct model *model)
{
    for (;;) {
        struct model_stream *oldest = oldest_parked(model, MODEL_KEYS);

        if (model->total < model->settings.max_total) {
            model->total++;
            return true;
        }
        if (oldest == NULL)
            return false;
        model->open[oldest->key]--;
        evicts(model, oldest);
        if (model->total <= model->settings.max_total)
            return true;
        model->total--;
    }
}

/* At the host's cap the oldest parked one makes room. */
static bool
make_room(struct model *model, unsigned key)
{
    struct model_stream *oldest = oldest_parked(model, key);

    if (model->open[key] < model->settings.max_per_host || oldest == NULL)
        return false;
    evicts(model, oldest);
    model->open[key]--;
    return true;
}

static void
grant_slot(struct model *model, struct model_waiter *waiter)
{
    model->dialing[waiter->key]++;
    grant(model, waiter, 0);
}

static void
feed(struct model *model)
{
    struct model_waiter *waiter;

    while ((waiter = first_starving(model)) != NULL && share(model)) {
        if (make_room(model, waiter->key))
            model->total--;
        if (model->open[waiter->key] < model->settings.max_per_host) {
            model->open[waiter->key]++;
            grant_slot(model, waiter);
        } else {
            model->total--;
        }
    }
}

static bool
slot_for(struct model *model, unsigned key)
{
    if (first_waiter(model, key, NULL) != NULL || !may_dial(model, key))
        return false;
    if (!make_room(model, key)) {
        if (model->total >= model->settings.max_total)
            return false;
        model->total++;
    }
    model->open[key]++;
    model->dialing[key]++;
    return true;
}

/* Was it the client itself whom the feeding served? Then it is no grant but an answer. */
static bool
was_served(struct model *model, unsigned client)
{
    for (size_t i = 0; i < model->grant_count; i++) {
        if (model->grants[i].client != client)
            continue;
        model->grants[i] = model->grants[--model->grant_count];
        model->waiters[client].is_waiting = true;
        model->waiters[client].is_queued = false;
        return true;
    }
    return false;
}

enum shelf_got
model_take(struct model *model, unsigned client, unsigned key, enum shelf_want want,
           bool has_slot, uint64_t *stream)
{
    struct model_waiter *waiter = &model->waiters[client];
    struct model_stream *newest = takeable(model, key, want);

    if (newest != NULL) {
        newest->is_parked = false;
        *stream = newest->id;
        return SHELF_GOT_STREAM;
    }
    if (waiter->rank == 0)
        waiter->rank = MODEL_RANK_FIRST + ++model->last_rank;
    waiter->key = key;
    waiter->want = want;
    waiter->is_queued = !has_slot && !slot_for(model, key);
    waiter->is_waiting = true;
    if (!waiter->is_queued)
        return SHELF_GOT_SLOT;
    feed(model);
    if (was_served(model, client))
        return SHELF_GOT_SLOT;
    if (model_waiting(model) <= model->settings.max_waiting)
        return SHELF_GOT_QUEUE;
    waiter->is_waiting = false;
    return SHELF_GOT_FULL;
}

/* Who gets a slot of this key directly, before it goes back to the total? */
static struct model_waiter *
slot_heir(struct model *model, unsigned key)
{
    struct model_waiter *waiter = first_waiter(model, key, NULL);
    struct model_waiter *starving = first_starving(model);

    if (waiter == NULL || model->open[key] > model->settings.max_per_host ||
        model->dialing[key] >= model->settings.max_dials_per_host ||
        model->total > model->settings.max_total)
        return NULL;
    return starving != NULL && starving->rank < waiter->rank ? NULL : waiter;
}

static void
free_slot(struct model *model, unsigned key)
{
    model->open[key]--;
    model->total--;
    feed(model);
}

void
model_give(struct model *model, uint64_t id, bool is_used)
{
    struct model_stream *stream = stream_of(model, id);
    unsigned key = stream->key;
    struct model_waiter *taker;

    if (is_used) {
        stream->uses++;
        stream->used_us = model->now_us;
    }
    taker = first_waiter(model, key, stream);
    if (taker != NULL) {
        grant(model, taker, id);
    } else if ((taker = slot_heir(model, key)) != NULL) {
        evicts(model, stream);
        grant_slot(model, taker);
    } else if ((first_waiter(model, key, NULL) != NULL &&
                model->dialing[key] < model->settings.max_dials_per_host) ||
               model->open[key] > model->settings.max_per_host) {
        evicts(model, stream);
        free_slot(model, key);
    } else {
        stream->was_parked = true;
        stream->is_parked = true;
        if (parked_count(model, key) > model->settings.max_parked_per_host) {
            evicts(model, oldest_parked(model, key));
            free_slot(model, key);
        } else {
            feed(model);
        }
    }
    if (model_parked(model) > model->settings.max_parked)
        model_evict(model);
}

static void
release(struct model *model, unsigned key)
{
    struct model_waiter *taker = slot_heir(model, key);

    if (taker != NULL)
        grant_slot(model, taker);
    else
        free_slot(model, key);
}

void
model_close(struct model *model, uint64_t id)
{
    struct model_stream *stream = stream_of(model, id);

    stream->id = 0;
    release(model, stream->key);
}

bool
model_sweep(struct model *model, uint64_t id)
{
    struct model_stream *stream = stream_of(model, id);

    if (!stream->is_parked || !is_retired(model, stream))
        return false;
    stream->is_parked = false;
    return true;
}

void
model_undial(struct model *model, unsigned key)
{
    model->dialing[key]--;
    release(model, key);
}

bool
model_dialed(struct model *model, unsigned client, uint64_t id, unsigned key)
{
    bool is_theirs = client < MODEL_CLIENTS && model->waiters[client].is_waiting;

    *stream_of(model, 0) =
        (struct model_stream){.id = id, .key = key, .used_us = model->now_us};
    model->dialing[key]--;
    if (is_theirs) {
        model->waiters[client].is_waiting = false;
        feed(model);
    } else {
        model_give(model, id, false);
        feed(model);
    }
    return is_theirs;
}

bool
model_redial(struct model *model, unsigned client, uint64_t id)
{
    struct model_stream *stream = stream_of(model, id);
    struct model_waiter *waiter = &model->waiters[client];

    stream->id = 0;
    *waiter = (struct model_waiter){.is_waiting = true,
                                    .key = stream->key,
                                    .want = SHELF_FRESH,
                                    .rank = ++model->last_redial_rank};
    if (model->dialing[stream->key] < model->settings.max_dials_per_host) {
        model->dialing[stream->key]++;
        return true;
    }
    waiter->is_queued = true;
    free_slot(model, stream->key);
    return false;
}

bool
model_leave(struct model *model, unsigned client)
{
    bool was_waiting = model->waiters[client].is_waiting;

    model->waiters[client].is_waiting = false;
    return was_waiting;
}

bool
model_evict(struct model *model)
{
    struct model_stream *oldest = oldest_parked(model, MODEL_KEYS);

    if (oldest == NULL)
        return false;
    evicts(model, oldest);
    free_slot(model, oldest->key);
    return true;
}

bool
model_thin(struct model *model)
{
    unsigned count = model_parked(model);

    return count > 0 && (count - 1) * 8 >= model->total && model_evict(model);
}

void
model_configure(struct model *model, const struct pool_settings *settings)
{
    model->settings = *settings;
    while (model_parked(model) > settings->max_parked)
        model_evict(model);
    feed(model);
}

void
model_forget(struct model *model, unsigned client)
{
    model->waiters[client] = (struct model_waiter){0};
}
