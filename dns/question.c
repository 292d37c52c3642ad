/*
 * One name's way through the search list, A and AAAA side by side. Its base's thread only.
 *
 * c-ares' own getaddrinfo answers only when both families have; RFC 8305 wants the faster one
 * after 50 ms. And its own search walks the list for each family apart, which could mix
 * addresses of two different hosts. So both are done here, on plain queries.
 */
#include "dns/question.h"

#include <arpa/nameser.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <ares.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dns/answer.h"
#include "dns/negative.h"

#define RESOLUTION_DELAY_US 50000

/* RFC 8767 §5: what is old is better than nothing after this long. */
#define PATIENCE_US 1800000

/* RFC 9520 §3.2: failures are remembered for at least a second, against storms of retries. */
#define FAILURE_TTL_MS 1000

/*
 * How much an error outweighs others when several queries give no address. A name that does not
 * exist has no records of any type; a failure leaves open what a missing type does not.
 */
static unsigned
weight(enum err err)
{
    static const enum err ladder[] = {ERR_OK, ERR_DNS_NO_ADDRESS, ERR_DNS_TIMEOUT,
                                      ERR_DNS_SERVER, ERR_DNS_NOT_FOUND};

    for (unsigned i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++)
        if (ladder[i] == err)
            return i;
    return sizeof(ladder) / sizeof(ladder[0]);
}

static enum err
heavier(enum err a, enum err b)
{
    return weight(a) >= weight(b) ? a : b;
}

static enum err
err_from_ares(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return ERR_OK;
    case ARES_ENODATA:
        return ERR_DNS_NO_ADDRESS;
    case ARES_ENOTFOUND:
        return ERR_DNS_NOT_FOUND;
    case ARES_ETIMEOUT:
        return ERR_DNS_TIMEOUT;
    case ARES_EBADNAME:
        return ERR_DNS_NAME;
    case ARES_ENOMEM:
        return ERR_NO_MEMORY;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
        return ERR_CANCELLED;
    default: /* SERVFAIL, REFUSED, no server reachable, malformed, … */
        return ERR_DNS_SERVER;
    }
}

static bool
is_negative(enum err err)
{
    return err == ERR_DNS_NOT_FOUND || err == ERR_DNS_NO_ADDRESS;
}

static void
half_take(struct question_half *half, const struct address *address, int ttl_s)
{
    /* RFC 2181 §8: a TTL with the top bit set counts as zero. */
    uint32_t ttl = ttl_s < 0 ? 0 : (uint32_t)ttl_s;

    if (!half->has_ttl || ttl < half->ttl_s)
        half->ttl_s = ttl;
    half->has_ttl = true;
    family_add(&half->found, address);
}

static int
half_read_v4(struct question_half *half, const unsigned char *bytes, int size)
{
    struct ares_addrttl rows[FAMILY_MOST];
    int count = FAMILY_MOST;
    int status = ares_parse_a_reply(bytes, size, NULL, rows, &count);

    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        struct address address = {.v4 = {.sin_family = AF_INET, .sin_addr = rows[i].ipaddr}};

        half_take(half, &address, rows[i].ttl);
    }
    return status;
}

static int
half_read_v6(struct question_half *half, const unsigned char *bytes, int size)
{
    struct ares_addr6ttl rows[FAMILY_MOST];
    int count = FAMILY_MOST;
    int status = ares_parse_aaaa_reply(bytes, size, NULL, rows, &count);

    for (int i = 0; status == ARES_SUCCESS && i < count; i++) {
        struct address address = {.v6 = {.sin6_family = AF_INET6}};

        memcpy(&address.v6.sin6_addr, &rows[i].ip6addr, sizeof(address.v6.sin6_addr));
        half_take(half, &address, rows[i].ttl);
    }
    return status;
}

/* The shortest of both families and all candidates: each may come to exist by itself. */
static void
note_lack(struct question *question, const unsigned char *bytes, size_t size)
{
    uint32_t ttl_s;

    if (!negative_ttl(bytes, size, &ttl_s))
        return;
    if (!question->has_lack_ttl || ttl_s < question->lack_ttl_s)
        question->lack_ttl_s = ttl_s;
    question->has_lack_ttl = true;
}

