/*
 * The admin's list of names that DNS was asked for. Main thread.
 */
#include <stdlib.h>
#include <sys/queue.h>

#include <event2/keyvalq_struct.h>
#include <jansson.h>

#include "base/mem.h"
#include "dns/cache.h"
#include "proxy/json_page.h"
#include "proxy/overview.h"

/* Beyond this a list is of no use to anybody. */
#define ROWS_AT_MOST 10000

static const char usage[] = "/dns takes no parameters.\n";

/* docs/measuring.md says what each means. */
static const char *
state_of(const struct cache_row *row)
{
    if (!row->is_known)
        return "asked";
    if (row->ttl_left_ms <= 0)
        return row->answer != NULL ? "old" : "expired";
    if (row->err == ERR_DNS_NOT_FOUND || row->err == ERR_DNS_NO_ADDRESS)
        return "missing";
    if (row->err != ERR_OK)
        return "failed";
    return row->last_err == ERR_OK ? "fresh" : "stale";
}

static json_t *
addresses_of(const struct cache_row *row)
{
    json_t *list = json_array();
    char text[ADDRESS_TEXT_SIZE];

    for (size_t i = 0; row->answer != NULL && i < row->answer->count; i++)
        json_array_append_new(list,
                              json_string(address_format_ip(&row->answer->addresses[i], text)));
    return list;
}

static json_t *
row_of(const struct cache_row *row)
{
    return json_pack("{s:s, s:s, s:o, s:I, s:b, s:s, s:i}", "name", row->name, "state",
                     state_of(row), "addresses", addresses_of(row), "ttl_left_ms",
                     (json_int_t)row->ttl_left_ms, "is_asked", row->is_asked, "last_error",
                     err_word(row->last_err), "latency_ms", (int)row->latency_ms);
}

bool
names_write(const struct overview *overview, const struct evkeyvalq *query, struct evbuffer *to)
{
    struct cache_row *rows;
    json_t *list;
    size_t total;
    size_t count;

    if (!TAILQ_EMPTY(query)) {
        evbuffer_add(to, usage, sizeof(usage) - 1);
        return false;
    }
    rows = xcalloc(ROWS_AT_MOST, sizeof(*rows));
    list = json_array();
    count = cache_rows(overview->names, rows, ROWS_AT_MOST, &total);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, row_of(&rows[i]));
        answer_unref(rows[i].answer);
    }
    free(rows);
    json_page_write(json_pack("{s:I, s:o}", "total", (json_int_t)total, "names", list), to);
    return true;
}
