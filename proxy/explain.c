/*
 * carpool --explain: what becomes of a request, and which rule says so. It asks the functions
 * that the rooms ask, in their order, and only words the answers; of what runs, it knows
 * nothing. Main thread.
 */
#include "proxy/explain.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "dns/resolver.h"
#include "pool/key.h"
#include "proxy/http/head.h"
#include "proxy/http/target.h"
#include "proxy/lookup.h"
#include "proxy/policy/acl.h"
#include "proxy/profiles.h"
#include "proxy/reasons.h"

#define FIELDS_MOST 4

struct asked {
    const struct config *config;
    FILE *to;
    struct buf bytes; /* what head and target borrow from */
    struct field fields[FIELDS_MOST];
    struct head head;
    struct target target;
    struct pool_key key;
    struct address listener;
    struct address client;
    struct address addresses[EXPLAIN_ADDRESSES_MOST];
    size_t address_count;
    struct own_addresses own;
    struct rules_question question;
};

/* ---- what was asked ---- */

/* The request as a client would send it, so that it is read by what reads clients. */
static enum err
read_request(struct asked *asked, const char *text, struct complaint *complaint)
{
    const struct head_limits limits = {asked->config->http_max_line,
                                       asked->config->http_max_head};
    enum refusal refusal = REFUSAL_NONE;

    asked->head = (struct head){.fields = asked->fields, .field_capacity = FIELDS_MOST};
    if (buf_printf(&asked->bytes, "%s HTTP/1.1\r\nHost:\r\n\r\n", text) != ERR_OK)
        refusal = REFUSAL_LINE_TOO_LONG;
    else if (head_parse_request(buf_bytes(&asked->bytes), &limits, &asked->head) != PARSE_DONE)
        refusal = asked->head.refusal != REFUSAL_NONE ? asked->head.refusal : REFUSAL_SYNTAX;
    else
        target_parse(&asked->head, &asked->target, &refusal);
    if (refusal == REFUSAL_NONE &&
        (asked->target.form == TARGET_ABSOLUTE || asked->target.form == TARGET_AUTHORITY) &&
        pool_key_init(&asked->key, asked->target.host, asked->target.port) == ERR_OK)
        return ERR_OK;
    complain(complaint,
             "--explain: \"%.200s\": %s; expected \"GET http://host/path\" or "
             "\"CONNECT host:port\"",
             text,
             refusal != REFUSAL_NONE ? reason_text(reason_of_refusal(refusal))
                                     : "this names no other host");
    return ERR_SYNTAX;
}

static enum err
read_address(const char *option, const char *text, struct address *address,
             struct complaint *complaint)
{
    if (text != NULL && address_parse_ip(slice_of(text), 0, address) == ERR_OK)
        return ERR_OK;
    if (text == NULL)
        complain(complaint, "--explain: whose request is it? expected %s ADDR, too", option);
    else
        complain(complaint,
                 "%s: \"%.200s\" is no address; expected one such as 192.168.1.20 or fd00::1",
                 option, text);
    return ERR_SYNTAX;
}

static enum err
read_listener(const char *text, struct address *address, struct complaint *complaint)
{
    if (address_parse(slice_of(text), address) == ERR_OK)
        return ERR_OK;
    complain(complaint,
             "--listener: \"%.200s\" is no address with a port; expected one such as "
             "192.0.2.1:3128",
             text);
    return ERR_SYNTAX;
}

/* Nobody can have logged in by a name that nobody has. */
static enum err
check_user(const struct config *config, const char *user, struct complaint *complaint)
{
    if (user == NULL || (config->users != NULL && htpasswd_has(config->users, slice_of(user))))
        return ERR_OK;
    if (config->users == NULL)
        complain(complaint, "--user: nobody can log in; expected auth.users_file");
    else
        complain(complaint,
                 "--user: \"%.200s\" is not in %s; expected the name of a user there", user,
                 config->auth_users_file);
    return ERR_SYNTAX;
}

