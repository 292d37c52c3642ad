/*
 * carpool report's table: one line per host, one for those that are not shown, one for all.
 */
#include "proxy/report_table.h"

#include <inttypes.h>

#include "pool/key.h"
#include "proxy/units.h"

#define NAME_SIZE 320

/* Names of hosts come from clients; nothing of theirs may reach the terminal's own language. */
static void
copy_printable(const char *text, char *to, size_t size)
{
    size_t used = 0;

    for (; *text != '\0' && used + 1 < size; text++)
        to[used++] = (char)(*text > 0x20 && *text < 0x7f ? *text : '?');
    to[used] = '\0';
}

/* Of a member that is null nothing was measured. */
static const char *
write_time(const json_t *row, const char *member, char *to)
{
    const json_t *value = json_object_get(row, member);

    if (!json_is_integer(value))
        return "-";
    return unit_write_span((uint64_t)json_integer_value(value), to);
}

static const char *
write_ratio(const json_t *row, char *to, size_t size)
{
    const json_t *value = json_object_get(row, "reuse_ratio");

    if (!json_is_number(value))
        return "-";
    snprintf(to, size, "%.2f%%", 100.0 * json_number_value(value));
    return to;
}

static enum err
print_row(const json_t *row, const char *name, FILE *to)
{
    json_int_t requests, opened, reused, tunnels;
    char ratio[16];
    char connect[UNIT_TEXT_SIZE];
    char dns[UNIT_TEXT_SIZE];
    char saved[UNIT_TEXT_SIZE];

    if (json_unpack((json_t *)row, "{s:I, s:I, s:I, s:I}", "requests", &requests, "opened",
                    &opened, "reused", &reused, "tunnels", &tunnels) != 0)
        return ERR_SYNTAX;
    fprintf(to,
            "%-40s %10" PRId64 " %10" PRId64 " %10" PRId64 " %8s %8" PRId64 " %10s %10s %14s\n",
            name, (int64_t)requests, (int64_t)opened, (int64_t)reused,
            write_ratio(row, ratio, sizeof(ratio)), (int64_t)tunnels,
            write_time(row, "connect_median_us", connect),
            write_time(row, "dns_median_us", dns), write_time(row, "saved_us", saved));
    return ERR_OK;
}

static enum err
print_host(const json_t *row, FILE *to)
{
    const char *host;
    json_int_t port;
    char place[POOL_PLACE_SIZE];
    char name[NAME_SIZE];

    if (json_unpack((json_t *)row, "{s:s, s:I}", "host", &host, "port", &port) != 0)
        return ERR_SYNTAX;
    copy_printable(pool_place_format(host, (uint16_t)port, place), name, sizeof(name));
    return print_row(row, name, to);
}

/* "others" or "all", and how many hosts these are. */
static enum err
print_sum(const json_t *row, const char *what, FILE *to)
{
    json_int_t hosts, forgotten;
    char name[NAME_SIZE];

    if (json_unpack((json_t *)row, "{s:I, s:I}", "hosts", &hosts, "forgotten", &forgotten) != 0)
        return ERR_SYNTAX;
    if (forgotten > 0)
        snprintf(name, sizeof(name), "%s (%" PRId64 ", %" PRId64 " forgotten)", what,
                 (int64_t)hosts, (int64_t)forgotten);
    else
        snprintf(name, sizeof(name), "%s (%" PRId64 ")", what, (int64_t)hosts);
    return print_row(row, name, to);
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
    const json_t *hosts = json_object_get(page, "hosts");
    const char *model = json_string_value(json_object_get(page, "model"));
    enum err err = json_is_array(hosts) && model != NULL ? ERR_OK : ERR_SYNTAX;

    if (err == ERR_OK)
        fprintf(to, "%-40s %10s %10s %10s %8s %8s %10s %10s %14s\n", "HOST", "REQUESTS",
                "OPENED", "REUSED", "RATIO", "TUNNELS", "CONNECT", "DNS", "SAVED");
    for (size_t i = 0; i < json_array_size(hosts) && err == ERR_OK; i++)
        err = print_host(json_array_get(hosts, i), to);
    if (err == ERR_OK)
        err = print_sum(json_object_get(page, "rest"), "others", to);
    if (err == ERR_OK)
        err = print_sum(json_object_get(page, "total"), "all", to);
    if (err != ERR_OK)
        return err;
    print_misses(json_object_get(page, "total"), to);
    fprintf(to, "\nCONNECT and DNS are medians; %s.\n", model);
    return ERR_OK;
}
