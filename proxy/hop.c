/*
 * Via, Forwarded, Max-Forwards: what an intermediary says of itself. The worker's thread.
 */
#include "proxy/hop.h"

#include <stdio.h>

#include "base/hash.h"
#include "proxy/http/fields.h"

static bool
is_off(const char *pseudonym)
{
    return strcmp(pseudonym, "off") == 0;
}

const char *
hop_public_name(const struct config *config)
{
    const char *pseudonym = config->http_via;

    return is_off(pseudonym) ? "carpool" : pseudonym;
}

void
hop_name(struct exchange *exchange)
{
    const char *pseudonym = exchange->config->http_via;
    char marked[POOL_HOST_SIZE + sizeof("via :65535")];
    int size;

    exchange->hop_name[0] = '\0';
    if (is_off(pseudonym))
        return;
    size = snprintf(marked, sizeof(marked), "via %s:%u", exchange->key.host,
                    (unsigned)exchange->key.port);
    snprintf(exchange->hop_name, sizeof(exchange->hop_name), "%s-%08x", pseudonym,
             (unsigned)(uint32_t)hash_bytes(marked, (size_t)size));
}

bool
hop_is_loop(const struct exchange *exchange)
{
    return exchange->hop_name[0] != '\0' &&
           fields_came_by(&exchange->head, slice_of(exchange->hop_name));
}

/* The client's address without port, and without the zone, which means nothing elsewhere. */
static struct slice
client_address(const struct exchange *exchange, char text[ADDRESS_TEXT_SIZE])
{
    struct address address = address_unmapped(&exchange->client->peer);
    struct slice plain = slice_of(address_format_ip(&address, text));
    const char *zone = memchr(plain.data, '%', plain.size);

    if (zone != NULL)
        plain.size = (size_t)(zone - plain.data);
    return plain;
}

bool
hop_is_last_use(const struct exchange *exchange)
{
    unsigned most = exchange->config->pool_max_uses;

    return most > 0 && exchange->facts.uses >= most;
}

struct emit_hop
hop_for_origin(const struct exchange *exchange, char for_entry[HOP_FOR_SIZE])
{
    struct emit_hop hop = {
        .name = slice_of(exchange->hop_name),
        .has_hops_left = exchange->has_hops_left,
        .hops_left = exchange->hops_left,
        .is_last = hop_is_last_use(exchange),
    };
    char text[ADDRESS_TEXT_SIZE];
    struct slice address;

    if (exchange->config->http_forwarded == FORWARDED_OFF)
        return hop;
    address = client_address(exchange, text);
    if (exchange->config->http_forwarded == FORWARDED_X) {
        hop.for_name = SLICE("X-Forwarded-For");
        snprintf(for_entry, HOP_FOR_SIZE, "%.*s", SLICE_ARGS(address));
    } else {
        /* A colon makes a node a quoted string, and IPv6 stands in brackets (RFC 7239 §6). */
        bool is_v6 = memchr(address.data, ':', address.size) != NULL;

        hop.for_name = SLICE("Forwarded");
        snprintf(for_entry, HOP_FOR_SIZE, is_v6 ? "for=\"[%.*s]\"" : "for=%.*s",
                 SLICE_ARGS(address));
    }
    hop.for_entry = slice_of(for_entry);
    return hop;
}
