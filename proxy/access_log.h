#ifndef CARPOOL_PROXY_ACCESS_LOG_H
#define CARPOOL_PROXY_ACCESS_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* One line per exchange to a file or stdout, shared by all workers; a line is one write(2). */
struct access_log;

/* Longer lines are cut: up to this size a pipe takes a line whole or not at all. */
#define ACCESS_LOG_LINE_SIZE 4096

/* target: "off", "-" for stdout, or a file's path. The error is that of opening the file. */
enum err access_log_open(const char *target, struct access_log **log);

/*
 * The same target again (after log rotation), or a new one. On failure the old one stays.
 * Main thread; others may write meanwhile.
 */
enum err access_log_reopen(struct access_log *log, const char *target);

void access_log_free(struct access_log *log);

/* For callers whose line costs something. Any thread. */
bool access_log_wants(struct access_log *log);

/*
 * A whole line with its line feed. Does not wait for a reader that is too slow, nor for a full
 * disk: the line is lost and counted, and the log says so now and then. Any thread.
 */
void access_log_write(struct access_log *log, struct slice line);

/* Lines lost so far. Any thread. */
uint64_t access_log_lost(struct access_log *log);

#endif
