/*
 * What makes two upstream connections interchangeable. Pure; any thread.
 */
#include "pool/key.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

static struct slice
key_strip(struct slice host)
{
    if (host.size >= 2 && host.data[0] == '[' && host.data[host.size - 1] == ']')
        return (struct slice){host.data + 1, host.size - 2};
    if (host.size > 0 && host.data[host.size - 1] == '.')
        host.size--;
    return host;
}

/* The members but for the hash lie one behind the other, without gaps, up to the host's NUL. */
#define KEY_START offsetof(struct pool_key, shared)
_Static_assert(offsetof(struct pool_key, host) - KEY_START ==
                   2 * sizeof(struct in6_addr) + 2 * sizeof(uint32_t) + sizeof(struct in_addr) +
                       sizeof(uint16_t),
               "bytes of nobody's would be hashed");

static bool
is_shared(const struct pool_key *key)
{
    return !IN6_IS_ADDR_UNSPECIFIED(&key->shared);
}

static uint64_t
key_hash(const struct pool_key *key)
{
    size_t size = offsetof(struct pool_key, host) - KEY_START;

    if (!is_shared(key))
        size += strlen(key->host);
    return hash_bytes((const char *)key + KEY_START, size);
}

enum err
pool_key_init(struct pool_key *key, struct slice host, uint16_t port)
{
    struct pool_key made;

    host = key_strip(host);
    if (host.size == 0 || host.size >= sizeof(made.host) ||
        memchr(host.data, '\0', host.size) != NULL)
        return ERR_DNS_NAME;
    for (size_t i = 0; i < host.size; i++) {
        char c = host.data[i];

        made.host[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    made.host[host.size] = '\0';
    made.port = port;
    memset(&made.shared, 0, sizeof(made.shared));
    memset(&made.source, 0, sizeof(made.source));
    made.tls = 0;
    made.hash = key_hash(&made);
    /* Not the whole struct: what follows the NUL was never written. */
    memcpy(key, &made, offsetof(struct pool_key, host) + host.size + 1);
    return ERR_OK;
}

void
pool_key_set_source(struct pool_key *key, const struct address *v4, const struct address *v6)
{
    memset(&key->source, 0, sizeof(key->source));
    if (v4 != NULL)
        key->source.v4 = v4->v4.sin_addr;
    if (v6 != NULL) {
        key->source.v6 = v6->v6.sin6_addr;
        key->source.zone = v6->v6.sin6_scope_id;
    }
    key->hash = key_hash(key);
}

static bool
has_v6(const struct pool_key *key)
{
    return !IN6_IS_ADDR_UNSPECIFIED(&key->source.v6);
}

bool
pool_key_has_source(const struct pool_key *key)
{
    return key->source.v4.s_addr != INADDR_ANY || has_v6(key);
}

bool
pool_key_source(const struct pool_key *key, sa_family_t family, struct address *source)
{
    if (family == AF_INET && key->source.v4.s_addr != INADDR_ANY) {
        memset(source, 0, sizeof(*source));
        source->v4.sin_family = AF_INET;
        source->v4.sin_addr = key->source.v4;
        return true;
    }
    if (family == AF_INET6 && has_v6(key)) {
        memset(source, 0, sizeof(*source));
        source->v6.sin6_family = AF_INET6;
        source->v6.sin6_addr = key->source.v6;
        source->v6.sin6_scope_id = key->source.zone;
        return true;
    }
    return false;
}

void
pool_key_set_tls(struct pool_key *key, uint32_t profile)
{
    key->tls = profile;
    key->hash = key_hash(key);
}

void
pool_key_share(struct pool_key *key, const struct address *address)
{
    struct address plain = address_unmapped(address);

    memset(&key->shared, 0, sizeof(key->shared));
    /* A link-local address is another one on each network. */
    if (plain.any.sa_family == AF_INET6 && plain.v6.sin6_scope_id == 0) {
        key->shared = plain.v6.sin6_addr;
    } else if (plain.any.sa_family == AF_INET) {
        /* In IPv6 clothes, ::ffff:a.b.c.d. */
        memset(&key->shared.s6_addr[10], 0xff, 2);
        memcpy(&key->shared.s6_addr[12], &plain.v4.sin_addr, 4);
    }
    key->hash = key_hash(key);
}

bool
pool_key_shared(const struct pool_key *key, struct address *address)
{
    if (!is_shared(key))
        return false;
    memset(address, 0, sizeof(*address));
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_addr = key->shared;
    *address = address_unmapped(address);
    address_set_port(address, key->port);
    return true;
}

bool
pool_key_is_below(const struct pool_key *a, const struct pool_key *b)
{
    return memcmp(&a->shared, &b->shared, sizeof(a->shared)) < 0;
}

bool
pool_key_equal(const struct pool_key *a, const struct pool_key *b)
{
    return a->hash == b->hash &&
           memcmp((const char *)a + KEY_START, (const char *)b + KEY_START,
                  offsetof(struct pool_key, host) - KEY_START) == 0 &&
           (is_shared(a) || strcmp(a->host, b->host) == 0);
}

const char *
pool_place_format(const char *host, uint16_t port, char *to)
{
    bool is_v6 = strchr(host, ':') != NULL;

    snprintf(to, POOL_PLACE_SIZE, is_v6 ? "[%s]:%u" : "%s:%u", host, (unsigned)port);
    return to;
}
