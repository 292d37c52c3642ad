/*
 * One rule from its text. Part of the loader, on the main thread.
 *
 *     allow|deny [listener LIST] [client LIST] [user LIST] [host LIST] [address LIST] [port
 *         LIST] [method LIST] [scheme LIST]
 *
 * A LIST is separated by commas; spaces may follow a comma. "!" before it turns it around.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proxy/policy/rule.h"

/* As many elements as a list in a rule may have; longer ones of hosts belong in a file. */
#define LIST_MOST 256
#define PATH_MOST 1024

#define KIND(kind) (1u << (kind))

static const char *const part_names[PART_COUNT] = {
    [PART_LISTENER] = "listener", [PART_CLIENT] = "client",   [PART_USER] = "user",
    [PART_HOST] = "host",         [PART_ADDRESS] = "address", [PART_PORT] = "port",
    [PART_METHOD] = "method",     [PART_SCHEME] = "scheme",
};

struct kind_word {
    const char *word;
    unsigned kinds;
};

/* The words of access.clients, where private means all of the neighbourhood. */
static const struct kind_word client_words[] = {
    {"loopback", KIND(ADDRESS_LOOPBACK)},
    {"private", KIND(ADDRESS_PRIVATE) | KIND(ADDRESS_LINK_LOCAL)},
    {"all", ~0u},
    {NULL, 0},
};

static const struct kind_word address_words[] = {
    {"loopback", KIND(ADDRESS_LOOPBACK)},
    {"private", KIND(ADDRESS_PRIVATE)},
    {"link-local", KIND(ADDRESS_LINK_LOCAL)},
    {"unspecified", KIND(ADDRESS_UNSPECIFIED)},
    {"public", KIND(ADDRESS_PUBLIC)},
    {"all", ~0u},
    {NULL, 0},
};

static const char *const part_expects[PART_COUNT] = {
    [PART_LISTENER] = "addresses of this proxy as ADDR or ADDR:PORT",
    [PART_CLIENT] = "loopback, private, all, addresses, or ranges as ADDR/BITS",
    [PART_USER] = "names of users, known for everybody who has logged in, or all",
    [PART_HOST] =
        "names such as example.com, .example.com for it and all below it, or file:PATH "
        "(for addresses there is \"address\")",
    [PART_ADDRESS] = "loopback, private, link-local, unspecified, public, all, addresses, or "
                     "ranges as ADDR/BITS",
    [PART_PORT] = "ports from 1 to 65535, or ranges of them as 8000-8099",
    [PART_METHOD] = "methods in capitals, such as GET or CONNECT",
    [PART_SCHEME] = "http or https",
};

bool
rule_next(struct slice *list, struct slice *rule)
{
    while (list->size > 0) {
        size_t end = 0;

        *rule = (struct slice){list->data, 0};
        while (end < list->size && list->data[end] != '\n' && list->data[end] != ';') {
            if (list->data[end] == '#')
                end = (size_t)(strchrnul(list->data + end, '\n') - list->data);
            else
                rule->size = ++end;
        }
        list->data += end + (end < list->size);
        list->size -= end + (end < list->size);
        *rule = slice_trim(*rule);
        if (rule->size > 0)
            return true;
    }
    return false;
}

bool
rule_next_word(struct slice *rest, struct slice *word)
{
    size_t end = 0;

    *rest = slice_trim(*rest);
    while (end < rest->size) {
        char c = rest->data[end];

        if ((c == ' ' || c == '\t') && rest->data[end - 1] != ',' &&
            rest->data[end - 1] != ' ' && rest->data[end - 1] != '\t')
            break;
        /* Spaces behind a comma were passed over; other words cannot have any. */
        end++;
    }
    *word = (struct slice){rest->data, end};
    rest->data += end;
    rest->size -= end;
    return end > 0;
}

static enum err
add_address(struct address_list *list, const struct kind_word *words, struct slice text)
{
    for (; words->word != NULL; words++)
        if (slice_equal(text, slice_of(words->word))) {
            list->kinds |= words->kinds;
            return ERR_OK;
        }
    if (list->ranges == NULL)
        list->ranges = xcalloc(LIST_MOST, sizeof(list->ranges[0]));
    if (list->range_count == LIST_MOST)
        return ERR_RANGE;
    return address_range_parse(text, &list->ranges[list->range_count++]);
}

