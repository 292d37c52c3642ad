/*
 * The admin's POST /connections/close. Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "base/log.h"
#include "pool/key.h"
#include "pool/tuple.h"
#include "proxy/connections_filter.h"
#include "proxy/http/target.h"
#include "proxy/overview.h"

/* What of a query decides. */
struct choice {
    const char *host;
    const char *all;
    const char *id;
};

static const char usage[] = "Say host=NAME, host=NAME:PORT, id=NUMBER or all=true.\n";

/* "NAME:PORT" as CONNECT has it, else "NAME", "ADDRESS" or "[ADDRESS]": any port (0). */
static enum err
read_host(const char *text, struct pool_key *key)
{
    struct head head = {.method = METHOD_CONNECT, .target = slice_of(text)};
    enum refusal refusal;
    struct target target;
    struct address address;
    char url[POOL_HOST_SIZE + 16];

    if (target_parse(&head, &target, &refusal) == PARSE_DONE)
        return pool_key_init(key, target.host, target.port);
    if (address_parse_ip(slice_of(text), 0, &address) == ERR_OK)
        return pool_key_init(key, slice_of(text), 0);
    if (strpbrk(text, "/?@:") != NULL || strlen(text) >= POOL_HOST_SIZE)
        return ERR_SYNTAX;
    snprintf(url, sizeof(url), "http://%s/", text);
    head = (struct head){.method = METHOD_GET, .target = slice_of(url)};
    if (target_parse(&head, &target, &refusal) != PARSE_DONE)
        return ERR_SYNTAX;
    return pool_key_init(key, target.host, 0);
}

/* Each at most once, and nothing that is not known: a slip must not close too much. */
static bool
read_query(const struct evkeyvalq *query, struct choice *choice)
{
    const struct evkeyval *pair;

    TAILQ_FOREACH (pair, query, next) {
        if (strcmp(pair->key, "host") == 0 && choice->host == NULL)
            choice->host = pair->value;
        else if (strcmp(pair->key, "all") == 0 && choice->all == NULL)
            choice->all = pair->value;
        else if (strcmp(pair->key, "id") == 0 && choice->id == NULL)
            choice->id = pair->value;
        else
            return false;
    }
    return (choice->host != NULL) + (choice->all != NULL) + (choice->id != NULL) == 1 &&
           (choice->all == NULL || strcmp(choice->all, "true") == 0);
}

/* An id, and what the connection under it is doing. */
struct search {
    uint64_t id;
    const char *state; /* NULL: there is none */
};

static void
on_connection(const struct tuple_view *view, void *arg)
{
    struct search *search = arg;

    if (view->id == search->id)
        search->state = tuple_state_word(view->state);
}

/* Nothing was closed under this id: why not? */
static int
explain_id(const struct overview *overview, uint64_t id, struct evbuffer *to)
{
    struct search search = {.id = id};

    pool_each_connection(overview->pool, on_connection, &search);
    if (search.state == NULL) {
        evbuffer_add_printf(to, "There is no connection %" PRIu64 ".\n", id);
        return HTTP_NOTFOUND;
    }
    /* It may have come back just now: then the next try closes it. */
    evbuffer_add_printf(to,
                        "Connection %" PRIu64
                        " was not parked (its state is %s); only parked ones are closed.\n",
                        id, search.state);
    return 409;
}

static int
close_id(const struct overview *overview, const char *text, struct evbuffer *to)
{
    uint64_t id;

    if (connection_id_read(text, &id) != ERR_OK) {
        evbuffer_add(to, usage, sizeof(usage) - 1);
        return HTTP_BADREQUEST;
    }
    if (!pool_close_id(overview->pool, id))
        return explain_id(overview, id, to);
    log_event(LOG_LEVEL_INFO, "connections closed by the admin", "id=%" PRIu64 " count=1", id);
    evbuffer_add_printf(to, "{\"closed\":1}\n");
    return HTTP_OK;
}

int
connections_close(const struct overview *overview, const struct evkeyvalq *query,
                  struct evbuffer *to)
{
    struct choice choice = {NULL, NULL, NULL};
    struct pool_key key = {.port = 0};
    uint64_t count;

    if (!read_query(query, &choice) ||
        (choice.host != NULL && read_host(choice.host, &key) != ERR_OK)) {
        evbuffer_add(to, usage, sizeof(usage) - 1);
        return HTTP_BADREQUEST;
    }
    if (choice.id != NULL)
        return close_id(overview, choice.id, to);
    count = pool_close_parked(overview->pool, choice.host != NULL ? key.host : NULL, key.port);
    log_event(LOG_LEVEL_INFO, "connections closed by the admin",
              "host=%s port=%u count=%" PRIu64, choice.host != NULL ? key.host : "*",
              (unsigned)key.port, count);
    evbuffer_add_printf(to, "{\"closed\":%" PRIu64 "}\n", count);
    return HTTP_OK;
}
