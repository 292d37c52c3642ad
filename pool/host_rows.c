/*
 * The first of all hosts in some order, found in one walk: a heap of the best so far, with the
 * least of them on top. Any thread.
 */
#include "pool/host_rows.h"

#include <stdlib.h>
#include <string.h>

#include "pool/hosts.h"

struct gathering {
    enum host_order order;
    struct host_row *rows;
    size_t count;
    size_t capacity;
    struct host_sums *sums;
};

static uint64_t
rank_of(const struct ledger_figures *figures, enum host_order order)
{
    switch (order) {
    case HOSTS_BY_SAVED:
        return ledger_saved_us(figures);
    case HOSTS_BY_REQUESTS:
        return figures->counts[LEDGER_REQUESTS];
    case HOSTS_BY_OPENED:
        return figures->counts[LEDGER_OPENED];
    case HOSTS_BY_TUNNELS:
        return figures->counts[LEDGER_TUNNELS];
    }
    return 0;
}

/* Is a to be shown before b? Of equals that with more requests, then by name, so that a page
 * does not change from one look to the next. */
static bool
comes_before(const struct host_row *a, const struct host_row *b)
{
    uint64_t a_requests = a->figures.counts[LEDGER_REQUESTS];
    uint64_t b_requests = b->figures.counts[LEDGER_REQUESTS];
    int names;

    if (a->rank != b->rank)
        return a->rank > b->rank;
    if (a_requests != b_requests)
        return a_requests > b_requests;
    names = strcmp(a->host, b->host);
    return names != 0 ? names < 0 : a->port < b->port;
}

static void
swap(struct host_row *a, struct host_row *b)
{
    struct host_row held = *a;

    *a = *b;
    *b = held;
}

static void
sift_up(struct host_row *rows, size_t at)
{
    while (at > 0 && comes_before(&rows[(at - 1) / 2], &rows[at])) {
        swap(&rows[(at - 1) / 2], &rows[at]);
        at = (at - 1) / 2;
    }
}

static void
sift_down(struct host_row *rows, size_t count)
{
    size_t at = 0;

    for (;;) {
        size_t last = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
            if (comes_before(&rows[last], &rows[child]))
                last = child;
        if (last == at)
            return;
        swap(&rows[at], &rows[last]);
        at = last;
    }
}

/* Under a shard's lock. */
static void
on_host(const struct host *host, void *arg)
{
    struct gathering *gathering = arg;
    struct host_row row = {.port = host->key.port,
                           .is_tls = host->key.tls != 0,
                           .idle_limit_ms = habit_limit_ms(&host->habit)};

    (void)pool_key_source(&host->key, AF_INET, &row.sources[0]);
    (void)pool_key_source(&host->key, AF_INET6, &row.sources[1]);
    ledger_read_counts(&host->ledger, &row.figures);
    gathering->sums->remembered++;
    ledger_sum(&gathering->sums->total, &row.figures);
    row.rank = rank_of(&row.figures, gathering->order);
    memcpy(row.host, host->key.host, sizeof(row.host));
    if (gathering->count < gathering->capacity) {
        ledger_read_times(&host->ledger, &row.figures);
        gathering->rows[gathering->count++] = row;
        sift_up(gathering->rows, gathering->count - 1);
    } else if (gathering->count > 0 && comes_before(&row, &gathering->rows[0])) {
        ledger_read_times(&host->ledger, &row.figures);
        gathering->rows[0] = row;
        sift_down(gathering->rows, gathering->count);
    }
}

static int
compare(const void *a, const void *b)
{
    return comes_before(a, b) ? -1 : 1;
}

size_t
host_rows_first(struct hosts *hosts, enum host_order order, struct host_row *rows,
                size_t capacity, struct host_sums *sums)
{
    struct gathering gathering = {
        .order = order, .rows = rows, .capacity = capacity, .sums = sums};
    struct hosts_forgotten forgotten = {0};

    *sums = (struct host_sums){0};
    hosts_each(hosts, on_host, &gathering, &forgotten);
    sums->forgotten = forgotten.hosts;
    ledger_sum(&sums->total, &forgotten.figures);
    if (gathering.count > 0)
        qsort(rows, gathering.count, sizeof(*rows), compare);
    return gathering.count;
}
