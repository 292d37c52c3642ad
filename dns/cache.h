#ifndef CARPOOL_DNS_CACHE_H
#define CARPOOL_DNS_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/map.h"
#include "dns/resolver.h"

/*
 * What names were found to be, or why not, until their time is up. Holds at most so many names;
 * the one not asked for longest goes first. Embedded; one thread.
 */
struct cache_entry;

struct cache {
    struct map names;
    TAILQ_HEAD(cache_order, cache_entry) order; /* most recently used first */
    size_t at_most;
};

void cache_init(struct cache *cache, size_t at_most);

/* Forgets everything; the cache stays usable. */
void cache_clear(struct cache *cache);

/*
 * True if the name is known: *err is ERR_OK and *answer borrowed, or *err says why there is
 * none. An entry whose time is up is dropped and not found.
 */
bool cache_find(struct cache *cache, struct slice name, enum err *err, struct answer **answer);

/* Remembers for ttl_ms from now (0: does not). answer is NULL unless err is ERR_OK; it is
 * referenced. */
void cache_put(struct cache *cache, struct slice name, enum err err, struct answer *answer,
               uint64_t ttl_ms);

#endif
