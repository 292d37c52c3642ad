#ifndef CARPOOL_TESTS_WIRE_NETWORK_H
#define CARPOOL_TESTS_WIRE_NETWORK_H

#include "tests/wire/runner/world.h"

/* What a test ends with that cannot run here. */
#define EXIT_SKIPPED 77

/*
 * `network ADDRESS …`: goes on in a network namespace of its own, whose loopback interface has
 * these IPv4 addresses as well: clients and origins that are not on 127.0.0.0/8. Ends the test
 * as skipped where the system does not permit it.
 */
void network_enter(struct world *world);

/* Ends the test as skipped if a statement listens on [::1] and this machine has no such
 * address. */
void network_check(struct world *world);

#endif
