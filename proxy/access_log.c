/*
 * The access log. Its descriptor number never changes: a new target is put in its place with
 * dup3(), which is atomic, so writers need no lock against a reopening.
 */
#include "proxy/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define TELL_EVERY_MS 10000

/* How to write without waiting. */
enum manner {
    MANNER_PLAIN,  /* files */
    MANNER_SOCKET, /* journals */
    MANNER_POLLED, /* pipes and terminals */
};

struct access_log {
    int fd;
    _Atomic bool is_on;
    /*
     * Whoever reads it while another target is put in place may write one line in the old
     * target's manner: at worst that line is lost.
     */
    _Atomic enum manner manner;
    pthread_mutex_t polled; /* nobody writes between another's poll() and write() */
    _Atomic uint64_t lost;
    _Atomic uint64_t told_ms; /* when the log last said that lines are lost */
};

/* stdout belongs to others too, so it cannot simply be made non-blocking. */
static enum err
target_open(const char *target, int *fd)
{
    int made;

    if (slice_equal(slice_of(target), SLICE("off")))
        made = open("/dev/null", O_WRONLY | O_CLOEXEC);
    else if (slice_equal(slice_of(target), SLICE("-")))
        made = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    else
        made = open(target, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                    0640);
    if (made == -1)
        return err_from_errno(errno);
    *fd = made;
    return ERR_OK;
}

static enum manner
manner_of(int fd)
{
    struct stat status;

    if (fstat(fd, &status) == -1 || S_ISREG(status.st_mode))
        return MANNER_PLAIN;
    return S_ISSOCK(status.st_mode) ? MANNER_SOCKET : MANNER_POLLED;
}

static void
access_log_take(struct access_log *log, const char *target)
{
    atomic_store(&log->manner, manner_of(log->fd));
    atomic_store(&log->is_on, !slice_equal(slice_of(target), SLICE("off")));
}

enum err
access_log_open(const char *target, struct access_log **log)
{
    struct access_log *made;
    int fd = -1;
    enum err err = target_open(target, &fd);

    if (err != ERR_OK)
        return err;
    made = xcalloc(1, sizeof(*made));
    made->fd = fd;
    pthread_mutex_init(&made->polled, NULL);
    access_log_take(made, target);
    *log = made;
    return ERR_OK;
}

enum err
access_log_reopen(struct access_log *log, const char *target)
{
    int fd = -1;
    enum err err = target_open(target, &fd);

    if (err != ERR_OK)
        return err;
    if (dup3(fd, log->fd, O_CLOEXEC) == -1)
        err = err_from_errno(errno);
    else
        access_log_take(log, target);
    close(fd);
    return err;
}

void
access_log_free(struct access_log *log)
{
    if (log == NULL)
        return;
    close(log->fd);
    pthread_mutex_destroy(&log->polled);
    free(log);
}

bool
access_log_wants(struct access_log *log)
{
    return atomic_load_explicit(&log->is_on, memory_order_relaxed);
}

uint64_t
access_log_lost(struct access_log *log)
{
    return atomic_load_explicit(&log->lost, memory_order_relaxed);
}

/* A pipe that polls writable takes PIPE_BUF bytes at once, if no other writer comes between. */
static ssize_t
write_polled(struct access_log *log, struct slice line)
{
    struct pollfd ready = {.fd = log->fd, .events = POLLOUT};
    ssize_t sent = -1;

    pthread_mutex_lock(&log->polled);
    if (poll(&ready, 1, 0) == 1)
        sent = write(log->fd, line.data, line.size);
    else
        errno = EAGAIN;
    pthread_mutex_unlock(&log->polled);
    return sent;
}

static ssize_t
write_line(struct access_log *log, struct slice line)
{
    switch (atomic_load_explicit(&log->manner, memory_order_relaxed)) {
    case MANNER_SOCKET:
        return send(log->fd, line.data, line.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    case MANNER_POLLED:
        return write_polled(log, line);
    case MANNER_PLAIN:
        break;
    }
    return write(log->fd, line.data, line.size);
}

/* Once in a while, not once per line: what is lost by the thousands is told in one number. */
static void
tell_loss(struct access_log *log, enum err err)
{
    uint64_t now = clock_now_ms();
    uint64_t told = atomic_load_explicit(&log->told_ms, memory_order_relaxed);

    if (told != 0 && now - told < TELL_EVERY_MS)
        return;
    if (atomic_compare_exchange_strong(&log->told_ms, &told, now))
        log_event(LOG_LEVEL_WARN, "access log lines are lost", "err=%s lost=%llu",
                  err_word(err), (unsigned long long)access_log_lost(log));
}

void
access_log_write(struct access_log *log, struct slice line)
{
    char cut[ACCESS_LOG_LINE_SIZE];
    ssize_t sent;
    enum err err;

    if (!access_log_wants(log))
        return;
    if (line.size > sizeof(cut)) {
        memcpy(cut, line.data, sizeof(cut) - 1);
        cut[sizeof(cut) - 1] = '\n';
        line = (struct slice){cut, sizeof(cut)};
    }
    sent = write_line(log, line);
    if (sent == (ssize_t)line.size)
        return;
    err = sent == -1 ? err_from_errno(errno) : ERR_IO;
    atomic_fetch_add_explicit(&log->lost, 1, memory_order_relaxed);
    tell_loss(log, err);
}
