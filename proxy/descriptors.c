/*
 * The process and its limit of open files. Main thread.
 */
#include "proxy/descriptors.h"

#include <errno.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/log.h"
#include "proxy/farewell.h"

/* The log, the event loop, files being read, and some who look at the admin's pages. */
#define OWN 32
/* A worker's event loop, mailbox, spares and name servers over UDP and TCP. */
#define OWN_PER_WORKER 10
/* And of each of its listeners: itself, its spare, and those who were told to go. */
#define OWN_PER_LISTENER (2 + FAREWELL_PLACES)

void
descriptors_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
            log_event(LOG_LEVEL_WARN, "descriptor limit stays", "err=%s",
                      err_word(err_from_errno(errno)));
    }
}

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static unsigned
at_least_one(uint64_t count)
{
    return count > 0 ? (unsigned)count : 1;
}

/* Clients and whom they ask share what there is. False: all that was set fits. */
static bool
fit_open(struct config *config, uint64_t room)
{
    uint64_t clients = config->proxy_max_clients;
    uint64_t upstream = (uint64_t)config->pool_max_total + config->pool_max_tunnels;

    upstream = least(upstream, clients);
    if (clients + upstream <= room)
        return false;
    upstream = least(upstream, room / 2);
    config->proxy_max_clients = at_least_one(least(clients, room - upstream));
    config->pool_max_total = at_least_one(least(config->pool_max_total, upstream));
    config->pool_max_tunnels = at_least_one(least(config->pool_max_tunnels, upstream));
    return true;
}

static bool
fit_parked(struct config *config, uint64_t descriptors)
{
    uint64_t share = descriptors * config->pool_descriptor_share / 100;

    if (config->pool_max_parked <= share)
        return false;
    config->pool_max_parked = (unsigned)share;
    return true;
}

void
descriptors_fit(struct config *config, size_t workers)
{
    uint64_t own = OWN + workers * (OWN_PER_WORKER + config->listener_count * OWN_PER_LISTENER);
    bool is_lowered = false;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur == RLIM_INFINITY)
        return;
    is_lowered |= fit_open(config, limit.rlim_cur > own ? limit.rlim_cur - own : 0);
    is_lowered |= fit_parked(config, limit.rlim_cur);
    if (is_lowered)
        log_event(LOG_LEVEL_WARN, "limits lowered to the descriptors there are",
                  "descriptors=%llu max_clients=%u max_total=%u max_tunnels=%u max_parked=%u",
                  (unsigned long long)limit.rlim_cur, config->proxy_max_clients,
                  config->pool_max_total, config->pool_max_tunnels, config->pool_max_parked);
}
