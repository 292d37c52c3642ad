/*
 * The admin's list of hosts: what was counted and measured of each, and what reuse saved. Main
 * thread.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/keyvalq_struct.h>
#include <jansson.h>

#include "base/mem.h"
#include "proxy/json_page.h"
#include "proxy/overview.h"

#define ROWS_BY_DEFAULT 100
/* Beyond this a list is of no use to anybody. */
#define ROWS_AT_MOST 10000

static const char usage[] = "Say sort=saved, requests, opened or tunnels; limit=0 to 10000.\n";

/* What is no count; docs/measuring.md has the formula of each figure. */
static const char model[] =
    "saved_* is modelled: each reused request counts the median of what its host's last new "
    "connections took, and of lookups only where the name's answer had run out";

struct choice {
    enum host_order order;
    size_t limit;
};

static const char *const orders[] = {
    [HOSTS_BY_SAVED] = "saved",
    [HOSTS_BY_REQUESTS] = "requests",
    [HOSTS_BY_OPENED] = "opened",
    [HOSTS_BY_TUNNELS] = "tunnels",
};

static bool
read_order(const char *text, enum host_order *order)
{
    for (unsigned i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
        if (strcmp(text, orders[i]) == 0) {
            *order = i;
            return true;
        }
    return false;
}

static bool
read_pair(const struct evkeyval *pair, struct choice *choice)
{
    uint64_t limit;

    if (strcmp(pair->key, "sort") == 0)
        return read_order(pair->value, &choice->order);
    if (strcmp(pair->key, "limit") != 0 ||
        slice_to_number(slice_of(pair->value), ROWS_AT_MOST, &limit) != ERR_OK)
        return false;
    choice->limit = (size_t)limit;
    return true;
}

static bool
read_query(const struct evkeyvalq *query, struct choice *choice)
{
    const struct evkeyval *pair;
    bool is_good = true;

    TAILQ_FOREACH (pair, query, next)
        is_good = is_good && read_pair(pair, choice);
    return is_good;
}

static json_t *
number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* Of nothing there is no share, and no median. */
static json_t *
ratio_of(uint64_t part, uint64_t all)
{
    return all > 0 ? json_real((double)part / (double)all) : json_null();
}

static json_t *
median_of(uint32_t median_us, unsigned samples)
{
    return samples > 0 ? number(median_us) : json_null();
}

/* Only those that there were: most hosts have one or two of them. */
static json_t *
misses_of(const struct ledger_figures *figures)
{
    json_t *misses = json_object();

    for (enum miss miss = MISS_COLD; miss < MISS_END; miss++)
        if (figures->counts[ledger_miss(miss)] > 0)
            json_object_set_new(misses, miss_word(miss),
                                number(figures->counts[ledger_miss(miss)]));
    return misses;
}

static void
add_counts(json_t *to, const struct ledger_figures *figures)
{
    const uint64_t *counts = figures->counts;
    uint64_t reused = counts[LEDGER_REUSED];
    uint64_t dead = counts[LEDGER_FOUND_DEAD] + counts[LEDGER_MET_DEAD];

    for (unsigned i = 0; i < LEDGER_MISSES; i++)
        json_object_set_new(to, ledger_word(i), number(counts[i]));
    json_object_set_new(to, "dead_ratio", ratio_of(dead, reused + counts[LEDGER_FOUND_DEAD]));
    json_object_set_new(to, "saved_us", number(ledger_saved_us(figures)));
    json_object_set_new(to, "reuse_ratio", ratio_of(reused, reused + counts[LEDGER_OPENED]));
    json_object_set_new(to, "misses", misses_of(figures));
}

static void
add_times(json_t *to, const struct ledger_figures *figures)
{
    json_object_set_new(to, "connect_median_us",
                        median_of(figures->connect_us, figures->connect_samples));
    json_object_set_new(to, "connect_samples", number(figures->connect_samples));
    json_object_set_new(to, "dns_median_us", median_of(figures->dns_us, figures->dns_samples));
    json_object_set_new(to, "dns_samples", number(figures->dns_samples));
    json_object_set_new(to, "handshakes_full_median_us",
                        median_of(figures->full_us, figures->full_samples));
    json_object_set_new(to, "handshakes_full_samples", number(figures->full_samples));
    json_object_set_new(to, "handshakes_resumed_median_us",
                        median_of(figures->resumed_us, figures->resumed_samples));
    json_object_set_new(to, "handshakes_resumed_samples", number(figures->resumed_samples));
}

/* The addresses that tcp.source chose; where it chose none the kernel does. */
static json_t *
sources_of(const struct host_row *row)
{
    json_t *sources = json_array();
    char text[ADDRESS_TEXT_SIZE];

    for (unsigned i = 0; i < 2; i++)
        if (row->sources[i].any.sa_family != AF_UNSPEC)
            json_array_append_new(sources,
                                  json_string(address_format_ip(&row->sources[i], text)));
    return sources;
}

static json_t *
host_of(const struct host_row *row)
{
    json_t *host = json_object();
    json_t *name = json_string(row->host);

    /* NULL when it is not UTF-8, which the name of a host can hardly be */
    json_object_set_new(host, "host", name != NULL ? name : json_string("?"));
    json_object_set_new(host, "port", number(row->port));
    add_counts(host, &row->figures);
    add_times(host, &row->figures);
    json_object_set_new(host, "tls", json_boolean(row->is_tls));
    json_object_set_new(host, "sources", sources_of(row));
    json_object_set_new(host, "idle_limit_ms",
                        row->idle_limit_ms > 0 ? number(row->idle_limit_ms) : json_null());
    return host;
}

/* All that the rows do not show. */
static json_t *
rest_of(const struct host_sums *sums, const struct host_row *rows, size_t count)
{
    struct ledger_figures left = sums->total;
    json_t *rest = json_object();

    for (size_t i = 0; i < count; i++)
        for (unsigned k = 0; k < LEDGER_COUNT; k++)
            left.counts[k] -= rows[i].figures.counts[k];
    json_object_set_new(rest, "hosts", number(sums->remembered - count));
    json_object_set_new(rest, "forgotten", number(sums->forgotten));
    add_counts(rest, &left);
    return rest;
}

static json_t *
total_of(const struct host_sums *sums)
{
    json_t *total = json_object();

    json_object_set_new(total, "hosts", number(sums->remembered));
    json_object_set_new(total, "forgotten", number(sums->forgotten));
    add_counts(total, &sums->total);
    add_times(total, &sums->total);
    return total;
}

static json_t *
page_of(struct pool *pool, const struct choice *choice)
{
    struct host_row *rows = xcalloc(choice->limit + 1, sizeof(*rows));
    struct host_sums sums;
    size_t count = pool_hosts(pool, choice->order, rows, choice->limit, &sums);
    json_t *list = json_array();
    json_t *page;

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, host_of(&rows[i]));
    page = json_pack("{s:s, s:o, s:o, s:o, s:s}", "sort", orders[choice->order], "hosts", list,
                     "rest", rest_of(&sums, rows, count), "total", total_of(&sums), "model",
                     model);
    free(rows);
    return page;
}

bool
hosts_write(const struct overview *overview, const struct evkeyvalq *query, struct evbuffer *to)
{
    struct choice choice = {.order = HOSTS_BY_SAVED, .limit = ROWS_BY_DEFAULT};

    if (!read_query(query, &choice)) {
        evbuffer_add(to, usage, sizeof(usage) - 1);
        return false;
    }
    json_page_write(page_of(overview->pool, &choice), to);
    return true;
}
