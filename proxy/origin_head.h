#ifndef CARPOOL_PROXY_ORIGIN_HEAD_H
#define CARPOOL_PROXY_ORIGIN_HEAD_H

#include "proxy/pump.h"

/*
 * Reads on in the origin's heads until the answer's own is there, and begins the answer with
 * what came behind it: then has_answer is set, and the flow is that of the body. FLOW_WAIT: not
 * yet. FLOW_ORIGIN_LOST: closed, or what came is older than the request (is_answer_old).
 * FLOW_BROKEN: not well-formed, or not what was asked for. After a switch of protocols
 * is_tunnel is set.
 */
enum flow origin_head_read(struct exchange *exchange);

#endif
