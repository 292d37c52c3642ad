/*
 * Who waits, and where: copied under the locks of the queues, shown without one. Any thread.
 */
#include "pool/waiting.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pool/lane.h"

void
waiting_note(struct waiting_list *list, const struct pool_key *key,
             const struct waiting *waiting)
{
    struct waiting_view *view = &list->views[list->count];

    if (list->count == list->room)
        return;
    list->count++;
    memcpy(view->host, key->host, strlen(key->host) + 1);
    view->port = key->port;
    view->client = waiting->client;
    view->waited_ms =
        list->now_us > waiting->since_us ? (list->now_us - waiting->since_us) / 1000 : 0;
}

void
pool_each_waiting(struct pool *pool, void (*visit)(const struct waiting_view *view, void *arg),
                  void *arg)
{
    struct waiting_list list = {.now_us = clock_now_us()};
    struct pool_gauges gauges;

    pool_gauges(pool, &gauges);
    if (gauges.waiting == 0)
        return;
    list.room = gauges.waiting;
    list.views = xcalloc(list.room, sizeof(*list.views));
    /* In this order nobody who gets on from the one to the other is there twice. */
    shelf_look_at_queues(pool->shelf, &list);
    quotas_look(pool->quotas, &list);
    for (size_t i = 0; i < list.count; i++)
        visit(&list.views[i], arg);
    free(list.views);
}
