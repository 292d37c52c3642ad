#ifndef CARPOOL_POOL_KEY_H
#define CARPOOL_POOL_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* A DNS name in text, or an IPv6 literal with zone, and the NUL. */
#define POOL_HOST_SIZE 256

/*
 * What makes two upstream connections interchangeable. Compared in full, never by hash alone.
 * By host, not by address: DNS load balancing would split the pool.
 */
struct pool_key {
    uint64_t hash;
    uint16_t port;
    char host[POOL_HOST_SIZE]; /* lower case, no trailing dot, no brackets */
};

/*
 * The key of plain http to host:port. The host is normalized: lower case, one trailing dot and
 * brackets removed. ERR_DNS_NAME if nothing is left or it is too long.
 */
enum err pool_key_init(struct pool_key *key, struct slice host, uint16_t port);

bool pool_key_equal(const struct pool_key *a, const struct pool_key *b);

#endif