static enum err
add_listener(struct rule *rule, struct slice text)
{
    struct address *place;

    if (rule->listeners == NULL)
        rule->listeners = xcalloc(LIST_MOST, sizeof(rule->listeners[0]));
    if (rule->listener_count == LIST_MOST)
        return ERR_RANGE;
    place = &rule->listeners[rule->listener_count++];
    if (address_parse_ip(text, 0, place) == ERR_OK)
        return ERR_OK;
    return address_parse(text, place);
}

/* As auth.users_file has them, within what a list can hold. */
static enum err
add_user(struct rule *rule, struct slice text)
{
    if (slice_equal(text, SLICE("known"))) {
        rule->has_known = true;
        return ERR_OK;
    }
    if (slice_equal(text, SLICE("all"))) {
        rule->has_all = true;
        return ERR_OK;
    }
    if (memchr(text.data, ':', text.size) != NULL || memchr(text.data, '!', text.size) != NULL)
        return ERR_SYNTAX;
    if (rule->users == NULL)
        rule->users = xcalloc(LIST_MOST, sizeof(rule->users[0]));
    if (rule->user_count == LIST_MOST)
        return ERR_RANGE;
    rule->users[rule->user_count++] = text;
    return ERR_OK;
}

static enum err
add_host(struct rule *rule, struct slice text, char *why, size_t why_size)
{
    static const struct slice prefix = {"file:", 5};
    char path[PATH_MOST];
    struct slice name = {text.data + prefix.size, text.size - prefix.size};

    if (text.size <= prefix.size ||
        !slice_equal((struct slice){text.data, prefix.size}, prefix))
        return host_set_add(&rule->hosts, text);
    if (!slice_copy(name, path, sizeof(path)))
        return ERR_SYNTAX;
    return host_set_add_file(&rule->hosts, path, why, why_size);
}

static enum err
read_port(struct slice text, uint16_t *port)
{
    uint64_t number;

    if (slice_to_number(text, UINT16_MAX, &number) != ERR_OK || number == 0)
        return ERR_SYNTAX;
    *port = (uint16_t)number;
    return ERR_OK;
}

static enum err
add_port(struct rule *rule, struct slice text)
{
    const char *dash = memchr(text.data, '-', text.size);
    size_t low_size = dash != NULL ? (size_t)(dash - text.data) : text.size;
    struct slice low = {text.data, low_size};
    struct slice high = text;
    struct port_range *range;

    if (dash != NULL)
        high = (struct slice){dash + 1, text.size - low_size - 1};
    if (rule->ports == NULL)
        rule->ports = xcalloc(LIST_MOST, sizeof(rule->ports[0]));
    if (rule->port_count == LIST_MOST)
        return ERR_RANGE;
    range = &rule->ports[rule->port_count];
    if (read_port(low, &range->low) != ERR_OK || read_port(high, &range->high) != ERR_OK ||
        range->low > range->high)
        return ERR_SYNTAX;
    rule->port_count++;
    return ERR_OK;
}

/* Methods are case-sensitive (RFC 9110 §9.1): "get" would never match, so it is a mistake. */
static enum err
add_method(struct rule *rule, struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((text.data[i] < 'A' || text.data[i] > 'Z') && text.data[i] != '-')
            return ERR_SYNTAX;
    if (rule->methods == NULL)
        rule->methods = xcalloc(LIST_MOST, sizeof(rule->methods[0]));
    if (rule->method_count == LIST_MOST)
        return ERR_RANGE;
    rule->methods[rule->method_count++] = text;
    return ERR_OK;
}

static enum err
add_scheme(struct rule *rule, struct slice text)
{
    rule->has_http = rule->has_http || slice_equal(text, SLICE("http"));
    rule->has_https = rule->has_https || slice_equal(text, SLICE("https"));
    return slice_equal(text, SLICE("http")) || slice_equal(text, SLICE("https")) ? ERR_OK
                                                                                 : ERR_SYNTAX;
}

