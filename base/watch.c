/*
 * A descriptor's events on its worker's base. That base's thread only.
 */
#include "base/watch.h"

#include <assert.h>

static void
on_read_event(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;

    (void)fd;
    (void)what;
    watch->on_ready(watch->arg, WATCH_READ);
}

static void
on_write_event(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;

    (void)fd;
    (void)what;
    watch->on_ready(watch->arg, WATCH_WRITE);
}

void
watch_open(struct watch *watch, struct event_base *base, int fd, watch_ready *on_ready,
           void *arg)
{
    assert(!watch->is_open);
    event_assign(&watch->read, base, fd, EV_READ | EV_PERSIST, on_read_event, watch);
    event_assign(&watch->write, base, fd, EV_WRITE | EV_PERSIST, on_write_event, watch);
    watch->on_ready = on_ready;
    watch->arg = arg;
    watch->wants = 0;
    watch->is_open = 1;
}

static void
watch_switch(struct event *event, unsigned had, unsigned wants)
{
    if (had == wants)
        return;
    if (wants != 0)
        event_add(event, NULL);
    else
        event_del(event);
}

void
watch_want(struct watch *watch, unsigned wants)
{
    assert(watch->is_open);
    watch_switch(&watch->read, watch->wants & WATCH_READ, wants & WATCH_READ);
    watch_switch(&watch->write, watch->wants & WATCH_WRITE, wants & WATCH_WRITE);
    watch->wants = wants;
}

void
watch_kick(struct watch *watch)
{
    event_active(&watch->read, EV_READ, 0);
}

void
watch_shut(struct watch *watch)
{
    if (!watch->is_open)
        return;
    watch_want(watch, 0);
    watch->is_open = 0;
}
