/*
 * The list of rules, and what it says of a request. Pure; any thread once it is made.
 */
#include "proxy/policy/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proxy/policy/rule.h"

struct rules {
    TAILQ_HEAD(rule_list, rule) list;
    const struct rule *ends; /* the first of the defaults, which is that of access.clients */
    size_t count;
};

/* ---- what matches ---- */

enum match { MATCH_NO, MATCH_PERHAPS, MATCH_YES };

static bool
holds_address(const struct address_list *list, const struct address *address)
{
    if ((list->kinds & (1u << address_kind(address))) != 0)
        return true;
    for (size_t i = 0; i < list->range_count; i++)
        if (address_range_holds(&list->ranges[i], address))
            return true;
    return false;
}

/* One that listens everywhere is met at any address. */
static bool
holds_listener(const struct rule *rule, const struct address *met)
{
    struct address plain = address_unmapped(met);

    for (size_t i = 0; i < rule->listener_count; i++) {
        struct address listener = address_unmapped(&rule->listeners[i]);
        uint16_t port = address_port(&listener);

        if ((port == 0 || port == address_port(&plain)) &&
            (address_kind(&listener) == ADDRESS_UNSPECIFIED ||
             address_equal_ip(&listener, &plain)))
            return true;
    }
    return false;
}

static bool
holds_user(const struct rule *rule, struct slice user)
{
    if (rule->has_all || (rule->has_known && user.size > 0))
        return true;
    for (size_t i = 0; i < rule->user_count && user.size > 0; i++)
        if (slice_equal(rule->users[i], user))
            return true;
    return false;
}

static bool
holds_port(const struct rule *rule, uint16_t port)
{
    for (size_t i = 0; i < rule->port_count; i++)
        if (port >= rule->ports[i].low && port <= rule->ports[i].high)
            return true;
    return false;
}

static bool
holds_method(const struct rule *rule, struct slice method)
{
    for (size_t i = 0; i < rule->method_count; i++)
        if (slice_equal(rule->methods[i], method))
            return true;
    return false;
}

static bool
holds_part(const struct rule *rule, enum rule_part part, const struct rules_question *question)
{
    switch (part) {
    case PART_LISTENER:
        return holds_listener(rule, question->listener);
    case PART_CLIENT:
        return holds_address(&rule->clients, question->client);
    case PART_USER:
        return holds_user(rule, question->user);
    case PART_HOST:
        return host_set_holds(&rule->hosts, question->host);
    case PART_ADDRESS:
        return holds_address(&rule->addresses, question->address);
    case PART_PORT:
        return holds_port(rule, question->port);
    case PART_METHOD:
        return holds_method(rule, question->method);
    case PART_SCHEME:
        return (rule->has_http && slice_equal(question->scheme, SLICE("http"))) ||
               (rule->has_https && slice_equal(question->scheme, SLICE("https")));
    case PART_COUNT:
        break;
    }
    return false;
}

/* What the rule itself says. *asks: it matches, or may, if the right user is named. */
static enum match
match_parts(const struct rule *rule, const struct rules_question *question, bool *asks)
{
    enum match match = MATCH_YES;

    *asks = rule->is_named[PART_USER] && !rule->has_all && question->user.size == 0;
    for (enum rule_part part = 0; part < PART_COUNT && match != MATCH_NO; part++) {
        if (!rule->is_named[part] || (part == PART_USER && *asks))
            continue;
        if (part == PART_ADDRESS && question->address == NULL)
            match = MATCH_PERHAPS;
        else if (holds_part(rule, part, question) == rule->is_negated[part])
            match = MATCH_NO;
    }
    return match;
}

bool
rule_matches(const struct rule *rule, const struct rules_question *question)
{
    bool asks;

    return match_parts(rule, question, &asks) == MATCH_YES && !asks;
}

/* Has the rule an opinion of its own on what a default is about? */
static bool
overrides(const struct rule *rule, const struct rule *ends)
{
    switch (ends->origin) {
    case RULE_CLIENTS:
        return rule->is_named[PART_CLIENT];
    case RULE_USERS:
        return rule->is_named[PART_USER];
    case RULE_HTTPS:
        return rule->is_named[PART_SCHEME];
    case RULE_CONNECT_PORTS:
        return rule->is_named[PART_PORT];
    case RULE_INSIDE:
    case RULE_PRIVATE:
        return rule->is_named[PART_ADDRESS];
    case RULE_GIVEN:
    case RULE_REST:
        break;
    }
    return true;
}

