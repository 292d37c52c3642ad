#ifndef CARPOOL_TESTS_WIRE_VERBS_H
#define CARPOOL_TESTS_WIRE_VERBS_H

#include "tests/wire/runner/world.h"

/* Does what one statement says (loops aside); fails where it cannot be understood. */
void verbs_run(struct world *world);

#endif
