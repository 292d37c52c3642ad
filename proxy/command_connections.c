/*
 * carpool connections: the admin's /connections as a table, and what closes parked ones.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/http.h>
#include <jansson.h>

#include "base/buf.h"
#include "proxy/admin_ask.h"
#include "proxy/commands.h"
#include "proxy/connections_filter.h"
#include "proxy/connections_table.h"

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
command_connections(const struct config *config, const struct connections_question *question,
                    bool as_json)
{
    bool is_close = question->close != NULL;
    char base[ADMIN_URL_SIZE];
    struct buf url;
    enum err err;
    int result = 2;

    if (!admin_url(config, is_close ? "/connections/close" : "/connections", base))
        return 1;
    command_bound_time();
    buf_init(&url, URL_AT_MOST);
    err = buf_printf(&url, "%s", base);
    if (err == ERR_OK)
        err = is_close ? close_url(question->close, &url) : list_url(question, &url);
    if (err == ERR_OK)
        err = buf_append(&url, "", 1);
    if (err != ERR_OK)
        fputs("carpool: what was asked for is too long for a request\n", stderr);
    else
        result = admin_show(config, is_close ? "POST" : "GET", buf_bytes(&url).data,
                            as_json    ? NULL
                            : is_close ? print_closed
                                       : print_list);
    buf_reset(&url);
    return result;
}
