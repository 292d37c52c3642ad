/*
 * Opening a connection: the host's addresses raced as RFC 8305 describes. A dial belongs to its
 * lane's thread. It ends exactly once, in dial_end(), which frees it before telling.
 */
#include "pool/dial.h"

#include <stdlib.h>

#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "pool/dial_attempt.h"
#include "pool/dial_choice.h"
#include "pool/handshake.h"

/* RFC 8305 §5: the recommended Connection Attempt Delay. */
#define DIAL_PACE_MS 250
/* An answer may hold thousands of addresses; trying more than these helps nobody. */
#define DIAL_MOST_ATTEMPTS 16
/* A handshake that failed with one address is tried with one more. */
#define DIAL_MOST_HANDSHAKES 2

struct dial {
    struct dial_request request;
    struct pool_key key;
    struct host *host; /* a reference, which goes to the connection */
    struct dns_ask *ask;
    struct choice choice; /* among the host's addresses */
    bool is_final;        /* no further addresses will come */
    bool was_asked;       /* name servers were */
    struct attempt_list attempts;
    unsigned attempt_count;
    unsigned pending;
    struct upstream *shaken; /* connected, its TLS handshake is under way */
    struct handshake handshake;
    unsigned handshake_count;
    enum err err;        /* what connecting came to so far */
    enum err lookup_err; /* why there are no addresses */
    struct event deadline;
    struct event pace;
    uint64_t started_us;
    uint64_t resolved_us; /* 0: not yet */
    uint64_t connect_us;  /* when the first attempt started */
    LIST_ENTRY(dial) entry;
};

static void
timer_start(struct event *timer, unsigned ms)
{
    struct timeval delay = loop_delay_ms(ms);

    event_add(timer, &delay);
}

static void
dial_free(struct dial *dial)
{
    struct attempt *attempt;

    if (dial->ask != NULL)
        resolver_cancel(&dial->ask);
    choice_free(&dial->choice);
    event_del(&dial->deadline);
    event_del(&dial->pace);
    while ((attempt = TAILQ_FIRST(&dial->attempts)) != NULL) {
        TAILQ_REMOVE(&dial->attempts, attempt, entry);
        attempt_stop(attempt, dial->request.lane);
        free(attempt);
    }
    handshake_stop(&dial->handshake);
    upstream_close(dial->shaken, dial->request.lane->pool->table);
    tls_profile_unref(dial->request.tls);
    hosts_leave(dial->host);
    LIST_REMOVE(dial, entry);
    free(dial);
}

static void
dial_end(struct dial *dial, enum err err, struct upstream *upstream)
{
    struct dial_end end = {.lane = dial->request.lane,
                           .lease = dial->request.lease,
                           .slot = dial->request.slot,
                           .upstream = upstream,
                           .err = err,
                           .is_held_down = err != ERR_OK && err == dial->choice.held_err &&
                                           err != dial->err};
    void (*on_end)(const struct dial_end *end) = dial->request.on_end;

    if (err != ERR_OK && err != ERR_CANCELLED)
        ledger_add(&dial->host->ledger, LEDGER_DIAL_FAILED, 1);
    dial_free(dial);
    on_end(&end);
}

/* The rule's word first: what may not be reached is not described any further. */
static enum err
dial_reason(const struct dial *dial)
{
    enum err err = attempt_reason(dial->choice.held_err, dial->err);

    if (dial->choice.refused_err != ERR_OK)
        return dial->choice.refused_err;
    if (err != ERR_OK)
        return err;
    return dial->lookup_err != ERR_OK ? dial->lookup_err : ERR_DNS_NO_ADDRESS;
}

