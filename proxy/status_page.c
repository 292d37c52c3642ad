/*
 * The admin's front page: the numbers that answer "is it well, and does sharing help".
 * Main thread.
 */
#include <inttypes.h>
#include <stdlib.h>

#include <event2/http.h>

#include "base/clock.h"
#include "proxy/overview.h"
#include "proxy/units.h"

/* The whole list is /hosts. */
#define HOSTS_SHOWN 10

static const char page_top[] =
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>carpool</title>\n"
    "<style>\n"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;"
    "color:#222;background:#fff}\n"
    "table{border-collapse:collapse;width:100%;margin:0 0 1.5rem}\n"
    "caption{text-align:left;font-weight:600;padding:.3rem 0}\n"
    "td,th{padding:.2rem 0 .2rem .6rem}td{border-top:1px solid #ddd}"
    "td:first-child{padding-left:0;overflow-wrap:anywhere}th{font-weight:400;font-size:.8rem}\n"
    "td+td,th{text-align:right;font-variant-numeric:tabular-nums}\n"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#1b1b1b}"
    "td{border-color:#444}a{color:#8bf}}\n"
    "</style>\n";

static const char page_end[] =
    "<p><a href=\"/metrics\">metrics</a> · <a href=\"/connections\">connections</a> · <a "
    "href=\"/hosts\">hosts</a> · <a href=\"/dns\">names</a> · "
    "<a href=\"/healthz\">healthz</a></p>\n</html>\n";

static void
begin_table(struct evbuffer *to, const char *caption)
{
    evbuffer_add_printf(to, "<table>\n<caption>%s</caption>\n", caption);
}

static void
add_row(struct evbuffer *to, const char *what, uint64_t value)
{
    evbuffer_add_printf(to, "<tr><td>%s</td><td>%" PRIu64 "</td></tr>\n", what, value);
}

static void
end_table(struct evbuffer *to)
{
    evbuffer_add_printf(to, "</table>\n");
}

static void
write_reuse(struct evbuffer *to, const struct overview_sums *sums, struct pool *pool)
{
    uint64_t reused = sums->pool[POOL_STAT_REUSED];
    uint64_t opened = sums->pool[POOL_STAT_OPENED];
    struct pool_gauges gauges;

    pool_gauges(pool, &gauges);
    begin_table(to, "Upstream connections");
    add_row(to, "opened for requests", opened);
    add_row(to, "reused", reused);
    if (reused + opened > 0)
        evbuffer_add_printf(to, "<tr><td>share reused</td><td>%.1f %%</td></tr>\n",
                            100.0 * (double)reused / (double)(reused + opened));
    add_row(to, "open now", gauges.open);
    add_row(to, "of these parked", gauges.parked);
    add_row(to, "requests waiting for one", gauges.waiting);
    add_row(to, "pinned to one client each", gauges.pinned);
    end_table(to);
}

/* Who speaks no TLS has no handshakes, not none so far. */
static void
add_handshakes(struct evbuffer *to, const struct host_row *row)
{
    const uint64_t *counts = row->figures.counts;

    if (row->is_tls)
        evbuffer_add_printf(to, "<td>%" PRIu64 " + %" PRIu64 "</td>", counts[LEDGER_FULL],
                            counts[LEDGER_RESUMED]);
    else
        evbuffer_add_printf(to, "<td>–</td>");
}

static void
add_cells(struct evbuffer *to, const struct host_row *row)
{
    const struct ledger_figures *figures = &row->figures;
    const uint64_t *counts = figures->counts;
    uint64_t idle_us = (uint64_t)row->idle_limit_ms * 1000;
    uint64_t uses = counts[LEDGER_REUSED] + counts[LEDGER_OPENED];
    char text[UNIT_TEXT_SIZE];

    evbuffer_add_printf(to, "<td>%" PRIu64 "</td><td>%" PRIu64 "</td>", counts[LEDGER_REQUESTS],
                        counts[LEDGER_OPENED]);
    if (uses > 0)
        evbuffer_add_printf(to, "<td>%.1f %%</td>",
                            100.0 * (double)counts[LEDGER_REUSED] / (double)uses);
    else
        evbuffer_add_printf(to, "<td>–</td>");
    add_handshakes(to, row);
    evbuffer_add_printf(to, "<td>%s</td>", idle_us > 0 ? unit_write_span(idle_us, text) : "–");
    evbuffer_add_printf(
        to, "<td>%s</td>",
        figures->connect_samples > 0 ? unit_write_span(figures->connect_us, text) : "–");
    evbuffer_add_printf(to, "<td>%s</td></tr>\n",
                        unit_write_span(ledger_saved_us(figures), text));
}

