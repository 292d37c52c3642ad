#ifndef CARPOOL_POOL_KEY_H
#define CARPOOL_POOL_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/err.h"
#include "base/slice.h"

/* A DNS name in text, or an IPv6 literal with zone, and the NUL. */
#define POOL_HOST_SIZE 256

/*
 * What makes two upstream connections interchangeable. Compared in full, never by hash alone.
 * By host, not by address: DNS load balancing would split the pool. Keys that are shared are by
 * address; then the host is only what is to be looked up.
 */
struct pool_key {
    uint64_t hash;
    struct in6_addr shared; /* whoever is there, whatever the name; all zero: by name */
    /* The addresses of ours to connect from; all zero: the kernel chooses. */
    struct {
        struct in6_addr v6;
        uint32_t zone;
        struct in_addr v4;
    } source;
    uint32_t tls; /* number of its TLS profile; 0: plain */
    uint16_t port;
    char host[POOL_HOST_SIZE]; /* lower case, no trailing dot, no brackets */
};

/*
 * The key of plain http to host:port, from any source. The host is normalized: lower case, one
 * trailing dot and brackets removed. ERR_DNS_NAME if nothing is left or it is too long.
 */
enum err pool_key_init(struct pool_key *key, struct slice host, uint16_t port);

/*
 * From where to connect: an address of ours of each family, or NULL. If only one is given, the
 * host is reached by that family alone. With both NULL the kernel chooses, as after init.
 */
void pool_key_set_source(struct pool_key *key, const struct address *v4,
                         const struct address *v6);

bool pool_key_has_source(const struct pool_key *key);

/* The source of a family, with port 0. False if there is none. */
bool pool_key_source(const struct pool_key *key, sa_family_t family, struct address *source);

/* Makes it the key of all hosts at this address and its port. */
void pool_key_share(struct pool_key *key, const struct address *address);

/* The address of a shared key, with its port. False if it is not shared. */
bool pool_key_shared(const struct pool_key *key, struct address *address);

/* Is the address of one shared key below that of the other, in an order that never changes? */
bool pool_key_is_below(const struct pool_key *a, const struct pool_key *b);

/* Makes it the key of TLS to the same host and port, under this profile. */
void pool_key_set_tls(struct pool_key *key, uint32_t profile);

bool pool_key_equal(const struct pool_key *a, const struct pool_key *b);

/* Room for a host, its brackets, a port and the NUL. */
#define POOL_PLACE_SIZE (POOL_HOST_SIZE + 8)

/* "o.test:80" or "[::1]:80" into to, which has POOL_PLACE_SIZE bytes. Returns to. */
const char *pool_place_format(const char *host, uint16_t port, char *to);

#endif
