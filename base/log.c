/*
 * The process's log: one line per event to stderr or syslog. Any thread; a line is one
 * write(2), so lines of different threads do not mix.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_SIZE 1024

/* Process-wide on purpose: a log that has to be passed around is a log that is not written. */
static _Atomic int log_level_now = LOG_LEVEL_INFO;
static _Atomic bool log_to_syslog;

static const struct {
    const char *word;
    int priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARN] = {"warn", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

void
log_configure(enum log_level level, bool is_syslog)
{
    if (is_syslog)
        openlog("carpool", LOG_PID | LOG_NDELAY, LOG_DAEMON);
    atomic_store(&log_level_now, (int)level);
    atomic_store(&log_to_syslog, is_syslog);
}

static bool
is_wanted(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

/* Copies text with control bytes written out; stops short where to is full. */
static size_t
escape(const char *text, char *to, size_t size)
{
    size_t used = 0;

    for (; *text != '\0' && used + 5 < size; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7f)
            used += (size_t)snprintf(to + used, size - used, "\\x%02x", c);
        else
            to[used++] = (char)c;
    }
    to[used] = '\0';
    return used;
}

void
log_event(enum log_level level, const char *words, const char *format, ...)
{
    char pairs[LOG_LINE_SIZE] = "";
    char line[LOG_LINE_SIZE + 64];
    char stamp[32];
    struct timespec now;
    struct tm utc;
    size_t used;
    va_list args;

    if (!is_wanted(level))
        return;
    if (format != NULL) {
        va_start(args, format);
        vsnprintf(pairs, sizeof(pairs), format, args);
        va_end(args);
    }
    if (atomic_load(&log_to_syslog)) {
        escape(pairs, line, sizeof(line));
        syslog(levels[level].priority, "%s %s", words, line);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    used =
        (size_t)snprintf(line, sizeof(line), "%s.%03ldZ %s %s%s", stamp, now.tv_nsec / 1000000,
                         levels[level].word, words, pairs[0] != '\0' ? " " : "");
    used += escape(pairs, line + used, sizeof(line) - used - 1);
    line[used++] = '\n';
    /* Nothing can be done about a log that cannot be written. */
    (void)!write(STDERR_FILENO, line, used);
}
