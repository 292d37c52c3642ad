#ifndef CARPOOL_TESTS_WIRE_USERS_H
#define CARPOOL_TESTS_WIRE_USERS_H

#include "tests/wire/runner/world.h"

/*
 * users NAME:PASSWORD … [slow NAME:PASSWORD …]: the file of auth.users_file, with fresh hashes,
 * of which slow ones take a moment to check. $NAME is what Basic says of the user.
 */
void users_declare(struct world *world);

#endif
