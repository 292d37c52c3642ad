#ifndef CARPOOL_PROXY_CONFIG_H
#define CARPOOL_PROXY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/address.h"
#include "base/err.h"
#include "proxy/complaint.h"
#include "proxy/policy/htpasswd.h"
#include "proxy/policy/rules.h"
#include "proxy/policy/sources.h"
#include "proxy/settings.h"

struct profiles;

/* The choices, in the order of settings.def; log.level is an enum log_level, dns.family an
 * enum dns_family. */
enum forwarded { FORWARDED_OFF, FORWARDED_RFC7239, FORWARDED_X };
enum setting_switch { SWITCH_OFF, SWITCH_ON };
enum https_requests { HTTPS_OFF, HTTPS_LOOPBACK, HTTPS_ON };
enum log_target { LOG_TARGET_STDERR, LOG_TARGET_SYSLOG };

/*
 * All settings, immutable once loaded. The members are those of settings.def, named section_key
 * (pool_idle_timeout: milliseconds), and what was understood from the texts among them.
 * References are counted atomically: one per holder of an epoch, not one per request.
 */
struct config {
#define CONFIG_COUNT unsigned
#define CONFIG_MSEC unsigned
#define CONFIG_SIZE uint64_t
#define CONFIG_RATE uint64_t
#define CONFIG_TEXT char *
#define CONFIG_CHOICE unsigned
#define SETTING(section, key, type, ...) CONFIG_##type section##_##key;
#include "proxy/settings.def"
#undef SETTING

    /* understood from the texts */
    struct address *listeners; /* proxy.listen */
    size_t listener_count;
    bool has_admin;            /* admin.listen is an address */
    struct address admin;      /* that one */
    const char *admin_path;    /* of a unix socket in its stead, in the text; NULL: none */
    char *admin_token;         /* what admin.token_file holds; NULL: none. Never shown */
    struct rules *rules;       /* all of access, in one list */
    struct sources *sources;   /* tcp.source */
    struct profiles *profiles; /* tls.origins, tls.ca_file */
    struct htpasswd *users;    /* auth.users_file, as it was when this was loaded; NULL: none */

    /* where each setting was given, such as "carpool.conf:12"; NULL: it is the preset */
    char *given_at[SETTING_TOTAL];

    _Atomic unsigned references;
};

/* One setting from the command line. Texts are borrowed. */
struct assignment {
    const struct setting *setting;
    const char *text;
    const char *given_at; /* "--set pool.max_total" */
};

/* Where settings come from, each going before the one above it. */
struct config_sources {
    const char *file;               /* NULL: what CARPOOL_CONFIG names, or none */
    const char *const *environment; /* as environ; NULL: none */
    const struct assignment *assignments;
    size_t assignment_count;
};

/*
 * Presets < file < environment < command line. On failure (ERR_SYNTAX, or what opening the file
 * gave) the complaint says where, what and what was expected. The caller owns one reference.
 * Main thread only: the file's parser keeps global state.
 */
enum err config_load(const struct config_sources *sources, struct config **config,
                     struct complaint *complaint);

/*
 * Does config say who may use what bound listens on? A public address of which nothing does is
 * ERR_SYNTAX with a complaint; a wildcard is none, as access.clients guards it by its preset.
 * Asked before a config is used to listen, and on a reload also of the config whose listeners
 * stay open from the start; not by config_load(), since carpool's other commands do not listen.
 */
enum err config_check_exposure(const struct config *config, const struct config *bound,
                               struct complaint *complaint);

void config_ref(struct config *config);
void config_unref(struct config *config);

/*
 * The next variable that looks like carpool's but names none of its sections (Kubernetes and
 * Docker set such ones for services called carpool): it has no effect. NULL at the end; start
 * with *position 0.
 */
const char *config_stray_variable(const char *const *environment, size_t *position);

/* A setting's value as a file would have it, without quotes; free() it. */
char *config_text(const struct config *config, const struct setting *setting);

/* A file that loads to the same settings. */
void config_print(const struct config *config, FILE *to);

/* One entry per setting, for --help. */
void config_print_help(FILE *to);

#endif
