/* A second reader of rules: see plain_rules.h. Any thread. */
#include "tests/fuzz/plain_rules.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

/* ---- addresses: all of them as 128 bits, IPv4 in its IPv6 clothes ---- */

#define V4_CLOTHES "::ffff:"

struct bits {
    unsigned char bytes[16];
};

static bool
read_bits(struct slice text, struct bits *bits)
{
    char copy[128];

    if (text.size > 1 && text.data[0] == '[')
        text = (struct slice){text.data + 1, text.size - 2};
    snprintf(copy, sizeof(copy), "%s%.*s",
             memchr(text.data, ':', text.size) == NULL ? V4_CLOTHES : "", SLICE_ARGS(text));
    copy[strcspn(copy, "%")] = '\0';
    return inet_pton(AF_INET6, copy, bits->bytes) == 1;
}

static bool
begins_with(const struct bits *a, const struct bits *b, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (((a->bytes[i / 8] ^ b->bytes[i / 8]) & (0x80 >> i % 8)) != 0)
            return false;
    return true;
}

static bool
is_in(const struct bits *address, const char *network, unsigned count)
{
    struct bits bits;

    CHECK(read_bits(slice_of(network), &bits));
    return begins_with(address, &bits, count);
}

static struct bits
undress(struct bits address)
{
    struct bits plain;

    if (!is_in(&address, "64:ff9b::", 96))
        return address;
    CHECK(read_bits(SLICE("0.0.0.0"), &plain));
    memcpy(plain.bytes + 12, address.bytes + 12, 4);
    return plain;
}

/* "10.0.0.0/8", where IPv6 ranges hold no IPv4 address. */
static bool
range_holds(struct slice range, const struct bits *address)
{
    struct slice ip = fuzz_cut_at(&range, '/');
    bool is_v4 = memchr(ip.data, ':', ip.size) == NULL;
    bool is_clothed;
    struct bits bits;
    unsigned count = 128;

    CHECK(read_bits(ip, &bits));
    bits = undress(bits);
    is_clothed = !is_v4 && is_in(&bits, "::ffff:0:0", 96);
    if (range.size > 0)
        count = (is_v4 ? 96 : 0) + (unsigned)strtoul(range.data, NULL, 10);
    if (!is_v4 && !is_clothed && is_in(address, "::ffff:0:0", 96))
        return false;
    return begins_with(address, &bits, count);
}

struct network {
    const char *word;
    const char *base;
    unsigned bits;
};

static const struct network networks[] = {
    {"unspecified", "0.0.0.0", 96 + 8},
    {"unspecified", "::", 128},
    {"loopback", "127.0.0.0", 96 + 8},
    {"loopback", "::1", 128},
    {"link-local", "169.254.0.0", 96 + 16},
    {"link-local", "fe80::", 10},
    {"private", "10.0.0.0", 96 + 8},
    {"private", "172.16.0.0", 96 + 12},
    {"private", "192.168.0.0", 96 + 16},
    {"private", "100.64.0.0", 96 + 10},
    {"private", "fc00::", 7},
    {"multicast", "224.0.0.0", 96 + 4},
    {"multicast", "255.255.255.255", 128},
    {"multicast", "ff00::", 8},
};

static const char *
kind_of(const struct bits *address)
{
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++)
        if (is_in(address, networks[i].base, networks[i].bits))
            return networks[i].word;
    return "public";
}

static bool
address_matches(struct slice element, const struct address *address, bool is_client)
{
    char text[ADDRESS_TEXT_SIZE];
    const char *kind;
    struct bits bits;

    CHECK(read_bits(slice_of(address_format_ip(address, text)), &bits));
    bits = undress(bits);
    kind = kind_of(&bits);
    if (slice_equal(element, SLICE("all")) || slice_equal(element, slice_of(kind)))
        return true;
    if (is_client && slice_equal(element, SLICE("private")))
        return strcmp(kind, "link-local") == 0;
    return (isdigit((unsigned char)element.data[0]) ||
            memchr(element.data, ':', element.size) != NULL) &&
           range_holds(element, &bits);
}

/* "127.0.0.1", "[::]:3128": one without a port, or with port 0, is met at any. */
static bool
listener_matches(struct slice element, const struct address *met)
{
    char text[ADDRESS_TEXT_SIZE];
    struct slice port = SLICE("");
    struct bits bits;
    struct bits wanted;

    if (element.size > 0 && element.data[0] == '[') {
        struct slice rest = element;

        element = fuzz_cut_at(&rest, ']');
        fuzz_cut(&element, 1);
        fuzz_cut(&rest, rest.size > 0);
        port = rest;
    } else if (memchr(element.data, ':', element.size) ==
               memrchr(element.data, ':', element.size)) {
        port = element;
        element = fuzz_cut_at(&port, ':');
    }
    CHECK(read_bits(element, &wanted));
    CHECK(read_bits(slice_of(address_format_ip(met, text)), &bits));
    wanted = undress(wanted);
    bits = undress(bits);
    if (port.size > 0 && strtoul(port.data, NULL, 10) != 0 &&
        strtoul(port.data, NULL, 10) != address_port(met))
        return false;
    return strcmp(kind_of(&wanted), "unspecified") == 0 || begins_with(&wanted, &bits, 128);
}

