/*
 * The admin's POST /connections/close. Main thread.
 */
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "base/log.h"
#include "pool/key.h"
#include "proxy/http/target.h"
#include "proxy/overview.h"

/* What of a query decides. */
struct choice {
    const char *host;
    const char *all;
};

static const char usage[] = "Say host=NAME, host=NAME:PORT or all=true.\n";

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
read_query(struct evkeyvalq *query, struct choice *choice)
{
    struct evkeyval *pair;

    TAILQ_FOREACH (pair, query, next) {
        if (strcmp(pair->key, "host") == 0 && choice->host == NULL)
            choice->host = pair->value;
        else if (strcmp(pair->key, "all") == 0 && choice->all == NULL)
            choice->all = pair->value;
        else
            return false;
    }
    return (choice->host != NULL) != (choice->all != NULL) &&
           (choice->all == NULL || strcmp(choice->all, "true") == 0);
}

static bool
close_chosen(const struct overview *overview, struct evkeyvalq *query, struct evbuffer *to)
{
    struct choice choice = {NULL, NULL};
    struct pool_key key = {.port = 0};
    uint64_t count;

    if (!read_query(query, &choice) ||
        (choice.host != NULL && read_host(choice.host, &key) != ERR_OK))
        return false;
    count = pool_close_parked(overview->pool, choice.host != NULL ? key.host : NULL, key.port);
    log_event(LOG_LEVEL_INFO, "connections closed by the admin", "host=%s port=%u count=%llu",
              choice.host != NULL ? key.host : "*", (unsigned)key.port,
              (unsigned long long)count);
    evbuffer_add_printf(to, "{\"closed\":%llu}\n", (unsigned long long)count);
    return true;
}

bool
connections_close(const struct overview *overview, const char *text, struct evbuffer *to)
{
    struct evkeyvalq query;
    bool is_done = false;

    TAILQ_INIT(&query);
    /* A zero byte would cut a value short. */
    if (text != NULL && strstr(text, "%00") == NULL &&
        evhttp_parse_query_str(text, &query) == 0) {
        is_done = close_chosen(overview, &query, to);
        evhttp_clear_headers(&query);
    }
    if (!is_done)
        evbuffer_add(to, usage, sizeof(usage) - 1);
    return is_done;
}
