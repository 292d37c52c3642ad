/*
 * The admin's list of upstream connections, and of who waits for one. Main thread.
 */
#include <jansson.h>

#include "pool/tuple.h"
#include "pool/waiting.h"
#include "proxy/connections_filter.h"
#include "proxy/json_page.h"
#include "proxy/overview.h"

/* Beyond this a list is of no use to anybody, and it would take all memory. */
#define ROWS_AT_MOST 65536

struct listing {
    const struct connections_filter *filter;
    json_t *rows;
    json_int_t total; /* what fits the filter, listed or not */
};

static void
add_row(struct listing *listing, json_t *row)
{
    listing->total++;
    if (json_array_size(listing->rows) < ROWS_AT_MOST)
        json_array_append_new(listing->rows, row);
    else
        json_decref(row);
}

/* "ADDR:PORT", or null for what is not there. */
static json_t *
address_json(const struct address *address)
{
    char text[ADDRESS_TEXT_SIZE];

    return address->any.sa_family == AF_UNSPEC ? json_null()
                                               : json_string(address_format(address, text));
}

/* Adds what the kernel knew of the way to the origin; null where it was not asked yet. */
static void
add_path(json_t *row, const struct stream_path *path)
{
    bool is_known = path->cwnd != 0;

    json_object_set_new(row, "rtt_us", is_known ? json_integer(path->rtt_us) : json_null());
    json_object_set_new(row, "rtt_min_us",
                        path->rtt_min_us != 0 ? json_integer(path->rtt_min_us) : json_null());
    json_object_set_new(row, "cwnd", is_known ? json_integer(path->cwnd) : json_null());
    json_object_set_new(row, "resent", is_known ? json_integer(path->resent) : json_null());
}

static void
on_connection(const struct tuple_view *view, void *arg)
{
    struct listing *listing = arg;
    json_t *row;

    if (!connections_filter_takes(listing->filter, view))
        return;
    row = json_pack("{s:I, s:s, s:s, s:i, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:s?, s:s?}",
                    "id", (json_int_t)view->id, "state", tuple_state_word(view->state), "host",
                    view->host, "port", (int)view->port, "local", address_json(&view->local),
                    "remote", address_json(&view->remote), "client",
                    address_json(&view->client), "age_ms", (json_int_t)view->age_ms, "idle_ms",
                    (json_int_t)view->idle_ms, "uses", (json_int_t)view->uses, "sent_bytes",
                    (json_int_t)view->sent_bytes, "received_bytes",
                    (json_int_t)view->received_bytes, "tls", view->tls, "cipher", view->cipher);
    /* NULL when the host is not UTF-8, which a name that was dialed cannot be */
    if (row == NULL)
        return;
    add_path(row, &view->path);
    add_row(listing, row);
}

static void
on_waiting(const struct waiting_view *view, void *arg)
{
    static const struct stream_path nowhere;
    struct listing *listing = arg;
    json_t *row;

    if (!connections_filter_takes_waiting(listing->filter, view))
        return;
    /* It has no connection yet, and so nothing that only a connection has. */
    row = json_pack("{s:n, s:s, s:s, s:i, s:n, s:n, s:o, s:I, s:n, s:n, s:n, s:n, s:n, s:n}",
                    "id", "state", STATE_WAITING, "host", view->host, "port", (int)view->port,
                    "local", "remote", "client", address_json(&view->client), "age_ms",
                    (json_int_t)view->waited_ms, "idle_ms", "uses", "sent_bytes",
                    "received_bytes", "tls", "cipher");
    if (row == NULL)
        return;
    add_path(row, &nowhere);
    add_row(listing, row);
}

bool
connections_write(const struct overview *overview, const struct evkeyvalq *query,
                  struct evbuffer *to)
{
    struct connections_filter filter;
    struct complaint complaint;
    struct listing listing = {.filter = &filter};

    if (connections_filter_read(&filter, query, &complaint) != ERR_OK) {
        evbuffer_add_printf(to, "%s\n", complaint.text);
        return false;
    }
    listing.rows = json_array();
    pool_each_connection(overview->pool, on_connection, &listing);
    pool_each_waiting(overview->pool, on_waiting, &listing);
    json_page_write(
        json_pack("{s:I, s:o}", "total", listing.total, "connections", listing.rows), to);
    return true;
}