static enum err
add_element(struct rule *rule, enum rule_part part, struct slice text, char *why, size_t size)
{
    switch (part) {
    case PART_LISTENER:
        return add_listener(rule, text);
    case PART_CLIENT:
        return add_address(&rule->clients, client_words, text);
    case PART_USER:
        return add_user(rule, text);
    case PART_HOST:
        return add_host(rule, text, why, size);
    case PART_ADDRESS:
        return add_address(&rule->addresses, address_words, text);
    case PART_PORT:
        return add_port(rule, text);
    case PART_METHOD:
        return add_method(rule, text);
    case PART_SCHEME:
        return add_scheme(rule, text);
    case PART_COUNT:
        break;
    }
    return ERR_SYNTAX;
}

static enum err
parse_list(struct rule *rule, enum rule_part part, struct slice list, char *why, size_t size)
{
    struct slice element = SLICE("");
    size_t count = 0;
    enum err err = ERR_OK;

    assert(part < PART_COUNT);
    rule->is_named[part] = true;
    if (list.size > 0 && list.data[0] == '!') {
        rule->is_negated[part] = true;
        list.data++;
        list.size--;
    }
    why[0] = '\0';
    while (err == ERR_OK && slice_next_element(&list, &element)) {
        err = add_element(rule, part, element, why, size);
        count++;
    }
    if (err != ERR_OK && why[0] == '\0')
        snprintf(why, size, "%s \"%.*s\" is not accepted; expected %s", part_names[part],
                 SLICE_ARGS(element), part_expects[part]);
    if (err == ERR_OK && count == 0) {
        err = ERR_SYNTAX;
        snprintf(why, size, "%s is empty; expected %s", part_names[part], part_expects[part]);
    }
    return err;
}

static enum err
find_part(struct rule *rule, struct slice word, enum rule_part *part, char *why, size_t size)
{
    for (*part = 0; *part < PART_COUNT; (*part)++)
        if (slice_equal(word, slice_of(part_names[*part])))
            break;
    if (*part == PART_COUNT)
        snprintf(why, size,
                 "\"%.*s\" is not accepted; expected listener, client, user, host, address, "
                 "port, method or scheme",
                 SLICE_ARGS(word));
    else if (rule->is_named[*part])
        snprintf(why, size, "%s is there twice; expected one list, separated by commas",
                 part_names[*part]);
    else
        return ERR_OK;
    return ERR_SYNTAX;
}

static enum err
parse_parts(struct rule *rule, struct slice rest, char *why, size_t size)
{
    struct slice word;
    struct slice list;
    enum rule_part part;
    enum err err = ERR_OK;

    while (err == ERR_OK && rule_next_word(&rest, &word)) {
        err = find_part(rule, word, &part, why, size);
        if (err != ERR_OK)
            break;
        if (!rule_next_word(&rest, &list))
            list = SLICE("");
        err = parse_list(rule, part, list, why, size);
    }
    return err;
}

enum err
rule_parse(struct slice text, struct rule **rule, char *why, size_t why_size)
{
    struct rule *made = xcalloc(1, sizeof(*made));
    struct slice rest;
    struct slice word = SLICE("");
    enum err err = ERR_OK;

    text = slice_trim(text);
    made->text = xcalloc(1, text.size + 1);
    memcpy(made->text, text.data, text.size);
    rest = slice_of(made->text);
    rule_next_word(&rest, &word);
    made->is_allow = slice_equal(word, SLICE("allow"));
    if (!made->is_allow && !slice_equal(word, SLICE("deny"))) {
        snprintf(why, why_size, "\"%.*s\" is not accepted; expected allow or deny",
                 SLICE_ARGS(word));
        err = ERR_SYNTAX;
    }
    if (err == ERR_OK)
        err = parse_parts(made, rest, why, why_size);
    if (err == ERR_OK)
        *rule = made;
    else
        rule_free(made);
    return err;
}

void
rule_free(struct rule *rule)
{
    free(rule->listeners);
    free(rule->clients.ranges);
    free(rule->addresses.ranges);
    host_set_fini(&rule->hosts);
    free(rule->users);
    free(rule->ports);
    free(rule->methods);
    free(rule->text);
    free(rule);
}
