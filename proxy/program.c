/*
 * The life of the process: start, drain, end; program_reload.c has the reload. All of it on the
 * main thread.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "dns/cache.h"
#include "proxy/admin.h"
#include "proxy/cores.h"
#include "proxy/descriptors.h"
#include "proxy/program_inside.h"

/* Accounts of limits that nobody uses, some 10 MB of them: see docs/limits.md. */
#define IDLE_ACCOUNTS 65536

/* ---- end ---- */

static void
stop_workers(struct program *program)
{
    if (program->is_stopping)
        return;
    program->is_stopping = true;
    for (size_t i = 0; i < program->worker_count; i++)
        worker_stop(program->workers[i]);
}

static void
drain(struct program *program)
{
    unsigned ms = program->config->drain_timeout;
    struct timeval timeout = loop_delay_ms(ms);

    program->overview.is_draining = true;
    log_event(LOG_LEVEL_INFO, "draining", "timeout_ms=%u", ms);
    for (size_t i = 0; i < program->worker_count; i++)
        worker_drain(program->workers[i]);
    pool_clear(program->pool);
    event_add(program->deadline, &timeout);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct program *program = arg;

    (void)fd;
    (void)what;
    log_event(LOG_LEVEL_WARN, "drain took too long", "workers=%zu", program->running);
    stop_workers(program);
}

static void
on_departure(struct letter *letter)
{
    struct program *program = ((struct departure *)letter)->program;

    program->running--;
    if (program->running == 0)
        event_base_loopbreak(program->base);
}

static void
on_hangup(evutil_socket_t number, short what, void *arg)
{
    struct program *program = arg;

    (void)number;
    (void)what;
    if (!program->overview.is_draining)
        program_reload(program);
}

/* The first one drains, the second one ends at once, and no third one may be needed. */
static void
on_terminate(evutil_socket_t number, short what, void *arg)
{
    struct program *program = arg;

    (void)number;
    (void)what;
    if (program->is_stopping)
        _exit(1);
    if (program->overview.is_draining)
        stop_workers(program);
    else
        drain(program);
}

static void
on_second(evutil_socket_t fd, short what, void *arg)
{
    struct program *program = arg;

    (void)fd;
    (void)what;
    pool_sweep(program->pool);
    limit_table_sweep(program->limits, clock_now_ns());
    auth_look(program->auth);
    relief_look(&program->relief,
                atomic_load_explicit(&program->all_clients, memory_order_relaxed));
}

/* ---- start ---- */

static void
tell_stray_variables(const struct config_sources *sources)
{
    size_t position = 0;
    const char *variable;

    if (sources->environment == NULL)
        return;
    while ((variable = config_stray_variable(sources->environment, &position)) != NULL)
        log_event(LOG_LEVEL_INFO, "variable names no setting", "variable=%.*s",
                  (int)strcspn(variable, "="), variable);
}

/* What libevent has to say goes the way of our own lines. */
static void
on_library_message(int severity, const char *text)
{
    enum log_level level = LOG_LEVEL_WARN;

    if (severity == EVENT_LOG_DEBUG)
        level = LOG_LEVEL_DEBUG;
    else if (severity == EVENT_LOG_ERR)
        level = LOG_LEVEL_ERROR;
    log_event(level, "libevent", "text=\"%s\"", text);
}

static void
watch_events(struct program *program)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    struct timeval second = {.tv_sec = 1};

    program->signals[0] = evsignal_new(program->base, SIGHUP, on_hangup, program);
    for (size_t i = 0; i < 2; i++)
        program->signals[i + 1] =
            evsignal_new(program->base, numbers[i], on_terminate, program);
    for (size_t i = 0; i < 3; i++)
        event_add(program->signals[i], NULL);
    program->deadline = evtimer_new(program->base, on_deadline, program);
    program->janitor = event_new(program->base, -1, EV_PERSIST, on_second, program);
    event_add(program->janitor, &second);
}

