/*
 * The settings of the process: put together once, then only read. Loading belongs to the main
 * thread; a loaded config may be read by any.
 */
#include "proxy/config.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proxy/config_set.h"
#include "proxy/profiles.h"

static void *
member(struct config *config, const struct setting *setting)
{
    return (char *)config + setting->offset;
}

static void
config_free(struct config *config)
{
    for (size_t i = 0; i < SETTING_TOTAL; i++) {
        if (setting_at(i)->type == SETTING_TEXT)
            free(*(char **)member(config, setting_at(i)));
        free(config->given_at[i]);
    }
    if (config->admin_token != NULL)
        explicit_bzero(config->admin_token, strlen(config->admin_token));
    free(config->admin_token);
    free(config->listeners);
    rules_free(config->rules);
    sources_free(config->sources);
    profiles_free(config->profiles);
    htpasswd_unref(config->users);
    free(config);
}

void
config_ref(struct config *config)
{
    atomic_fetch_add_explicit(&config->references, 1, memory_order_relaxed);
}

void
config_unref(struct config *config)
{
    if (config == NULL)
        return;
    /* acq_rel: what other holders read happens before it is freed */
    if (atomic_fetch_sub_explicit(&config->references, 1, memory_order_acq_rel) == 1)
        config_free(config);
}

static void
refuse(const struct setting *setting, struct slice bad, const char *given_at,
       struct complaint *complaint)
{
    char expected[256];

    setting_expects(setting, expected, sizeof(expected));
    complain(complaint, "%s: %s.%s: \"%.*s\" is not accepted; expected %s", given_at,
             setting->section, setting->key, (int)(bad.size < 200 ? bad.size : 200), bad.data,
             expected);
}

/* Rules and their like may stand on lines of their own. */
static bool
may_have_lines(const struct setting *setting)
{
    size_t index = setting_index(setting);

    return index == SETTING_access_rules || index == SETTING_tcp_source ||
           index == SETTING_tls_origins;
}

/* No address and no path that anybody means has one. */
static bool
has_control_byte(const char *text, bool has_lines)
{
    for (; *text != '\0'; text++) {
        if (has_lines && (*text == '\n' || *text == '\t'))
            continue;
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    }
    return false;
}

static enum err
set_text(struct config *config, const struct setting *setting, const char *text,
         struct slice *bad)
{
    char **place = member(config, setting);

    *bad = slice_of(text);
    if (bad->size > setting->most || has_control_byte(text, may_have_lines(setting)))
        return ERR_SYNTAX;
    free(*place);
    *place = xstrdup(text);
    return config_understand(config, setting, bad);
}

enum err
config_set(struct config *config, const struct setting *setting, const char *text,
           const char *given_at, struct complaint *complaint)
{
    size_t index = setting_index(setting);
    struct slice bad = slice_of(text);
    uint64_t value = 0;
    enum err err;

    if (setting->type == SETTING_TEXT)
        err = set_text(config, setting, text, &bad);
    else
        err = setting_read(setting, bad, &value);
    if (err != ERR_OK) {
        refuse(setting, bad, given_at != NULL ? given_at : "preset", complaint);
        return ERR_SYNTAX;
    }
    if (setting->type == SETTING_SIZE || setting->type == SETTING_RATE)
        *(uint64_t *)member(config, setting) = value;
    else if (setting->type != SETTING_TEXT)
        *(unsigned *)member(config, setting) = (unsigned)value;
    free(config->given_at[index]);
    config->given_at[index] = given_at != NULL ? xstrdup(given_at) : NULL;
    return ERR_OK;
}

/* Two settings of which one must not be above the other: said of the one that was given. */
static enum err
check_order(const struct config *config, enum setting_index low, enum setting_index high,
            bool is_ordered, struct complaint *complaint)
{
    enum setting_index given = config->given_at[high] != NULL ? high : low;
    char *low_text;
    char *high_text;

    if (is_ordered)
        return ERR_OK;
    low_text = config_text(config, setting_at(low));
    high_text = config_text(config, setting_at(high));
    complain(complaint, "%s: %s.%s (%s) must not be above %s.%s (%s)",
             config->given_at[given] != NULL ? config->given_at[given] : "preset",
             setting_at(low)->section, setting_at(low)->key, low_text,
             setting_at(high)->section, setting_at(high)->key, high_text);
    free(low_text);
    free(high_text);
    return ERR_SYNTAX;
}

