#ifndef CARPOOL_BASE_LOG_H
#define CARPOOL_BASE_LOG_H

#include <stdbool.h>

/*
 * error: an operator must act. warn: someone's request was hurt. info: life of the process.
 * debug: a stranger can follow one exchange.
 */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Where lines go and from which level on. Main thread, before others start or while they log.
 */
void log_configure(enum log_level level, bool is_syslog);

/*
 * One line: "level words key=value …". The format makes the key=value part and may be NULL.
 * Control bytes are written as \xNN, so text from peers cannot forge lines. Any thread.
 */
void log_event(enum log_level level, const char *words, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
