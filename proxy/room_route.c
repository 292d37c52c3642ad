/*
 * ROUTE: where does the request go? To carpool's own pages, into a tunnel, or to the pool under
 * which key?
 */
#include "proxy/exchange.h"
#include "proxy/http/upgrade.h"
#include "proxy/own_page.h"
#include "proxy/policy/acl.h"

/* Can the request be sent a second time, because all of it is at hand? */
static bool
is_replayable(const struct exchange *exchange)
{
    const struct body *body = &exchange->request_body;

    if (!method_is_idempotent(exchange->head.method))
        return false;
    return body->kind == BODY_NONE ||
           (body->kind == BODY_LENGTH && body->length <= exchange->config->http_max_replay);
}

static enum step
route_tunnel(struct exchange *exchange)
{
    /* Bytes that follow are no request, whatever becomes of this one. */
    exchange->keeps_client = false;
    if (!acl_allows_connect(exchange->config, exchange->client->is_loopback,
                            exchange->target.port))
        return exchange_fail(exchange, REASON_CONNECT_PORT, NULL);
    return exchange_enter(exchange, ROOM_CHECKOUT);
}

enum step
room_route(struct exchange *exchange)
{
    const struct target *target = &exchange->target;

    if (target->form == TARGET_ORIGIN || target->form == TARGET_ASTERISK)
        return own_page_send(exchange);
    if (pool_key_init(&exchange->key, target->host, target->port) != ERR_OK)
        return exchange_fail(exchange, REASON_TARGET, NULL);
    if (target->form == TARGET_AUTHORITY)
        return route_tunnel(exchange);
    exchange->wants_upgrade = upgrade_is_asked(&exchange->head, &exchange->request_body);
    exchange->is_replayable = is_replayable(exchange);
    return exchange_enter(exchange, ROOM_CHECKOUT);
}
