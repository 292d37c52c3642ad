/*
 * The lines of tls.origins. Pure but for the files that they name; any thread once they are
 * made.
 */
#include "proxy/profiles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proxy/policy/rule.h"

#define EXPECTED "[verify off] [ca FILE] [certificate FILE [key FILE]] host LIST"

/* What a line says of TLS, as text of its own. */
enum word { WORD_VERIFY, WORD_CA, WORD_CERTIFICATE, WORD_KEY, WORD_COUNT };

static const char *const words[WORD_COUNT] = {"verify", "ca", "certificate", "key"};

struct line {
    TAILQ_ENTRY(line) entry;
    struct rule *rule; /* what is to match; that it allows has no meaning */
    struct tls_profile *profile;
    bool is_verified;
    char *text;
};

struct profiles {
    TAILQ_HEAD(, line) list;
    struct tls_profile *rest;
    size_t count;
};

static const struct line *
find_line(const struct profiles *profiles, const struct rules_question *question)
{
    const struct line *line;

    TAILQ_FOREACH (line, &profiles->list, entry)
        if (rule_matches(line->rule, question))
            break;
    return line;
}

struct tls_profile *
profiles_find(const struct profiles *profiles, const struct rules_question *question)
{
    const struct line *line = find_line(profiles, question);

    return line != NULL ? line->profile : profiles->rest;
}

const char *
profiles_line(const struct profiles *profiles, const struct rules_question *question)
{
    const struct line *line = find_line(profiles, question);

    return line != NULL ? line->text : NULL;
}

const char *
profiles_unverified(const struct profiles *profiles, size_t index)
{
    const struct line *line;

    TAILQ_FOREACH (line, &profiles->list, entry)
        if (!line->is_verified && index-- == 0)
            return line->text;
    return NULL;
}

/* ---- making ---- */

static void
line_free(struct line *line)
{
    if (line->rule != NULL)
        rule_free(line->rule);
    tls_profile_unref(line->profile);
    free(line->text);
    free(line);
}

/* Takes the words about TLS from the front of a line; what follows is for the rule. */
static enum err
take_words(struct slice *rest, char *values[WORD_COUNT], char *why, size_t size)
{
    struct slice ahead = *rest;
    struct slice name;

    while (rule_next_word(&ahead, &name)) {
        enum word word = WORD_VERIFY;
        struct slice value;

        while (word < WORD_COUNT && !slice_equal(name, slice_of(words[word])))
            word++;
        if (word == WORD_COUNT)
            return ERR_OK;
        if (!rule_next_word(&ahead, &value) || values[word] != NULL) {
            snprintf(why, size, "%s is there twice or without a value; expected " EXPECTED,
                     words[word]);
            return ERR_SYNTAX;
        }
        values[word] = xcalloc(1, value.size + 1);
        memcpy(values[word], value.data, value.size);
        *rest = ahead;
    }
    return ERR_OK;
}

static const char *
or_empty(const char *text)
{
    return text != NULL ? text : "";
}

/* The profile that the words stand for. */
static enum err
make_profile(struct line *line, char *const values[WORD_COUNT], const char *ca_file, char *why,
             size_t size)
{
    const struct tls_terms terms = {
        .is_verified = values[WORD_VERIFY] == NULL,
        .ca_file = values[WORD_CA] != NULL ? values[WORD_CA] : ca_file,
        .certificate_file = or_empty(values[WORD_CERTIFICATE]),
        .key_file = or_empty(values[WORD_KEY]),
    };
    struct tls_terms own;

    if (values[WORD_VERIFY] != NULL && strcmp(values[WORD_VERIFY], "off") != 0) {
        snprintf(why, size, "verify \"%s\" is not accepted; expected off", values[WORD_VERIFY]);
        return ERR_SYNTAX;
    }
    if (values[WORD_KEY] != NULL && values[WORD_CERTIFICATE] == NULL) {
        snprintf(why, size, "a key without its certificate; expected " EXPECTED);
        return ERR_SYNTAX;
    }
    /* Where it trusts whom all others trust, that file was looked at before. */
    own = terms;
    if (values[WORD_CA] == NULL)
        own.ca_file = "";
    if (!tls_terms_are_good(&own, why, size))
        return ERR_SYNTAX;
    line->is_verified = terms.is_verified;
    line->profile = tls_profile_new(&terms);
    return ERR_OK;
}

/* ---- what is the same is one ---- */

/* One of the others that is the same, or NULL. */
static struct tls_profile *
find_same(const struct profiles *others, const struct tls_profile *profile)
{
    const struct line *line;

    if (tls_profile_is_same(others->rest, profile))
        return others->rest;
    TAILQ_FOREACH (line, &others->list, entry)
        if (tls_profile_is_same(line->profile, profile))
            return line->profile;
    return NULL;
}

