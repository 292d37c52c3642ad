#ifndef CARPOOL_POOL_DIAL_CHOICE_H
#define CARPOOL_POOL_DIAL_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

#include "dns/resolver.h"
#include "pool/dial.h"
#include "pool/dial_attempt.h"
#include "pool/holddown.h"

/*
 * Which of its host's addresses a dial tries next: those that the rule allows, first the good
 * ones, then those that failed a while ago. Embedded in the dial; all zero at first.
 */
struct choice {
    struct answer *answer;  /* a reference; NULL: not yet */
    unsigned turn;          /* which of the host's dials this is */
    enum standing standing; /* of the addresses that are being tried: the good ones first */
    size_t next;            /* of the answer's addresses */
    enum err held_err;      /* why addresses that are held down failed before */
    enum err refused_err;   /* what the rule said of an address */
};

/* Other addresses than before. Takes over the reference. */
void choice_take_answer(struct choice *choice, struct answer *answer);

/* From the first address on, but for those that were tried. */
void choice_restart(struct choice *choice);

/* False: there is none, or none that may be tried. */
bool choice_next(struct choice *choice, const struct dial_request *request,
                 const struct attempt_list *tried, struct address *address);

void choice_free(struct choice *choice);

#endif