static enum err
read_all(struct asked *asked, const struct explain *explain, struct complaint *complaint)
{
    struct address literal;
    enum err err = read_request(asked, explain->request, complaint);

    if (err == ERR_OK)
        err = read_address("--client", explain->client, &asked->client, complaint);
    if (err == ERR_OK)
        err = check_user(asked->config, explain->user, complaint);
    asked->listener = asked->config->listeners[0];
    if (err == ERR_OK && explain->listener != NULL)
        err = read_listener(explain->listener, &asked->listener, complaint);
    for (size_t i = 0; i < explain->address_count && err == ERR_OK; i++)
        err = read_address("--address", explain->addresses[i], &asked->addresses[i], complaint);
    if (err != ERR_OK)
        return err;
    if (explain->address_count > 0 &&
        address_parse_ip(slice_of(asked->key.host), 0, &literal) == ERR_OK) {
        complain(complaint, "--address: %s is an address itself; expected a name in the URL",
                 asked->key.host);
        return ERR_SYNTAX;
    }
    asked->address_count = explain->address_count;
    asked->question = (struct rules_question){
        .listener = &asked->listener,
        .client = &asked->client,
        .user = slice_of(explain->user != NULL ? explain->user : ""),
        .host = slice_of(asked->key.host),
        .port = asked->key.port,
        .method = asked->head.method_text,
        .scheme = target_scheme(&asked->target),
    };
    return ERR_OK;
}

/* ---- the answers ---- */

static void
print_address(struct asked *asked, const char *label, const struct address *address)
{
    char text[ADDRESS_TEXT_SIZE];

    fprintf(asked->to, "%-12s%s (%s)", label, address_format_ip(address, text),
            address_kind_word(address_kind(address)));
}

static void
print_rule(struct asked *asked, const struct rule *rule)
{
    fprintf(asked->to, "rule %zu, %s: %s\n", rule_number(rule), rule_setting(rule),
            rule_text(rule));
}

/* As in ADMIT. */
static enum err
explain_client(struct asked *asked)
{
    const struct rule *rule;
    bool is_admitted = rules_admit(asked->config->rules, &asked->client, &rule);

    print_address(asked, "client", &asked->client);
    fputs(is_admitted ? " may use the proxy, by " : " may not use the proxy, by ", asked->to);
    print_rule(asked, rule);
    return is_admitted ? ERR_OK : ERR_CLIENT;
}

/* As in ROUTE. */
static enum err
explain_name(struct asked *asked)
{
    const struct rule *rule;

    fprintf(asked->to, "%-12s", "before DNS");
    switch (rules_judge(asked->config->rules, &asked->question, &rule)) {
    case RULES_ALLOW:
        fputs("allowed at every address, by ", asked->to);
        break;
    case RULES_DENY:
        fputs("denied at every address, by ", asked->to);
        break;
    case RULES_USER:
        fputs("a user has to be named, by ", asked->to);
        break;
    case RULES_LATER:
        fputs("the address decides; the first that may match is ", asked->to);
        break;
    }
    print_rule(asked, rule);
    return acl_allows(asked->config, &asked->question);
}

/* As in ROUTE. Nothing is said where there is nothing to choose from. */
static void
explain_source(struct asked *asked)
{
    const struct source *source = sources_find(asked->config->sources, &asked->question);

    if (sources_at(asked->config->sources, 0) == NULL)
        return;
    if (source == NULL) {
        fprintf(asked->to, "%-12schosen by the kernel\n", "source");
        return;
    }
    pool_key_set_source(&asked->key, source_address(source, AF_INET),
                        source_address(source, AF_INET6));
    fprintf(asked->to, "%-12sby line %zu, tcp.source: %s\n", "source", source_number(source),
            source_text(source));
}

/* As in ROUTE. */
static void
explain_tls(struct asked *asked)
{
    const char *line = profiles_line(asked->config->profiles, &asked->question);

    if (!asked->target.is_secure)
        return;
    if (line != NULL)
        fprintf(asked->to, "%-12sby tls.origins: %s\n", "TLS", line);
    else
        fprintf(asked->to, "%-12sas for all whom no line of tls.origins names\n", "TLS");
}

/* As in a dial: from the source, only addresses of its family are reached. */
static enum err
check_family(const struct asked *asked, const struct address *address)
{
    struct address source;

    if (!pool_key_has_source(&asked->key) ||
        pool_key_source(&asked->key, address->any.sa_family, &source))
        return ERR_OK;
    return ERR_SOURCE_FAMILY;
}