/* ---- the other parts ---- */

static bool
host_matches(struct slice element, struct slice host)
{
    bool is_suffix = element.size > 0 && element.data[0] == '.';

    if (is_suffix)
        fuzz_cut(&element, 1);
    if (element.size > 0 && element.data[element.size - 1] == '.')
        element.size--;
    if (host.size == element.size)
        return slice_equal_nocase(host, element);
    return is_suffix && slice_ends_nocase(host, element) &&
           host.data[host.size - element.size - 1] == '.';
}

bool
plain_rules_lists(struct slice list, struct slice host)
{
    while (list.size > 0) {
        struct slice line = fuzz_cut_at(&list, '\n');

        if (line.size > 0 && line.data[line.size - 1] == '\r')
            line.size--;
        line = slice_trim(fuzz_cut_at(&line, '#'));
        if (line.size > 0 && host_matches(line, host))
            return true;
    }
    return false;
}

static bool
port_matches(struct slice element, uint16_t port)
{
    unsigned long low = strtoul(element.data, NULL, 10);
    const char *dash = memchr(element.data, '-', element.size);

    return port >= low && port <= (dash != NULL ? strtoul(dash + 1, NULL, 10) : low);
}

static bool
user_matches(struct slice element, struct slice user)
{
    if (slice_equal(element, SLICE("all")))
        return true;
    return user.size > 0 &&
           (slice_equal(element, SLICE("known")) || slice_equal(element, user));
}

static bool
element_matches(const struct plain_rules *plain, struct slice part, struct slice element,
                const struct rules_question *question)
{
    switch (part.data[0]) {
    case 'c':
        return address_matches(element, question->client, true);
    case 'h':
        if (element.size > 5 && memcmp(element.data, "file:", 5) == 0)
            return plain_rules_lists(plain->hosts, question->host);
        return host_matches(element, question->host);
    case 'a':
        return address_matches(element, question->address, false);
    case 'p':
        return port_matches(element, question->port);
    case 'u':
        return user_matches(element, question->user);
    case 'l':
        return listener_matches(element, question->listener);
    case 's':
        return slice_equal(element, question->scheme);
    default:
        return slice_equal(element, question->method);
    }
}

/* ---- rules ---- */

/* The next word, where blanks behind a comma end none. */
static struct slice
cut_word(struct slice *rest)
{
    struct slice word = {rest->data, 0};

    while (rest->size > 0 && isblank((unsigned char)rest->data[0]))
        fuzz_cut(rest, 1);
    word.data = rest->data;
    while (rest->size > 0 && !isblank((unsigned char)rest->data[0])) {
        bool is_comma = rest->data[0] == ',';

        fuzz_cut(rest, 1);
        while (is_comma && rest->size > 0 && isblank((unsigned char)rest->data[0]))
            fuzz_cut(rest, 1);
    }
    word.size = (size_t)(rest->data - word.data);
    return word;
}

static bool
list_matches(const struct plain_rules *plain, struct slice part, struct slice list,
             const struct rules_question *question)
{
    bool is_negated = list.data[0] == '!';
    bool is_found = false;

    if (is_negated)
        fuzz_cut(&list, 1);
    while (list.size > 0) {
        struct slice element = slice_trim(fuzz_cut_at(&list, ','));

        is_found =
            is_found || (element.size > 0 && element_matches(plain, part, element, question));
    }
    return is_found != is_negated;
}

enum answer { NO, PERHAPS, YES };

/* What a rule says of a question, and which parts it has, by their first letters. */
struct opinion {
    enum answer answer;
    bool asks; /* for a user */
    char named[16];
};

/* Nobody is named, and it matters who it would be. */
static bool
asks_for_user(struct slice list, const struct rules_question *question)
{
    while (list.size > 0 && list.data[0] == '!')
        fuzz_cut(&list, 1);
    while (list.size > 0)
        if (slice_equal(slice_trim(fuzz_cut_at(&list, ',')), SLICE("all")))
            return false;
    return question->user.size == 0;
}

static struct opinion
ask_parts(const struct plain_rules *plain, struct slice rule,
          const struct rules_question *question)
{
    struct opinion opinion = {.answer = YES};
    char *named = opinion.named;

    cut_word(&rule);
    while (opinion.answer != NO) {
        struct slice part = cut_word(&rule);
        struct slice list = cut_word(&rule);

        if (part.size == 0)
            break;
        *named++ = part.data[0];
        if (part.data[0] == 'u' && asks_for_user(list, question))
            opinion.asks = true;
        else if (part.data[0] == 'a' && question->address == NULL)
            opinion.answer = PERHAPS;
        else if (!list_matches(plain, part, list, question))
            opinion.answer = NO;
    }
    return opinion;
}

