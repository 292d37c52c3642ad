/*
 * Holding a client back to its bandwidth. The worker's thread; allowances are shared with all
 * workers and are charged without a lock.
 */
#include "proxy/client_pace.h"

#include "base/clock.h"
#include "base/loop.h"
#include "proxy/client_inside.h"

static struct limit_rate
rate_of(const struct config *config, enum limit_party party)
{
    return limit_rate_of_bytes(party == LIMIT_USER ? config->limit_bandwidth_per_user
                                                   : config->limit_bandwidth_per_client,
                               config->limit_burst);
}

static const struct config *
config_of(const struct client_limits *limits)
{
    return limits->client->worker->epoch->config;
}

static bool
is_paced(const struct client_limits *limits)
{
    const struct config *config = config_of(limits);

    return config->limit_bandwidth_per_client > 0 || config->limit_bandwidth_per_user > 0;
}

/* When that direction has its turn: the latest of all parties says. 0: it is in no line. */
static uint64_t
due_of(const struct client_limits *limits, enum limit_flow flow)
{
    uint64_t due_ns = 0;

    for (enum limit_party party = 0; party < LIMIT_PARTY_COUNT; party++)
        if (limits->shares[party].places[flow].due_ns > due_ns)
            due_ns = limits->shares[party].places[flow].due_ns;
    return due_ns;
}

static void
on_due(evutil_socket_t fd, short what, void *arg)
{
    struct client_limits *limits = arg;

    (void)fd;
    (void)what;
    limits->due_ns = 0;
    if (!limits->client->is_closing)
        client_wake(limits->client);
}

static void
arm(struct client_limits *limits, uint64_t due_ns, uint64_t at_ns)
{
    uint64_t wait_us = due_ns > at_ns ? (due_ns - at_ns + 999) / 1000 : 0;
    const struct timeval wait = loop_delay_us(wait_us);

    if (limits->due_ns != 0 && limits->due_ns <= due_ns)
        return;
    limits->due_ns = due_ns;
    evtimer_add(&limits->due, &wait);
}

void
client_pace_init(struct client_limits *limits)
{
    evtimer_assign(&limits->due, limits->client->worker->base, on_due, limits);
}

void
client_pace_fini(struct client_limits *limits)
{
    evtimer_del(&limits->due);
}

void
client_pace_leave(struct client *client, enum limit_party party, const struct config *config)
{
    struct client_share *share = &client->limits->shares[party];
    const struct limit_rate rate = rate_of(config, party);

    if (share->account == NULL)
        return;
    for (enum limit_flow flow = 0; flow < LIMIT_FLOW_COUNT; flow++)
        limit_place_leave(&share->places[flow], &share->account->bytes[flow], &rate);
}

void
client_pace_end(struct client *client)
{
    if (client->limits == NULL)
        return;
    for (enum limit_party party = 0; party < LIMIT_PARTY_COUNT; party++)
        client_pace_leave(client, party, config_of(client->limits));
}

void
client_pace_wake(struct client_limits *limits)
{
    uint64_t at_ns = clock_now_ns();

    arm(limits, at_ns, at_ns);
}

/* A place in the line was taken or moved back: deadlines stand still until it is due. */
static void
begin_wait(struct client_limits *limits, uint64_t from_ns, uint64_t due_ns, size_t portion)
{
    struct client *client = limits->client;

    if (client->deadline_ms != 0)
        client->deadline_ms += (due_ns - from_ns) / 1000000;
    worker_count(client->worker, PROXY_STAT_THROTTLED, 1);
    worker_count(client->worker, PROXY_STAT_THROTTLED_BYTES, portion);
}

size_t
client_pace_room(struct client_limits *limits, enum limit_flow flow)
{
    size_t room = WORKER_SCRATCH_SIZE;
    size_t portion = 0;
    uint64_t before_ns;
    uint64_t due_ns;
    uint64_t at_ns;

    if (!is_paced(limits))
        return room;
    at_ns = clock_now_ns();
    before_ns = due_of(limits, flow);
    for (enum limit_party party = 0; party < LIMIT_PARTY_COUNT; party++) {
        struct client_share *share = &limits->shares[party];
        const struct limit_rate rate = rate_of(config_of(limits), party);
        size_t had;

        if (share->account == NULL)
            continue;
        had = limit_place_room(&share->places[flow], &share->account->bytes[flow], &rate, at_ns,
                               WORKER_SCRATCH_SIZE);
        room = had < room ? had : room;
        portion = had == 0 ? share->places[flow].portion : portion;
    }
    if (room > 0)
        return room;
    due_ns = due_of(limits, flow);
    before_ns = before_ns > at_ns ? before_ns : at_ns;
    if (due_ns > before_ns)
        begin_wait(limits, before_ns, due_ns, portion);
    arm(limits, due_ns, at_ns);
    return 0;
}

bool
client_pace_waits(struct client_limits *limits, enum limit_flow flow)
{
    uint64_t due_ns = due_of(limits, flow);
    uint64_t at_ns;

    if (due_ns == 0)
        return false;
    at_ns = clock_now_ns();
    if (due_ns <= at_ns)
        return false;
    arm(limits, due_ns, at_ns);
    return true;
}

void
client_pace_charge(struct client_limits *limits, enum limit_flow flow, size_t size)
{
    uint64_t at_ns;

    if (!is_paced(limits))
        return;
    at_ns = clock_now_ns();
    for (enum limit_party party = 0; party < LIMIT_PARTY_COUNT; party++) {
        struct client_share *share = &limits->shares[party];
        const struct limit_rate rate = rate_of(config_of(limits), party);

        if (share->account != NULL)
            limit_place_charge(&share->places[flow], &share->account->bytes[flow], &rate, at_ns,
                               size);
    }
}

uint64_t
client_pace_left_ms(const struct client_limits *limits)
{
    uint64_t latest_ns = 0;
    uint64_t at_ns;

    for (enum limit_flow flow = 0; flow < LIMIT_FLOW_COUNT; flow++)
        if (due_of(limits, flow) > latest_ns)
            latest_ns = due_of(limits, flow);
    if (latest_ns == 0)
        return 0;
    at_ns = clock_now_ns();
    return latest_ns > at_ns ? (latest_ns - at_ns + 999999) / 1000000 : 0;
}
