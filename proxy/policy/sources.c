/*
 * The lines of tcp.source. Pure; any thread once they are made.
 */
#include "proxy/policy/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proxy/policy/rule.h"

struct source {
    TAILQ_ENTRY(source) entry;
    size_t number;
    bool is_any;
    struct address v4; /* AF_UNSPEC: none */
    struct address v6;
    struct rule *rule; /* what is to match; that it allows has no meaning */
    char *text;
};

struct sources {
    TAILQ_HEAD(, source) list;
    size_t count;
};

/* ---- what matches ---- */

const struct source *
sources_find(const struct sources *sources, const struct rules_question *question)
{
    const struct source *source;

    TAILQ_FOREACH (source, &sources->list, entry)
        if (rule_matches(source->rule, question))
            return source->is_any ? NULL : source;
    return NULL;
}

const struct source *
sources_at(const struct sources *sources, size_t index)
{
    const struct source *source = TAILQ_FIRST(&sources->list);

    while (source != NULL && index-- > 0)
        source = TAILQ_NEXT(source, entry);
    return source;
}

const struct address *
source_address(const struct source *source, sa_family_t family)
{
    const struct address *address = family == AF_INET ? &source->v4 : &source->v6;

    return address->any.sa_family == family ? address : NULL;
}

const char *
source_text(const struct source *source)
{
    return source->text;
}

size_t
source_number(const struct source *source)
{
    return source->number;
}

/* ---- making ---- */

/* One that a socket can be bound to, and the first of its family. */
static enum err
add_address(struct source *source, struct slice text)
{
    struct address address;
    struct address *place;
    enum err err = address_parse_ip(text, 0, &address);

    if (err != ERR_OK)
        return err;
    place = address.any.sa_family == AF_INET ? &source->v4 : &source->v6;
    if (place->any.sa_family != AF_UNSPEC || address_kind(&address) == ADDRESS_UNSPECIFIED ||
        address_kind(&address) == ADDRESS_MULTICAST)
        return ERR_SYNTAX;
    *place = address;
    return ERR_OK;
}

static enum err
parse_addresses(struct source *source, struct slice list, char *why, size_t size)
{
    struct slice rest = list;
    struct slice element;
    enum err err = ERR_OK;

    source->is_any = slice_equal(list, SLICE("any"));
    while (!source->is_any && err == ERR_OK && slice_next_element(&rest, &element))
        err = add_address(source, element);
    if (err != ERR_OK)
        snprintf(
            why, size,
            "\"%.*s\" is not accepted; expected an IPv4 address, an IPv6 address or one of "
            "each, such as 192.0.2.1,2001:db8::1, or any",
            SLICE_ARGS(list));
    return err;
}

/* What follows the addresses are the parts of a rule. */
static enum err
parse_parts(struct source *source, struct slice parts, char *why, size_t size)
{
    char *text;
    enum err err;

    if (asprintf(&text, "allow %.*s", SLICE_ARGS(parts)) == -1)
        abort(); /* only for want of memory */
    err = rule_parse(slice_of(text), &source->rule, why, size);
    free(text);
    if (err != ERR_OK || !source->rule->is_named[PART_ADDRESS])
        return err;
    snprintf(why, size,
             "address is not accepted; expected host, as the source is chosen before the "
             "host's address is known");
    return ERR_SYNTAX;
}

static void
source_free(struct source *source)
{
    if (source->rule != NULL)
        rule_free(source->rule);
    free(source->text);
    free(source);
}

static enum err
add_line(struct sources *sources, struct slice line, bool has_users, char *why, size_t size)
{
    struct source *source = xcalloc(1, sizeof(*source));
    struct slice rest = line;
    struct slice addresses = SLICE("");
    enum err err;

    rule_next_word(&rest, &addresses);
    source->number = ++sources->count;
    source->text = xcalloc(1, line.size + 1);
    memcpy(source->text, line.data, line.size);
    err = parse_addresses(source, addresses, why, size);
    if (err == ERR_OK)
        err = parse_parts(source, rest, why, size);
    if (err == ERR_OK && source->rule->is_named[PART_USER] && !has_users) {
        snprintf(why, size, "it names users, and there are none; expected auth.users_file");
        err = ERR_SYNTAX;
    }
    if (err == ERR_OK)
        TAILQ_INSERT_TAIL(&sources->list, source, entry);
    else
        source_free(source);
    return err;
}

enum err
sources_new(const char *text, bool has_users, struct sources **sources, char *why,
            size_t why_size)
{
    struct sources *made = xcalloc(1, sizeof(*made));
    struct slice rest = slice_of(text);
    struct slice line;
    char what[768];
    enum err err = ERR_OK;

    TAILQ_INIT(&made->list);
    while (err == ERR_OK && rule_next(&rest, &line))
        err = add_line(made, line, has_users, what, sizeof(what));
    if (err == ERR_OK) {
        *sources = made;
        return ERR_OK;
    }
    snprintf(why, why_size, "line %zu: %s", made->count, what);
    sources_free(made);
    return err;
}

void
sources_free(struct sources *sources)
{
    struct source *source;

    if (sources == NULL)
        return;
    while ((source = TAILQ_FIRST(&sources->list)) != NULL) {
        TAILQ_REMOVE(&sources->list, source, entry);
        source_free(source);
    }
    free(sources);
}
