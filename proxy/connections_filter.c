/*
 * Which rows of the admin's list of connections are wanted. Pure.
 */
#include "proxy/connections_filter.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/keyvalq_struct.h>

static const char *const names[FILTER_PATTERNS] = {
    [FILTER_HOST] = "host",
    [FILTER_CLIENT] = "client",
    [FILTER_LOCAL] = "local",
    [FILTER_REMOTE] = "remote",
};

/* ---- reading ---- */

/* What a part of a host or an address may hold, in lower case. */
static const char host_bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789-._:[]*%";
static const char address_bytes[] = "abcdef0123456789.:[]*";

static enum err
read_as_it_is(const char *value, const char *bytes, char *pattern)
{
    if (value[strspn(value, bytes)] != '\0')
        return ERR_SYNTAX;
    snprintf(pattern, FILTER_TEXT_SIZE, "%s", value);
    return ERR_OK;
}

/* One address is spelt as rows spell it; with a "*" it is taken as it is. */
static enum err
read_address(const char *value, char *pattern)
{
    struct address address;

    if (strchr(value, '*') != NULL)
        return read_as_it_is(value, address_bytes, pattern);
    if (address_parse(slice_of(value), &address) == ERR_OK)
        address_format(&address, pattern);
    else if (address_parse_ip(slice_of(value), 0, &address) == ERR_OK)
        address_format_ip(&address, pattern);
    else
        return ERR_SYNTAX;
    return ERR_OK;
}

static enum err
read_pattern(enum filter_pattern which, const char *value, char *pattern)
{
    char lower[FILTER_TEXT_SIZE];
    size_t size = strlen(value);

    if (size == 0 || size >= sizeof(lower))
        return ERR_SYNTAX;
    for (size_t i = 0; i <= size; i++)
        lower[i] = (char)tolower((unsigned char)value[i]);
    /* As keys have it. */
    if (which == FILTER_HOST && size > 1 && lower[size - 1] == '.')
        lower[size - 1] = '\0';
    return which == FILTER_HOST ? read_as_it_is(lower, host_bytes, pattern)
                                : read_address(lower, pattern);
}

static const char *
find_state(const char *word)
{
    for (int i = 0; i < TUPLE_STATES; i++)
        if (strcmp(tuple_state_word((enum tuple_state)i), word) == 0)
            return tuple_state_word((enum tuple_state)i);
    return strcmp(word, STATE_WAITING) == 0 ? STATE_WAITING : NULL;
}

enum err
connection_id_read(const char *text, uint64_t *id)
{
    uint64_t number;

    if (slice_to_number(slice_of(text), INT64_MAX, &number) != ERR_OK || number == 0)
        return ERR_SYNTAX;
    *id = number;
    return ERR_OK;
}

static enum err
refuse(struct complaint *complaint, const struct evkeyval *pair, const char *expected)
{
    complain(complaint, "%s: \"%s\" is not accepted; expected %s", pair->key, pair->value,
             expected);
    return ERR_SYNTAX;
}

static enum err
refuse_second(struct complaint *complaint, const struct evkeyval *pair)
{
    complain(complaint, "%s: given twice; expected one of each", pair->key);
    return ERR_SYNTAX;
}

static enum err
read_pair(struct connections_filter *filter, const struct evkeyval *pair,
          struct complaint *complaint)
{
    for (int i = 0; i < FILTER_PATTERNS; i++) {
        if (strcmp(pair->key, names[i]) != 0)
            continue;
        if (filter->patterns[i][0] != '\0')
            return refuse_second(complaint, pair);
        if (read_pattern((enum filter_pattern)i, pair->value, filter->patterns[i]) == ERR_OK)
            return ERR_OK;
        return refuse(complaint, pair,
                      i == FILTER_HOST ? "NAME or NAME:PORT, where * stands for anything"
                                       : "ADDR or ADDR:PORT, where * stands for anything");
    }
    if (strcmp(pair->key, "state") == 0) {
        if (filter->state != NULL)
            return refuse_second(complaint, pair);
        filter->state = find_state(pair->value);
        if (filter->state != NULL)
            return ERR_OK;
        return refuse(complaint, pair,
                      "dialing, leased, parked, pinned, tunnel or " STATE_WAITING);
    }
    if (strcmp(pair->key, "id") == 0) {
        if (filter->id != 0)
            return refuse_second(complaint, pair);
        return connection_id_read(pair->value, &filter->id) == ERR_OK
                   ? ERR_OK
                   : refuse(complaint, pair, "a number");
    }
    complain(complaint,
             "%s: unknown parameter; expected host, client, local, remote, state or id",
             pair->key);
    return ERR_SYNTAX;
}

enum err
connections_filter_read(struct connections_filter *filter, const struct evkeyvalq *query,
                        struct complaint *complaint)
{
    const struct evkeyval *pair;
    enum err err = ERR_OK;

    memset(filter, 0, sizeof(*filter));
    TAILQ_FOREACH (pair, query, next)
        if (err == ERR_OK)
            err = read_pair(filter, pair, complaint);
    return err;
}

/* ---- matching ---- */

/* Only "*" is special: brackets are part of addresses. */
static bool
fits(const char *pattern, const char *text)
{
    const char *star = NULL;
    const char *resume = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            /* The last star takes one more byte. */
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static bool
takes_address(const char *pattern, const struct address *address)
{
    char text[ADDRESS_TEXT_SIZE];

    if (pattern[0] == '\0')
        return true;
    return address->any.sa_family != AF_UNSPEC &&
           (fits(pattern, address_format(address, text)) ||
            fits(pattern, address_format_ip(address, text)));
}

static bool
takes_host(const char *pattern, const char *host, uint16_t port)
{
    char text[POOL_PLACE_SIZE];

    return pattern[0] == '\0' || fits(pattern, host) ||
           fits(pattern, pool_place_format(host, port, text));
}

static bool
takes_state(const struct connections_filter *filter, const char *state)
{
    return filter->state == NULL || strcmp(filter->state, state) == 0;
}

bool
connections_filter_takes(const struct connections_filter *filter, const struct tuple_view *view)
{
    return (filter->id == 0 || filter->id == view->id) &&
           takes_state(filter, tuple_state_word(view->state)) &&
           takes_host(filter->patterns[FILTER_HOST], view->host, view->port) &&
           takes_address(filter->patterns[FILTER_CLIENT], &view->client) &&
           takes_address(filter->patterns[FILTER_LOCAL], &view->local) &&
           takes_address(filter->patterns[FILTER_REMOTE], &view->remote);
}

bool
connections_filter_takes_waiting(const struct connections_filter *filter,
                                 const struct waiting_view *view)
{
    return filter->id == 0 && takes_state(filter, STATE_WAITING) &&
           filter->patterns[FILTER_LOCAL][0] == '\0' &&
           filter->patterns[FILTER_REMOTE][0] == '\0' &&
           takes_host(filter->patterns[FILTER_HOST], view->host, view->port) &&
           takes_address(filter->patterns[FILTER_CLIENT], &view->client);
}