/*
 * An allow widens no more than it names: one that says nothing of clients is not for those whom
 * access.clients keeps out, one that says nothing of users is for those who have logged in
 * (where there are users), one that says nothing of schemes makes nobody's https readable here,
 * one that says nothing of addresses leads nobody to loopback, and one that says nothing of
 * ports opens no tunnel to another one.
 */
static enum match
match_rule(const struct rules *rules, const struct rule *rule,
           const struct rules_question *question, bool *asks)
{
    enum match match = match_parts(rule, question, asks);
    const struct rule *ends;

    if (!rule->is_allow || rule->origin != RULE_GIVEN)
        return match;
    for (ends = rules->ends; ends != NULL && match != MATCH_NO; ends = TAILQ_NEXT(ends, entry))
        if (!overrides(rule, ends)) {
            bool end_asks;
            enum match denied = match_parts(ends, question, &end_asks);

            if (end_asks)
                *asks = true;
            else if (denied == MATCH_YES)
                match = MATCH_NO;
            else if (denied == MATCH_PERHAPS)
                match = MATCH_PERHAPS;
        }
    return match;
}

/*
 * The first rule that matches. Without an address some only may: then what is certain is what
 * all of these and the first that surely does agree on. Without a user a rule about users can
 * only ask for one. That is done at once if no address could spare it: whoever is not let in
 * makes nobody ask name servers.
 */
enum rules_verdict
rules_judge(const struct rules *rules, const struct rules_question *question,
            const struct rule **decides)
{
    enum rules_verdict verdict = RULES_DENY;
    const struct rule *first = NULL;
    const struct rule *asking = NULL;
    const struct rule *rule;
    unsigned seen = 0;

    TAILQ_FOREACH (rule, &rules->list, entry) {
        bool asks;
        enum match match = match_rule(rules, rule, question, &asks);

        if (match == MATCH_NO)
            continue;
        if (first == NULL)
            first = rule;
        if (asking == NULL && asks)
            asking = rule;
        verdict = rule->is_allow ? RULES_ALLOW : RULES_DENY;
        if (asks)
            verdict = RULES_USER;
        seen |= 1u << verdict;
        if (match == MATCH_YES)
            break;
    }
    *decides = rule;
    if (seen == 1u << verdict)
        return verdict;
    *decides = (seen & 1u << RULES_ALLOW) != 0 ? first : asking;
    return (seen & 1u << RULES_ALLOW) != 0 ? RULES_LATER : RULES_USER;
}

bool
rules_admit(const struct rules *rules, const struct address *client,
            const struct rule **decides)
{
    const struct rules_question question = {.client = client};
    const struct rule *rule;
    bool asks;

    /* The defaults begin with the one of access.clients. */
    *decides = rules->ends;
    if (match_parts(rules->ends, &question, &asks) == MATCH_NO)
        return true;
    TAILQ_FOREACH (rule, &rules->list, entry)
        if (rule->is_allow && rule->origin == RULE_GIVEN && rule->is_named[PART_CLIENT] &&
            holds_part(rule, PART_CLIENT, &question) != rule->is_negated[PART_CLIENT]) {
            *decides = rule;
            return true;
        }
    return false;
}

/* ---- making ---- */

static enum err
add_rule(struct rules *rules, struct slice text, enum rule_origin origin, char *why,
         size_t why_size)
{
    struct rule *rule;
    enum err err = rule_parse(text, &rule, why, why_size);

    if (err != ERR_OK)
        return err;
    rule->number = ++rules->count;
    rule->origin = origin;
    TAILQ_INSERT_TAIL(&rules->list, rule, entry);
    return ERR_OK;
}

/* Nobody could ever log in: a mistake, and one that would make "deny user …" ask for ever. */
static enum err
check_user(const struct rules_setup *setup, const struct rule *rule, char *why, size_t why_size)
{
    if (!rule->is_named[PART_USER] || setup->has_users)
        return ERR_OK;
    snprintf(why, why_size,
             "rule %zu: \"%s\" names users, and there are none; expected auth.users_file",
             rule->number, rule->text);
    return ERR_SYNTAX;
}

