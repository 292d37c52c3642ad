/*
 * The admin's list of upstream connections. Main thread.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "pool/tuple.h"
#include "proxy/overview.h"

/* Beyond this a list is of no use to anybody, and it would take all memory. */
#define ROWS_AT_MOST 65536

static void
on_connection(const struct tuple_view *view, void *arg)
{
    char local[ADDRESS_TEXT_SIZE];
    char remote[ADDRESS_TEXT_SIZE];
    json_t *row = json_pack(
        "{s:s, s:s, s:I, s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:I}", "local",
        address_format(&view->local, local), "remote", address_format(&view->remote, remote),
        "id", (json_int_t)view->id, "host", view->host, "port", (int)view->port, "state",
        tuple_state_word(view->state), "age_ms", (json_int_t)view->age_ms, "idle_ms",
        (json_int_t)view->idle_ms, "uses", (json_int_t)view->uses, "sent_bytes",
        (json_int_t)view->sent_bytes, "received_bytes", (json_int_t)view->received_bytes);

    /* NULL when the host is not UTF-8, which a name that was dialed cannot be */
    if (row != NULL)
        json_array_append_new(arg, row);
}

static void
on_text_sent(const void *bytes, size_t size, void *text)
{
    (void)bytes;
    (void)size;
    free(text);
}

void
connections_write(const struct overview *overview, struct evbuffer *to)
{
    json_t *rows = json_array();
    char *text;

    pool_each_connection(overview->pool, ROWS_AT_MOST, on_connection, rows);
    text = json_dumps(rows, JSON_COMPACT);
    json_decref(rows);
    if (text == NULL)
        abort(); /* only for want of memory */
    evbuffer_add_reference(to, text, strlen(text), on_text_sent, text);
    evbuffer_add(to, "\n", 1);
}