/* What the connection took to set up, for its host and for all hosts. */
static void
note_setup(const struct dial *dial, uint64_t now_us)
{
    struct pool *pool = dial->request.lane->pool;
    const struct setup setup = {
        .connect_us = now_us - dial->connect_us,
        .dns_us = dial->resolved_us - dial->started_us,
        .was_asked = dial->was_asked,
        .is_local = dial->choice.answer->is_local,
        .ttl_us = dial->choice.answer->ttl_us,
        .until_us = dial->choice.answer->until_us,
    };

    ledger_note_setup(&dial->host->ledger, &setup);
    times_add(&pool->connect_times, setup.connect_us);
    if (setup.was_asked)
        times_add(&pool->dns_times, setup.dns_us);
}

/* Does it lead elsewhere than its shared key says, which did not answer? */
static bool
is_astray(const struct dial *dial, const struct address *address)
{
    struct address plain = address_unmapped(address);
    struct address shared;

    return pool_key_shared(&dial->key, &shared) && !address_equal_ip(&shared, &plain);
}

/* The connection that an attempt has become. */
static struct upstream *
dial_connected(struct dial *dial, struct attempt *attempt)
{
    struct upstream *upstream = xcalloc(1, sizeof(*upstream));
    uint64_t now_us = clock_now_us();

    watch_shut(&attempt->watch);
    holddown_clear(dial->request.lane->pool->holddown, &dial->key, &attempt->address);
    upstream->stream.fd = attempt->fd;
    upstream->row = attempt->row;
    upstream->host = dial->host;
    upstream->bucket = dial->request.slot;
    upstream->id = attempt->row->id;
    upstream->is_by_dns = !dial->choice.answer->is_local;
    upstream->named_until_us = dial->choice.answer->until_us;
    upstream->is_astray = is_astray(dial, &attempt->address);
    upstream->opened_us = now_us;
    upstream->used_us = now_us;
    upstream->dns_ms = (unsigned)((dial->resolved_us - dial->started_us) / 1000);
    upstream->connect_ms = (unsigned)((now_us - dial->connect_us) / 1000);
    note_setup(dial, now_us);
    attempt->fd = -1;
    attempt->row = NULL;
    dial->host = NULL;
    return upstream;
}

/* The next address to try; nobody asks for one once the lease is gone, or there were enough. */
static bool
next_address(struct dial *dial, struct address *address)
{
    return dial->request.lease != NULL && dial->attempt_count < DIAL_MOST_ATTEMPTS &&
           choice_next(&dial->choice, &dial->request, &dial->attempts, address);
}

static void
note_failure(struct dial *dial, const struct attempt *attempt, enum err err)
{
    struct pool *pool = dial->request.lane->pool;

    holddown_note_failure(pool->holddown, &dial->key, &attempt->address, err,
                          limit_of(&pool->limits.holddown_ms));
}

static void on_attempt_end(struct attempt *attempt, enum err err);

static bool
dial_try(struct dial *dial, const struct address *address)
{
    struct attempt *attempt = xcalloc(1, sizeof(*attempt));
    enum err err;

    attempt->address = *address;
    attempt->started_us = clock_now_us();
    attempt->dial = dial;
    attempt->on_end = on_attempt_end;
    attempt->is_tunnel = dial->request.slot == NULL;
    TAILQ_INSERT_TAIL(&dial->attempts, attempt, entry);
    dial->attempt_count++;
    if (dial->connect_us == 0)
        dial->connect_us = clock_now_us();
    err = attempt_start(attempt, dial->request.lane, &dial->key);
    if (err != ERR_OK) {
        /* Where our own routes lead nowhere, asking again costs nothing. */
        if (err != ERR_UNREACHABLE)
            note_failure(dial, attempt, err);
        dial->err = attempt_reason(dial->err, err);
        return false;
    }
    tuple_set_client(dial->request.lane->pool->table, attempt->row, dial->request.client);
    dial->pending++;
    timer_start(&dial->pace, DIAL_PACE_MS);
    return true;
}

