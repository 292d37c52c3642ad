#ifndef CARPOOL_PROXY_POLICY_LIMIT_PLACE_H
#define CARPOOL_PROXY_POLICY_LIMIT_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "proxy/policy/limit_allowance.h"

/*
 * A connection's place in the line for an allowance that others use as well. Where too little
 * is left it pays for a portion in advance and waits until that is due: so each waits its turn,
 * whichever worker it belongs to, none is passed over, and only whose time has come is woken.
 * The owner's thread; the allowance is anybody's.
 */
struct limit_place {
    size_t portion;  /* paid for and not used; 0: not in line */
    uint64_t due_ns; /* when it may be used */
};

/* What may be moved now, up to most, which is no less than a portion. 0: wait until due_ns. */
size_t limit_place_room(struct limit_place *place, struct limit_allowance *allowance,
                        const struct limit_rate *rate, uint64_t now_ns, size_t most);

/* So much was moved, with or without room for it. The portion goes, used up or given back. */
void limit_place_charge(struct limit_place *place, struct limit_allowance *allowance,
                        const struct limit_rate *rate, uint64_t now_ns, size_t size);

/* Out of the line: what was paid for in advance is given back. */
void limit_place_leave(struct limit_place *place, struct limit_allowance *allowance,
                       const struct limit_rate *rate);

#endif