static void
on_reply(struct query *query, int status, const unsigned char *bytes, int size)
{
    struct question_half *half = MAP_OWNER(query, struct question_half, query);
    struct question *question = half->question;

    stat_sub(&question->home->stats[DNS_STAT_INFLIGHT], 1);
    if (status == ARES_SUCCESS && half->family == DNS_IPV4)
        status = half_read_v4(half, bytes, size);
    else if (status == ARES_SUCCESS)
        status = half_read_v6(half, bytes, size);
    half->err = err_from_ares(status);
    /* Aliases that lead to no address of this family come as success. */
    if (half->err == ERR_OK && half->found.count == 0)
        half->err = ERR_DNS_NO_ADDRESS;
    if (is_negative(half->err) && bytes != NULL)
        note_lack(question, bytes, (size_t)size);
    half->is_done = true;
    question->home->on_change(question->home, question);
}

static void
on_delay(evutil_socket_t none, short what, void *arg)
{
    struct question *question = arg;

    (void)none;
    (void)what;
    question->is_partial_due = true;
    question->home->on_change(question->home, question);
}

static void
on_patience(evutil_socket_t none, short what, void *arg)
{
    struct question *question = arg;
    struct answer *stale = question->stale;

    (void)none;
    (void)what;
    question->stale = NULL;
    question_take_early(question, stale);
}

static bool
wants_family(enum dns_family setting, enum dns_family family)
{
    return setting == DNS_ANY || setting == family;
}

unsigned
question_queries(enum dns_family family)
{
    return wants_family(family, DNS_IPV6) + (unsigned)wants_family(family, DNS_IPV4);
}

static void
half_init(struct question_half *half, struct question *question, enum dns_family family)
{
    half->question = question;
    half->family = family;
    half->query.on_reply = on_reply;
}

struct question *
question_new(struct question_home *home, struct channel *channel, const struct name *name)
{
    struct question *question = xcalloc(1, sizeof(*question));

    question->home = home;
    question->channel = channel;
    question->name = *name;
    channel_ref(channel);
    TAILQ_INIT(&question->fresh);
    TAILQ_INIT(&question->partial);
    half_init(&question->v6, question, DNS_IPV6);
    half_init(&question->v4, question, DNS_IPV4);
    evtimer_assign(&question->delay, home->base, on_delay, question);
    evtimer_assign(&question->patience, home->base, on_patience, question);
    question->started_us = clock_now_us();
    return question;
}

static void
half_start(struct question_half *half, const char *candidate)
{
    struct question_home *home = half->question->home;

    half->found.count = 0;
    half->has_ttl = false;
    half->err = ERR_OK;
    half->is_done = !wants_family(home->settings->family, half->family);
    if (half->is_done)
        return;
    stat_add(&home->stats[DNS_STAT_INFLIGHT], 1);
    stat_add(&home->stats[DNS_STAT_QUERIES], 1);
    channel_query(half->question->channel, candidate, half->family, &half->query);
}

/* Asks for the next candidate; false if there is none left. */
static bool
question_try_next(struct question *question)
{
    char candidate[NAME_SIZE];

    if (!channel_candidate(question->channel, &question->name, &question->next_candidate,
                           candidate))
        return false;
    /* Neither half may look done while the other is not yet asked. */
    question->v6.is_done = question->v4.is_done = false;
    half_start(&question->v6, candidate);
    half_start(&question->v4, candidate);
    return true;
}

void
question_start(struct question *question, struct answer *stale)
{
    static const struct timeval patience = {PATIENCE_US / 1000000, PATIENCE_US % 1000000};
    bool is_started;

    question->stale = stale;
    if (stale != NULL)
        event_add(&question->patience, &patience);
    is_started = question_try_next(question);
    /* The name as it is always fits. */
    assert(is_started);
    (void)is_started;
}

void
question_take_early(struct question *question, struct answer *answer)
{
    answer_unref(question->early);
    question->early = answer;
    question->is_partial_due = true;
    question->home->on_change(question->home, question);
}

void
question_take_settled(struct question *question, const struct cache_outcome *outcome)
{
    question->is_settled = true;
    question->settled = *outcome;
    question->home->on_change(question->home, question);
}

static bool
question_has_address(const struct question *question)
{
    return question->v6.found.count > 0 || question->v4.found.count > 0;
}

