#ifndef CARPOOL_PROXY_FAREWELL_H
#define CARPOOL_PROXY_FAREWELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

/*
 * Sockets of those who were told to go without ever having been clients. Closed at once, what
 * they still send would be answered with a reset, which may take what they were told from them
 * (RFC 9112 §9.6): so each stays for a moment, and nothing is read from it. As many as there
 * are places; one more, and the first goes. Embedded; its base's thread.
 */
#define FAREWELL_PLACES 8

struct farewell {
    struct event *timer;
    size_t first;
    size_t count;
    struct {
        int fd;
        uint64_t until_ms;
    } places[FAREWELL_PLACES];
};

void farewell_init(struct farewell *farewell, struct event_base *base);

/* Closes all. */
void farewell_fini(struct farewell *farewell);

/* Takes a socket over, and closes it after so long; at once if that is 0. */
void farewell_add(struct farewell *farewell, int fd, unsigned linger_ms);

/* Closes the first, since its descriptor is needed. False: there is none. */
bool farewell_cut(struct farewell *farewell);

#endif
