/*
 * Rules, a list of hosts, and questions:
 *
 *     RULES | CLIENTS CONNECT_PORTS yes|no [users] | HOSTS | questions, one a line:
 *     [USER@]CLIENT METHOD HOST PORT ADDRESS
 *
 * All come in at 127.0.0.1:3128, and those to port 443 are for https, but for CONNECT, which is
 * for no scheme. Where there are users nobody may have https, elsewhere clients on loopback.
 *
 * "file:@" in the rules is the list of hosts. A second reader gives the same verdicts; what is
 * said before the address is known holds for every address; what is printed reads the same.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/policy/host_set.h"
#include "proxy/policy/rules.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/plain_rules.h"

#define WHY_SIZE 900
#define QUESTIONS_MOST 5
#define ADDRESSES_MOST 64

struct input {
    char *rules;
    char *clients;
    char *ports;
    struct rules_setup setup;
    struct plain_rules plain;
};

/* Addresses of every kind, in every disguise. */
static const char *const everywhere[] = {
    "8.8.8.8",           "127.0.0.1",       "10.0.0.1",
    "172.16.0.1",        "192.168.0.1",     "100.64.0.1",
    "169.254.169.254",   "0.0.0.0",         "224.0.0.1",
    "255.255.255.255",   "2001:db8::1",     "::1",
    "fe80::1",           "fc00::1",         "::",
    "ff02::1",           "::ffff:10.0.0.1", "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",   "64:ff9b::a00:1",  "::127.0.0.1",
    "2002:7f00:1::7f00", "::ffff:8.8.8.8",
};

struct places {
    struct address list[ADDRESSES_MOST];
    size_t count;
};

static void
add_place(struct places *places, struct slice text)
{
    struct address *address = &places->list[places->count];

    if (places->count < ADDRESSES_MOST && address_parse_ip(text, 0, address) == ERR_OK)
        places->count++;
}

/* All of the above, and each that the rules name. */
static void
list_places(const char *rules, struct places *places)
{
    places->count = 0;
    for (size_t i = 0; i < sizeof(everywhere) / sizeof(everywhere[0]); i++)
        add_place(places, slice_of(everywhere[i]));
    while (*rules != '\0') {
        size_t size = strcspn(rules, " \t\n,;!/");

        if (size > 0)
            add_place(places, (struct slice){rules, size});
        rules += size + (rules[size] != '\0');
    }
}

/* ---- the input ---- */

/* A text without NUL; each "file:" becomes one of the list, so that nothing else is opened. */
static char *
make_rules_text(struct slice text, const char *path)
{
    char *made = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&made, &size);

    CHECK(to != NULL);
    while (text.size > 0) {
        if (text.size > 5 && memcmp(text.data, "file:", 5) == 0) {
            fprintf(to, "file:%s", path);
            fuzz_cut(&text, 5);
            fuzz_cut(&text, text.data[0] == '@');
        } else {
            char c = *fuzz_cut(&text, 1).data;

            /* A setting may have no other control bytes (config.c). */
            fputc(((unsigned char)c < ' ' && c != '\n' && c != '\t') || c == 0x7f ? ' ' : c,
                  to);
        }
    }
    CHECK(fclose(to) == 0);
    return made;
}

/* The word if it is made of these bytes, as config_lists.c sees to, else what is usual. */
static char *
make_list(struct slice word, const char *bytes, const char *usual)
{
    char *made = calloc(1, word.size + strlen(usual) + 1);
    bool is_fine = word.size > 0;

    CHECK(made != NULL);
    for (size_t i = 0; i < word.size; i++)
        is_fine = is_fine && word.data[i] != '\0' && strchr(bytes, word.data[i]) != NULL;
    if (is_fine)
        memcpy(made, word.data, word.size);
    else
        strcpy(made, usual);
    return made;
}

static void
read_input(struct input *input, struct slice *rest)
{
    struct slice rules = fuzz_cut_at(rest, '|');
    struct slice settings = slice_trim(fuzz_cut_at(rest, '|'));
    struct slice hosts = fuzz_cut_at(rest, '|');

    input->rules = make_rules_text(rules, fuzz_file(0, hosts));
    input->clients = make_list(fuzz_cut_at(&settings, ' '),
                               "abcdefghijklmnopqrstuvwxyz0123456789.:/,-", "loopback,private");
    input->ports = make_list(fuzz_cut_at(&settings, ' '), "0123456789,", "443");
    input->setup = (struct rules_setup){
        .rules = input->rules,
        .clients = input->clients,
        .connect_ports = input->ports,
        .allows_private = slice_equal(fuzz_cut_at(&settings, ' '), SLICE("yes")),
        .has_users = slice_equal(settings, SLICE("users")),
    };
    input->setup.https_clients = input->setup.has_users ? "" : "loopback";
    plain_rules_init(&input->plain, &input->setup, hosts);
}

