/*
 * ROUTE: where does the request go? To carpool's own pages, into a tunnel, or to the pool under
 * which key?
 */
#include "proxy/client_limits.h"
#include "proxy/exchange.h"
#include "proxy/hop.h"
#include "proxy/http/fields.h"
#include "proxy/http/upgrade.h"
#include "proxy/own_page.h"
#include "proxy/policy/acl.h"
#include "proxy/profiles.h"

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

/*
 * TRACE and OPTIONS go no further than Max-Forwards says (RFC 9110 §7.6.2). False where they
 * were answered here; the step is then in *step.
 */
static bool
may_go_on(struct exchange *exchange, enum step *step)
{
    enum method method = exchange->head.method;
    uint32_t hops = 0;

    if (method != METHOD_TRACE && method != METHOD_OPTIONS)
        return true;
    if (fields_max_forwards(&exchange->head, &exchange->has_hops_left, &hops) != PARSE_DONE) {
        *step = exchange_fail(exchange, REASON_SYNTAX, "Max-Forwards is not a number");
        return false;
    }
    if (!exchange->has_hops_left)
        return true;
    if (hops == 0) {
        *step = own_page_send_last_hop(exchange);
        return false;
    }
    exchange->hops_left = hops - 1;
    return true;
}

/* What a body makes impossible, whatever the target is. REASON_DONE: nothing. */
static enum reason
objection_to_body(const struct exchange *exchange)
{
    const struct body *body = &exchange->request_body;
    uint64_t most = exchange->config->http_max_body;

    /* RFC 9110 §9.3.8 */
    if (exchange->head.method == METHOD_TRACE && !body->is_done)
        return REASON_TRACE_BODY;
    if (most > 0 && body->kind == BODY_LENGTH && body->length > most)
        return REASON_BODY_TOO_LARGE;
    return REASON_DONE;
}

/* Part of the key, so that no connection from elsewhere is ever met. */
static void
choose_source(struct exchange *exchange, const struct rules_question *question)
{
    const struct source *source = sources_find(exchange->config->sources, question);

    if (source != NULL)
        pool_key_set_source(&exchange->key, source_address(source, AF_INET),
                            source_address(source, AF_INET6));
}

/* Part of the key, too: who was not checked for this request must not serve it. */
static void
choose_profile(struct exchange *exchange, const struct rules_question *question)
{
    exchange->tls = profiles_find(exchange->config->profiles, question);
    pool_key_set_tls(&exchange->key, tls_profile_number(exchange->tls));
}

enum step
room_route(struct exchange *exchange)
{
    const struct target *target = &exchange->target;
    enum reason objection = objection_to_body(exchange);
    struct rules_question question;
    enum step step;
    enum err err;

    if (objection != REASON_DONE)
        return exchange_fail(exchange, objection, NULL);
    if (target->form == TARGET_ORIGIN || target->form == TARGET_ASTERISK)
        return own_page_send(exchange);
    if (pool_key_init(&exchange->key, target->host, target->port) != ERR_OK)
        return exchange_fail(exchange, REASON_TARGET, NULL);
    hop_name(exchange);
    if (hop_is_loop(exchange))
        return exchange_fail(exchange, REASON_LOOP, NULL);
    /* What no address could make right is refused before its name is looked up. */
    question = exchange_question(exchange);
    err = acl_allows(exchange->config, &question);
    if (err != ERR_OK)
        return exchange_fail(exchange, reason_of_err(err), NULL);
    choose_source(exchange, &question);
    if (target->is_secure)
        choose_profile(exchange, &question);
    if (!may_go_on(exchange, &step))
        return step;
    exchange->is_logging_in =
        target->form != TARGET_AUTHORITY &&
        fields_connection_auth(&exchange->head, SLICE("Authorization")) != CONNECTION_AUTH_NONE;
    exchange->wants_upgrade = upgrade_is_asked(&exchange->head, &exchange->request_body);
    exchange->is_replayable = is_replayable(exchange);
    if (exchange_wants_tunnel(exchange)) {
        objection = client_limits_begin_tunnel(exchange->client);
        if (objection != REASON_DONE)
            return exchange_fail(exchange, objection, NULL);
    }
    return exchange_enter(exchange, ROOM_CHECKOUT);
}
