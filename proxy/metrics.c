/*
 * Counters in the words of Prometheus (text format 0.0.4). Main thread.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "dns/cache.h"
#include "proxy/overview.h"
#include "proxy/policy/auth.h"

struct metric {
    const char *kind;
    const char *name;
    const char *help;
};

static const struct metric proxy_metrics[PROXY_STAT_COUNT] = {
#define STAT(symbol, kind, name, help) [PROXY_STAT_##symbol] = {#kind, name, help},
#include "proxy/stats.def"
#undef STAT
};

static const struct metric pool_metrics[POOL_STAT_MISSES] = {
#define STAT(symbol, name, help) [POOL_STAT_##symbol] = {"counter", name, help},
#include "pool/stats.def"
#undef STAT
};

static const struct metric dns_metrics[DNS_STAT_COUNT] = {
#define STAT(symbol, kind, name, help) [DNS_STAT_##symbol] = {#kind, name, help},
#include "dns/stats.def"
#undef STAT
};

static void
add(const stat_counter *counters, size_t count, uint64_t *sums)
{
    for (size_t i = 0; i < count; i++)
        sums[i] += stat_read(&counters[i]);
}

void
overview_sum(const struct overview *overview, struct overview_sums *sums)
{
    *sums = (struct overview_sums){0};
    add(pool_stats(overview->pool), POOL_STAT_COUNT, sums->pool);
    for (size_t i = 0; i < overview->worker_count; i++) {
        const struct worker_stats *stats = worker_stats(overview->workers[i]);

        add(stats->proxy, PROXY_STAT_COUNT, sums->proxy);
        add(stats->reasons, REASON_COUNT, sums->reasons);
        add(stats->pool, POOL_STAT_COUNT, sums->pool);
        add(stats->dns, DNS_STAT_COUNT, sums->dns);
    }
}

static void
write_head(struct evbuffer *to, const struct metric *metric)
{
    evbuffer_add_printf(to, "# HELP carpool_%s %s\n# TYPE carpool_%s %s\n", metric->name,
                        metric->help, metric->name, metric->kind);
}

static void
write_one(struct evbuffer *to, const struct metric *metric, uint64_t value)
{
    write_head(to, metric);
    evbuffer_add_printf(to, "carpool_%s %" PRIu64 "\n", metric->name, value);
}

static void
write_seconds(struct evbuffer *to, const struct metric *metric, uint64_t us)
{
    write_head(to, metric);
    evbuffer_add_printf(to, "carpool_%s %" PRIu64 ".%06" PRIu64 "\n", metric->name,
                        us / 1000000, us % 1000000);
}

static void
write_all(struct evbuffer *to, const struct metric *metrics, size_t count,
          const uint64_t *values)
{
    for (size_t i = 0; i < count; i++)
        if (slice_ends_nocase(slice_of(metrics[i].name), SLICE("_seconds_total")))
            write_seconds(to, &metrics[i], values[i]);
        else
            write_one(to, &metrics[i], values[i]);
}

/* By worker: how the kernel spreads clients over the listeners is not ours to choose. */
static void
write_accepted(struct evbuffer *to, const struct overview *overview)
{
    const struct metric *metric = &proxy_metrics[PROXY_STAT_CLIENTS_ACCEPTED];

    write_head(to, metric);
    for (size_t i = 0; i < overview->worker_count; i++) {
        const struct worker_stats *stats = worker_stats(overview->workers[i]);

        evbuffer_add_printf(to, "carpool_%s{worker=\"%zu\"} %" PRIu64 "\n", metric->name, i,
                            stat_read(&stats->proxy[PROXY_STAT_CLIENTS_ACCEPTED]));
    }
}

/* Errors only: every exchange also counts as a request, so that a rate can be made of both. */
static void
write_errors(struct evbuffer *to, const uint64_t *reasons)
{
    static const struct metric metric = {"counter", "errors_total",
                                         "Exchanges that did not end well, by reason"};

    write_head(to, &metric);
    for (unsigned i = 0; i < REASON_COUNT; i++)
        if (!reason_is_fine(i))
            evbuffer_add_printf(to, "carpool_errors_total{reason=\"%s\"} %" PRIu64 "\n",
                                reason_word(i), reasons[i]);
}

