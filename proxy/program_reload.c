/*
 * New settings for the parts of the process, at its start and on SIGHUP. The main thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "proxy/descriptors.h"
#include "proxy/profiles.h"
#include "proxy/program_inside.h"

struct pool_settings
program_pool_settings(const struct config *config)
{
    return (struct pool_settings){
        .idle_timeout_ms = config->pool_idle_timeout,
        .learns_idle_timeout = config->pool_learn_idle_timeout == SWITCH_ON,
        .max_age_ms = config->pool_max_age,
        .max_uses = config->pool_max_uses,
        .max_per_host = config->pool_max_per_host,
        .max_parked_per_host = config->pool_max_parked_per_host,
        .max_dials_per_host = config->pool_max_dials_per_host,
        .max_per_client = config->pool_max_per_client,
        .max_total = config->pool_max_total,
        .max_parked = config->pool_max_parked,
        .max_tunnels = config->pool_max_tunnels,
        .max_pinned = config->pool_max_pinned,
        .max_waiting = config->pool_max_waiting,
        .max_hosts = config->pool_max_hosts,
        .fresh_for_unsafe_ms = config->pool_fresh_for_unsafe,
        .quarantine_ms = config->pool_quarantine,
        .holddown_ms = config->pool_holddown,
        .connect_timeout_ms = config->timeout_connect,
        .handshake_timeout_ms = config->timeout_tls,
        .queue_timeout_ms = config->timeout_queue,
        .share_by_address = config->pool_share_by_address == SWITCH_ON,
        .follow_dns = config->pool_follow_dns == SWITCH_ON,
        .keepalive = {config->tcp_keepalive, config->tcp_keepalive_interval,
                      config->tcp_keepalive_probes},
        .fast_open = config->tcp_fast_open == SWITCH_ON,
        .user_timeout_ms = config->tcp_user_timeout,
    };
}

struct auth_settings
program_auth_settings(const struct config *config)
{
    return (struct auth_settings){
        .path = config->auth_users_file,
        .users = config->users,
        .remember_ms = config->auth_remember,
        .max_waiting = config->auth_max_waiting,
    };
}

void
program_configure_log(const struct config *config)
{
    log_configure((enum log_level)config->log_level, config->log_target == LOG_TARGET_SYSLOG);
}

static void
tell_what_waits(const struct config *first, const struct config *new)
{
    for (size_t i = 0; i < SETTING_TOTAL; i++) {
        const struct setting *setting = setting_at(i);
        char *before;
        char *after;

        if (setting->when != SETTING_START)
            continue;
        before = config_text(first, setting);
        after = config_text(new, setting);
        if (strcmp(before, after) != 0)
            log_event(LOG_LEVEL_WARN, "setting takes effect after a restart",
                      "setting=%s.%s now=\"%s\" then=\"%s\"", setting->section, setting->key,
                      before, after);
        free(before);
        free(after);
    }
}

/* Addresses may come later (a standby's, a lease's), so that this is no error. */
static void
tell_if_missing(const struct source *source, sa_family_t family)
{
    const struct address *address = source_address(source, family);
    char text[ADDRESS_TEXT_SIZE];
    int fd;

    if (address == NULL)
        return;
    fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1 || bind(fd, &address->any, address_size(address)) == -1)
        log_event(LOG_LEVEL_WARN, "cannot connect from this address now",
                  "setting=tcp.source line=%zu address=%s err=%s", source_number(source),
                  address_format_ip(address, text), err_word(err_from_errno(errno)));
    if (fd != -1)
        close(fd);
}

void
program_tell_sources(const struct config *config)
{
    const struct source *source;

    for (size_t i = 0; (source = sources_at(config->sources, i)) != NULL; i++) {
        tell_if_missing(source, AF_INET);
        tell_if_missing(source, AF_INET6);
    }
}

void
program_tell_unverified(const struct config *config)
{
    const char *line;

    for (size_t i = 0; (line = profiles_unverified(config->profiles, i)) != NULL; i++)
        log_event(LOG_LEVEL_WARN, "certificates of these origins are not checked",
                  "setting=tls.origins line=\"%s\"", line);
}

static void
apply(struct program *program, struct config *config)
{
    struct pool_settings pool_settings = program_pool_settings(config);
    struct auth_settings auth_settings = program_auth_settings(config);

    tell_what_waits(program->first, config);
    program_configure_log(config);
    program_tell_sources(config);
    program_tell_unverified(config);
    profiles_adopt(config->profiles, program->config->profiles);
    pool_configure(program->pool, &pool_settings);
    auth_configure(program->auth, &auth_settings);
    for (size_t i = 0; i < program->worker_count; i++)
        worker_reload(program->workers[i], config);
    config_unref(program->config);
    program->config = config;
    program->overview.config = config;
}

void
program_reload(struct program *program)
{
    struct config *config;
    struct complaint complaint;
    enum err err = config_load(program->sources, &config, &complaint);

    if (err == ERR_OK) {
        err = config_check_exposure(config, config, &complaint);
        if (err == ERR_OK)
            err = config_check_exposure(config, program->first, &complaint);
        if (err != ERR_OK)
            config_unref(config);
    }
    if (err == ERR_OK) {
        descriptors_fit(config, program->worker_count);
        apply(program, config);
        log_event(LOG_LEVEL_INFO, "settings read again", NULL);
    } else {
        log_event(LOG_LEVEL_ERROR, "settings stay as they were", "why=\"%s\"", complaint.text);
    }
    /* Also after a bad file: what rotates logs sends SIGHUP, too. */
    err = access_log_reopen(program->access_log, program->config->log_access);
    if (err != ERR_OK)
        log_event(LOG_LEVEL_ERROR, "access log stays where it was", "target=\"%s\" err=%s",
                  program->config->log_access, err_word(err));
}
