#ifndef CARPOOL_PROXY_POLICY_HOST_SET_H
#define CARPOOL_PROXY_POLICY_HOST_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/map.h"
#include "base/slice.h"

/*
 * Host names, exact ones and suffixes, thousands of them. "example.com" is that host alone,
 * ".example.com" is it and everything below it. Filled once, then only read, by any thread;
 * looking a host up takes one hash per label and no memory.
 */
struct host_set {
    struct map names;
};

/*
 * Adds a name, in whatever case. ERR_SYNTAX if it is neither a host name nor a suffix:
 * addresses are none, since they have many spellings.
 */
enum err host_set_add(struct host_set *set, struct slice text);

/*
 * Adds a file's names: one per line, "#" begins a comment. On failure why says where and what.
 */
enum err host_set_add_file(struct host_set *set, const char *path, char *why, size_t size);

/* host in lower case and without a trailing dot, as in a pool key. */
bool host_set_holds(const struct host_set *set, struct slice host);

void host_set_fini(struct host_set *set);

#endif
