/*
 * Upstream connections as a table for people. Each column is as wide as its widest cell.
 */
#include "proxy/connections_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proxy/connections_filter.h"

/* Room for a host, its brackets, a port and the NUL. */
#define CELL_SIZE FILTER_TEXT_SIZE

/* ---- cells: each writes one value of a row into text, which has CELL_SIZE bytes ---- */

static void
write_none(char *text)
{
    memcpy(text, "-", sizeof("-"));
}

/* Names of hosts come from clients; nothing of theirs may reach the terminal's own language. */
static void
write_text(const json_t *value, char *text)
{
    const char *from = json_is_string(value) ? json_string_value(value) : "-";
    size_t size = 0;

    for (; *from != '\0' && size + 1 < CELL_SIZE; from++)
        text[size++] = (char)(*from > 0x20 && *from < 0x7f ? *from : '?');
    text[size] = '\0';
}

static void
write_count(const json_t *value, char *text)
{
    if (json_is_integer(value))
        snprintf(text, CELL_SIZE, "%" PRId64, (int64_t)json_integer_value(value));
    else
        write_none(text);
}

/* A unit, and how many make one of the next; the last row of a list has 0. */
struct scale {
    const char *unit;
    unsigned size;
};

/* Three figures are enough to compare by: 9.8, 98, 980. */
static void
write_scaled(const json_t *value, const struct scale *scale, char *text)
{
    double number = (double)json_integer_value(value);

    if (!json_is_integer(value)) {
        write_none(text);
        return;
    }
    for (; scale->size != 0 && number >= scale->size; scale++)
        number /= scale->size;
    snprintf(text, CELL_SIZE,
             number < 9.95 && number != (double)(int64_t)number ? "%.1f%s" : "%.0f%s", number,
             scale->unit);
}

static void
write_ms(const json_t *value, char *text)
{
    static const struct scale scale[] = {
        {"ms", 1000}, {"s", 60}, {"m", 60}, {"h", 24}, {"d", 0}};

    write_scaled(value, scale, text);
}

/* What is in use is not idle. */
static void
write_idle(const json_t *value, char *text)
{
    if (json_integer_value(value) == 0)
        write_none(text);
    else
        write_ms(value, text);
}

static void
write_us(const json_t *value, char *text)
{
    static const struct scale scale[] = {{"us", 1000}, {"ms", 1000}, {"s", 0}};

    write_scaled(value, scale, text);
}

static void
write_bytes(const json_t *value, char *text)
{
    static const struct scale scale[] = {
        {"", 1024}, {"k", 1024}, {"M", 1024}, {"G", 1024}, {"T", 0}};

    write_scaled(value, scale, text);
}

static const struct column {
    const char *title;
    const char *key;
    void (*write)(const json_t *value, char *text);
    bool is_number; /* stands at the right */
} columns[] = {
    {"ID", "id", write_count, true},
    {"STATE", "state", write_text, false},
    {"HOST", "host", write_text, false},
    {"PORT", "port", write_count, true},
    {"LOCAL", "local", write_text, false},
    {"REMOTE", "remote", write_text, false},
    {"CLIENT", "client", write_text, false},
    {"AGE", "age_ms", write_ms, true},
    {"IDLE", "idle_ms", write_idle, true},
    {"USES", "uses", write_count, true},
    {"SENT", "sent_bytes", write_bytes, true},
    {"RECEIVED", "received_bytes", write_bytes, true},
    {"RTT", "rtt_us", write_us, true},
    {"CWND", "cwnd", write_count, true},
    {"RESENT", "resent", write_count, true},
    {"TLS", "tls", write_text, false},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* ---- order ---- */

/* One row, borrowed from the list. */
struct line {
    const json_t *row;
};

static const char *
text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));

    return text != NULL ? text : "";
}

