/*
 * ADMIT: may this client use the proxy at all, may it ask once more, and who is it?
 */
#include "pool/tuple.h"
#include "proxy/client_limits.h"
#include "proxy/exchange.h"
#include "proxy/login.h"
#include "proxy/policy/acl.h"

/* Over a limit. One connection too many is not kept. */
static enum step
turn_away(struct exchange *exchange, enum reason reason)
{
    if (reason == REASON_CLIENT_CONNECTIONS || reason == REASON_USER_CONNECTIONS)
        exchange->keeps_client = false;
    return exchange_fail(exchange, reason, NULL);
}

enum step
room_admit(struct exchange *exchange)
{
    struct client *client = exchange->client;
    enum reason reason = REASON_DONE;
    enum step step;

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
    /* Whoever guesses passwords has no more tries than requests; one that waits was counted. */
    if (exchange->ask == NULL)
        reason = client_limits_admit(client, &exchange->retry_after);
    if (reason != REASON_DONE)
        return turn_away(exchange, reason);
    if (!login_check(exchange, &step))
        return step;
    reason = client_limits_admit_user(client, exchange->user, &exchange->retry_after);
    if (reason != REASON_DONE)
        return turn_away(exchange, reason);
    return exchange_enter(exchange, ROOM_ROUTE);
}
