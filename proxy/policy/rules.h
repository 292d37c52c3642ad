#ifndef CARPOOL_PROXY_POLICY_RULES_H
#define CARPOOL_PROXY_POLICY_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * Who may go where: the rules of access.rules, and behind them those that the other settings of
 * the section stand for. The first one that matches decides. Immutable, so that any thread may
 * ask; asking takes no memory. docs/rules.md is for people.
 */
struct rules;
struct rule;

/* Where a rule comes from. */
enum rule_origin {
    RULE_GIVEN,         /* access.rules */
    RULE_CLIENTS,       /* access.clients */
    RULE_USERS,         /* auth.users_file */
    RULE_HTTPS,         /* access.https_requests */
    RULE_CONNECT_PORTS, /* access.connect_ports */
    RULE_INSIDE,        /* loopback is for clients on loopback */
    RULE_PRIVATE,       /* access.private_destinations */
    RULE_REST,          /* allow */
};

/* The settings that rules are made of. Texts as in the file. */
struct rules_setup {
    const char *rules;
    const char *clients;
    const char *connect_ports;
    bool allows_private;
    bool has_users; /* who names none has to log in, unless a rule of access.rules says
                       otherwise */
    /* Whose https URLs are fetched: "loopback" or "" (nobody's); NULL: everybody's. */
    const char *https_clients;
};

/* What is asked of them. Slices are borrowed. */
struct rules_question {
    const struct address *listener; /* where the client connected to */
    const struct address *client;
    struct slice user; /* empty: nobody is named */
    struct slice host; /* in lower case, no trailing dot, no brackets: as in a pool key */
    uint16_t port;
    struct slice method;
    struct slice scheme; /* of the URL, in lower case; empty: CONNECT, which has none */
    const struct address *address; /* NULL: not known yet */
};

enum rules_verdict {
    RULES_ALLOW,
    RULES_DENY,
    RULES_LATER, /* it depends on the address */
    RULES_USER,  /* it depends on the user, and nobody is named */
};

/*
 * Reads rules separated by line ends or ";" and the files of hosts that they name. On failure
 * (ERR_SYNTAX, or what opening a file gave) why says in one line which rule, what is wrong and
 * what was expected. Main thread.
 */
enum err rules_new(const struct rules_setup *setup, struct rules **rules, char *why,
                   size_t why_size);
void rules_free(struct rules *rules);

/*
 * May the client use the proxy at all: is it of access.clients, or does a rule let it in?
 * *decides: that rule, else the one of access.clients.
 */
bool rules_admit(const struct rules *rules, const struct address *client,
                 const struct rule **decides);

/*
 * *rule is the one that decides; of RULES_LATER the first one that may. RULES_USER where nobody
 * is named and no address leads past the rules without a user; *rule is one that asks for it.
 */
enum rules_verdict rules_judge(const struct rules *rules, const struct rules_question *question,
                               const struct rule **rule);

/* The rule at an index, in order; NULL behind the last. */
const struct rule *rules_at(const struct rules *rules, size_t index);

/* As it was written; its place, from 1; where it comes from, and that as words. */
const char *rule_text(const struct rule *rule);
size_t rule_number(const struct rule *rule);
enum rule_origin rule_origin(const struct rule *rule);
const char *rule_setting(const struct rule *rule);

#endif
