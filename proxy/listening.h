#ifndef CARPOOL_PROXY_LISTENING_H
#define CARPOOL_PROXY_LISTENING_H

#include "base/address.h"
#include "base/err.h"
#include "proxy/bind_unix.h"
#include "proxy/complaint.h"
#include "proxy/config.h"

/* All listening sockets of the process. */
struct listening {
    struct address *bound; /* as they really are; the admin's, if it has one, is the last */
    size_t bound_count;
    size_t proxy_count;          /* sockets per worker */
    int admin_fd;                /* -1: none */
    struct unix_file admin_file; /* of its unix socket; path NULL: it is an address */
    int *fds;
    size_t fd_count;
    size_t stride; /* places in fds per worker */
};

/*
 * Binds what the config says, one socket per address and worker. Of the preset addresses an
 * IPv6 one may be missing on this machine: that is a note in the log. On failure the complaint
 * names the address, and nothing is left open. Main thread.
 */
enum err listening_open(const struct config *config, size_t worker_count,
                        struct listening *listening, struct complaint *complaint);

/* Hands the sockets of a worker, proxy_count of them, over into fds. */
void listening_take(struct listening *listening, size_t worker, int *fds);

/* Hands the admin's socket over. */
int listening_take_admin(struct listening *listening);

/* Closes what was not handed over, and removes the file of a unix socket. */
void listening_fini(struct listening *listening);

#endif
