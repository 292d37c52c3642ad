/*
 * carpool connections: the admin's /connections as a table.
 */
#include <inttypes.h>
#include <stdio.h>

#include <jansson.h>

#include "proxy/commands.h"
#include "proxy/http_get.h"
#include "proxy/units.h"

#define ANSWER_AT_MOST (64u << 20)

/* Names of hosts come from clients; nothing of theirs may reach the terminal's own language. */
static void
copy_printable(const char *text, char *to, size_t size)
{
    size_t used = 0;

    for (; *text != '\0' && used + 1 < size; text++)
        to[used++] = (char)(*text > 0x20 && *text < 0x7f ? *text : '?');
    to[used] = '\0';
}

/* Times to a precision that people read: seconds from ten seconds on. */
static void
write_ms(json_int_t ms, char *to)
{
    unit_write_msec((uint64_t)(ms >= 10000 ? ms - ms % 1000 : ms), to);
}

static int
print_row(json_t *row)
{
    const char *state;
    const char *host;
    const char *local;
    const char *remote;
    json_int_t id, port, age, idle, uses, sent, received;
    char name[256];
    char age_text[UNIT_TEXT_SIZE];
    char idle_text[UNIT_TEXT_SIZE];

    if (json_unpack(row, "{s:I, s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "id", &id,
                    "state", &state, "host", &host, "port", &port, "local", &local, "remote",
                    &remote, "age_ms", &age, "idle_ms", &idle, "uses", &uses, "sent_bytes",
                    &sent, "received_bytes", &received) != 0)
        return -1;
    copy_printable(host, name, sizeof(name));
    write_ms(age, age_text);
    write_ms(idle, idle_text);
    printf("%-8" PRId64 " %-8s %-32s %5u %-22s %-22s %8s %8s %7" PRId64 " %12" PRId64
           " %12" PRId64 "\n",
           (int64_t)id, state, name, (unsigned)port, local, remote, age_text, idle_text,
           (int64_t)uses, (int64_t)sent, (int64_t)received);
    return 0;
}

static int
print_table(struct slice body, const char *url)
{
    json_t *list = json_loadb(body.data, body.size, 0, NULL);
    int result = json_is_array(list) ? 0 : -1;
    size_t count = json_array_size(list);

    if (result == 0)
        printf("%-8s %-8s %-32s %5s %-22s %-22s %8s %8s %7s %12s %12s\n", "ID", "STATE", "HOST",
               "PORT", "LOCAL", "REMOTE", "AGE", "IDLE", "USES", "SENT", "RECEIVED");
    for (size_t i = 0; i < count && result == 0; i++)
        result = print_row(json_array_get(list, i));
    json_decref(list);
    if (result != 0)
        fprintf(stderr, "carpool: %s: the answer is not a list of connections\n", url);
    return result == 0 ? 0 : 1;
}

int
command_connections(const struct config *config)
{
    char url[128];
    struct http_got got;
    enum err err;
    int result;

    if (!config->has_admin || address_port(&config->admin) == 0) {
        fputs("carpool: the admin address is not known; expected --admin ADDR:PORT\n", stderr);
        return 1;
    }
    command_url(&config->admin, "/connections", url);
    command_bound_time();
    err = http_get(url, ANSWER_AT_MOST, &got);
    if (err != ERR_OK) {
        fprintf(stderr, "carpool: %s: %s\n", url, err_text(err));
        return 1;
    }
    if (got.status == 200)
        result = print_table(got.body, url);
    else {
        fprintf(stderr, "carpool: %s: answered with status %u\n", url, got.status);
        result = 1;
    }
    buf_reset(&got.bytes);
    return result;
}
