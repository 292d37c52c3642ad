/*
 * The command line. Main thread only.
 */
#include "proxy/options.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* Which commands take an option. */
#define RUN 1u
#define HEALTH 2u
#define CONNECTIONS 4u
#define REPORT 8u
#define ALL (RUN | HEALTH | CONNECTIONS | REPORT)

enum option_id {
    OPTION_CONFIG,
    OPTION_LISTEN,
    OPTION_ADMIN,
    OPTION_WORKERS,
    OPTION_SET,
    OPTION_URL,
    OPTION_HOST,
    OPTION_STATE,
    OPTION_LOCAL,
    OPTION_REMOTE,
    OPTION_JSON,
    OPTION_CLOSE,
    OPTION_CHECK_CONFIG,
    OPTION_PRINT_CONFIG,
    OPTION_EXPLAIN,
    OPTION_CLIENT,
    OPTION_LISTENER,
    OPTION_USER,
    OPTION_ADDRESS,
    OPTION_VERSION,
    OPTION_HELP,
};

struct option {
    const char *name;
    const char *value; /* how --help writes it; NULL: takes none */
    unsigned commands;
    enum option_id id;
    const char *help;
};

static const struct option rows[] = {
    {"--config", "FILE", ALL, OPTION_CONFIG, "read settings from this file"},
    {"--listen", "ADDR:PORT", RUN | HEALTH, OPTION_LISTEN,
     "accept clients here; may be repeated"},
    {"--admin", "ADDR:PORT|off", RUN | CONNECTIONS | REPORT, OPTION_ADMIN,
     "status and metrics"},
    {"--workers", "N", RUN, OPTION_WORKERS, "threads; 0: one per usable core"},
    {"--set", "SECTION.KEY=VALUE", ALL, OPTION_SET, "any setting; may be repeated"},
    {"--url", "URL", HEALTH, OPTION_URL, "ask this instead of the first listener"},
    {"--host", "NAME[:PORT]", CONNECTIONS, OPTION_HOST, "only to this host; * is anything"},
    {"--local", "ADDR[:PORT]", CONNECTIONS, OPTION_LOCAL, "only from this end; likewise"},
    {"--remote", "ADDR[:PORT]", CONNECTIONS, OPTION_REMOTE, "only to that end; likewise"},
    {"--state", "STATE", CONNECTIONS, OPTION_STATE, "only parked, leased, waiting ..."},
    {"--json", NULL, CONNECTIONS | REPORT, OPTION_JSON, "what the admin has, in JSON"},
    {"--close", "ID|HOST|all", CONNECTIONS, OPTION_CLOSE,
     "close parked ones; HOST or HOST:PORT"},
    {"--check-config", NULL, RUN, OPTION_CHECK_CONFIG,
     "only say whether the settings are good"},
    {"--print-config", NULL, RUN, OPTION_PRINT_CONFIG,
     "print the settings, and where each was given"},
    {"--explain", "'METHOD URL'", RUN, OPTION_EXPLAIN,
     "which rule decides, why; exit 0 allowed, 1 not"},
    {"--client", "ADDR", RUN | CONNECTIONS, OPTION_CLIENT, "of --explain, or of rows: whose"},
    {"--listener", "ADDR:PORT", RUN, OPTION_LISTENER,
     "of --explain: which one the client uses"},
    {"--user", "NAME", RUN, OPTION_USER, "of --explain: the user who has logged in"},
    {"--address", "ADDR", RUN, OPTION_ADDRESS, "of --explain: the host's; may be repeated"},
    {"--version", NULL, ALL, OPTION_VERSION, "print the version"},
    {"--help", NULL, ALL, OPTION_HELP, "print this"},
};

static const struct command {
    const char *name;
    enum action action;
    unsigned bit;
    const char *help;
} commands[] = {
    {"run", ACTION_RUN, RUN, "run the proxy; what carpool does without a command"},
    {"health", ACTION_HEALTH, HEALTH, "ask a running proxy whether it is well; exit 0 or 1"},
    {"connections", ACTION_CONNECTIONS, CONNECTIONS, "list its upstream connections"},
    {"report", ACTION_REPORT, REPORT, "tell what reuse did and saved for each host"},
};

static enum err
add_assignment(struct options *options, const struct setting *setting, const char *text,
               const char *given_at, struct complaint *complaint)
{
    if (options->assignment_count == OPTIONS_AT_MOST) {
        complain(complaint, "%s: more than %d settings; expected a file", given_at,
                 OPTIONS_AT_MOST);
        return ERR_SYNTAX;
    }
    options->assignments[options->assignment_count++] =
        (struct assignment){.setting = setting, .text = text, .given_at = given_at};
    return ERR_OK;
}

