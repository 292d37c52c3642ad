/* What proxy/policy/rules promises: which rule decides, and what is no rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/policy/rules.h"

/* ---- memory: counted while asked ---- */

void *__real_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);

static size_t allocations;

void *
__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *
__wrap_malloc(size_t size)
{
    allocations++;
    return __real_malloc(size);
}

/* ---- asking ---- */

static struct address
at(const char *text)
{
    struct address address;

    assert_int_equal(address_parse_ip(slice_of(text), 9, &address), ERR_OK);
    return address;
}

static struct rules *
rules_of_setup(const struct rules_setup *setup)
{
    struct rules *rules;
    char why[512];

    if (rules_new(setup, &rules, why, sizeof(why)) != ERR_OK)
        fail_msg("%s", why);
    return rules;
}

static struct rules *
rules_of(const char *text)
{
    return rules_of_setup(
        &(struct rules_setup){text, "loopback, private", "8443", .allows_private = true});
}

/* "GET host port client [address]" */
struct asked {
    const char *method;
    const char *host;
    uint16_t port;
    const char *client;
    const char *address;
};

static enum rules_verdict
judge_user(const struct rules *rules, const struct asked *asked, const char *user,
           size_t *number)
{
    struct address client = at(asked->client);
    struct address address;
    struct rules_question question = {
        .client = &client,
        .user = slice_of(user),
        .host = slice_of(asked->host),
        .port = asked->port,
        .method = slice_of(asked->method),
    };
    const struct rule *rule;
    enum rules_verdict verdict;

    if (asked->address != NULL) {
        address = at(asked->address);
        question.address = &address;
    }
    verdict = rules_judge(rules, &question, &rule);
    *number = rule_number(rule);
    return verdict;
}

static enum rules_verdict
judge(const struct rules *rules, const struct asked *asked, size_t *number)
{
    return judge_user(rules, asked, "", number);
}

