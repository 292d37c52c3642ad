#ifndef CARPOOL_PROXY_OPTIONS_H
#define CARPOOL_PROXY_OPTIONS_H

#include <stdio.h>

#include "base/err.h"
#include "proxy/commands.h"
#include "proxy/complaint.h"
#include "proxy/config.h"
#include "proxy/explain.h"

/* What the command line asks for. */
enum action {
    ACTION_RUN,
    ACTION_HEALTH,
    ACTION_CONNECTIONS,
    ACTION_REPORT,
    ACTION_CHECK_CONFIG,
    ACTION_PRINT_CONFIG,
    ACTION_EXPLAIN,
    ACTION_VERSION,
    ACTION_HELP,
};

#define OPTIONS_AT_MOST 256

struct options {
    enum action action;
    const char *file; /* --config */
    const char *url;  /* health --url */
    struct connections_question connections;
    bool as_json; /* connections or report --json */
    struct explain explain;
    struct assignment assignments[OPTIONS_AT_MOST];
    size_t assignment_count;
    char *listeners; /* all --listen, joined */
};

/*
 * ERR_SYNTAX with a complaint; the action is told even then. Texts are borrowed from argv,
 * which must outlive the options.
 */
enum err options_parse(int argc, const char *const *argv, struct options *options,
                       struct complaint *complaint);

void options_fini(struct options *options);

/* The sources of a config: this command line and the environment. */
struct config_sources options_sources(const struct options *options);

void options_print_help(FILE *to);

#endif