static enum err
add_set(struct options *options, const char *value, struct complaint *complaint)
{
    const char *equals = strchr(value, '=');
    struct slice name = {value, equals != NULL ? (size_t)(equals - value) : strlen(value)};
    const struct setting *setting = setting_find_name(name);

    if (equals == NULL) {
        complain(complaint, "--set %s: expected SECTION.KEY=VALUE", value);
        return ERR_SYNTAX;
    }
    if (setting == NULL) {
        complain(complaint,
                 "--set %.*s: unknown setting; expected one that carpool --help lists",
                 SLICE_ARGS(name));
        return ERR_SYNTAX;
    }
    return add_assignment(options, setting, equals + 1, "--set", complaint);
}

/* The first one replaces the default, further ones add to it: one assignment for all. */
static enum err
add_listener(struct options *options, const char *value, struct complaint *complaint)
{
    bool is_first = options->listeners == NULL;
    char *joined;

    if (asprintf(&joined, "%s%s%s", is_first ? "" : options->listeners, is_first ? "" : ", ",
                 value) == -1)
        abort();
    free(options->listeners);
    options->listeners = joined;
    for (size_t i = 0; i < options->assignment_count; i++)
        if (strcmp(options->assignments[i].given_at, "--listen") == 0) {
            options->assignments[i].text = joined;
            return ERR_OK;
        }
    return add_assignment(options, setting_at(SETTING_proxy_listen), joined, "--listen",
                          complaint);
}

static enum err
add_address(struct explain *explain, const char *value, struct complaint *complaint)
{
    if (explain->address_count == EXPLAIN_ADDRESSES_MOST) {
        complain(complaint, "--address: more than %d; expected fewer", EXPLAIN_ADDRESSES_MOST);
        return ERR_SYNTAX;
    }
    explain->addresses[explain->address_count++] = value;
    return ERR_OK;
}

/* What carpool connections alone is asked. */
static void
ask_connections(struct connections_question *asked, enum option_id id, const char *value)
{
    const struct {
        enum option_id id;
        const char **place;
    } texts[] = {
        {OPTION_HOST, &asked->host},   {OPTION_CLIENT, &asked->client},
        {OPTION_LOCAL, &asked->local}, {OPTION_REMOTE, &asked->remote},
        {OPTION_STATE, &asked->state}, {OPTION_CLOSE, &asked->close},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].id == id)
            *texts[i].place = value;
}

static enum err
take_option(struct options *options, enum option_id id, const char *value,
            struct complaint *complaint)
{
    switch (id) {
    case OPTION_CONFIG:
        options->file = value;
        break;
    case OPTION_LISTEN:
        return add_listener(options, value, complaint);
    case OPTION_ADMIN:
        return add_assignment(options, setting_at(SETTING_admin_listen), value, "--admin",
                              complaint);
    case OPTION_WORKERS:
        return add_assignment(options, setting_at(SETTING_proxy_workers), value, "--workers",
                              complaint);
    case OPTION_SET:
        return add_set(options, value, complaint);
    case OPTION_URL:
        options->url = value;
        break;
    case OPTION_HOST:
    case OPTION_LOCAL:
    case OPTION_REMOTE:
    case OPTION_STATE:
    case OPTION_CLOSE:
        ask_connections(&options->connections, id, value);
        break;
    case OPTION_JSON:
        options->as_json = true;
        break;
    case OPTION_CHECK_CONFIG:
        options->action = ACTION_CHECK_CONFIG;
        break;
    case OPTION_PRINT_CONFIG:
        options->action = ACTION_PRINT_CONFIG;
        break;
    case OPTION_EXPLAIN:
        options->action = ACTION_EXPLAIN;
        options->explain.request = value;
        break;
    case OPTION_CLIENT:
        if (options->action == ACTION_CONNECTIONS)
            ask_connections(&options->connections, id, value);
        else
            options->explain.client = value;
        break;
    case OPTION_LISTENER:
        options->explain.listener = value;
        break;
    case OPTION_USER:
        options->explain.user = value;
        break;
    case OPTION_ADDRESS:
        return add_address(&options->explain, value, complaint);
    case OPTION_VERSION:
        options->action = ACTION_VERSION;
        break;
    case OPTION_HELP:
        options->action = ACTION_HELP;
        break;
    }
    return ERR_OK;
}

static const struct option *
find_option(struct slice name)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (slice_equal(name, slice_of(rows[i].name)))
            return &rows[i];
    return NULL;
}

