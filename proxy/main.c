/*
 * carpool: what the command line asks for, and the exit code. 0: clean, 1: it cannot run,
 * 2: bad configuration.
 */
#include <stdio.h>

#include "proxy/commands.h"
#include "proxy/options.h"
#include "proxy/program.h"

enum { EXIT_CLEAN = 0, EXIT_UNWELL = 1, EXIT_CONFIG = 2 };

/* Whoever asks for health knows 0 and 1; Docker keeps 2 for itself. */
static int
refuse(const struct options *options, const struct complaint *complaint)
{
    fprintf(stderr, "carpool: %s\n", complaint->text);
    return options->action == ACTION_HEALTH ? EXIT_UNWELL : EXIT_CONFIG;
}

/* What was printed may have met a full disk or a closed pipe. */
static int
printed(void)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_CLEAN : EXIT_UNWELL;
}

/* Of a command that prints what it found: done only if that was printed, too. */
static int
told(int result)
{
    return result == EXIT_CLEAN ? printed() : result;
}

static int
explain(const struct config *config, const struct options *options)
{
    struct complaint complaint;
    bool is_allowed;

    if (explain_print(config, &options->explain, stdout, &is_allowed, &complaint) != ERR_OK)
        return refuse(options, &complaint);
    return printed() == EXIT_CLEAN && is_allowed ? EXIT_CLEAN : EXIT_UNWELL;
}

static int
act(const struct options *options, const struct config_sources *sources, struct config *config)
{
    switch (options->action) {
    case ACTION_HEALTH:
        return told(command_health(config, options->url));
    case ACTION_CONNECTIONS:
        return told(command_connections(config, &options->connections, options->as_json));
    case ACTION_REPORT:
        return told(command_report(config, options->as_json));
    case ACTION_CHECK_CONFIG:
        printf("carpool: configuration: ok\n");
        return printed();
    case ACTION_PRINT_CONFIG:
        config_print(config, stdout);
        return printed();
    case ACTION_EXPLAIN:
        return explain(config, options);
    case ACTION_RUN:
    case ACTION_VERSION:
    case ACTION_HELP:
        break;
    }
    return program_run(sources, config);
}

/* What is only asked, printed or explained does not listen. */
static bool
may_act(const struct options *options, const struct config *config, struct complaint *complaint)
{
    return (options->action != ACTION_RUN && options->action != ACTION_CHECK_CONFIG) ||
           config_check_exposure(config, config, complaint) == ERR_OK;
}

int
main(int argc, char **argv)
{
    struct complaint complaint;
    struct options options;
    struct config_sources sources;
    struct config *config;
    int result;

    if (options_parse(argc, (const char *const *)argv, &options, &complaint) != ERR_OK)
        return refuse(&options, &complaint);
    if (options.action == ACTION_VERSION || options.action == ACTION_HELP) {
        if (options.action == ACTION_VERSION)
            printf("carpool %s\n", CARPOOL_VERSION);
        else
            options_print_help(stdout);
        options_fini(&options);
        return printed();
    }
    sources = options_sources(&options);
    if (config_load(&sources, &config, &complaint) == ERR_OK) {
        if (may_act(&options, config, &complaint))
            result = act(&options, &sources, config);
        else
            result = refuse(&options, &complaint);
        config_unref(config);
    } else {
        result = refuse(&options, &complaint);
    }
    options_fini(&options);
    return result;
}