/* Starts the next attempt. With nothing to try and nothing to wait for the dial is over. */
static void
dial_advance(struct dial *dial)
{
    struct address address;

    if (dial->shaken != NULL)
        return;
    while (next_address(dial, &address))
        if (dial_try(dial, &address))
            return;
    if (dial->pending == 0 && dial->is_final)
        dial_end(dial, dial_reason(dial), NULL);
}

/* The host speaks no TLS that we could trust, at least not at this address. */
static void
dial_unshaken(struct dial *dial, enum err err)
{
    struct pool *pool = dial->request.lane->pool;

    /* With TCP Fast Open it is only now that the address was really asked. */
    if (err == ERR_REFUSED || err == ERR_UNREACHABLE)
        holddown_note_failure(pool->holddown, &dial->key, &dial->shaken->row->remote, err,
                              limit_of(&pool->limits.holddown_ms));
    dial->host = hosts_obtain(dial->request.lane->pool->hosts, &dial->key);
    upstream_close(dial->shaken, dial->request.lane->pool->table);
    dial->shaken = NULL;
    dial->err = err;
    /* What is wrong on our side is so for all addresses. */
    if (err == ERR_TLS_SETUP || dial->handshake_count >= DIAL_MOST_HANDSHAKES ||
        dial->request.lease == NULL) {
        dial_end(dial, err, NULL);
        return;
    }
    timer_start(&dial->deadline,
                limit_of(&dial->request.lane->pool->limits.connect_timeout_ms));
    dial_advance(dial);
}

static void
on_handshake_end(struct handshake *handshake, enum err err)
{
    struct dial *dial = handshake->dial;
    struct upstream *upstream = dial->shaken;

    if (err != ERR_OK) {
        dial_unshaken(dial, err);
        return;
    }
    dial->shaken = NULL;
    dial_end(dial, ERR_OK, upstream);
}

/* Those still under way; their addresses were not found wanting and may be tried again. */
static void
stop_race(struct dial *dial)
{
    struct attempt *attempt = TAILQ_FIRST(&dial->attempts);

    while (attempt != NULL) {
        struct attempt *next = TAILQ_NEXT(attempt, entry);

        if (attempt->fd != -1) {
            TAILQ_REMOVE(&dial->attempts, attempt, entry);
            attempt_stop(attempt, dial->request.lane);
            free(attempt);
        }
        attempt = next;
    }
    dial->pending = 0;
    choice_restart(&dial->choice);
}

/* The race ends with TCP (RFC 8305 §5): nobody shakes hands with two at once. */
static void
dial_shake(struct dial *dial, struct upstream *upstream)
{
    enum err err;

    stop_race(dial);
    event_del(&dial->pace);
    event_del(&dial->deadline);
    dial->handshake_count++;
    dial->shaken = upstream;
    dial->handshake.dial = dial;
    dial->handshake.on_end = on_handshake_end;
    err = handshake_start(&dial->handshake, upstream, dial->request.lane, dial->request.tls);
    if (err != ERR_OK)
        dial_unshaken(dial, err);
}

static void
dial_win(struct dial *dial, struct attempt *attempt)
{
    struct upstream *upstream = dial_connected(dial, attempt);

    if (dial->request.tls == NULL)
        dial_end(dial, ERR_OK, upstream);
    else
        dial_shake(dial, upstream);
}

static void
on_attempt_end(struct attempt *attempt, enum err err)
{
    struct dial *dial = attempt->dial;

    if (err == ERR_OK) {
        dial_win(dial, attempt);
        return;
    }
    attempt_stop(attempt, dial->request.lane);
    note_failure(dial, attempt, err);
    dial->err = attempt_reason(dial->err, err);
    dial->pending--;
    /* RFC 8305 §5: a failure starts the next attempt without waiting for its time. */
    dial_advance(dial);
}

static void
on_pace(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    dial_advance(arg);
}