static json_int_t
number_of(const json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

/* A host's rows together, those of one state together; who has waited longest comes first. */
static int
compare_rows(const void *left, const void *right)
{
    const json_t *a = ((const struct line *)left)->row;
    const json_t *b = ((const struct line *)right)->row;
    json_int_t by_port = number_of(a, "port") - number_of(b, "port");
    json_int_t by_id = number_of(a, "id") - number_of(b, "id");
    json_int_t by_age = number_of(b, "age_ms") - number_of(a, "age_ms");
    int order = strcmp(text_of(a, "host"), text_of(b, "host"));

    if (order == 0)
        order = (by_port > 0) - (by_port < 0);
    if (order == 0)
        order = strcmp(text_of(a, "state"), text_of(b, "state"));
    if (order == 0)
        order = (by_id > 0) - (by_id < 0);
    return order != 0 ? order : (by_age > 0) - (by_age < 0);
}

/* The rows in order; to be freed. */
static struct line *
sorted(const json_t *rows, size_t count)
{
    struct line *lines = xcalloc(count + 1, sizeof(*lines));

    for (size_t i = 0; i < count; i++)
        lines[i].row = json_array_get(rows, i);
    qsort(lines, count, sizeof(*lines), compare_rows);
    return lines;
}

/* ---- printing ---- */

static void
write_cell(const struct column *column, const json_t *row, char *text)
{
    column->write(json_object_get(row, column->key), text);
}

static void
print_cell(FILE *to, size_t at, int width, const char *text)
{
    bool is_last = at == COLUMNS - 1;

    /* Nothing behind the last one: lines end where their words do. */
    if (columns[at].is_number)
        fprintf(to, "%*s", width, text);
    else
        fprintf(to, "%-*s", is_last ? 0 : width, text);
    fputs(is_last ? "\n" : "  ", to);
}

static void
print_rows(const struct line *lines, size_t count, FILE *to)
{
    int widths[COLUMNS];
    char text[CELL_SIZE];

    for (size_t at = 0; at < COLUMNS; at++) {
        widths[at] = (int)strlen(columns[at].title);
        for (size_t i = 0; i < count; i++) {
            write_cell(&columns[at], lines[i].row, text);
            if ((int)strlen(text) > widths[at])
                widths[at] = (int)strlen(text);
        }
    }
    for (size_t at = 0; at < COLUMNS; at++)
        print_cell(to, at, widths[at], columns[at].title);
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < COLUMNS; at++) {
            write_cell(&columns[at], lines[i].row, text);
            print_cell(to, at, widths[at], text);
        }
}

/* "3 connections: 1 leased, 2 parked; 1 waiting", of the rows that are there. */
static void
print_total(const struct line *lines, size_t count, json_int_t total, FILE *to)
{
    size_t states[TUPLE_STATES] = {0};
    size_t open = 0;
    const char *before = ": ";

    for (size_t i = 0; i < count; i++)
        for (int state = 0; state < TUPLE_STATES; state++)
            if (strcmp(text_of(lines[i].row, "state"),
                       tuple_state_word((enum tuple_state)state)) == 0) {
                states[state]++;
                open++;
            }
    fprintf(to, "%zu %s", open, open == 1 ? "connection" : "connections");
    for (int state = 0; state < TUPLE_STATES; state++)
        if (states[state] > 0) {
            fprintf(to, "%s%zu %s", before, states[state],
                    tuple_state_word((enum tuple_state)state));
            before = ", ";
        }
    if (count > open)
        fprintf(to, "; %zu " STATE_WAITING, count - open);
    if (total > (json_int_t)count)
        fprintf(to, "; %" PRId64 " more rows are not listed", (int64_t)total - (int64_t)count);
    fputc('\n', to);
}

enum err
connections_table_print(const json_t *list, FILE *to)
{
    const json_t *array = json_object_get(list, "connections");
    size_t count = json_array_size(array);
    struct line *lines;

    if (!json_is_array(array))
        return ERR_SYNTAX;
    for (size_t i = 0; i < count; i++)
        if (!json_is_object(json_array_get(array, i)))
            return ERR_SYNTAX;
    lines = sorted(array, count);
    print_rows(lines, count, to);
    print_total(lines, count, number_of(list, "total"), to);
    free(lines);
    return ERR_OK;
}
