/*
 * Which sockets the process listens on. Main thread.
 */
#include "proxy/listening.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "proxy/bind.h"

static void
refuse(const struct address *address, enum err err, struct complaint *complaint)
{
    char text[ADDRESS_TEXT_SIZE];

    complain(complaint, "cannot listen on %s: %s", address_format(address, text),
             err_text(err));
}

/* Is it no more than an IPv6 address that nobody asked for on a machine without IPv6? */
static bool
may_be_missing(const struct config *config, const struct address *address, enum err err)
{
    return config->given_at[SETTING_proxy_listen] == NULL &&
           address->any.sa_family == AF_INET6 &&
           (err == ERR_UNREACHABLE || err == ERR_NO_ADDRESS);
}

static enum err
add_address(struct listening *listening, const struct address *address, size_t worker_count)
{
    int *column = xcalloc(worker_count, sizeof(*column));
    struct address *bound = &listening->bound[listening->bound_count];
    enum err err = bind_listeners(address, (unsigned)worker_count, column, bound);

    if (err == ERR_OK) {
        for (size_t i = 0; i < worker_count; i++)
            listening->fds[i * listening->stride + listening->proxy_count] = column[i];
        listening->proxy_count++;
        listening->bound_count++;
    }
    free(column);
    return err;
}

static enum err
add_clients(const struct config *config, size_t worker_count, struct listening *listening,
            struct complaint *complaint)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct address *address = &config->listeners[i];
        enum err err = add_address(listening, address, worker_count);
        char text[ADDRESS_TEXT_SIZE];

        if (err != ERR_OK && may_be_missing(config, address, err)) {
            log_event(LOG_LEVEL_INFO, "no IPv6 here", "skipped=%s err=%s",
                      address_format(address, text), err_word(err));
        } else if (err != ERR_OK) {
            refuse(address, err, complaint);
            return err;
        }
    }
    return ERR_OK;
}

static enum err
add_admin(const struct config *config, struct listening *listening, struct complaint *complaint)
{
    enum err err;

    if (config->admin_path != NULL) {
        err = bind_unix(config->admin_path, &listening->admin_fd, &listening->admin_file);
        if (err != ERR_OK)
            complain(complaint, "cannot listen on %s: %s", config->admin_listen, err_text(err));
        return err;
    }
    err = bind_listeners(&config->admin, 1, &listening->admin_fd,
                         &listening->bound[listening->bound_count]);
    if (err == ERR_OK)
        listening->bound_count++;
    else
        refuse(&config->admin, err, complaint);
    return err;
}

enum err
listening_open(const struct config *config, size_t worker_count, struct listening *listening,
               struct complaint *complaint)
{
    enum err err;

    memset(listening, 0, sizeof(*listening));
    listening->admin_fd = -1;
    listening->stride = config->listener_count;
    listening->bound = xcalloc(config->listener_count + 1, sizeof(listening->bound[0]));
    listening->fd_count = worker_count * listening->stride;
    listening->fds = xcalloc(listening->fd_count, sizeof(listening->fds[0]));
    memset(listening->fds, -1, listening->fd_count * sizeof(listening->fds[0]));
    err = add_clients(config, worker_count, listening, complaint);
    if (err == ERR_OK && (config->has_admin || config->admin_path != NULL))
        err = add_admin(config, listening, complaint);
    if (err != ERR_OK)
        listening_fini(listening);
    return err;
}

void
listening_take(struct listening *listening, size_t worker, int *fds)
{
    for (size_t i = 0; i < listening->proxy_count; i++) {
        int *place = &listening->fds[worker * listening->stride + i];

        fds[i] = *place;
        *place = -1;
    }
}

int
listening_take_admin(struct listening *listening)
{
    int fd = listening->admin_fd;

    listening->admin_fd = -1;
    return fd;
}

void
listening_fini(struct listening *listening)
{
    for (size_t i = 0; i < listening->fd_count; i++)
        if (listening->fds[i] != -1)
            close(listening->fds[i]);
    if (listening->admin_fd != -1)
        close(listening->admin_fd);
    if (listening->admin_file.path != NULL)
        unlink_unix(&listening->admin_file);
    free(listening->fds);
    free(listening->bound);
    memset(listening, 0, sizeof(*listening));
    listening->admin_fd = -1;
}