static enum err
add_given(struct rules *rules, const struct rules_setup *setup, char *why, size_t why_size)
{
    struct slice text = slice_of(setup->rules);
    struct slice rule;
    char what[768];

    while (rule_next(&text, &rule)) {
        if (add_rule(rules, rule, RULE_GIVEN, what, sizeof(what)) != ERR_OK) {
            snprintf(why, why_size, "rule %zu: %s", rules->count + 1, what);
            return ERR_SYNTAX;
        }
        if (check_user(setup, TAILQ_LAST(&rules->list, rule_list), why, why_size) != ERR_OK)
            return ERR_SYNTAX;
    }
    return ERR_OK;
}

/* A list without spaces behind what begins the rule. */
static enum err
add_listed(struct rules *rules, const char *begin, const char *list, enum rule_origin origin,
           char *why, size_t why_size)
{
    struct slice rest = slice_of(list);
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    struct slice element;
    bool is_first = begin[strlen(begin) - 1] == '!';
    enum err err;

    if (to == NULL)
        abort(); /* only for want of memory */
    fputs(begin, to);
    while (slice_next_element(&rest, &element)) {
        fprintf(to, "%s%.*s", is_first ? "" : ",", SLICE_ARGS(element));
        is_first = false;
    }
    fclose(to);
    err = add_rule(rules, (struct slice){text, size}, origin, why, why_size);
    free(text);
    return err;
}

/* The other settings of the section. The first rule is that of access.clients. */
static enum err
add_defaults(struct rules *rules, const struct rules_setup *setup, char *why, size_t why_size)
{
    enum err err =
        add_listed(rules, "deny client !", setup->clients, RULE_CLIENTS, why, why_size);

    rules->ends = TAILQ_LAST(&rules->list, rule_list);
    if (err == ERR_OK && setup->has_users)
        err = add_rule(rules, SLICE("deny user !known"), RULE_USERS, why, why_size);
    if (err == ERR_OK && setup->https_clients != NULL)
        err = setup->https_clients[0] == '\0'
                  ? add_rule(rules, SLICE("deny scheme https"), RULE_HTTPS, why, why_size)
                  : add_rule(rules, SLICE("deny client !loopback scheme https"), RULE_HTTPS,
                             why, why_size);
    if (err == ERR_OK)
        err = add_listed(rules, "deny client !loopback method CONNECT port !443",
                         setup->connect_ports, RULE_CONNECT_PORTS, why, why_size);
    if (err == ERR_OK)
        err = add_rule(rules,
                       SLICE("deny client !loopback address loopback,link-local,unspecified"),
                       RULE_INSIDE, why, why_size);
    if (err == ERR_OK && !setup->allows_private)
        err = add_rule(rules, SLICE("deny address private"), RULE_PRIVATE, why, why_size);
    if (err == ERR_OK)
        err = add_rule(rules, SLICE("allow"), RULE_REST, why, why_size);
    return err;
}

enum err
rules_new(const struct rules_setup *setup, struct rules **rules, char *why, size_t why_size)
{
    struct rules *made = xcalloc(1, sizeof(*made));
    enum err err;

    TAILQ_INIT(&made->list);
    err = add_given(made, setup, why, why_size);
    if (err == ERR_OK)
        err = add_defaults(made, setup, why, why_size);
    if (err == ERR_OK)
        *rules = made;
    else
        rules_free(made);
    return err;
}

void
rules_free(struct rules *rules)
{
    struct rule *rule;

    if (rules == NULL)
        return;
    while ((rule = TAILQ_FIRST(&rules->list)) != NULL) {
        TAILQ_REMOVE(&rules->list, rule, entry);
        rule_free(rule);
    }
    free(rules);
}

/* ---- for people ---- */

const struct rule *
rules_at(const struct rules *rules, size_t index)
{
    const struct rule *rule = TAILQ_FIRST(&rules->list);

    while (rule != NULL && index-- > 0)
        rule = TAILQ_NEXT(rule, entry);
    return rule;
}

const char *
rule_text(const struct rule *rule)
{
    return rule->text;
}

size_t
rule_number(const struct rule *rule)
{
    return rule->number;
}

enum rule_origin
rule_origin(const struct rule *rule)
{
    return rule->origin;
}

const char *
rule_setting(const struct rule *rule)
{
    switch (rule->origin) {
    case RULE_GIVEN:
        return "access.rules";
    case RULE_CLIENTS:
        return "access.clients";
    case RULE_USERS:
        return "auth.users_file";
    case RULE_CONNECT_PORTS:
        return "access.connect_ports";
    case RULE_HTTPS:
        return "access.https_requests";
    case RULE_PRIVATE:
        return "access.private_destinations";
    case RULE_INSIDE:
    case RULE_REST:
        break;
    }
    return "always so";
}
