/*
 * Which name servers settings name. Pure; any thread.
 */
#include "dns/servers.h"

#define DNS_PORT 53

static bool
can_serve(const struct address *address)
{
    enum address_kind kind = address_kind(address);

    if (kind == ADDRESS_UNSPECIFIED || kind == ADDRESS_MULTICAST || address_port(address) == 0)
        return false;
    /* c-ares 1.18 cannot keep the zone. */
    return address->any.sa_family != AF_INET6 || address->v6.sin6_scope_id == 0;
}

enum err
servers_read(struct slice list, struct address servers[SERVERS_MOST], size_t *count,
             struct slice *bad)
{
    struct slice rest = list;
    struct slice element;
    size_t read = 0;

    *bad = list;
    while (slice_next_element(&rest, &element)) {
        struct address address;

        *bad = element;
        if (address_parse(element, &address) != ERR_OK &&
            address_parse_ip(element, DNS_PORT, &address) != ERR_OK)
            return ERR_SYNTAX;
        if (!can_serve(&address))
            return ERR_SYNTAX;
        if (read == SERVERS_MOST)
            return ERR_RANGE;
        servers[read++] = address;
    }
    *count = read;
    return read > 0 || list.size == 0 ? ERR_OK : ERR_SYNTAX;
}
