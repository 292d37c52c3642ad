/*
 * Memory after the storm. Main thread.
 */
#include "proxy/relief.h"

#include <malloc.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/log.h"

/* What fewer leave behind is not worth it: some hundred KiB. */
#define CROWD_LEAST 200

void
relief_look(struct relief *relief, uint64_t clients)
{
    bool is_leaving = clients < relief->last;
    uint64_t start_us;

    relief->last = clients;
    if (clients > relief->crowd)
        relief->crowd = clients;
    if (relief->crowd < CROWD_LEAST || clients > relief->crowd / 4)
        return;
    /* The last to go may be those who hold most. */
    if (is_leaving)
        return;
    start_us = clock_now_us();
    (void)malloc_trim(0); /* that there was nothing to give is fine */
    log_event(LOG_LEVEL_DEBUG, "memory given back", "crowd=%llu us=%llu",
              (unsigned long long)relief->crowd,
              (unsigned long long)(clock_now_us() - start_us));
    relief->crowd = clients;
}