/* Both halves are in and there is no address: is the next candidate to be tried? */
static bool
question_goes_on(struct question *question)
{
    enum err err = heavier(question->v6.err, question->v4.err);

    /* Across candidates a name that exists counts for more than one that does not. */
    if (question->worst == ERR_OK || question->worst == ERR_DNS_NOT_FOUND)
        question->worst = err;
    else if (err != ERR_DNS_NOT_FOUND)
        question->worst = heavier(question->worst, err);
    /* Servers that do not answer for one candidate will not for the next either. */
    if (err == ERR_DNS_NOT_FOUND || err == ERR_DNS_NO_ADDRESS || err == ERR_DNS_SERVER)
        return question_try_next(question);
    return false;
}

enum question_state
question_look(struct question *question)
{
    static const struct timeval delay = {0, RESOLUTION_DELAY_US};

    if (question->is_settled)
        return QUESTION_DONE;
    if (question->v6.is_done && question->v4.is_done) {
        if (!question_has_address(question) && question_goes_on(question))
            return question->early != NULL ? QUESTION_PARTIAL : QUESTION_WAITS;
        event_del(&question->delay);
        return QUESTION_DONE;
    }
    /* IPv6 first needs no waiting; IPv4 first gives the other a moment (RFC 8305 §3). */
    if (question->v6.found.count > 0)
        question->is_partial_due = true;
    else if (question->v4.found.count > 0 && !question->is_partial_due &&
             !event_pending(&question->delay, EV_TIMEOUT, NULL))
        event_add(&question->delay, &delay);
    return question->is_partial_due ? QUESTION_PARTIAL : QUESTION_WAITS;
}

static uint64_t
clamp(uint64_t value, uint64_t least, uint64_t most)
{
    if (value < least)
        value = least;
    return value > most ? most : value;
}

static bool
half_failed(const struct question_half *half)
{
    return half->err == ERR_DNS_TIMEOUT || half->err == ERR_DNS_SERVER;
}

/* For how long it may be remembered that there is no address. */
static uint64_t
negative_ms(const struct question *question)
{
    const struct resolver_settings *settings = question->home->settings;
    uint64_t ms = settings->negative_ttl_ms;

    if (!is_negative(question->worst))
        return FAILURE_TTL_MS;
    if (question->has_lack_ttl)
        ms = (uint64_t)question->lack_ttl_s * 1000;
    return clamp(ms, settings->min_ttl_ms, settings->max_negative_ttl_ms);
}

static uint64_t
positive_ms(const struct question *question)
{
    const struct resolver_settings *settings = question->home->settings;
    const struct question_half *v6 = &question->v6;
    const struct question_half *v4 = &question->v4;
    uint32_t ttl_s = v6->found.count > 0 ? v6->ttl_s : v4->ttl_s;
    uint64_t ms;

    if (v4->found.count > 0 && v4->ttl_s < ttl_s)
        ttl_s = v4->ttl_s;
    ms = clamp((uint64_t)ttl_s * 1000, settings->min_ttl_ms, settings->max_ttl_ms);
    /* The family that failed is missing for no longer than a name that was not found. */
    if ((half_failed(v6) || half_failed(v4)) && ms > settings->negative_ttl_ms)
        ms = clamp(settings->negative_ttl_ms, FAILURE_TTL_MS, ms);
    return ms;
}

struct answer *
question_partial(const struct question *question)
{
    struct answer *answer = question->early;

    if (question_has_address(question)) {
        answer = order_answer(&question->v6.found, &question->v4.found);
        answer_keep(answer, positive_ms(question));
        return answer;
    }
    answer_ref(answer);
    return answer;
}

void
question_outcome(const struct question *question, struct cache_outcome *outcome)
{
    *outcome = question->settled;
    if (question->is_settled) {
        if (outcome->answer != NULL)
            answer_ref(outcome->answer);
        return;
    }
    outcome->latency_ms = (unsigned)((clock_now_us() - question->started_us) / 1000);
    if (question_has_address(question)) {
        outcome->answer = order_answer(&question->v6.found, &question->v4.found);
        outcome->ttl_ms = positive_ms(question);
        answer_keep(outcome->answer, outcome->ttl_ms);
    } else {
        outcome->err = question->worst;
        outcome->ttl_ms = negative_ms(question);
    }
}

void
question_free(struct question *question)
{
    assert(TAILQ_EMPTY(&question->fresh) && TAILQ_EMPTY(&question->partial));
    assert(question->claim.entry == NULL && !question->claim.is_mailed);
    event_del(&question->delay);
    event_del(&question->patience);
    answer_unref(question->early);
    answer_unref(question->stale);
    answer_unref(question->settled.answer);
    channel_unref(question->channel);
    free(question);
}
