/*
 * What makes two upstream connections interchangeable. Pure; any thread.
 */
#include "pool/key.h"

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

static uint64_t
key_hash(const struct pool_key *key, size_t host_size)
{
    unsigned char bytes[POOL_HOST_SIZE + sizeof(key->port)];

    memcpy(bytes, &key->port, sizeof(key->port));
    memcpy(bytes + sizeof(key->port), key->host, host_size);
    return hash_bytes(bytes, sizeof(key->port) + host_size);
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
    made.hash = key_hash(&made, host.size);
    /* Not the whole struct: what follows the NUL was never written. */
    key->hash = made.hash;
    key->port = made.port;
    memcpy(key->host, made.host, host.size + 1);
    return ERR_OK;
}

bool
pool_key_equal(const struct pool_key *a, const struct pool_key *b)
{
    return a->hash == b->hash && a->port == b->port && strcmp(a->host, b->host) == 0;
}