static const struct {
    const char *rules;
    struct asked asked;
    enum rules_verdict verdict;
    size_t number;
} judged[] = {
    /* the presets */
    {"", {"GET", "o.test", 80, "127.0.0.1", NULL}, RULES_ALLOW, 4},
    {"", {"GET", "o.test", 80, "10.0.0.1", NULL}, RULES_LATER, 3},
    {"", {"GET", "o.test", 80, "10.0.0.1", "192.0.2.1"}, RULES_ALLOW, 4},
    {"", {"GET", "o.test", 80, "10.0.0.1", "127.0.0.1"}, RULES_DENY, 3},
    {"", {"GET", "o.test", 80, "10.0.0.1", "::ffff:169.254.169.254"}, RULES_DENY, 3},
    {"", {"GET", "o.test", 80, "10.0.0.1", "64:ff9b::7f00:1"}, RULES_DENY, 3},
    {"", {"GET", "o.test", 80, "203.0.113.1", NULL}, RULES_DENY, 1},
    {"", {"CONNECT", "o.test", 25, "10.0.0.1", NULL}, RULES_DENY, 2},
    {"", {"CONNECT", "o.test", 8443, "10.0.0.1", NULL}, RULES_LATER, 3},
    {"", {"CONNECT", "o.test", 25, "::1", NULL}, RULES_ALLOW, 4},
    /* each part */
    {"deny client 10.0.0.0/8", {"GET", "o.test", 80, "10.9.9.9", NULL}, RULES_DENY, 1},
    {"deny client 10.0.0.0/8", {"GET", "o.test", 80, "127.0.0.1", NULL}, RULES_ALLOW, 5},
    {"deny host o.test", {"GET", "o.test", 80, "127.0.0.1", NULL}, RULES_DENY, 1},
    {"deny host o.test", {"GET", "x.o.test", 80, "127.0.0.1", NULL}, RULES_ALLOW, 5},
    {"deny host .o.test", {"GET", "o.test", 80, "127.0.0.1", NULL}, RULES_DENY, 1},
    {"deny host .O.Test.", {"GET", "a.b.o.test", 80, "127.0.0.1", NULL}, RULES_DENY, 1},
    {"deny host .o.test", {"GET", "xo.test", 80, "127.0.0.1", NULL}, RULES_ALLOW, 5},
    {"deny host a.b, c.d port 80", {"GET", "c.d", 80, "::1", NULL}, RULES_DENY, 1},
    {"deny host !.o.test", {"GET", "p.test", 80, "127.0.0.1", NULL}, RULES_DENY, 1},
    {"deny port 1-79,81-65535", {"GET", "o.test", 80, "::1", NULL}, RULES_ALLOW, 5},
    {"deny port 1-79,81-65535", {"GET", "o.test", 81, "::1", NULL}, RULES_DENY, 1},
    {"deny method PUT,DELETE", {"DELETE", "o.test", 80, "::1", NULL}, RULES_DENY, 1},
    {"deny method PUT,DELETE", {"GET", "o.test", 80, "::1", NULL}, RULES_ALLOW, 5},
    {"deny address private", {"GET", "o.test", 80, "::1", "100.64.0.1"}, RULES_DENY, 1},
    {"deny address private", {"GET", "o.test", 80, "::1", "fd00::1"}, RULES_DENY, 1},
    {"deny address !public", {"GET", "o.test", 80, "::1", "192.0.2.1"}, RULES_ALLOW, 5},
    {"deny", {"GET", "o.test", 80, "127.0.0.1", NULL}, RULES_DENY, 1},
    /* order, and the two moments */
    {"allow host o.test; deny host .test", {"GET", "o.test", 80, "::1", NULL}, 0, 1},
    {"deny host .test; allow host o.test", {"GET", "o.test", 80, "::1", NULL}, 1, 1},
    {"allow address 192.0.2.0/24; deny", {"GET", "o.test", 80, "::1", NULL}, 2, 1},
    {"allow address 192.0.2.0/24; deny", {"GET", "o.test", 80, "::1", "192.0.2.7"}, 0, 1},
    {"allow address 192.0.2.0/24; deny", {"GET", "o.test", 80, "::1", "192.0.3.7"}, 1, 2},
    {"deny address private; deny", {"GET", "o.test", 80, "::1", NULL}, RULES_DENY, 2},
    {"deny address private; allow", {"GET", "o.test", 80, "::1", NULL}, RULES_LATER, 1},
    /* an allow widens no more than it names */
    {"allow host o.test", {"GET", "o.test", 80, "203.0.113.1", NULL}, RULES_DENY, 2},
    {"allow client 203.0.113.1", {"GET", "o.test", 80, "203.0.113.1", "192.0.2.1"}, 0, 1},
    {"allow client 203.0.113.1", {"GET", "o.test", 80, "203.0.113.1", "127.0.0.1"}, 1, 2},
    {"allow client 203.0.113.1", {"CONNECT", "o.test", 25, "203.0.113.1", NULL}, 1, 2},
    {"allow port 25", {"CONNECT", "o.test", 25, "10.0.0.1", "192.0.2.1"}, RULES_ALLOW, 1},
    {"allow host localhost", {"GET", "localhost", 80, "10.0.0.1", "::1"}, RULES_DENY, 4},
    {"allow host localhost address loopback",
     {"GET", "localhost", 80, "10.0.0.1", "::1"},
     RULES_ALLOW,
     1},
};

static void
rows_are_judged_as_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
        struct rules *rules = rules_of(judged[i].rules);
        size_t number;
        enum rules_verdict verdict = judge(rules, &judged[i].asked, &number);

        if (verdict != judged[i].verdict || number != judged[i].number)
            fail_msg("row %zu (%s): verdict %u of rule %zu", i, judged[i].rules, verdict,
                     number);
        rules_free(rules);
    }
}

static void
private_destinations_are_closed_to_all_unless_a_rule_names_them(void **state)
{
    static const struct rules_setup setup = {
        "allow address 10.1.0.0/16", "all", "", false, false, NULL};
    struct rules *rules = rules_of_setup(&setup);
    size_t number;

    (void)state;
    assert_int_equal(
        judge(rules, &(struct asked){"GET", "o", 80, "127.0.0.1", "10.2.0.1"}, &number),
        RULES_DENY);
    assert_int_equal(
        judge(rules, &(struct asked){"GET", "o", 80, "127.0.0.1", "10.1.0.1"}, &number),
        RULES_ALLOW);
    assert_int_equal(
        judge(rules, &(struct asked){"GET", "o", 80, "127.0.0.1", "192.0.2.1"}, &number),
        RULES_ALLOW);
    rules_free(rules);
}