/* One that an allow of access.rules does not set aside unless it names the part. */
struct plain_border {
    char part;
    char *text;
};

#define BORDERS_MOST 6

static void
add_border(struct plain_rules *plain, char part, const char *begin, const char *end)
{
    struct plain_border *border = &plain->borders[plain->border_count++];

    border->part = part;
    CHECK(asprintf(&border->text, "%s%s", begin, end) != -1);
}

void
plain_rules_init(struct plain_rules *plain, const struct rules_setup *setup, struct slice hosts)
{
    *plain = (struct plain_rules){.setup = setup, .hosts = hosts};
    plain->borders = calloc(BORDERS_MOST, sizeof(plain->borders[0]));
    CHECK(plain->borders != NULL);
    add_border(plain, 'c', "deny client !", setup->clients);
    if (setup->has_users)
        add_border(plain, 'u', "deny user !known", "");
    if (setup->https_clients != NULL)
        add_border(plain, 's',
                   setup->https_clients[0] != '\0' ? "deny client !loopback " : "deny ",
                   "scheme https");
    add_border(plain, 'p', "deny client !loopback method CONNECT port !443,",
               setup->connect_ports);
    add_border(plain, 'a', "deny client !loopback address ", "loopback,link-local,unspecified");
    if (!setup->allows_private)
        add_border(plain, 'a', "deny address private", "");
}

void
plain_rules_fini(struct plain_rules *plain)
{
    for (unsigned i = 0; i < plain->border_count; i++)
        free(plain->borders[i].text);
    free(plain->borders);
}

/* Where a rule of access.rules begins and ends; false behind the last. */
static bool
cut_rule(struct slice *rest, struct slice *rule)
{
    while (rest->size > 0) {
        size_t size = 0;

        while (size < rest->size && strchr("\n;#", rest->data[size]) == NULL)
            size++;
        *rule = slice_trim(fuzz_cut(rest, size));
        if (rest->size > 0 && rest->data[0] == '#')
            fuzz_cut(rest, strcspn(rest->data, "\n"));
        fuzz_cut(rest, 1);
        if (rule->size > 0)
            return true;
    }
    return false;
}

static struct opinion
ask_rule(const struct plain_rules *plain, struct slice rule,
         const struct rules_question *question)
{
    struct opinion opinion = ask_parts(plain, rule, question);

    for (unsigned i = 0; i < plain->border_count && rule.data[0] == 'a'; i++) {
        const struct plain_border *border = &plain->borders[i];
        struct opinion outside;

        if (opinion.answer == NO || strchr(opinion.named, border->part) != NULL)
            continue;
        outside = ask_parts(plain, slice_of(border->text), question);
        if (outside.answer != NO && outside.asks)
            opinion.asks = true;
        else if (outside.answer == YES)
            opinion.answer = NO;
        else if (outside.answer == PERHAPS)
            opinion.answer = PERHAPS;
    }
    return opinion;
}

/* What may come of it so far, and by which rule first; 0: by none. */
struct outlook {
    size_t allows;
    size_t denies;
    size_t asks;
    size_t last;
    bool is_sure;
};

static void
note(size_t *first, size_t number)
{
    if (*first == 0)
        *first = number;
}

static void
hear(struct outlook *outlook, size_t number, bool is_allow, struct opinion opinion)
{
    if (outlook->is_sure || opinion.answer == NO)
        return;
    if (opinion.asks)
        note(&outlook->asks, number);
    else
        note(is_allow ? &outlook->allows : &outlook->denies, number);
    outlook->is_sure = opinion.answer == YES;
    outlook->last = number;
}

static size_t
first_of(const struct outlook *outlook)
{
    size_t first = outlook->allows;

    if (outlook->denies != 0 && outlook->denies < first)
        first = outlook->denies;
    if (outlook->asks != 0 && outlook->asks < first)
        first = outlook->asks;
    return first;
}

enum rules_verdict
plain_rules_judge(const struct plain_rules *plain, const struct rules_question *question,
                  size_t *number)
{
    struct slice rest = slice_of(plain->setup->rules);
    struct outlook outlook = {0};
    struct slice rule;
    size_t at = 0;

    while (cut_rule(&rest, &rule))
        hear(&outlook, ++at, rule.data[0] == 'a', ask_rule(plain, rule, question));
    for (unsigned i = 0; i < plain->border_count; i++)
        hear(&outlook, ++at, false,
             ask_parts(plain, slice_of(plain->borders[i].text), question));
    hear(&outlook, ++at, true, (struct opinion){.answer = YES});
    *number = outlook.last;
    if (outlook.allows == 0 && outlook.asks == 0)
        return RULES_DENY;
    if (outlook.denies == 0 && outlook.asks == 0)
        return RULES_ALLOW;
    if (outlook.allows == 0 && outlook.denies == 0)
        return RULES_USER;
    *number = outlook.allows != 0 ? first_of(&outlook) : outlook.asks;
    return outlook.allows != 0 ? RULES_LATER : RULES_USER;
}
