#ifndef CARPOOL_PROXY_PIN_H
#define CARPOOL_PROXY_PIN_H

#include <stdbool.h>
#include <sys/queue.h>

struct client;
struct exchange;
struct head;
struct pin;
struct worker;

/*
 * Pins: upstream connections that belong to one client connection, because their origin may
 * have authenticated them instead of a request (NTLM, Negotiate: RFC 4559, RFC 9110 §3.3). A
 * pin holds the lease between two of its client's requests and ends with the client. The
 * worker's thread.
 */
TAILQ_HEAD(pin_list, pin);

/*
 * Before a request is sent: pins the exchange's connection if the request logs in on it. False
 * where too many are pinned.
 */
bool pin_for_request(struct exchange *exchange);

/* Before an answer goes out: pins the connection if it asks for such a login, and may be kept.
 */
void pin_for_answer(struct exchange *exchange, const struct head *head);

/*
 * A connection that was pinned rests, with its exchange's lease, until the client's next
 * request under the same key and by the same user; or it is closed, if it cannot serve again,
 * which is remembered in the middle of a handshake.
 */
void pin_keep(struct exchange *exchange);

/*
 * Gives the exchange the lease of a pin that fits, if there is one. False if there was one and
 * it was lost in the middle of a handshake that this request would go on with: on any other
 * connection its credentials mean nothing.
 */
bool pin_take(struct exchange *exchange);

/* The client asks for nothing more. */
void pin_end_all(struct client *client);

#endif
