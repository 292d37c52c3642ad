/*
 * ADMIT: may this client use the proxy at all, and may it ask once more?
 */
#include "pool/tuple.h"
#include "proxy/client_limits.h"
#include "proxy/exchange.h"
#include "proxy/policy/acl.h"

/* What the limits of the client and of the user say. The user's come once he is known. */
static enum reason
count_request(struct exchange *exchange)
{
    struct client *client = exchange->client;
    enum reason reason = client_limits_admit(client, &exchange->retry_after);

    if (reason == REASON_DONE)
        reason = client_limits_admit_user(client, exchange->user, &exchange->retry_after);
    /* One connection too many is not kept. */
    if (reason == REASON_CLIENT_CONNECTIONS || reason == REASON_USER_CONNECTIONS)
        exchange->keeps_client = false;
    return reason;
}

enum step
room_admit(struct exchange *exchange)
{
    const struct client *client = exchange->client;
    enum reason reason;

    /* The first request tells; by then our own dial has long put its 4-tuple into the table. */
    if (client->served == 0 &&
        pool_is_own(exchange->worker->pool, &client->local, &client->peer)) {
        exchange->keeps_client = false;
        return exchange_fail(exchange, REASON_LOOP, NULL);
    }
    if (!acl_admits(exchange->config, &client->peer)) {
        exchange->keeps_client = false;
        return exchange_fail(exchange, REASON_CLIENT_DENIED, NULL);
    }
    reason = count_request(exchange);
    if (reason != REASON_DONE)
        return exchange_fail(exchange, reason, NULL);
    return exchange_enter(exchange, ROOM_ROUTE);
}
