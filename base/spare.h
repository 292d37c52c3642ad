#ifndef CARPOOL_BASE_SPARE_H
#define CARPOOL_BASE_SPARE_H

#include <stdbool.h>

/*
 * A descriptor held back for the moment when the process has none left: whoever must go on then
 * gives it up and finds one free. Embedded; one thread at a time.
 */
struct spare {
    int fd; /* -1: given up */
};

void spare_init(struct spare *spare);
void spare_fini(struct spare *spare);

/* Gives it up. False if that has happened already. */
bool spare_give_up(struct spare *spare);

/* Holds one back again, if there is one and it is not held. */
void spare_hold(struct spare *spare);

#endif
