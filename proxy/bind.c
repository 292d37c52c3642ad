/*
 * Listening sockets, as many per address as there are workers. Any thread.
 */
#include "proxy/bind.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* As deep as the system allows; net.core.somaxconn cuts it. */
#define BACKLOG 4096

static enum err
set_option(int fd, int level, int option)
{
    int on = 1;

    return setsockopt(fd, level, option, &on, sizeof(on)) == 0 ? ERR_OK : err_from_errno(errno);
}

/*
 * The first socket of an address is bound without SO_REUSEPORT, so that it fails when another
 * process listens there: two that share a port would each get half of the clients. Once bound
 * it is opened to sharing, for our own further sockets.
 */
static enum err
open_listener(const struct address *address, bool is_first, int *fd)
{
    int made = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    enum err err = ERR_OK;

    if (made == -1)
        return err_from_errno(errno);
    err = set_option(made, SOL_SOCKET, SO_REUSEADDR);
    if (err == ERR_OK && address->any.sa_family == AF_INET6)
        err = set_option(made, IPPROTO_IPV6, IPV6_V6ONLY);
    if (err == ERR_OK && !is_first)
        err = set_option(made, SOL_SOCKET, SO_REUSEPORT);
    if (err == ERR_OK && bind(made, &address->any, address_size(address)) == -1)
        err = err_from_errno(errno);
    if (err == ERR_OK && is_first)
        err = set_option(made, SOL_SOCKET, SO_REUSEPORT);
    if (err == ERR_OK && listen(made, BACKLOG) == -1)
        err = err_from_errno(errno);
    if (err == ERR_OK)
        *fd = made;
    else
        close(made);
    return err;
}

enum err
bind_listeners(const struct address *address, unsigned count, int *fds, struct address *bound)
{
    struct address real = *address;
    unsigned made = 0;
    enum err err = ERR_OK;

    while (err == ERR_OK && made < count) {
        err = open_listener(&real, made == 0, &fds[made]);
        if (err == ERR_OK)
            made++;
        if (err == ERR_OK && made == 1)
            err = address_of_local(fds[0], &real);
    }
    if (err == ERR_OK) {
        *bound = real;
        return ERR_OK;
    }
    while (made > 0)
        close(fds[--made]);
    return err;
}
