#ifndef CARPOOL_PROXY_COMMANDS_H
#define CARPOOL_PROXY_COMMANDS_H

#include <stdbool.h>

#include "proxy/config.h"

/*
 * The commands that ask a running carpool. Each is a whole process: it blocks, ends itself
 * after COMMAND_SECONDS, prints what it found and returns the exit code.
 */
#define COMMAND_SECONDS 5

/* Is the proxy well? url NULL: /healthz of the first listener. */
int command_health(const struct config *config, const char *url);

/* What carpool connections is asked for; NULL where nothing was said. */
struct connections_question {
    const char *host; /* the five that choose rows; see connections_filter.h */
    const char *client;
    const char *local;
    const char *remote;
    const char *state;
    const char *close; /* an id, "NAME", "NAME:PORT" or "all" */
};

/*
 * The table of upstream connections, from the admin address; or closes those that are parked
 * and that close names, and says how many. as_json: as the admin answered.
 */
int command_connections(const struct config *config,
                        const struct connections_question *question, bool as_json);

/* What reuse did for each host, from the admin's /hosts: as a table, or as it came. */
int command_report(const struct config *config, bool as_json);

/* Shared by them. */

/* From now on the process ends with exit code 1 and a line when it takes too long. */
void command_bound_time(void);

/*
 * "http://ADDR:PORT/path" of a listener, as a client on this machine reaches it: loopback for a
 * wildcard address. url has 128 bytes.
 */
void command_url(const struct address *listener, const char *path, char *url);

#endif
