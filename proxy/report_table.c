/*
 * carpool report's table: one line per host, one for those that are not shown, one for all. Its
 * columns are as wide as what stands in them.
 */
#include "proxy/report_table.h"

#include <inttypes.h>
#include <string.h>

#include "pool/key.h"
#include "proxy/units.h"

#define CELL_SIZE 320
/* A name that is longer makes its own line wider, not all of them. */
#define WIDEST 40

/* Names of hosts come from clients; nothing of theirs may reach the terminal's own language. */
static void
copy_printable(const char *text, char *to, size_t size)
{
    size_t used = 0;

    for (; *text != '\0' && used + 1 < size; text++)
        to[used++] = (char)(*text > 0x20 && *text < 0x7f ? *text : '?');
    to[used] = '\0';
}

static void
write_nothing(char *to)
{
    snprintf(to, CELL_SIZE, "-");
}

/* Each writes what a row says of a member, into to (CELL_SIZE). */
static enum err
write_count(const json_t *row, const char *member, char *to)
{
    const json_t *count = json_object_get(row, member);

    if (!json_is_integer(count))
        return ERR_SYNTAX;
    snprintf(to, CELL_SIZE, "%" PRId64, (int64_t)json_integer_value(count));
    return ERR_OK;
}

/* Who speaks no TLS has no handshakes, not none so far. */
static enum err
write_handshakes(const json_t *row, const char *member, char *to)
{
    if (!json_is_false(json_object_get(row, "tls")))
        return write_count(row, member, to);
    write_nothing(to);
    return ERR_OK;
}

/* Of what is null, or not there, nothing was measured. */
static void
write_span(const json_t *value, unsigned us_each, char *to)
{
    if (json_is_integer(value))
        unit_write_span((uint64_t)json_integer_value(value) * us_each, to);
    else
        write_nothing(to);
}

static enum err
write_us(const json_t *row, const char *member, char *to)
{
    write_span(json_object_get(row, member), 1, to);
    return ERR_OK;
}

static enum err
write_ms(const json_t *row, const char *member, char *to)
{
    write_span(json_object_get(row, member), 1000, to);
    return ERR_OK;
}

static enum err
write_ratio(const json_t *row, const char *member, char *to)
{
    const json_t *ratio = json_object_get(row, member);

    if (json_is_number(ratio))
        snprintf(to, CELL_SIZE, "%.2f%%", 100.0 * json_number_value(ratio));
    else
        write_nothing(to);
    return ERR_OK;
}

