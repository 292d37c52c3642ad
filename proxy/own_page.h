#ifndef CARPOOL_PROXY_OWN_PAGE_H
#define CARPOOL_PROXY_OWN_PAGE_H

#include "proxy/exchange.h"

/*
 * Answers a request that is for carpool itself, in origin or asterisk form: /healthz, or a page
 * that says that this is a proxy and how to set it. Returns STEP_DONE.
 */
enum step own_page_send(struct exchange *exchange);

/*
 * Answers a TRACE or OPTIONS that must not be forwarded any further (RFC 9110 §7.6.2): with the
 * request's head, or with what carpool can do.
 */
enum step own_page_send_last_hop(struct exchange *exchange);

#endif