/* Names come from clients. */
static void
add_host(struct evbuffer *to, const struct host_row *row)
{
    char place[POOL_PLACE_SIZE];
    char *name = evhttp_htmlescape(pool_place_format(row->host, row->port, place));

    if (name == NULL)
        abort(); /* only for want of memory */
    evbuffer_add_printf(to, "<tr><td>%s</td>", name);
    free(name);
    add_cells(to, row);
}

/* Only where something was asked for. */
static void
write_hosts(struct evbuffer *to, struct pool *pool)
{
    struct host_row rows[HOSTS_SHOWN];
    struct host_row all = {.is_tls = true};
    struct host_sums sums;
    size_t count = pool_hosts(pool, HOSTS_BY_SAVED, rows, HOSTS_SHOWN, &sums);

    if (count == 0)
        return;
    begin_table(to, "Hosts where reuse saved most");
    evbuffer_add_printf(to, "<tr><th></th><th>requests</th><th>opened</th><th>reused</th>"
                            "<th>handshakes, full + resumed</th><th>idle at most, learned</th>"
                            "<th>connect, median</th><th>saved, modelled</th></tr>\n");
    for (size_t i = 0; i < count; i++)
        add_host(to, &rows[i]);
    evbuffer_add_printf(to, "<tr><td>all of %" PRIu64 "</td>",
                        sums.remembered + sums.forgotten);
    all.figures = sums.total;
    add_cells(to, &all);
    end_table(to);
}

/* Only where there are limits, or were. */
static void
write_limits(struct evbuffer *to, const struct overview_sums *sums, size_t account_count)
{
    if (account_count == 0 && sums->proxy[PROXY_STAT_THROTTLED] == 0 &&
        sums->proxy[PROXY_STAT_CLIENTS_DROPPED] == 0)
        return;
    begin_table(to, "Limits");
    add_row(to, "clients and users kept in mind", account_count);
    add_row(to, "bytes that waited for bandwidth", sums->proxy[PROXY_STAT_THROTTLED_BYTES]);
    add_row(to, "connections closed unanswered", sums->proxy[PROXY_STAT_CLIENTS_DROPPED]);
    end_table(to);
}

static void
write_errors(struct evbuffer *to, const uint64_t *reasons)
{
    uint64_t all = 0;

    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (!reason_is_fine(i))
            all += reasons[i];
    begin_table(to, "Errors");
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (!reason_is_fine(i) && reasons[i] > 0)
            add_row(to, reason_word(i), reasons[i]);
    add_row(to, "all", all);
    end_table(to);
}

void
status_page_write(const struct overview *overview, struct evbuffer *to)
{
    struct overview_sums sums;
    char uptime[UNIT_TEXT_SIZE];

    overview_sum(overview, &sums);
    unit_write_span((clock_now_ms() - overview->started_ms) * 1000, uptime);
    evbuffer_add(to, page_top, sizeof(page_top) - 1);
    evbuffer_add_printf(to, "<h1>carpool</h1>\n<p>Version %s, %s for %s, %zu worker%s.</p>\n",
                        CARPOOL_VERSION, overview->is_draining ? "draining, up" : "up", uptime,
                        overview->worker_count, overview->worker_count == 1 ? "" : "s");
    begin_table(to, "Clients");
    add_row(to, "requests", sums.proxy[PROXY_STAT_REQUESTS]);
    add_row(to, "connections open now", sums.proxy[PROXY_STAT_CLIENTS]);
    add_row(to, "tunnels open now", sums.proxy[PROXY_STAT_TUNNELS]);
    add_row(to, "bytes received", sums.proxy[PROXY_STAT_FROM_CLIENTS]);
    add_row(to, "bytes sent", sums.proxy[PROXY_STAT_TO_CLIENTS]);
    end_table(to);
    write_reuse(to, &sums, overview->pool);
    write_hosts(to, overview->pool);
    begin_table(to, "Names");
    add_row(to, "questions to name servers", sums.dns[DNS_STAT_QUERIES]);
    add_row(to, "answered from memory", sums.dns[DNS_STAT_HITS]);
    add_row(to, "failed", sums.dns[DNS_STAT_FAILURES]);
    end_table(to);
    write_limits(to, &sums, limit_table_count(overview->limits));
    write_errors(to, sums.reasons);
    evbuffer_add(to, page_end, sizeof(page_end) - 1);
}
