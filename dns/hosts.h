#ifndef CARPOOL_DNS_HOSTS_H
#define CARPOOL_DNS_HOSTS_H

#include "base/file_stamp.h"
#include "base/map.h"
#include "dns/resolver.h"

/*
 * The hosts file in memory. Read once, and again when it was changed; looked at for that at
 * most once a second and only when somebody asks. Embedded; one thread.
 */
struct hosts {
    const char *path; /* borrowed; NULL: no file */
    struct file_stamp stamp;
    struct map names;
};

/* Reads nothing yet. path is borrowed for its life; NULL or empty: none. */
void hosts_init(struct hosts *hosts, const char *path);

void hosts_fini(struct hosts *hosts);

/*
 * The addresses of a name (lower case, without trailing dot) that are of the family; the caller
 * owns the reference. NULL if the file has none.
 */
struct answer *hosts_find(struct hosts *hosts, struct slice name, enum dns_family family);

#endif
