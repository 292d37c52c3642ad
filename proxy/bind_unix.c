/*
 * Unix sockets: bound, found stale, removed, connected to. Main thread.
 */
#include "proxy/bind_unix.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

static struct sockaddr_un
address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    return address;
}

static enum err
connect_to(const char *path, int flags, int *fd)
{
    struct sockaddr_un address = address_of(path);
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    enum err err = ERR_OK;

    if (made == -1)
        return err_from_errno(errno);
    if (connect(made, (const struct sockaddr *)&address, sizeof(address)) == -1)
        err = err_from_errno(errno);
    if (err == ERR_OK)
        *fd = made;
    else
        close(made);
    return err;
}

enum err
connect_unix(const char *path, int *fd)
{
    return connect_to(path, 0, fd);
}

/* Whoever listens takes connections; a file that refuses them was left behind. */
static enum err
remove_stale(const char *path)
{
    struct stat status;
    enum err err;
    int fd = -1;

    if (lstat(path, &status) == -1)
        return errno == ENOENT ? ERR_OK : err_from_errno(errno);
    if (!S_ISSOCK(status.st_mode))
        return ERR_IN_USE;
    /* Who listens without accepting must not hold us up. */
    err = connect_to(path, SOCK_NONBLOCK, &fd);
    if (fd != -1)
        close(fd);
    if (err != ERR_REFUSED)
        return ERR_IN_USE;
    return unlink(path) == 0 ? ERR_OK : err_from_errno(errno);
}

/* The mode is set before there is a file: nobody else can come in between. */
static enum err
bind_to(int fd, const char *path, struct unix_file *file)
{
    struct sockaddr_un address = address_of(path);
    struct stat status;

    if (fchmod(fd, S_IRUSR | S_IWUSR) == -1 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) == -1 ||
        lstat(path, &status) == -1)
        return err_from_errno(errno);
    *file = (struct unix_file){path, status.st_dev, status.st_ino};
    if (listen(fd, BACKLOG) == -1) {
        enum err err = err_from_errno(errno);

        unlink_unix(file);
        return err;
    }
    return ERR_OK;
}

enum err
bind_unix(const char *path, int *fd, struct unix_file *file)
{
    enum err err = remove_stale(path);
    int made;

    if (err != ERR_OK)
        return err;
    made = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made == -1)
        return err_from_errno(errno);
    err = bind_to(made, path, file);
    if (err == ERR_OK)
        *fd = made;
    else
        close(made);
    return err;
}

void
unlink_unix(const struct unix_file *file)
{
    struct stat status;

    if (lstat(file->path, &status) == 0 && status.st_dev == file->device &&
        status.st_ino == file->inode)
        unlink(file->path);
}
