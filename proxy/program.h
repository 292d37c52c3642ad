#ifndef CARPOOL_PROXY_PROGRAM_H
#define CARPOOL_PROXY_PROGRAM_H

#include "proxy/config.h"

/*
 * Runs the proxy until it is told to end: binds, starts the workers, says that it is ready, and
 * serves signals, the admin and the janitor on the calling thread, which must be the only one.
 * sources are those that config was loaded from; SIGHUP loads them again. A reference to config
 * is taken. Returns the exit code: 0, or 1 with a line on stderr when it cannot run.
 */
int program_run(const struct config_sources *sources, struct config *config);

#endif