static enum err
add_worker(struct program *program, size_t number, size_t count)
{
    int *fds = xcalloc(program->listening.proxy_count + 1, sizeof(*fds));
    struct departure *departure = &program->departures[number];
    struct worker_setup setup = {
        .config = program->config,
        .pool = program->pool,
        .names = program->names,
        .listeners = fds,
        .listener_count = program->listening.proxy_count,
        .own = {.list = program->listening.bound, .count = program->listening.bound_count},
        .all_clients = &program->all_clients,
        .limits = program->limits,
        .access_log = program->access_log,
        .auth = program->auth,
        .workers = program->workers,
        .worker_count = count,
        .main = program->mailbox,
        .on_done = &departure->letter,
    };
    enum err err;

    departure->letter.on_mail = on_departure;
    departure->program = program;
    listening_take(&program->listening, number, fds);
    err = worker_new(&setup, &program->workers[number]);
    if (err == ERR_OK)
        program->worker_count++;
    free(fds);
    return err;
}

static enum err
start_workers(struct program *program, size_t count, struct complaint *complaint)
{
    enum err err = ERR_OK;

    program->workers = xcalloc(count, sizeof(struct worker *));
    program->departures = xcalloc(count, sizeof(program->departures[0]));
    for (size_t i = 0; i < count && err == ERR_OK; i++)
        err = add_worker(program, i, count);
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        err = worker_start(program->workers[i]);
        program->running += err == ERR_OK;
    }
    if (err != ERR_OK)
        complain(complaint, "cannot start a worker: %s", err_text(err));
    return err;
}

static enum err
open_access_log(struct program *program, struct complaint *complaint)
{
    enum err err = access_log_open(program->config->log_access, &program->access_log);

    if (err != ERR_OK)
        complain(complaint, "cannot open the access log %s: %s", program->config->log_access,
                 err_text(err));
    return err;
}

static enum err
start_auth(struct program *program, struct complaint *complaint)
{
    struct auth_settings settings = program_auth_settings(program->config);
    enum err err = auth_new(&settings, &program->auth);

    if (err != ERR_OK)
        complain(complaint, "cannot start the thread that checks passwords: %s", err_text(err));
    return err;
}

static void
start_admin(struct program *program)
{
    program->overview = (struct overview){
        .pool = program->pool,
        .names = program->names,
        .workers = program->workers,
        .worker_count = program->worker_count,
        .access_log = program->access_log,
        .limits = program->limits,
        .auth = program->auth,
        .config = program->config,
        .started_ms = clock_now_ms(),
    };
    if (program->listening.admin_fd != -1)
        program->admin = admin_new(program->base, listening_take_admin(&program->listening),
                                   &program->overview);
}

static enum err
start(struct program *program, struct complaint *complaint)
{
    size_t count = program->config->proxy_workers;
    struct pool_settings pool_settings;
    struct resolver_settings resolver_settings;
    enum err err;

    if (count == 0)
        count = cores_usable();
    descriptors_fit(program->config, count);
    pool_settings = program_pool_settings(program->config);
    program->base = loop_new();
    program->mailbox = program->base != NULL ? mailbox_new(program->base) : NULL;
    if (program->mailbox == NULL) {
        complain(complaint, "cannot make an event loop: %s", err_text(err_from_errno(errno)));
        return ERR_IO;
    }
    err = listening_open(program->config, count, &program->listening, complaint);
    if (err == ERR_OK)
        err = open_access_log(program, complaint);
    if (err != ERR_OK)
        return err;
    program->pool = pool_new(&pool_settings);
    program->limits = limit_table_new(IDLE_ACCOUNTS);
    worker_resolver_settings(program->config, &resolver_settings);
    program->names = cache_new(&resolver_settings);
    watch_events(program);
    err = start_auth(program, complaint);
    if (err == ERR_OK)
        err = start_workers(program, count, complaint);
    if (err != ERR_OK)
        return err;
    start_admin(program);
    return ERR_OK;
}

/* What starts us waits for this line; it says where we really are. */
static void
tell_ready(const struct program *program)
{
    const struct listening *listening = &program->listening;
    char text[ADDRESS_TEXT_SIZE];

    printf("carpool %s ready: proxy", CARPOOL_VERSION);
    for (size_t i = 0; i < listening->proxy_count; i++)
        printf(" http://%s", address_format(&listening->bound[i], text));
    if (listening->admin_file.path != NULL)
        printf(" admin unix:%s", listening->admin_file.path);
    else if (program->admin != NULL)
        printf(" admin http://%s",
               address_format(&listening->bound[listening->proxy_count], text));
    else
        printf(" admin off");
    printf(" workers %zu\n", program->worker_count);
    fflush(stdout);
}

