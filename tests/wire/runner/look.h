#ifndef CARPOOL_TESTS_WIRE_LOOK_H
#define CARPOOL_TESTS_WIRE_LOOK_H

#include "tests/wire/runner/world.h"

/* What carpool itself says of its state. Each asks again until it is so, or fails. */

/* shelf N parked | shelf empty | shelf unused */
void look_shelf(struct world *world);

/* metric NAME VALUE | metric NAME at-least VALUE */
void look_metric(struct world *world);

/* says "text": a line of carpool's log, behind the last one that was found. */
void look_says(struct world *world);

/* log "word" …: the next line of the access log has these words. */
void look_log(struct world *world);

/* asked N "o.test A": the DNS server got so many such questions. */
void look_asked(struct world *world);

#endif
