#ifndef CARPOOL_PROXY_HTTP_FIELDS_H
#define CARPOOL_PROXY_HTTP_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "proxy/http/head.h"

/*
 * Is the field for the next hop only: one of the fixed set of RFC 9110 §7.6.1 (Connection,
 * Keep-Alive, Proxy-Connection, TE, Transfer-Encoding, Upgrade, Trailer, Proxy-Authorization,
 * Proxy-Authenticate, Proxy-Authentication-Info; and RFC 4559's Proxy-Support) or named by this
 * head's Connection? Host, Content-Length, Max-Forwards and Via never are, whatever Connection
 * says.
 */
bool field_is_hop_by_hop(const struct head *head, const struct field *field);

/*
 * Does the sender of this head want to keep the connection? HTTP/1.1: unless it says close;
 * HTTP/1.0: only if it says keep-alive. From a client, Proxy-Connection counts where there is
 * no Connection (old clients).
 */
bool fields_keep_alive(const struct head *head, bool is_request);

/* "Keep-Alive: timeout=5, max=100". */
struct keep_alive {
    bool has_timeout;
    unsigned timeout_s;
    bool has_max;
    unsigned max;
};
struct keep_alive fields_parse_keep_alive(const struct head *head);

/* Does Via say that the message came by this name (RFC 9110 §7.6.3)? Comments do not matter. */
bool fields_came_by(const struct head *head, struct slice name);

/*
 * Max-Forwards (RFC 9110 §7.6.2). PARSE_REFUSE where it is no number or there are several; what
 * is too large for us becomes our largest, which the RFC allows.
 */
enum parse fields_max_forwards(const struct head *head, bool *has, uint32_t *hops);

/*
 * Schemes that authenticate the connection instead of the request: NTLM and Negotiate (RFC
 * 4559) with their relatives, in Authorization or WWW-Authenticate, anywhere in the list.
 */
enum connection_auth {
    CONNECTION_AUTH_NONE,
    CONNECTION_AUTH_SCHEME, /* named */
    CONNECTION_AUTH_TOKEN,  /* with a token behind the name: a step of a handshake */
};
enum connection_auth fields_connection_auth(const struct head *head, struct slice name);

#endif
