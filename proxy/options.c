/*
 * The command line. Main thread only.
 */
#include "proxy/options.h"

#include <stddef.h>
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

struct option;

/* Takes the value of an option that was given; ERR_SYNTAX with a complaint. */
typedef enum err option_take(struct options *options, const struct option *option,
                             const char *value, struct complaint *complaint);

struct option {
    const char *name;
    const char *value; /* how --help writes it; NULL: takes none */
    unsigned commands;
    option_take *take;
    size_t what; /* as take has it: the place of its value, a setting, an action */
    const char *help;
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
assign(struct options *options, const struct option *option, const char *value,
       struct complaint *complaint)
{
    return add_assignment(options, setting_at(option->what), value, option->name, complaint);
}

static enum err
add_set(struct options *options, const struct option *option, const char *value,
        struct complaint *complaint)
{
    const char *equals = strchr(value, '=');
    struct slice name = {value, equals != NULL ? (size_t)(equals - value) : strlen(value)};
    const struct setting *setting = setting_find_name(name);

    if (equals == NULL) {
        complain(complaint, "%s %s: expected SECTION.KEY=VALUE", option->name, value);
        return ERR_SYNTAX;
    }
    if (setting == NULL) {
        complain(complaint, "%s %.*s: unknown setting; expected one that carpool --help lists",
                 option->name, SLICE_ARGS(name));
        return ERR_SYNTAX;
    }
    return add_assignment(options, setting, equals + 1, option->name, complaint);
}

/* The first one replaces the default, further ones add to it: one assignment for all. */
static enum err
add_listener(struct options *options, const struct option *option, const char *value,
             struct complaint *complaint)
{
    bool is_first = options->listeners == NULL;
    char *joined;

    if (asprintf(&joined, "%s%s%s", is_first ? "" : options->listeners, is_first ? "" : ", ",
                 value) == -1)
        abort();
    free(options->listeners);
    options->listeners = joined;
    for (size_t i = 0; i < options->assignment_count; i++)
        if (strcmp(options->assignments[i].given_at, option->name) == 0) {
            options->assignments[i].text = joined;
            return ERR_OK;
        }
    return assign(options, option, joined, complaint);
}

static enum err
add_address(struct options *options, const struct option *option, const char *value,
            struct complaint *complaint)
{
    struct explain *explain = &options->explain;

    if (explain->address_count == EXPLAIN_ADDRESSES_MOST) {
        complain(complaint, "%s: more than %d; expected fewer", option->name,
                 EXPLAIN_ADDRESSES_MOST);
        return ERR_SYNTAX;
    }
    explain->addresses[explain->address_count++] = value;
    return ERR_OK;
}

static enum err
keep_text(struct options *options, const struct option *option, const char *value,
          struct complaint *complaint)
{
    const char **place = (void *)((char *)options + option->what);

    (void)complaint;
    *place = value;
    return ERR_OK;
}

/* Of the command connections it asks for rows, else it belongs to --explain. */
static enum err
keep_client(struct options *options, const struct option *option, const char *value,
            struct complaint *complaint)
{
    (void)option;
    (void)complaint;
    if (options->action == ACTION_CONNECTIONS)
        options->connections.client = value;
    else
        options->explain.client = value;
    return ERR_OK;
}

static enum err
set_flag(struct options *options, const struct option *option, const char *value,
         struct complaint *complaint)
{
    bool *place = (void *)((char *)options + option->what);

    (void)value;
    (void)complaint;
    *place = true;
    return ERR_OK;
}

/* In place of what the command does. */
static enum err
act(struct options *options, const struct option *option, const char *value,
    struct complaint *complaint)
{
    (void)value;
    (void)complaint;
    options->action = (enum action)option->what;
    return ERR_OK;
}

static enum err
ask_explain(struct options *options, const struct option *option, const char *value,
            struct complaint *complaint)
{
    options->explain.request = value;
    return act(options, option, value, complaint);
}

/* ---- what there is ---- */

#define PLACE(member) offsetof(struct options, member)

static const struct option rows[] = {
    {"--config", "FILE", ALL, keep_text, PLACE(file), "read settings from this file"},
    {"--listen", "ADDR:PORT", RUN | HEALTH, add_listener, SETTING_proxy_listen,
     "accept clients here; may be repeated"},
    {"--admin", "ADDR:PORT|off", RUN | CONNECTIONS | REPORT, assign, SETTING_admin_listen,
     "status and metrics"},
    {"--workers", "N", RUN, assign, SETTING_proxy_workers, "threads; 0: one per usable core"},
    {"--set", "SECTION.KEY=VALUE", ALL, add_set, 0, "any setting; may be repeated"},
    {"--url", "URL", HEALTH, keep_text, PLACE(url), "ask this instead of the first listener"},
    {"--host", "NAME[:PORT]", CONNECTIONS, keep_text, PLACE(connections.host),
     "only to this host; * is anything"},
    {"--local", "ADDR[:PORT]", CONNECTIONS, keep_text, PLACE(connections.local),
     "only from this end; likewise"},
    {"--remote", "ADDR[:PORT]", CONNECTIONS, keep_text, PLACE(connections.remote),
     "only to that end; likewise"},
    {"--state", "STATE", CONNECTIONS, keep_text, PLACE(connections.state),
     "only parked, leased, waiting ..."},
    {"--json", NULL, CONNECTIONS | REPORT, set_flag, PLACE(as_json),
     "what the admin has, in JSON"},
    {"--close", "ID|HOST|all", CONNECTIONS, keep_text, PLACE(connections.close),
     "close parked ones; HOST or HOST:PORT"},
    {"--check-config", NULL, RUN, act, ACTION_CHECK_CONFIG,
     "only say whether the settings are good"},
    {"--print-config", NULL, RUN, act, ACTION_PRINT_CONFIG,
     "print the settings, and where each was given"},
    {"--explain", "'METHOD URL'", RUN, ask_explain, ACTION_EXPLAIN,
     "which rule decides, why; exit 0 allowed, 1 not"},
    {"--client", "ADDR", RUN | CONNECTIONS, keep_client, 0, "of --explain, or of rows: whose"},
    {"--listener", "ADDR:PORT", RUN, keep_text, PLACE(explain.listener),
     "of --explain: which one the client uses"},
    {"--user", "NAME", RUN, keep_text, PLACE(explain.user),
     "of --explain: the user who has logged in"},
    {"--address", "ADDR", RUN, add_address, 0, "of --explain: the host's; may be repeated"},
    {"--version", NULL, ALL, act, ACTION_VERSION, "print the version"},
    {"--help", NULL, ALL, act, ACTION_HELP, "print this"},
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

/* ---- reading them ---- */

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
    return option->take(options, option, value, complaint);
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