static void
free_input(struct input *input)
{
    plain_rules_fini(&input->plain);
    free(input->rules);
    free(input->clients);
    free(input->ports);
}

static bool
load(const struct rules_setup *setup, struct rules **rules)
{
    char why[WHY_SIZE] = "";
    enum err err;

    *rules = NULL;
    err = rules_new(setup, rules, why, sizeof(why));
    CHECK((err == ERR_OK) == (*rules != NULL));
    CHECK((err == ERR_OK) == (why[0] == '\0'));
    CHECK(strchr(why, '\n') == NULL && strlen(why) < sizeof(why));
    return err == ERR_OK;
}

static bool
load_text(const struct rules_setup *setup, const char *before, const char *text,
          const char *behind, struct rules **rules)
{
    struct rules_setup other = *setup;
    char *made = NULL;
    bool is_loaded;

    CHECK(asprintf(&made, "%s%s%s", before, text, behind) != -1);
    other.rules = made;
    is_loaded = load(&other, rules);
    free(made);
    return is_loaded;
}

/* ---- what must hold ---- */

/* Nothing that stands around it makes a refused text right. */
static void
check_refused(const struct rules_setup *setup)
{
    struct rules *rules;

    CHECK(!load_text(setup, "deny\n", setup->rules, "", &rules));
    CHECK(!load_text(setup, "", setup->rules, "\nallow client all", &rules));
}

/* The rules that were given, as --print-config prints them, put together again. */
static struct rules *
load_printed(const struct rules_setup *setup, const struct rules *rules)
{
    struct rules *again;
    const struct rule *rule;
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    CHECK(to != NULL);
    for (size_t i = 0; (rule = rules_at(rules, i)) != NULL; i++) {
        CHECK(rule_number(rule) == i + 1);
        CHECK(strpbrk(rule_text(rule), "\n;#") == NULL);
        if (rule_origin(rule) == RULE_GIVEN)
            fprintf(to, "%s\n", rule_text(rule));
    }
    CHECK(fclose(to) == 0);
    CHECK(load_text(setup, "", text, "", &again));
    for (size_t i = 0; (rule = rules_at(rules, i)) != NULL; i++)
        CHECK(strcmp(rule_text(rule), rule_text(rules_at(again, i))) == 0);
    free(text);
    return again;
}

static enum rules_verdict
judge(const struct input *input, const struct rules *rules, const struct rules *again,
      const struct rules_question *question)
{
    const struct rule *rule = NULL;
    const struct rule *same = NULL;
    enum rules_verdict verdict = rules_judge(rules, question, &rule);
    size_t number;

    CHECK(verdict == plain_rules_judge(&input->plain, question, &number));
    CHECK(rule != NULL && rule_number(rule) == number);
    CHECK(verdict == rules_judge(again, question, &same));
    CHECK(rule_number(same) == number);
    CHECK(question->user.size == 0 || verdict != RULES_USER);
    if (question->address != NULL && verdict != RULES_USER)
        CHECK(verdict == (rule_text(rule)[0] == 'a' ? RULES_ALLOW : RULES_DENY));
    return verdict;
}

/* What nobody is told holds for everybody: only RULES_USER depends on who it is. */
static enum rules_verdict
judge_with_user(const struct input *input, const struct rules *rules, const struct rules *again,
                const struct rules_question *question)
{
    struct rules_question asked = *question;
    enum rules_verdict verdict = judge(input, rules, again, question);
    enum rules_verdict of_nobody;

    if (asked.user.size == 0)
        return verdict;
    asked.user = SLICE("");
    of_nobody = judge(input, rules, again, &asked);
    CHECK(of_nobody == verdict || of_nobody == RULES_USER || of_nobody == RULES_LATER);
    return verdict;
}

