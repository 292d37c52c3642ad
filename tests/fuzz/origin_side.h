#ifndef CARPOOL_TESTS_FUZZ_ORIGIN_SIDE_H
#define CARPOOL_TESTS_FUZZ_ORIGIN_SIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "pool/pool.h"
#include "proxy/http/body.h"

/*
 * The origin of the whole-exchange target: takes carpool's connections, reads requests off them
 * and checks that each is well formed and holds marks of one client only.
 */
#define ORIGIN_MOST 32

struct origin_end {
    int fd;        /* -1: free */
    uint16_t port; /* carpool's */
    uint64_t turn; /* when it last received */
    uint64_t sent_bytes;
    unsigned char mark;
    bool has_ended; /* carpool's side */
    bool is_tunnel; /* what comes is no longer HTTP */
    bool has_head;  /* and its body has not ended */
    struct body body;
    struct buf bytes; /* of a head that is not whole */
};

struct origin_side {
    struct pool *pool; /* borrowed */
    int listening;     /* borrowed */
    uint64_t turns;
    struct slice answer; /* to every request; empty: none, the input answers */
    struct origin_end ends[ORIGIN_MOST];
};

void origin_side_init(struct origin_side *side, struct pool *pool, int listening);
void origin_side_fini(struct origin_side *side);

/* Accepts and reads; has anything come? */
bool origin_side_look(struct origin_side *side);

void origin_side_send(struct origin_side *side, bool is_other, struct slice bytes);
void origin_side_end(struct origin_side *side, bool is_other, bool is_half);

/* Has carpool ended its side of the connection that was used last? */
bool origin_side_saw_end(struct origin_side *side);

/* Ends the connections on which somebody waits for an answer. */
void origin_side_end_leased(struct origin_side *side);

/*
 * Waits until carpool's kernel side holds all that was sent: even on loopback that takes a
 * moment, and what nobody can see yet cannot make a parked connection suspect.
 */
void origin_side_wait_delivered(struct origin_side *side);

/* What carpool has parked lies between two requests. */
void origin_side_check_parked(struct origin_side *side);

/* Sends with the mark in the place of "@", unless it is 0, and nothing else above 0x7f.
 * Returns what the socket took. */
size_t origin_send_marked(int fd, struct slice bytes, unsigned char mark);

#endif
