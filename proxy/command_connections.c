/*
 * carpool connections: the admin's /connections as a table, and what closes parked ones.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "proxy/commands.h"
#include "proxy/http_ask.h"
#include "proxy/units.h"

#define ANSWER_AT_MOST (64u << 20)
/* Of hosts and ports in a query, none of which means anything there. */
#define HOST_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]"

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

/* What the admin said of a request that it did not answer with 200, in one line. */
static int
refused(const char *url, const struct http_got *got)
{
    char why[256];
    size_t size = got->body.size < sizeof(why) ? got->body.size : sizeof(why) - 1;

    memcpy(why, got->body.data, size);
    why[size] = '\0';
    why[strcspn(why, "\r\n")] = '\0';
    for (char *c = why; *c != '\0'; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
    fprintf(stderr, "carpool: %s: answered with status %u: %s\n", url, got->status, why);
    return 1;
}

static int
print_closed(struct slice body, const char *url)
{
    json_t *answer = json_loadb(body.data, body.size, 0, NULL);
    json_int_t count = 0;
    int result = json_unpack(answer, "{s:I}", "closed", &count);

    if (result == 0)
        printf("closed %" PRId64 "\n", (int64_t)count);
    else
        fprintf(stderr, "carpool: %s: the answer is not a number of connections\n", url);
    json_decref(answer);
    return result == 0 ? 0 : 1;
}

/* url has 128 bytes. */
static void
admin_url(const struct config *config, const char *path, char *url)
{
    if (config->admin_path != NULL)
        snprintf(url, 128, "http://localhost%s", path);
    else
        command_url(&config->admin, path, url);
}

/* With the token, if there is one; says what went wrong. */
static enum err
ask_admin(const struct config *config, const char *method, const char *url,
          struct http_got *got)
{
    char fields[1024];
    const struct http_question question = {
        .method = method, .url = url, .fields = fields, .socket_path = config->admin_path};
    enum err err;

    if (config->admin_token != NULL)
        snprintf(fields, sizeof(fields), "Authorization: Bearer %s\r\n", config->admin_token);
    else
        snprintf(fields, sizeof(fields), "X-Requested-With: carpool\r\n");
    err = http_ask(&question, ANSWER_AT_MOST, got);
    explicit_bzero(fields, sizeof(fields));
    if (err != ERR_OK)
        fprintf(stderr, "carpool: %s: %s\n", url, err_text(err));
    return err;
}

static int
list(const struct config *config)
{
    char url[128];
    struct http_got got;
    int result;

    admin_url(config, "/connections", url);
    if (ask_admin(config, "GET", url, &got) != ERR_OK)
        return 1;
    result = got.status == 200 ? print_table(got.body, url) : refused(url, &got);
    buf_reset(&got.bytes);
    return result;
}

static int
close_parked(const struct config *config, const char *host)
{
    char base[128];
    char url[1024];
    struct http_got got;
    int result;

    /* It becomes part of a request. */
    if (strspn(host, HOST_BYTES) != strlen(host) || strlen(host) > 512) {
        fprintf(stderr, "carpool: --close: this is no host; expected NAME, NAME:PORT or all\n");
        return 2;
    }
    admin_url(config, "/connections/close?", base);
    if (strcmp(host, "all") == 0)
        snprintf(url, sizeof(url), "%sall=true", base);
    else
        snprintf(url, sizeof(url), "%shost=%s", base, host);
    if (ask_admin(config, "POST", url, &got) != ERR_OK)
        return 1;
    result = got.status == 200 ? print_closed(got.body, url) : refused(url, &got);
    buf_reset(&got.bytes);
    return result;
}

int
command_connections(const struct config *config, const char *to_close)
{
    if (config->admin_path == NULL &&
        (!config->has_admin || address_port(&config->admin) == 0)) {
        fputs("carpool: the admin address is not known; expected --admin ADDR:PORT\n", stderr);
        return 1;
    }
    command_bound_time();
    return to_close != NULL ? close_parked(config, to_close) : list(config);
}