/* What stands behind the name. */
static const struct column {
    const char *title;
    const char *member;
    enum err (*write)(const json_t *row, const char *member, char *to);
} columns[] = {
    {"REQUESTS", "requests", write_count},
    {"OPENED", "opened", write_count},
    {"REUSED", "reused", write_count},
    {"RATIO", "reuse_ratio", write_ratio},
    {"TUNNELS", "tunnels", write_count},
    {"FULL", "handshakes_full", write_handshakes},
    {"RESUMED", "handshakes_resumed", write_handshakes},
    {"IDLE", "idle_limit_ms", write_ms},
    {"CONNECT", "connect_median_us", write_us},
    {"DNS", "dns_median_us", write_us},
    {"SAVED", "saved_us", write_us},
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

/* Gone through twice: for the widths, and then with somewhere to print to. */
struct table {
    FILE *to; /* NULL: what comes is only measured */
    size_t name_width;
    size_t widths[COLUMN_COUNT];
};

static void
widen(size_t *width, const char *text)
{
    size_t size = strlen(text);

    if (size > *width && size <= WIDEST)
        *width = size;
}

static void
put_line(struct table *table, const char *name, char (*cells)[CELL_SIZE])
{
    if (table->to == NULL) {
        widen(&table->name_width, name);
        for (size_t i = 0; i < COLUMN_COUNT; i++)
            widen(&table->widths[i], cells[i]);
        return;
    }
    fprintf(table->to, "%-*s", (int)table->name_width, name);
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        fprintf(table->to, " %*s", (int)table->widths[i], cells[i]);
    fputc('\n', table->to);
}

static enum err
put_row(struct table *table, const json_t *row, const char *name)
{
    char cells[COLUMN_COUNT][CELL_SIZE];
    enum err err = ERR_OK;

    for (size_t i = 0; i < COLUMN_COUNT && err == ERR_OK; i++)
        err = columns[i].write(row, columns[i].member, cells[i]);
    if (err == ERR_OK)
        put_line(table, name, cells);
    return err;
}

static void
put_titles(struct table *table)
{
    char cells[COLUMN_COUNT][CELL_SIZE];

    for (size_t i = 0; i < COLUMN_COUNT; i++)
        snprintf(cells[i], CELL_SIZE, "%s", columns[i].title);
    put_line(table, "HOST", cells);
}

static enum err
put_host(struct table *table, const json_t *row)
{
    const char *host;
    json_int_t port;
    char place[POOL_PLACE_SIZE];
    char name[CELL_SIZE];

    if (json_unpack((json_t *)row, "{s:s, s:I}", "host", &host, "port", &port) != 0)
        return ERR_SYNTAX;
    copy_printable(pool_place_format(host, (uint16_t)port, place), name, sizeof(name));
    return put_row(table, row, name);
}

/* "others" or "all", and how many hosts these are. */
static enum err
put_sum(struct table *table, const json_t *row, const char *what)
{
    json_int_t hosts, forgotten;
    char name[CELL_SIZE];

    if (json_unpack((json_t *)row, "{s:I, s:I}", "hosts", &hosts, "forgotten", &forgotten) != 0)
        return ERR_SYNTAX;
    if (forgotten > 0)
        snprintf(name, sizeof(name), "%s (%" PRId64 ", %" PRId64 " forgotten)", what,
                 (int64_t)hosts, (int64_t)forgotten);
    else
        snprintf(name, sizeof(name), "%s (%" PRId64 ")", what, (int64_t)hosts);
    return put_row(table, row, name);
}

static enum err
put_page(struct table *table, const json_t *page)
{
    const json_t *hosts = json_object_get(page, "hosts");
    enum err err = ERR_OK;

    put_titles(table);
    for (size_t i = 0; i < json_array_size(hosts) && err == ERR_OK; i++)
        err = put_host(table, json_array_get(hosts, i));
    if (err == ERR_OK)
        err = put_sum(table, json_object_get(page, "rest"), "others");
    if (err == ERR_OK)
        err = put_sum(table, json_object_get(page, "total"), "all");
    return err;
}

/* "cold 3, all_busy 1": of all hosts, where there were any. */
static void
print_misses(const json_t *total, FILE *to)
{
    const char *before = "\nNothing was reused because of: ";
    const char *word;
    json_t *count;

    json_object_foreach(json_object_get(total, "misses"), word, count)
    {
        char printable[64];

        copy_printable(word, printable, sizeof(printable));
        fprintf(to, "%s%s %" PRId64, before, printable, (int64_t)json_integer_value(count));
        before = ", ";
    }
    if (before[0] == ',')
        fputc('\n', to);
}

enum err
report_table_print(const json_t *page, FILE *to)
{
    const char *model = json_string_value(json_object_get(page, "model"));
    struct table table = {0};
    enum err err = ERR_SYNTAX;

    if (json_is_array(json_object_get(page, "hosts")) && model != NULL)
        err = put_page(&table, page);
    table.to = to;
    if (err == ERR_OK)
        err = put_page(&table, page);
    if (err != ERR_OK)
        return err;
    print_misses(json_object_get(page, "total"), to);
    fprintf(to,
            "\nFULL and RESUMED are TLS handshakes; what is idle for IDLE is closed, as its "
            "origin soon would.\nCONNECT and DNS are medians; %s.\n",
            model);
    return ERR_OK;
}
