#ifndef CARPOOL_PROXY_HOP_H
#define CARPOOL_PROXY_HOP_H

#include "proxy/exchange.h"

/*
 * What carpool says of itself and of the client as a hop on a message's way: Via, Forwarded and
 * Max-Forwards (RFC 9110 §7.6, RFC 7239). The worker's thread.
 */

/*
 * Gives the exchange, whose key is known, its name in Via: http.via and a mark of this process.
 * The mark differs from host to host, so that no two origins can compare it and know a client
 * again; a request that comes round meets it again all the same. Empty where http.via is off.
 */
void hop_name(struct exchange *exchange);

/* This proxy's name in Proxy-Status: http.via, without a mark; "carpool" where that is off. */
const char *hop_public_name(const struct config *config);

/* Has the request come through this process before? */
bool hop_is_loop(const struct exchange *exchange);

/*
 * Does the upstream connection end with this exchange, as the settings that it began under say?
 * The origin is told so (RFC 9112 §9.6); then nothing may follow, whatever the settings are by
 * now.
 */
bool hop_is_last_use(const struct exchange *exchange);

/* Room for an element of Forwarded or X-Forwarded-For and the NUL. */
#define HOP_FOR_SIZE (ADDRESS_TEXT_SIZE + 8)

/* What is said to the origin. Borrows from the exchange and from for_entry. */
struct emit_hop hop_for_origin(const struct exchange *exchange, char for_entry[HOP_FOR_SIZE]);

#endif
