/*
 * Those who were told to go, the first of them first. Its base's thread.
 */
#include "proxy/farewell.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"

/* Unread bytes would make the close a reset. So many times: a flood has to end. */
#define READS_MOST 64

static void
end_socket(int fd)
{
    char waste[4096];

    for (unsigned i = 0; i < READS_MOST; i++)
        if (recv(fd, waste, sizeof(waste), MSG_DONTWAIT) <= 0)
            break;
    close(fd);
}

bool
farewell_cut(struct farewell *farewell)
{
    if (farewell->count == 0)
        return false;
    end_socket(farewell->places[farewell->first].fd);
    farewell->first = (farewell->first + 1) % FAREWELL_PLACES;
    farewell->count--;
    return true;
}

/* Closes those whose time is up, and waits for the next. */
static void
on_timer(evutil_socket_t none, short what, void *arg)
{
    struct farewell *farewell = arg;
    uint64_t now_ms = clock_now_ms();
    struct timeval wait;

    (void)none;
    (void)what;
    while (farewell->count > 0 && farewell->places[farewell->first].until_ms <= now_ms)
        farewell_cut(farewell);
    if (farewell->count == 0)
        return;
    wait = loop_delay_ms(farewell->places[farewell->first].until_ms - now_ms);
    evtimer_add(farewell->timer, &wait);
}

void
farewell_init(struct farewell *farewell, struct event_base *base)
{
    *farewell = (struct farewell){.timer = evtimer_new(base, on_timer, farewell)};
    if (farewell->timer == NULL)
        abort(); /* only for want of memory */
}

void
farewell_fini(struct farewell *farewell)
{
    while (farewell_cut(farewell))
        continue;
    event_free(farewell->timer);
}

void
farewell_add(struct farewell *farewell, int fd, unsigned linger_ms)
{
    const struct timeval wait = loop_delay_ms(linger_ms);
    size_t at;

    if (linger_ms == 0) {
        end_socket(fd);
        return;
    }
    if (farewell->count == FAREWELL_PLACES)
        farewell_cut(farewell);
    at = (farewell->first + farewell->count++) % FAREWELL_PLACES;
    farewell->places[at].fd = fd;
    farewell->places[at].until_ms = clock_now_ms() + linger_ms;
    if (!event_pending(farewell->timer, EV_TIMEOUT, NULL))
        evtimer_add(farewell->timer, &wait);
}
