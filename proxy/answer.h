#ifndef CARPOOL_PROXY_ANSWER_H
#define CARPOOL_PROXY_ANSWER_H

#include "base/slice.h"
#include "proxy/exchange.h"

/* Room for a line about what failed: a host, a port and half a sentence. */
#define ANSWER_DETAIL_SIZE 384

/*
 * carpool's own answers. They are never cacheable, and say whether the connection stays open as
 * the exchange's keeps_client has it. The exchange's status is set.
 */

/*
 * Tells a reason to a socket that was accepted only for this, as much as it takes at once, and
 * that nothing follows. The caller closes it.
 */
void answer_turn_away(int fd, const struct config *config, enum reason reason);

/* The page of a reason with a status; detail may be NULL. HTML or plain text by Accept. */
void answer_send_error(struct exchange *exchange, enum reason reason, const char *detail);

/* A page of our own; fields (may be empty) are further head lines, each with its CRLF. */
void answer_send_page(struct exchange *exchange, unsigned status, const char *type,
                      const char *fields, struct slice body);

#endif
