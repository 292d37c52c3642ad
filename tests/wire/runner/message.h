#ifndef CARPOOL_TESTS_WIRE_MESSAGE_H
#define CARPOOL_TESTS_WIRE_MESSAGE_H

#include "tests/wire/runner/peer.h"

#define MESSAGE_SHOWN 2000 /* bytes of what came that a failure shows */

/* Shows what came, with what follows at once, and ends the test. */
void message_fail(struct world *world, struct peer *peer, enum fill last)
    __attribute__((noreturn));

/* How many of the bytes are the filling from number at on; its letter is the word at index. */
size_t message_count_filling(const struct world *world, size_t index, uint64_t at,
                             const unsigned char *bytes, size_t size);

/* What a peer must receive. Each takes the present statement's words and message. */

/* Exactly these bytes; <any> is what comes up to the end of the line. */
void message_expect(struct world *world, struct peer *peer);

/*
 * A head whose first line is the first of the message. Each other line is a field that must be
 * there, as often and with such values as the lines say; "Name: <none>" must not be.
 */
void message_expect_head(struct world *world, struct peer *peer);

/* keep NAME Field: the value of the field in the head that comes next is $NAME from now on. */
void message_keep(struct world *world, struct peer *peer);

/* A head with this status. */
void message_expect_status(struct world *world, struct peer *peer);

/* The body behind the last head: "bytes N [C]", "contains" strings, "empty", or exactly this.
 */
void message_expect_body(struct world *world, struct peer *peer);

/* The connection ends before the body behind the last head is complete. */
void message_expect_cut(struct world *world, struct peer *peer);

/* expect-bytes N [C]: raw filling, or N times the byte C. */
void message_expect_bytes(struct world *world, struct peer *peer);
void message_send_bytes(struct world *world, struct peer *peer);

void message_send(struct world *world, struct peer *peer);

/* Nothing but the end of the connection; by a FIN, by a reset, or either. */
void message_expect_close(struct world *world, struct peer *peer);
void message_expect_reset(struct world *world, struct peer *peer);
void message_expect_gone(struct world *world, struct peer *peer);

/* expect-some: at least a byte, and all that came with it, whatever it is. */
void message_expect_some(struct world *world, struct peer *peer);

/* expect-nothing TIME: for so long neither a byte nor the end. */
void message_expect_nothing(struct world *world, struct peer *peer);

/* Not all that was to be sent could be: the other side stopped reading. */
void message_expect_blocked(struct world *world, struct peer *peer);

#endif