static void
share_trust(struct tls_profile *profile, const struct profiles *others)
{
    const struct line *line;

    tls_profile_share_trust(profile, others->rest);
    TAILQ_FOREACH (line, &others->list, entry)
        tls_profile_share_trust(profile, line->profile);
}

/* Takes one of the others that is the same; else, what can be shared with them. */
static void
adopt(struct tls_profile **profile, const struct profiles *others)
{
    struct tls_profile *same = find_same(others, *profile);

    if (same == NULL) {
        share_trust(*profile, others);
        return;
    }
    tls_profile_ref(same);
    tls_profile_unref(*profile);
    *profile = same;
}

/* What follows are the parts of a rule. */
static enum err
make_rule(struct line *line, struct slice parts, bool has_users, char *why, size_t size)
{
    char *text;
    enum err err;

    if (asprintf(&text, "allow %.*s", SLICE_ARGS(parts)) == -1)
        abort(); /* only for want of memory */
    err = rule_parse(slice_of(text), &line->rule, why, size);
    free(text);
    if (err != ERR_OK)
        return err;
    err = ERR_SYNTAX;
    if (line->rule->is_named[PART_ADDRESS])
        snprintf(why, size,
                 "address is not accepted; expected host, as this is chosen before the host's "
                 "address is known");
    else if (line->rule->is_named[PART_USER] && !has_users)
        snprintf(why, size, "it names users, and there are none; expected auth.users_file");
    else if (!line->is_verified &&
             (!line->rule->is_named[PART_HOST] || line->rule->is_negated[PART_HOST]))
        snprintf(why, size, "verify off without a host; expected the hosts that it is for");
    else
        err = ERR_OK;
    return err;
}

static enum err
add_line(struct profiles *profiles, const struct profiles_setup *setup, struct slice text,
         char *why, size_t size)
{
    struct line *line = xcalloc(1, sizeof(*line));
    char *values[WORD_COUNT] = {NULL};
    struct slice rest = text;
    enum err err;

    profiles->count++;
    line->text = xcalloc(1, text.size + 1);
    memcpy(line->text, text.data, text.size);
    err = take_words(&rest, values, why, size);
    if (err == ERR_OK)
        err = make_profile(line, values, setup->ca_file, why, size);
    if (err == ERR_OK) {
        adopt(&line->profile, profiles);
        err = make_rule(line, rest, setup->has_users, why, size);
    }
    if (err == ERR_OK)
        TAILQ_INSERT_TAIL(&profiles->list, line, entry);
    else
        line_free(line);
    for (size_t i = 0; i < WORD_COUNT; i++)
        free(values[i]);
    return err;
}

static enum err
make_rest(struct profiles *profiles, const struct profiles_setup *setup, char *why, size_t size)
{
    const struct tls_terms terms = {
        .is_verified = true, .ca_file = setup->ca_file, .certificate_file = "", .key_file = ""};

    /* The system's authorities are looked for when they are needed. */
    if (setup->ca_file[0] != '\0' && !tls_terms_are_good(&terms, why, size))
        return ERR_SYNTAX;
    profiles->rest = tls_profile_new(&terms);
    return ERR_OK;
}

enum err
profiles_new(const struct profiles_setup *setup, struct profiles **profiles, char *why,
             size_t why_size)
{
    struct profiles *made = xcalloc(1, sizeof(*made));
    struct slice rest = slice_of(setup->origins);
    struct slice line;
    char what[768];
    enum err err;

    TAILQ_INIT(&made->list);
    err = make_rest(made, setup, what, sizeof(what));
    if (err != ERR_OK)
        snprintf(why, why_size, "tls.ca_file: %s", what);
    while (err == ERR_OK && rule_next(&rest, &line)) {
        err = add_line(made, setup, line, what, sizeof(what));
        if (err != ERR_OK)
            snprintf(why, why_size, "tls.origins: line %zu: %s", made->count, what);
    }
    if (err == ERR_OK)
        *profiles = made;
    else
        profiles_free(made);
    return err;
}

void
profiles_free(struct profiles *profiles)
{
    struct line *line;

    if (profiles == NULL)
        return;
    while ((line = TAILQ_FIRST(&profiles->list)) != NULL) {
        TAILQ_REMOVE(&profiles->list, line, entry);
        line_free(line);
    }
    tls_profile_unref(profiles->rest);
    free(profiles);
}

/* ---- after a reload ---- */

void
profiles_adopt(struct profiles *profiles, const struct profiles *others)
{
    struct line *line;

    adopt(&profiles->rest, others);
    TAILQ_FOREACH (line, &profiles->list, entry)
        adopt(&line->profile, others);
}