/* What is said before the address is known holds for each; RULES_USER may turn to a refusal. */
static bool
may_follow(enum rules_verdict early, enum rules_verdict verdict)
{
    if (early == RULES_LATER || early == verdict)
        return verdict != RULES_LATER;
    return early == RULES_USER && verdict == RULES_DENY;
}

static void
check_question(const struct input *input, const struct rules *rules, const struct rules *again,
               const struct rules_question *question)
{
    struct rules_question asked = *question;
    const struct rule *door = NULL;
    bool is_admitted = rules_admit(rules, question->client, &door);
    enum rules_verdict early;
    struct places places;

    asked.address = NULL;
    early = judge_with_user(input, rules, again, &asked);
    /* Whoever is not let in at all is never asked these; a rule about users would ask who it
     * is. */
    CHECK(is_admitted || early == RULES_DENY || early == RULES_USER);
    CHECK(rule_origin(door) == RULE_CLIENTS || (is_admitted && rule_text(door)[0] == 'a'));
    list_places(input->rules, &places);
    for (size_t i = 0; i < places.count; i++) {
        enum rules_verdict verdict;

        asked.address = &places.list[i];
        verdict = judge_with_user(input, rules, again, &asked);
        CHECK(may_follow(early, verdict));
    }
    asked.address = question->address;
    if (asked.address != NULL)
        CHECK(may_follow(early, judge_with_user(input, rules, again, &asked)));
}

/* A host as a pool key has it. */
static struct slice
make_host(struct slice word, char *copy)
{
    memcpy(copy, word.data, word.size);
    for (size_t i = 0; i < word.size; i++)
        copy[i] = (char)tolower((unsigned char)copy[i]);
    if (word.size > 0 && copy[word.size - 1] == '.')
        word.size--;
    return (struct slice){copy, word.size};
}

static bool
read_question(struct slice line, struct rules_question *question, struct address at[3],
              char *host)
{
    struct slice client = fuzz_cut_at(&line, ' ');
    const char *sign = client.size > 0 ? memchr(client.data, '@', client.size) : NULL;
    uint64_t port;

    *question = (struct rules_question){.client = &at[0], .listener = &at[2]};
    CHECK(address_parse(SLICE("127.0.0.1:3128"), &at[2]) == ERR_OK);
    if (sign != NULL)
        question->user = fuzz_cut_at(&client, '@');
    if (address_parse_ip(client, 1, &at[0]) != ERR_OK)
        return false;
    question->method = fuzz_cut_at(&line, ' ');
    question->host = make_host(fuzz_cut_at(&line, ' '), host);
    if (slice_to_number(fuzz_cut_at(&line, ' '), UINT16_MAX, &port) != ERR_OK)
        return false;
    question->port = (uint16_t)port;
    if (!slice_equal(question->method, SLICE("CONNECT")))
        question->scheme = port == 443 ? SLICE("https") : SLICE("http");
    if (address_parse_ip(line, 0, &at[1]) == ERR_OK)
        question->address = &at[1];
    return true;
}

/* The list on its own, as long as it is one. */
static void
check_hosts(struct slice hosts, struct slice host)
{
    struct host_set set = {0};
    char why[WHY_SIZE] = "";
    enum err err = host_set_add_file(&set, fuzz_file(1, hosts), why, sizeof(why));

    CHECK((err == ERR_OK) == (why[0] == '\0'));
    if (err == ERR_OK)
        CHECK(host_set_holds(&set, host) == plain_rules_lists(hosts, host));
    host_set_fini(&set);
}

static void
ask(const struct input *input, const struct rules *rules, struct slice questions)
{
    struct rules *again = load_printed(&input->setup, rules);

    for (unsigned i = 0; i < QUESTIONS_MOST && questions.size > 0; i++) {
        struct slice line = fuzz_cut_at(&questions, '\n');
        struct rules_question question;
        struct address at[3];
        char *host = fuzz_copy(line);

        if (read_question(line, &question, at, host)) {
            check_question(input, rules, again, &question);
            check_hosts(input->plain.hosts, question.host);
        }
        free(host);
    }
    rules_free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = {(const char *)data, size};
    char *copy = fuzz_copy(bytes);
    struct slice rest = {copy, size};
    struct input input = {0};
    struct rules *rules;

    read_input(&input, &rest);
    if (load(&input.setup, &rules)) {
        ask(&input, rules, rest);
        rules_free(rules);
    } else {
        check_refused(&input.setup);
    }
    free_input(&input);
    free(copy);
    return 0;
}
