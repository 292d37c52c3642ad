/*
 * Who may use the proxy, and where to. Pure but for one question to the kernel; any thread.
 */
#include "proxy/policy/acl.h"

#include <sys/socket.h>
#include <unistd.h>

#define HTTPS_PORT 443

bool
acl_admits(const struct config *config, const struct address *client)
{
    for (size_t i = 0; i < config->client_range_count; i++)
        if (address_range_holds(&config->client_ranges[i], client))
            return true;
    return false;
}

bool
acl_allows_connect(const struct config *config, bool is_loopback_client, uint16_t port)
{
    if (is_loopback_client || port == HTTPS_PORT)
        return true;
    for (size_t i = 0; i < config->connect_port_count; i++)
        if (config->connect_ports[i] == port)
            return true;
    return false;
}

/* Only an address of this machine can be bound to. */
static bool
is_local(const struct address *address)
{
    struct address any_port = *address;
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_bound;

    /* In doubt it is: better to refuse one destination than to let a loop through. */
    if (fd == -1)
        return true;
    address_set_port(&any_port, 0);
    is_bound = bind(fd, &any_port.any, address_size(&any_port)) == 0;
    close(fd);
    return is_bound;
}

static bool
is_own(const struct own_addresses *own, const struct address *destination)
{
    bool is_anywhere = address_kind(destination) == ADDRESS_UNSPECIFIED;

    for (size_t i = 0; i < own->count; i++) {
        struct address listener = address_unmapped(&own->list[i]);

        if (address_port(&listener) != address_port(destination))
            continue;
        if (is_anywhere || address_equal_ip(&listener, destination))
            return true;
        if (address_kind(&listener) == ADDRESS_UNSPECIFIED &&
            (address_kind(destination) == ADDRESS_LOOPBACK || is_local(destination)))
            return true;
    }
    return false;
}

enum err
acl_reaches(bool is_loopback_client, const struct own_addresses *own,
            const struct address *destination)
{
    struct address plain = address_unmapped(destination);
    enum address_kind kind = address_kind(&plain);

    if (is_own(own, &plain))
        return ERR_SELF;
    if (kind == ADDRESS_MULTICAST)
        return ERR_FORBIDDEN;
    if (!is_loopback_client &&
        (kind == ADDRESS_LOOPBACK || kind == ADDRESS_LINK_LOCAL || kind == ADDRESS_UNSPECIFIED))
        return ERR_FORBIDDEN;
    return ERR_OK;
}