static void
clients_are_admitted_by_the_setting_or_by_a_rule_that_names_them(void **state)
{
    struct rules *rules = rules_of("allow client 203.0.113.0/24; allow; deny client 10.0.0.1");
    static const struct {
        const char *client;
        bool is_admitted;
        size_t number;
    } rows[] = {
        {"127.0.0.1", true, 4},   {"::ffff:10.0.0.2", true, 4}, {"fd00::1", true, 4},
        {"203.0.113.8", true, 1}, {"203.0.114.8", false, 4},    {"2001:db8::1", false, 4},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address client = at(rows[i].client);
        const struct rule *rule;

        if (rules_admit(rules, &client, &rule) != rows[i].is_admitted ||
            rule_number(rule) != rows[i].number)
            fail_msg("%s", rows[i].client);
    }
    rules_free(rules);
}

static void
what_is_no_rule_is_refused_in_these_words(void **state)
{
    static const struct {
        const char *rules;
        const char *why;
    } rows[] = {
        {"permit", "rule 1: \"permit\" is not accepted; expected allow or deny"},
        {"allow; Deny", "rule 2: \"Deny\" is not accepted; expected allow or deny"},
        {"deny usr x", "rule 1: \"usr\" is not accepted; expected listener, client, user, "
                       "host, address, port, "
                       "method or scheme"},
        {"deny; allow user alice",
         "rule 2: \"allow user alice\" names users, and there are none; expected "
         "auth.users_file"},
        {"deny user a:b",
         "rule 1: user \"a:b\" is not accepted; expected names of users, known for everybody "
         "who has logged in, or all"},
        {"deny port 80 port 81",
         "rule 1: port is there twice; expected one list, separated by commas"},
        {"deny port",
         "rule 1: port is empty; expected ports from 1 to 65535, or ranges of them as "
         "8000-8099"},
        {"deny port 90-80",
         "rule 1: port \"90-80\" is not accepted; expected ports from 1 to 65535, or ranges of "
         "them as 8000-8099"},
        {"deny port 0",
         "rule 1: port \"0\" is not accepted; expected ports from 1 to 65535, or ranges of "
         "them as 8000-8099"},
        {"deny method get",
         "rule 1: method \"get\" is not accepted; expected methods in capitals, such as GET or "
         "CONNECT"},
        {"deny client public",
         "rule 1: client \"public\" is not accepted; expected loopback, private, all, "
         "addresses, or ranges as ADDR/BITS"},
        {"deny address 10.0.0.0/33",
         "rule 1: address \"10.0.0.0/33\" is not accepted; expected loopback, private, "
         "link-local, unspecified, public, all, addresses, or ranges as ADDR/BITS"},
        {"deny host 127.0.0.1",
         "rule 1: host \"127.0.0.1\" is not accepted; expected names such as example.com, "
         ".example.com for it and all below it, or file:PATH (for addresses there is "
         "\"address\")"},
        {"deny host a..b",
         "rule 1: host \"a..b\" is not accepted; expected names such as example.com, "
         ".example.com for it and all below it, or file:PATH (for addresses there is "
         "\"address\")"},
        {"deny host file:/nowhere/at/all",
         "rule 1: /nowhere/at/all: there is no such thing; expected a list of hosts"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct rules_setup setup = {rows[i].rules, "all", "", true, false, NULL};
        struct rules *rules;
        char why[512];

        assert_int_not_equal(rules_new(&setup, &rules, why, sizeof(why)), ERR_OK);
        assert_string_equal(why, rows[i].why);
    }
}

/* ---- users ---- */

/* Asked for o.test, without a user, as alice, or as bob. */
static const struct {
    const char *rules;
    struct asked asked;
    const char *user;
    enum rules_verdict verdict;
    size_t number;
} judged_users[] = {
    /* the preset: who is let in at all has to log in; others are not even asked to */
    {"", {"GET", "o.test", 80, "127.0.0.1", NULL}, "", RULES_USER, 2},
    {"", {"GET", "o.test", 80, "127.0.0.1", NULL}, "alice", RULES_ALLOW, 5},
    {"", {"GET", "o.test", 80, "203.0.113.1", NULL}, "", RULES_DENY, 1},
    {"", {"GET", "o.test", 80, "203.0.113.1", NULL}, "alice", RULES_DENY, 1},
    {"", {"CONNECT", "o.test", 25, "10.0.0.1", NULL}, "", RULES_USER, 2},
    {"", {"CONNECT", "o.test", 25, "10.0.0.1", NULL}, "alice", RULES_DENY, 3},
    /* names; whoever a rule is about has to say so, also where it would be denied */
    {"deny user bob", {"GET", "o.test", 80, "::1", NULL}, "bob", RULES_DENY, 1},
    {"deny user bob", {"GET", "o.test", 80, "::1", NULL}, "alice", RULES_ALLOW, 6},
    {"deny user bob", {"GET", "o.test", 80, "::1", NULL}, "Bob", RULES_ALLOW, 6},
    {"deny user bob", {"GET", "o.test", 80, "::1", NULL}, "", RULES_USER, 1},
    {"allow user alice, bob host o.test; deny",
     {"GET", "o.test", 80, "::1", NULL},
     "bob",
     0,
     1},
    {"allow user alice host o.test; deny", {"GET", "o.test", 80, "::1", NULL}, "bob", 1, 2},
    {"allow user alice host o.test; deny", {"GET", "o.test", 80, "::1", NULL}, "", 3, 1},
    {"allow user alice host p.test; deny", {"GET", "o.test", 80, "::1", NULL}, "", 1, 2},
    {"deny user !alice", {"GET", "o.test", 80, "::1", NULL}, "bob", RULES_DENY, 1},
    {"deny user !alice", {"GET", "o.test", 80, "::1", NULL}, "alice", RULES_ALLOW, 6},
    {"deny user known host o.test", {"GET", "o.test", 80, "::1", NULL}, "bob", RULES_DENY, 1},
    /* an allow without user is for those who logged in; "all" is for everybody */
    {"allow host o.test", {"GET", "o.test", 80, "::1", NULL}, "", RULES_USER, 1},
    {"allow host o.test", {"GET", "o.test", 80, "::1", NULL}, "bob", RULES_ALLOW, 1},
    {"allow user all host o.test", {"GET", "o.test", 80, "::1", NULL}, "", RULES_ALLOW, 1},
    {"allow user all host o.test", {"GET", "o.test", 80, "::1", NULL}, "bob", RULES_ALLOW, 1},
    {"allow user all host o.test", {"GET", "p.test", 80, "::1", NULL}, "", RULES_USER, 3},
    /* and widens nothing else */
    {"allow user all", {"GET", "o.test", 80, "203.0.113.1", NULL}, "", RULES_DENY, 2},
    {"allow user alice", {"GET", "o.test", 80, "203.0.113.1", NULL}, "alice", RULES_DENY, 2},
    {"allow user alice", {"GET", "o.test", 80, "10.0.0.1", "127.0.0.1"}, "alice", 1, 5},
    {"deny user !all", {"GET", "o.test", 80, "::1", NULL}, "alice", RULES_ALLOW, 6},
    /* before the address is known: asked at once, unless an address could spare it */
    {"deny address private", {"GET", "o.test", 80, "::1", NULL}, "", RULES_USER, 3},
    {"deny address private", {"GET", "o.test", 80, "::1", NULL}, "bob", RULES_LATER, 1},
    {"deny address private", {"GET", "o.test", 80, "::1", "10.0.0.1"}, "", RULES_DENY, 1},
    {"allow user all address private", {"GET", "o.test", 80, "::1", NULL}, "", RULES_LATER, 1},
    {"allow user all address private", {"GET", "o.test", 80, "::1", "10.0.0.1"}, "", 0, 1},
    {"allow user all address private", {"GET", "o.test", 80, "::1", "8.8.8.8"}, "", 3, 3},
    {"allow user bob address private; deny", {"GET", "o.test", 80, "::1", NULL}, "", 3, 1},
    {"allow user bob address private; deny", {"GET", "o.test", 80, "::1", NULL}, "bob", 2, 1},
    {"allow user bob address private; deny", {"GET", "o.test", 80, "::1", NULL}, "eve", 1, 2},
};

static void
rows_about_users_are_judged_as_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(judged_users) / sizeof(judged_users[0]); i++) {
        struct rules *rules = rules_of_setup(
            &(struct rules_setup){judged_users[i].rules, "loopback, private", "8443",
                                  .allows_private = true, .has_users = true});
        size_t number;
        enum rules_verdict verdict =
            judge_user(rules, &judged_users[i].asked, judged_users[i].user, &number);

        if (verdict != judged_users[i].verdict || number != judged_users[i].number)
            fail_msg("\"%s\" as \"%s\" (row %zu): verdict %d by rule %zu",
                     judged_users[i].rules, judged_users[i].user, i, verdict, number);
        rules_free(rules);
    }
}