static enum err
check_together(const struct config *config, struct complaint *complaint)
{
    enum err err = check_order(config, SETTING_dns_min_ttl, SETTING_dns_max_ttl,
                               config->dns_min_ttl <= config->dns_max_ttl, complaint);

    if (err == ERR_OK)
        err = check_order(config, SETTING_http_max_line, SETTING_http_max_head,
                          config->http_max_line <= config->http_max_head, complaint);
    return err;
}

static enum err
load_users(struct config *config, struct complaint *complaint)
{
    const char *given_at = config->given_at[SETTING_auth_users_file];
    char why[900];

    if (config->auth_users_file[0] == '\0' ||
        htpasswd_load(config->auth_users_file, &config->users, why, sizeof(why)) == ERR_OK)
        return ERR_OK;
    complain(complaint, "%s: auth.users_file: %s", given_at != NULL ? given_at : "preset", why);
    return ERR_SYNTAX;
}

/* As the rules want it. */
static const char *
https_clients(const struct config *config)
{
    if (config->access_https_requests == HTTPS_ON)
        return NULL;
    return config->access_https_requests == HTTPS_OFF ? "" : "loopback";
}

static enum err
make_profiles(struct config *config, struct complaint *complaint)
{
    const struct profiles_setup setup = {.ca_file = config->tls_ca_file,
                                         .origins = config->tls_origins,
                                         .has_users = config->users != NULL};
    const char *given_at = config->given_at[SETTING_tls_origins];
    char why[900];

    if (profiles_new(&setup, &config->profiles, why, sizeof(why)) == ERR_OK)
        return ERR_OK;
    if (strncmp(why, "tls.ca_file", sizeof("tls.ca_file") - 1) == 0)
        given_at = config->given_at[SETTING_tls_ca_file];
    complain(complaint, "%s: %s", given_at != NULL ? given_at : "preset", why);
    return ERR_SYNTAX;
}

static enum err
make_rules(struct config *config, struct complaint *complaint)
{
    const struct rules_setup setup = {
        .rules = config->access_rules,
        .clients = config->access_clients,
        .connect_ports = config->access_connect_ports,
        .allows_private = config->access_private_destinations == SWITCH_ON,
        .https_clients = https_clients(config),
        .has_users = config->users != NULL,
    };
    const char *given_at = config->given_at[SETTING_access_rules];
    char why[900];

    if (rules_new(&setup, &config->rules, why, sizeof(why)) == ERR_OK)
        return ERR_OK;
    /* What the other settings stand for was checked when they were set. */
    complain(complaint, "%s: access.rules: %s", given_at != NULL ? given_at : "preset", why);
    return ERR_SYNTAX;
}

static enum err
make_sources(struct config *config, struct complaint *complaint)
{
    const char *given_at = config->given_at[SETTING_tcp_source];
    char why[900];

    if (sources_new(config->tcp_source, config->users != NULL, &config->sources, why,
                    sizeof(why)) == ERR_OK)
        return ERR_OK;
    complain(complaint, "%s: tcp.source: %s", given_at != NULL ? given_at : "preset", why);
    return ERR_SYNTAX;
}

static enum err
config_fill(struct config *config, const struct config_sources *sources,
            struct complaint *complaint)
{
    const char *file = sources->file;
    enum err err = ERR_OK;

    for (size_t i = 0; i < SETTING_TOTAL && err == ERR_OK; i++)
        err = config_set(config, setting_at(i), setting_at(i)->preset, NULL, complaint);
    assert(err == ERR_OK);
    if (file == NULL && sources->environment != NULL)
        file = config_file_of_environment(sources->environment);
    if (file != NULL)
        err = config_read_file(config, file, complaint);
    if (err == ERR_OK && sources->environment != NULL)
        err = config_read_environment(config, sources->environment, complaint);
    for (size_t i = 0; i < sources->assignment_count && err == ERR_OK; i++)
        err = config_set(config, sources->assignments[i].setting, sources->assignments[i].text,
                         sources->assignments[i].given_at, complaint);
    if (err == ERR_OK)
        err = check_together(config, complaint);
    if (err == ERR_OK)
        err = load_users(config, complaint);
    if (err == ERR_OK)
        err = make_profiles(config, complaint);
    if (err == ERR_OK)
        err = make_rules(config, complaint);
    if (err == ERR_OK)
        err = make_sources(config, complaint);
    if (err == ERR_OK)
        err = config_read_token(config, complaint);
    return err;
}

enum err
config_load(const struct config_sources *sources, struct config **config,
            struct complaint *complaint)
{
    struct config *made = xcalloc(1, sizeof(*made));
    enum err err;

    atomic_init(&made->references, 1);
    err = config_fill(made, sources, complaint);
    if (err == ERR_OK)
        *config = made;
    else
        config_unref(made);
    return err;
}