/* One argument, and the next one where it is its value. Moves *at past what it took. */
static enum err
parse_argument(const char *const *argv, int *at, const struct command *command,
               struct options *options, struct complaint *complaint)
{
    const char *argument = argv[(*at)++];
    const char *equals = strchr(argument, '=');
    struct slice name = {argument,
                         equals != NULL ? (size_t)(equals - argument) : strlen(argument)};
    const struct option *option = find_option(name);
    const char *value = equals != NULL ? equals + 1 : NULL;

    if (option == NULL) {
        complain(complaint, "%s \"%.*s\"; expected one that carpool --help lists",
                 argument[0] == '-' ? "unknown option" : "unknown argument", SLICE_ARGS(name));
        return ERR_SYNTAX;
    }
    if ((option->commands & command->bit) == 0) {
        complain(complaint,
                 "%s is no option of %s; expected one that carpool --help lists for it",
                 option->name, command->name);
        return ERR_SYNTAX;
    }
    if (option->value == NULL && value != NULL) {
        complain(complaint, "%s: expected no value", option->name);
        return ERR_SYNTAX;
    }
    if (option->value == NULL)
        value = "";
    if (value == NULL && (value = argv[*at]) != NULL)
        (*at)++;
    if (value == NULL) {
        complain(complaint, "%s: expected %s", option->name, option->value);
        return ERR_SYNTAX;
    }
    return take_option(options, option->id, value, complaint);
}

/* What only means something beside another option, or without it. */
static enum err
check_together(const struct options *options, struct complaint *complaint)
{
    const struct explain *explain = &options->explain;
    const struct connections_question *asked = &options->connections;

    if (explain->request == NULL && (explain->client != NULL || explain->listener != NULL ||
                                     explain->user != NULL || explain->address_count > 0)) {
        complain(complaint, "--client, --listener, --user and --address belong to --explain; "
                            "expected that, too");
        return ERR_SYNTAX;
    }
    if (asked->close != NULL &&
        (asked->host != NULL || asked->client != NULL || asked->local != NULL ||
         asked->remote != NULL || asked->state != NULL)) {
        complain(complaint, "--close chooses by itself; expected it alone");
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

enum err
options_parse(int argc, const char *const *argv, struct options *options,
              struct complaint *complaint)
{
    const struct command *command = &commands[0];
    enum err err = ERR_OK;
    int at = 1;

    memset(options, 0, sizeof(*options));
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && at == 1; i++)
        if (argc > 1 && strcmp(argv[1], commands[i].name) == 0) {
            command = &commands[i];
            at = 2;
        }
    options->action = command->action;
    while (err == ERR_OK && at < argc)
        err = parse_argument(argv, &at, command, options, complaint);
    if (err == ERR_OK)
        err = check_together(options, complaint);
    if (err != ERR_OK)
        options_fini(options);
    return err;
}

void
options_fini(struct options *options)
{
    free(options->listeners);
    options->listeners = NULL;
}

struct config_sources
options_sources(const struct options *options)
{
    return (struct config_sources){
        .file = options->file,
        .environment = (const char *const *)environ,
        .assignments = options->assignments,
        .assignment_count = options->assignment_count,
    };
}

/* " (run, health)": which commands take it, where not all do. */
static void
print_takers(unsigned taking, FILE *to)
{
    const char *before = " (";

    if (taking == ALL)
        return;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if ((commands[i].bit & taking) != 0) {
            fprintf(to, "%s%s", before, commands[i].name);
            before = ", ";
        }
    fputc(')', to);
}

void
options_print_help(FILE *to)
{
    fputs("carpool: a forward proxy whose clients share kept-alive connections\n\n"
          "usage: carpool [command] [options]\n\ncommands:\n",
          to);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].help);
    fputs("\noptions:\n", to);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char usage[64];

        snprintf(usage, sizeof(usage), "%s %s", rows[i].name,
                 rows[i].value != NULL ? rows[i].value : "");
        fprintf(to, "  %-24s %s", usage, rows[i].help);
        print_takers(rows[i].commands, to);
        fputc('\n', to);
    }
    fputs("\nSettings are read from the file (--config, or what CARPOOL_CONFIG names), then\n"
          "from the environment (CARPOOL_SECTION_KEY), then from the command line; the last\n"
          "one holds. In a file they stand in sections: pool { idle_timeout = 60s }. SIGHUP\n"
          "reads them again; SIGTERM finishes what runs and ends.\n\nsettings:\n",
          to);
    config_print_help(to);
}
