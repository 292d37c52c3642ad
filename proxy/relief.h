#ifndef CARPOOL_PROXY_RELIEF_H
#define CARPOOL_PROXY_RELIEF_H

#include <stdint.h>

/*
 * Gives memory back to the system after a crowd has left. malloc() keeps what was freed, each
 * thread its own share, and that would stay resident for good. Embedded; zeroed at first.
 */
struct relief {
    uint64_t crowd; /* the most clients since memory was last given back */
    uint64_t last;  /* at the last look */
};

/* About once a second, with the clients there are now. Main thread; takes milliseconds if due.
 */
void relief_look(struct relief *relief, uint64_t clients);

#endif
