/*
 * What of a client counts for its address and its user: connections, requests, tunnels. The
 * worker's thread; the accounts are shared with all workers.
 */
#include "proxy/client_limits.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/client_pace.h"
#include "proxy/exchange.h"

/* At least so many connections past the limit are told so; further ones are just closed. */
#define SURPLUS_LEAST 16

struct bounds {
    unsigned connections;
    uint64_t requests; /* per hour */
    unsigned tunnels;
    uint64_t bandwidth;
};

static struct bounds
bounds_of(const struct client *client, enum limit_party party)
{
    const struct config *config = client->worker->epoch->config;

    if (party == LIMIT_USER)
        return (struct bounds){config->limit_connections_per_user,
                               config->limit_requests_per_user, config->limit_tunnels_per_user,
                               config->limit_bandwidth_per_user};
    return (struct bounds){config->limit_connections_per_client,
                           config->limit_requests_per_client, config->limit_tunnels_per_client,
                           config->limit_bandwidth_per_client};
}

static bool
is_limited(const struct client *client, enum limit_party party)
{
    const struct bounds bounds = bounds_of(client, party);

    return bounds.connections > 0 || bounds.requests > 0 || bounds.tunnels > 0 ||
           bounds.bandwidth > 0;
}

static struct client_share *
share_of(struct client *client, enum limit_party party)
{
    return &client->limits->shares[party];
}

static struct client_limits *
ensure_limits(struct client *client)
{
    if (client->limits == NULL) {
        client->limits = xcalloc(1, sizeof(*client->limits));
        client->limits->client = client;
        client_pace_init(client->limits);
    }
    return client->limits;
}

static struct limit_account *
hold_client(struct client *client)
{
    unsigned char room[LIMIT_NAME_SIZE];
    unsigned prefix = client->worker->epoch->config->limit_ipv6_prefix;

    return limit_table_hold(client->worker->limits, LIMIT_CLIENT,
                            limit_client_name(&client->peer, prefix, room));
}

static void
count_down(_Atomic unsigned *count, bool *is_counted)
{
    if (*is_counted)
        atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
    *is_counted = false;
}

/* Out of the account with all that counts there. A share without one is fine. */
static void
leave(struct client *client, enum limit_party party)
{
    struct client_share *share = share_of(client, party);

    if (share->account == NULL)
        return;
    client_pace_leave(client, party, client->worker->epoch->config);
    count_down(&share->account->connections, &share->is_counted);
    count_down(&share->account->surplus, &share->is_surplus);
    count_down(&share->account->tunnels, &share->has_tunnel);
    limit_table_let_go(client->worker->limits, &share->account, clock_now_ns());
}

static bool
count_surplus(struct client_share *share, unsigned most)
{
    share->is_surplus =
        limit_count(&share->account->surplus, most > SURPLUS_LEAST ? most : SURPLUS_LEAST);
    return share->is_surplus;
}

bool
client_limits_open(struct client *client)
{
    const struct bounds bounds = bounds_of(client, LIMIT_CLIENT);
    struct client_share *share;

    if (!is_limited(client, LIMIT_CLIENT))
        return true;
    share = &ensure_limits(client)->shares[LIMIT_CLIENT];
    share->account = hold_client(client);
    share->is_counted = limit_count(&share->account->connections, bounds.connections);
    if (share->is_counted || count_surplus(share, bounds.connections))
        return true;
    client_limits_close(client);
    return false;
}

void
client_limits_close(struct client *client)
{
    if (client->limits == NULL)
        return;
    for (enum limit_party party = 0; party < LIMIT_PARTY_COUNT; party++)
        leave(client, party);
    client_pace_fini(client->limits);
    free(client->limits);
    client->limits = NULL;
}

bool
client_limits_is_surplus(const struct client *client)
{
    return client->limits != NULL && client->limits->shares[LIMIT_CLIENT].is_surplus;
}

/* One more request. REASON_DONE, or the reason given. */
static enum reason
count_request(struct client *client, enum limit_party party, enum reason reason,
              unsigned *retry_after)
{
    const unsigned burst_ms = client->worker->epoch->config->limit_burst;
    const struct limit_rate rate =
        limit_rate_of_requests(bounds_of(client, party).requests, burst_ms);
    uint64_t wait_ns;

    if (rate.amount == 0 || limit_allowance_take(&share_of(client, party)->account->requests,
                                                 &rate, clock_now_ns(), &wait_ns))
        return REASON_DONE;
    *retry_after = (unsigned)((wait_ns + 999999999) / 1000000000);
    return reason;
}

