#ifndef CARPOOL_BASE_WATCH_H
#define CARPOOL_BASE_WATCH_H

#include <event2/event.h>
#include <event2/event_struct.h>

#define WATCH_READ 1u
#define WATCH_WRITE 2u

/* what: WATCH_READ, WATCH_WRITE or both. */
typedef void watch_ready(void *arg, unsigned what);

/*
 * The two events of one descriptor on one base. A stream travels, a watch never does: it is
 * opened, changed and shut on its base's thread, and shut before the stream leaves.
 */
struct watch {
    struct event read;
    struct event write;
    watch_ready *on_ready;
    void *arg;
    unsigned wants;
    int is_open;
};

/* Wants nothing yet. The descriptor is borrowed until watch_shut(). */
void watch_open(struct watch *watch, struct event_base *base, int fd, watch_ready *on_ready,
                void *arg);

/* From now on exactly these; costs a system call only where something changed. */
void watch_want(struct watch *watch, unsigned wants);

/* on_ready is called from the loop with WATCH_READ, though the descriptor is not readable. */
void watch_kick(struct watch *watch);

/* Nothing is called after this. A watch that is zeroed or shut already is fine. */
void watch_shut(struct watch *watch);

#endif