/* "-" where nothing was opened nor reused. */
static const char *
write_ratio(uint64_t reused, uint64_t opened, char *to, size_t size)
{
    snprintf(to, size, "-");
    if (reused + opened > 0)
        snprintf(to, size, "%.4f", (double)reused / (double)(reused + opened));
    return to;
}

/* What docs/measuring.md explains, in one line. */
static void
tell_end(const struct program *program)
{
    struct overview_sums sums;
    struct host_sums hosts;
    const uint64_t *pool = sums.pool;
    unsigned long long saved_us;
    char ratio[16];

    overview_sum(&program->overview, &sums);
    (void)pool_hosts(program->pool, HOSTS_BY_SAVED, NULL, 0, &hosts);
    saved_us = ledger_saved_us(&hosts.total);
    log_event(LOG_LEVEL_INFO, "stopped",
              "requests=%llu opened=%llu reused=%llu reuse_ratio=%s tunnels=%llu "
              "connect_median_us=%lu "
              "dns_median_us=%lu modelled_saved_us=%llu uptime_ms=%llu",
              (unsigned long long)sums.proxy[PROXY_STAT_REQUESTS],
              (unsigned long long)pool[POOL_STAT_OPENED],
              (unsigned long long)pool[POOL_STAT_REUSED],
              write_ratio(pool[POOL_STAT_REUSED], pool[POOL_STAT_OPENED], ratio, sizeof(ratio)),
              (unsigned long long)pool[POOL_STAT_TUNNELS],
              (unsigned long)hosts.total.connect_us, (unsigned long)hosts.total.dns_us,
              saved_us, (unsigned long long)(clock_now_ms() - program->overview.started_ms));
}

/* Takes a half-started program, too; then its started workers are stopped first. */
static void
program_fini(struct program *program)
{
    if (program->running > 0) {
        stop_workers(program);
        event_base_dispatch(program->base);
    }
    admin_free(program->admin);
    /* It posts to the workers' mailboxes. */
    if (program->auth != NULL)
        auth_stop(program->auth);
    for (size_t i = 0; i < program->worker_count; i++)
        worker_end(program->workers[i]);
    for (size_t i = 0; i < program->worker_count; i++)
        worker_free(program->workers[i]);
    free(program->workers);
    auth_free(program->auth);
    if (program->pool != NULL)
        pool_free(program->pool);
    limit_table_free(program->limits);
    cache_free(program->names);
    listening_fini(&program->listening);
    access_log_free(program->access_log);
    for (size_t i = 0; i < 3; i++)
        if (program->signals[i] != NULL)
            event_free(program->signals[i]);
    if (program->janitor != NULL)
        event_free(program->janitor);
    if (program->deadline != NULL)
        event_free(program->deadline);
    mailbox_free(program->mailbox);
    free(program->departures);
    if (program->base != NULL)
        event_base_free(program->base);
    config_unref(program->first);
    config_unref(program->config);
}

int
program_run(const struct config_sources *sources, struct config *config)
{
    struct program program = {.sources = sources, .config = config, .first = config};
    struct complaint complaint;
    sigset_t all;
    sigset_t before;
    enum err err;

    config_ref(program.config);
    config_ref(program.first);
    program_configure_log(config);
    tell_stray_variables(sources);
    program_tell_sources(config);
    program_tell_unverified(config);
    descriptors_raise();
    signal(SIGPIPE, SIG_IGN);
    event_set_log_callback(on_library_message);
    /* Workers inherit the mask: signals are the main thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    program.listening.admin_fd = -1;
    err = start(&program, &complaint);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err == ERR_OK) {
        tell_ready(&program);
        event_base_dispatch(program.base);
        tell_end(&program);
    } else {
        fprintf(stderr, "carpool: %s\n", complaint.text);
    }
    program_fini(&program);
    return err == ERR_OK ? 0 : 1;
}