/* As in CHECKOUT, of each address that would be dialed. */
static enum err
explain_address(struct asked *asked, const struct address *address, bool is_by_dns)
{
    struct rules_question question = asked->question;
    struct address target = *address;
    const struct rule *rule;
    enum err err;

    address_set_port(&target, asked->key.port);
    question.address = &target;
    err = acl_reaches(asked->config, &question, &asked->own, is_by_dns);
    print_address(asked, "address", &target);
    /* What the rules would let pass is refused by what no rule can change. */
    if (err != ERR_OK && acl_allows(asked->config, &question) != err) {
        fprintf(asked->to, " denied, whatever the rules say: %s\n", err_text(err));
        return err;
    }
    fputs(err == ERR_OK ? " allowed, by " : " denied, by ", asked->to);
    rules_judge(asked->config->rules, &question, &rule);
    print_rule(asked, rule);
    if (err == ERR_OK)
        err = check_family(asked, &target);
    if (err == ERR_SOURCE_FAMILY)
        fprintf(asked->to, "%-12sout of reach: %s\n", "", err_text(err));
    return err;
}

/* One that is allowed is enough; the last refusal is what the client hears of. */
static enum err
explain_addresses(struct asked *asked, const struct address *list, size_t count, bool is_by_dns)
{
    enum err result = ERR_DNS_NO_ADDRESS;

    for (size_t i = 0; i < count; i++) {
        enum err err = explain_address(asked, &list[i], is_by_dns);

        if (i == 0 || result != ERR_OK)
            result = err;
    }
    return result;
}

static enum err
explain_destination(struct asked *asked)
{
    struct answer *answer;
    enum err err;

    if (asked->address_count > 0) {
        fprintf(asked->to, "%-12s%s, as if a name server had said so\n", "DNS", "--address");
        return explain_addresses(asked, asked->addresses, asked->address_count, true);
    }
    err = lookup_host(asked->config, slice_of(asked->key.host), &answer);
    if (err != ERR_OK) {
        fprintf(asked->to, "%-12s%s; --address ADDR says which it would be\n", "DNS",
                err_text(err));
        return err;
    }
    fprintf(asked->to, "%-12s%s\n", "DNS",
            answer->is_local ? "not asked: an address, localhost or in the hosts file"
                             : "a name server has answered");
    err = explain_addresses(asked, answer->addresses, answer->count, !answer->is_local);
    answer_unref(answer);
    return err;
}

static enum err
explain_steps(struct asked *asked)
{
    enum err err;

    fprintf(asked->to, "%-12s%.*s, host %s, port %u\n", "request",
            SLICE_ARGS(asked->head.method_text), asked->key.host, (unsigned)asked->key.port);
    err = explain_client(asked);
    if (err == ERR_OK)
        err = explain_name(asked);
    if (err == ERR_OK) {
        explain_source(asked);
        explain_tls(asked);
        err = explain_destination(asked);
    }
    if (err == ERR_OK)
        fprintf(asked->to, "%-12sallowed\n", "outcome");
    else
        fprintf(asked->to, "%-12s%u %s: %s\n", "outcome", reason_status(reason_of_err(err)),
                reason_word(reason_of_err(err)), reason_text(reason_of_err(err)));
    return err;
}

/* The addresses that this config would listen on, as acl_reaches() wants them. */
static struct address *
own_list(const struct config *config, size_t *count)
{
    struct address *list = xcalloc(config->listener_count + 1, sizeof(*list));

    memcpy(list, config->listeners, config->listener_count * sizeof(*list));
    *count = config->listener_count;
    if (config->has_admin)
        list[(*count)++] = config->admin;
    return list;
}

enum err
explain_print(const struct config *config, const struct explain *explain, FILE *to,
              bool *is_allowed, struct complaint *complaint)
{
    struct asked asked = {.config = config, .to = to};
    struct address *own = own_list(config, &asked.own.count);
    enum err err;

    asked.own.list = own;
    buf_init(&asked.bytes, config->http_max_head);
    err = read_all(&asked, explain, complaint);
    if (err == ERR_OK)
        *is_allowed = explain_steps(&asked) == ERR_OK;
    buf_reset(&asked.bytes);
    free(own);
    return err;
}