static void
the_list_shows_what_users_stand_for(void **state)
{
    struct rules *rules = rules_of_setup(&(struct rules_setup){
        "allow user all host o.test", "all", "", .allows_private = true, .has_users = true});

    (void)state;
    assert_string_equal(rule_text(rules_at(rules, 2)), "deny user !known");
    assert_string_equal(rule_setting(rules_at(rules, 2)), "auth.users_file");
    assert_int_equal(rule_origin(rules_at(rules, 2)), RULE_USERS);
    rules_free(rules);
}

/* ---- long lists ---- */

#define LISTED 20000

static struct rules *
rules_of_long_list(void)
{
    char path[] = "/tmp/carpool-hosts-XXXXXX";
    char text[64];
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    struct rules *rules;

    assert_non_null(file);
    fputs("# hosts\r\n\n  .bad.test  # all of it\r\n", file);
    for (unsigned i = 0; i < LISTED; i++)
        fprintf(file, "h%u.example\n", i);
    assert_int_equal(fclose(file), 0);
    snprintf(text, sizeof(text), "deny host file:%s,other.test", path);
    rules = rules_of(text);
    remove(path);
    return rules;
}

static void
thousands_of_hosts_are_listed_in_a_file(void **state)
{
    struct rules *rules = rules_of_long_list();
    size_t number;

    (void)state;
    for (unsigned i = 0; i < LISTED + 1; i++) {
        char host[32];

        snprintf(host, sizeof(host), "h%u.example", i);
        assert_int_equal(judge(rules, &(struct asked){"GET", host, 80, "::1", NULL}, &number),
                         i < LISTED ? RULES_DENY : RULES_ALLOW);
    }
    assert_int_equal(
        judge(rules, &(struct asked){"GET", "x.bad.test", 80, "::1", NULL}, &number),
        RULES_DENY);
    assert_int_equal(
        judge(rules, &(struct asked){"GET", "other.test", 80, "::1", NULL}, &number),
        RULES_DENY);
    rules_free(rules);
}

static void
asking_takes_no_memory(void **state)
{
    struct rules *rules = rules_of_long_list();
    size_t before = allocations;
    size_t number;

    (void)state;
    assert_true(before > LISTED); /* it counts */
    judge(rules, &(struct asked){"GET", "a.b.c.d.test", 80, "10.0.0.1", "192.0.2.1"}, &number);
    judge(rules, &(struct asked){"GET", "h77.example", 80, "10.0.0.1", NULL}, &number);
    assert_int_equal(allocations, before);
    rules_free(rules);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_judged_as_said),
        cmocka_unit_test(private_destinations_are_closed_to_all_unless_a_rule_names_them),
        cmocka_unit_test(clients_are_admitted_by_the_setting_or_by_a_rule_that_names_them),
        cmocka_unit_test(what_is_no_rule_is_refused_in_these_words),
        cmocka_unit_test(rows_about_users_are_judged_as_said),
        cmocka_unit_test(the_list_shows_what_users_stand_for),
        cmocka_unit_test(thousands_of_hosts_are_listed_in_a_file),
        cmocka_unit_test(asking_takes_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