/* Has somebody left meanwhile, so that this connection fits? */
static bool
fits_now(struct client *client, enum limit_party party)
{
    struct client_share *share = share_of(client, party);

    if (share->is_counted)
        return true;
    share->is_counted =
        limit_count(&share->account->connections, bounds_of(client, party).connections);
    if (share->is_counted)
        count_down(&share->account->surplus, &share->is_surplus);
    return share->is_counted;
}

enum reason
client_limits_admit(struct client *client, unsigned *retry_after)
{
    if (client->limits == NULL || share_of(client, LIMIT_CLIENT)->account == NULL)
        return REASON_DONE;
    if (!fits_now(client, LIMIT_CLIENT))
        return REASON_CLIENT_CONNECTIONS;
    return count_request(client, LIMIT_CLIENT, REASON_CLIENT_REQUESTS, retry_after);
}

/* From now on the connection counts for this user. */
static void
become(struct client *client, struct slice user)
{
    struct client_share *share = &ensure_limits(client)->shares[LIMIT_USER];
    struct limit_account *account = limit_table_hold(client->worker->limits, LIMIT_USER, user);

    if (account == share->account) {
        limit_table_let_go(client->worker->limits, &account, clock_now_ns());
        return;
    }
    leave(client, LIMIT_USER);
    share->account = account;
}

enum reason
client_limits_admit_user(struct client *client, struct slice user, unsigned *retry_after)
{
    if (user.size == 0 || !is_limited(client, LIMIT_USER)) {
        if (client->limits != NULL)
            leave(client, LIMIT_USER);
        return REASON_DONE;
    }
    become(client, user);
    if (!fits_now(client, LIMIT_USER))
        return REASON_USER_CONNECTIONS;
    return count_request(client, LIMIT_USER, REASON_USER_REQUESTS, retry_after);
}

enum reason
client_limits_begin_tunnel(struct client *client)
{
    static const enum reason reasons[LIMIT_PARTY_COUNT] = {
        [LIMIT_CLIENT] = REASON_CLIENT_TUNNELS,
        [LIMIT_USER] = REASON_USER_TUNNELS,
    };

    if (client->limits == NULL)
        return REASON_DONE;
    for (enum limit_party party = 0; party < LIMIT_PARTY_COUNT; party++) {
        struct client_share *share = share_of(client, party);

        if (share->account == NULL)
            continue;
        share->has_tunnel =
            limit_count(&share->account->tunnels, bounds_of(client, party).tunnels);
        if (!share->has_tunnel)
            return reasons[party];
    }
    return REASON_DONE;
}

void
client_limits_end_tunnel(struct client *client)
{
    if (client->limits == NULL)
        return;
    for (enum limit_party party = 0; party < LIMIT_PARTY_COUNT; party++) {
        struct client_share *share = share_of(client, party);

        if (share->account != NULL)
            count_down(&share->account->tunnels, &share->has_tunnel);
    }
}

/* ---- reload ---- */

/* Is a tunnel, or an upgrade that may become one, under way? */
static bool
has_tunnel(const struct client *client)
{
    return client->exchange != NULL && client->exchange->room >= ROOM_CHECKOUT &&
           exchange_wants_tunnel(client->exchange);
}

/* Moves to an account under new settings, with all that counts. Takes the account. */
static void
move(struct client *client, enum limit_party party, struct limit_account *account)
{
    struct client_share *share = share_of(client, party);
    bool is_surplus = share->is_surplus;

    leave(client, party);
    share->account = account;
    share->is_surplus = is_surplus && limit_count(&account->surplus, 0);
    share->is_counted = !is_surplus && limit_count(&account->connections, 0);
    share->has_tunnel = has_tunnel(client) && limit_count(&account->tunnels, 0);
}

static struct limit_account *
hold_user(struct client *client)
{
    const struct exchange *exchange = client->exchange;

    /* Between two requests nobody is named, and the next one will tell. */
    if (exchange == NULL || exchange->user.size == 0)
        return NULL;
    return limit_table_hold(client->worker->limits, LIMIT_USER, exchange->user);
}

void
client_limits_reload(struct client *client, const struct config *before)
{
    for (enum limit_party party = 0; party < LIMIT_PARTY_COUNT; party++) {
        struct limit_account *account;

        if (client->limits != NULL)
            client_pace_leave(client, party, before);
        if (!is_limited(client, party)) {
            if (client->limits != NULL)
                leave(client, party);
            continue;
        }
        account = party == LIMIT_CLIENT ? hold_client(client) : hold_user(client);
        if (account == NULL)
            continue;
        ensure_limits(client);
        move(client, party, account);
    }
    if (client->limits != NULL)
        client_pace_wake(client->limits);
}