/* Their sum is upstream_dials_total. */
static void
write_misses(struct evbuffer *to, const uint64_t *counts)
{
    static const struct metric metric = {
        "counter", "upstream_misses_total",
        "Requests that found no connection to reuse and had one dialed, by reason"};

    write_head(to, &metric);
    for (enum miss miss = MISS_COLD; miss < MISS_END; miss++)
        evbuffer_add_printf(to, "carpool_%s{reason=\"%s\"} %" PRIu64 "\n", metric.name,
                            miss_word(miss), counts[POOL_STAT_MISSES + (miss - MISS_COLD)]);
}

static void
write_gauges(struct evbuffer *to, struct pool *pool)
{
    struct pool_gauges gauges;

    pool_gauges(pool, &gauges);
    write_one(to,
              &(struct metric){"gauge", "upstream_connections",
                               "Upstream connections open: parked, in use or being opened"},
              gauges.open);
    write_one(to,
              &(struct metric){"gauge", "upstream_connections_parked",
                               "Upstream connections that wait for their next request"},
              gauges.parked);
    write_one(to,
              &(struct metric){"gauge", "upstream_waiting",
                               "Requests that wait for an upstream connection at a cap"},
              gauges.waiting);
    write_one(to,
              &(struct metric){"gauge", "upstream_tunnels", "Upstream connections of tunnels"},
              gauges.tunnels);
    write_one(to,
              &(struct metric){"gauge", "upstream_pinned",
                               "Upstream connections that belong to one client each"},
              gauges.pinned);
    write_one(to,
              &(struct metric){"gauge", "upstream_hosts", "Hosts with upstream connections"},
              gauges.hosts);
    write_one(to,
              &(struct metric){"gauge", "upstream_hosts_remembered",
                               "Hosts of which something is known, connected or not"},
              gauges.remembered);
    write_one(to,
              &(struct metric){"gauge", "upstream_hosts_quarantined",
                               "Hosts whose connections are used once, as they sent bytes "
                               "that nobody had asked for"},
              gauges.quarantined);
    write_one(to,
              &(struct metric){"gauge", "upstream_addresses_held_down",
                               "Addresses that are not dialed, as they failed a moment ago"},
              gauges.held_down);
}

static void
write_auth(struct evbuffer *to, struct auth *auth)
{
    struct auth_figures figures;

    auth_figures(auth, &figures);
    write_one(to, &(struct metric){"counter", "passwords_hashed_total", "Passwords checked"},
              figures.hashed);
    write_one(
        to, &(struct metric){"gauge", "passwords_waiting", "Passwords that wait to be checked"},
        figures.waiting);
    write_one(to,
              &(struct metric){"gauge", "passwords_remembered",
                               "Passwords known to be right or wrong"},
              figures.remembered);
}

static void
write_names(struct evbuffer *to, struct cache *names)
{
    size_t total;

    (void)cache_rows(names, NULL, 0, &total);
    write_one(to,
              &(struct metric){"gauge", "dns_names", "Names that are remembered, or asked for"},
              total);
}

void
metrics_write(const struct overview *overview, struct evbuffer *to)
{
    struct overview_sums sums;

    overview_sum(overview, &sums);
    evbuffer_add_printf(to,
                        "# HELP carpool_build_info Which carpool this is\n"
                        "# TYPE carpool_build_info gauge\n"
                        "carpool_build_info{version=\"%s\"} 1\n",
                        CARPOOL_VERSION);
    write_one(to, &(struct metric){"gauge", "uptime_seconds", "Seconds since the start"},
              (clock_now_ms() - overview->started_ms) / 1000);
    write_one(to, &(struct metric){"gauge", "workers", "Threads of the data plane"},
              overview->worker_count);
    write_one(to, &(struct metric){"gauge", "draining", "1 while the proxy shuts down"},
              overview->is_draining);
    write_accepted(to, overview);
    for (size_t i = 0; i < PROXY_STAT_COUNT; i++)
        if (i != PROXY_STAT_CLIENTS_ACCEPTED)
            write_one(to, &proxy_metrics[i], sums.proxy[i]);
    write_errors(to, sums.reasons);
    write_all(to, pool_metrics, POOL_STAT_MISSES, sums.pool);
    write_misses(to, sums.pool);
    write_gauges(to, overview->pool);
    write_one(to,
              &(struct metric){"gauge", "limit_accounts",
                               "Clients and users whose limits are kept in mind"},
              limit_table_count(overview->limits));
    write_all(to, dns_metrics, DNS_STAT_COUNT, sums.dns);
    write_names(to, overview->names);
    write_auth(to, overview->auth);
    write_one(to,
              &(struct metric){"counter", "access_log_lost_total",
                               "Lines of the access log that could not be written"},
              access_log_lost(overview->access_log));
}
