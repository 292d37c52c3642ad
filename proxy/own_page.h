#ifndef CARPOOL_PROXY_OWN_PAGE_H
#define CARPOOL_PROXY_OWN_PAGE_H

#include "proxy/exchange.h"

/*
 * Answers a request that is for carpool itself, in origin or asterisk form: /healthz, or a page
 * that says that this is a proxy and how to set it. Returns STEP_DONE.
 */
enum step own_page_send(struct exchange *exchange);

#endif
