/*
 * ADMIT: may this client use the proxy at all?
 */
#include "pool/tuple.h"
#include "proxy/exchange.h"
#include "proxy/policy/acl.h"

enum step
room_admit(struct exchange *exchange)
{
    const struct client *client = exchange->client;

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
    return exchange_enter(exchange, ROOM_ROUTE);
}