/* Who had half of the time at least, and said nothing, is silent; others may have come late. */
static void
note_silence(struct dial *dial)
{
    unsigned half_ms = limit_of(&dial->request.lane->pool->limits.connect_timeout_ms) / 2;
    uint64_t now_us = clock_now_us();
    const struct attempt *attempt;

    TAILQ_FOREACH (attempt, &dial->attempts, entry)
        if (attempt->fd != -1 && now_us - attempt->started_us >= (uint64_t)half_ms * 1000)
            note_failure(dial, attempt, ERR_TIMEOUT);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct dial *dial = arg;

    (void)fd;
    (void)what;
    note_silence(dial);
    if (dial->pending > 0)
        dial_end(dial, ERR_TIMEOUT, NULL);
    else if (dial->err != ERR_OK || dial->choice.held_err != ERR_OK ||
             dial->choice.refused_err != ERR_OK)
        dial_end(dial, dial_reason(dial), NULL);
    else
        dial_end(dial, ERR_DNS_TIMEOUT, NULL);
}

/* Takes over the reference. */
static void
dial_take_answer(struct dial *dial, struct answer *answer)
{
    choice_take_answer(&dial->choice, answer);
    if (dial->resolved_us == 0)
        dial->resolved_us = clock_now_us();
}

static void
on_answer(void *arg, enum err err, struct answer *answer, bool is_final)
{
    struct dial *dial = arg;

    if (is_final) {
        dial->ask = NULL;
        dial->is_final = true;
    }
    if (err == ERR_OK) {
        answer_ref(answer);
        dial_take_answer(dial, answer);
    } else {
        dial->lookup_err = err;
    }
    /* Attempts under way keep their time (RFC 8305 §5); otherwise go on at once. */
    if (dial->pending == 0 || !event_pending(&dial->pace, EV_TIMEOUT, NULL))
        dial_advance(dial);
}

struct dial *
dial_new(const struct dial_request *request)
{
    struct dial *dial = xcalloc(1, sizeof(*dial));

    dial->request = *request;
    dial->key = *request->key;
    dial->request.key = &dial->key;
    if (request->tls != NULL)
        tls_profile_ref(request->tls);
    dial->host = hosts_obtain(request->lane->pool->hosts, &dial->key);
    dial->choice.turn = atomic_fetch_add_explicit(&dial->host->turn, 1, memory_order_relaxed);
    if (request->slot != NULL)
        stat_add(&request->lane->stats[POOL_STAT_DIALS], 1);
    TAILQ_INIT(&dial->attempts);
    evtimer_assign(&dial->deadline, request->lane->base, on_deadline, dial);
    evtimer_assign(&dial->pace, request->lane->base, on_pace, dial);
    LIST_INSERT_HEAD(&request->lane->dials, dial, entry);
    return dial;
}

struct host *
dial_host(const struct dial *dial)
{
    return dial->host;
}

void
dial_run(struct dial *dial)
{
    struct lane *lane = dial->request.lane;
    struct answer *answer = NULL;
    enum err err;

    dial->started_us = clock_now_us();
    timer_start(&dial->deadline, limit_of(&lane->pool->limits.connect_timeout_ms));
    err = resolver_ask(lane->resolver, slice_of(dial->key.host), on_answer, dial, &answer,
                       &dial->ask);
    dial->was_asked = err == ERR_AGAIN;
    if (dial->was_asked)
        return;
    dial->is_final = true;
    if (err == ERR_OK)
        dial_take_answer(dial, answer);
    else
        dial->lookup_err = err;
    dial_advance(dial);
}

void
dial_detach(struct dial *dial)
{
    dial->request.lease = NULL;
    dial->is_final = true;
    event_del(&dial->pace);
    if (dial->ask != NULL)
        resolver_cancel(&dial->ask);
    if ((dial->pending == 0 && dial->shaken == NULL) || dial->request.slot == NULL)
        dial_end(dial, ERR_CANCELLED, NULL);
}

void
dial_abandon(struct dial *dial)
{
    dial_end(dial, ERR_CANCELLED, NULL);
}
