#ifndef CARPOOL_PROXY_POLICY_RULE_H
#define CARPOOL_PROXY_POLICY_RULE_H

#include <sys/queue.h>

#include "proxy/policy/host_set.h"
#include "proxy/policy/rules.h"

/* The inside of the rules, for rules.c and rule_parse.c. */

/* Kinds of addresses and ranges; each kind is a bit of kinds. */
struct address_list {
    unsigned kinds;
    struct address_range *ranges;
    size_t range_count;
};

struct port_range {
    uint16_t low;
    uint16_t high;
};

/* What a rule may ask for. */
enum rule_part {
    PART_LISTENER,
    PART_CLIENT,
    PART_USER,
    PART_HOST,
    PART_ADDRESS,
    PART_PORT,
    PART_METHOD,
    PART_SCHEME,
    PART_COUNT
};

/* A part that is not named matches everything. "!" turns a part that is named around. */
struct rule {
    TAILQ_ENTRY(rule) entry;
    size_t number;
    enum rule_origin origin;
    bool is_allow;
    bool is_named[PART_COUNT];
    bool is_negated[PART_COUNT];
    struct address *listeners; /* port 0: any; an unspecified address: any */
    size_t listener_count;
    struct address_list clients;
    struct slice *users; /* of text */
    size_t user_count;
    bool has_known; /* everybody who has logged in */
    bool has_all;   /* everybody, logged in or not */
    struct host_set hosts;
    struct address_list addresses;
    struct port_range *ports;
    size_t port_count;
    struct slice *methods; /* of text */
    size_t method_count;
    bool has_http;
    bool has_https;
    char *text;
};

/*
 * Cuts the next rule off a list of them: they are separated by line ends or ";", and the rest
 * of a line behind "#" is a comment. False at the end.
 */
bool rule_next(struct slice *list, struct slice *rule);

/* Cuts the next word off a rule; one that ends in a comma goes on behind the spaces. */
bool rule_next_word(struct slice *rest, struct slice *word);

/* On failure why says what is wrong and what was expected. */
enum err rule_parse(struct slice text, struct rule **rule, char *why, size_t why_size);
void rule_free(struct rule *rule);

/* Does it match for sure, without any further user or address? */
bool rule_matches(const struct rule *rule, const struct rules_question *question);

#endif
