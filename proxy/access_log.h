#ifndef CARPOOL_PROXY_ACCESS_LOG_H
#define CARPOOL_PROXY_ACCESS_LOG_H

#include "base/err.h"
#include "base/slice.h"

/* One line per exchange to a file or stdout, shared by all workers; a line is one write(2). */
struct access_log;

/* target: "off", "-" for stdout, or a file's path. The error is that of opening the file. */
enum err access_log_open(const char *target, struct access_log **log);

/* The same target again (after log rotation), or a new one. On failure the old one stays. */
enum err access_log_reopen(struct access_log *log, const char *target);

void access_log_free(struct access_log *log);

/* For callers whose line costs something. Any thread. */
bool access_log_wants(struct access_log *log);

/* A whole line with its line feed. Any thread. */
void access_log_write(struct access_log *log, struct slice line);

#endif
