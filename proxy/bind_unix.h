#ifndef CARPOOL_PROXY_BIND_UNIX_H
#define CARPOOL_PROXY_BIND_UNIX_H

#include <sys/types.h>

#include "base/err.h"

/* A unix socket's file, known again by its inode. */
struct unix_file {
    const char *path; /* borrowed */
    dev_t device;
    ino_t inode;
};

/*
 * Binds a listening socket to a path (short enough: the config looked), for the process's own
 * user alone (mode 0600). What a dead process has left there is removed; a socket on which
 * somebody listens, or anything that is no socket, is ERR_IN_USE. The caller owns fd; *file is
 * for unlink_unix(). Main thread.
 */
enum err bind_unix(const char *path, int *fd, struct unix_file *file);

/* Removes the file, if it is still the one that was bound. */
void unlink_unix(const struct unix_file *file);

/* Connects to a path. ERR_REFUSED where nobody listens. Blocks. */
enum err connect_unix(const char *path, int *fd);

#endif
