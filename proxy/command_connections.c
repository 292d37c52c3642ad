/*
 * carpool connections: the admin's /connections as a table, and what closes parked ones.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/http.h>
#include <jansson.h>

#include "proxy/commands.h"
#include "proxy/connections_filter.h"
#include "proxy/connections_table.h"
#include "proxy/http_ask.h"

#define ANSWER_AT_MOST (64u << 20)
/* Of an address with all filters, each of which may be a host's name in %XX. */
#define URL_AT_MOST 8192

static int
print_list(const json_t *list, const char *url)
{
    if (connections_table_print(list, stdout) == ERR_OK)
        return 0;
    fprintf(stderr, "carpool: %s: the answer is not a list of connections\n", url);
    return 1;
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
print_closed(const json_t *answer, const char *url)
{
    const json_t *count = json_object_get(answer, "closed");

    if (json_is_integer(count)) {
        printf("closed %" PRId64 "\n", (int64_t)json_integer_value(count));
        return 0;
    }
    fprintf(stderr, "carpool: %s: the answer is not a number of connections\n", url);
    return 1;
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

/* Asks and prints: as it came, or as print does. */
static int
show(const struct config *config, const char *method, const char *url,
     int (*print)(const json_t *answer, const char *url))
{
    struct http_got got;
    json_t *answer;
    int result = 1;

    if (ask_admin(config, method, url, &got) != ERR_OK)
        return 1;
    if (got.status != 200) {
        result = refused(url, &got);
    } else if (print == NULL) {
        fwrite(got.body.data, 1, got.body.size, stdout);
        result = 0;
    } else {
        answer = json_loadb(got.body.data, got.body.size, 0, NULL);
        result = print(answer, url);
        json_decref(answer);
    }
    buf_reset(&got.bytes);
    return result;
}

/* "?name=value", or "&…" behind another; nothing for NULL. */
static enum err
add_parameter(struct buf *url, const char *name, const char *value)
{
    bool is_first = memchr(buf_bytes(url).data, '?', buf_size(url)) == NULL;
    char *text;
    enum err err;

    if (value == NULL)
        return ERR_OK;
    text = evhttp_uriencode(value, -1, 0);
    if (text == NULL)
        abort(); /* only for want of memory */
    err = buf_printf(url, "%c%s=%s", is_first ? '?' : '&', name, text);
    free(text);
    return err;
}

static enum err
list_url(const struct connections_question *question, struct buf *url)
{
    const struct {
        const char *name;
        const char *value;
    } parameters[] = {{"host", question->host},
                      {"client", question->client},
                      {"local", question->local},
                      {"remote", question->remote},
                      {"state", question->state}};
    enum err err = ERR_OK;

    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]) && err == ERR_OK; i++)
        err = add_parameter(url, parameters[i].name, parameters[i].value);
    return err;
}

static enum err
close_url(const char *what, struct buf *url)
{
    uint64_t id;

    if (strcmp(what, "all") == 0)
        return add_parameter(url, "all", "true");
    return add_parameter(url, connection_id_read(what, &id) == ERR_OK ? "id" : "host", what);
}

int
command_connections(const struct config *config, const struct connections_question *question)
{
    bool is_close = question->close != NULL;
    char base[128];
    struct buf url;
    enum err err;
    int result = 2;

    if (config->admin_path == NULL &&
        (!config->has_admin || address_port(&config->admin) == 0)) {
        fputs("carpool: the admin address is not known; expected --admin ADDR:PORT\n", stderr);
        return 1;
    }
    command_bound_time();
    admin_url(config, is_close ? "/connections/close" : "/connections", base);
    buf_init(&url, URL_AT_MOST);
    err = buf_printf(&url, "%s", base);
    if (err == ERR_OK)
        err = is_close ? close_url(question->close, &url) : list_url(question, &url);
    if (err == ERR_OK)
        err = buf_append(&url, "", 1);
    if (err != ERR_OK)
        fputs("carpool: what was asked for is too long for a request\n", stderr);
    else
        result = show(config, is_close ? "POST" : "GET", buf_bytes(&url).data,
                      question->as_json ? NULL
                      : is_close        ? print_closed
                                        : print_list);
    buf_reset(&url);
    return result;
}
