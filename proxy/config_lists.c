/*
 * What the texts among the settings mean: addresses, ranges, ports. Part of the loader.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/mem.h"
#include "dns/name.h"
#include "dns/servers.h"
#include "proxy/config_set.h"

/* As many addresses, ranges or ports as a setting may list. */
#define LIST_MOST 256
#define UNIX "unix:"

static enum err
understand_listeners(struct config *config, struct slice *bad)
{
    struct slice rest = slice_of(config->proxy_listen);
    struct slice element;
    size_t count = 0;

    free(config->listeners);
    config->listeners = xcalloc(LIST_MOST, sizeof(config->listeners[0]));
    while (slice_next_element(&rest, &element)) {
        if (count == LIST_MOST || address_parse(element, &config->listeners[count]) != ERR_OK) {
            *bad = element;
            return ERR_SYNTAX;
        }
        count++;
    }
    config->listener_count = count;
    return count > 0 ? ERR_OK : ERR_SYNTAX;
}

/* From the root, and short enough for the system. */
static bool
is_path(const char *path)
{
    struct sockaddr_un address;

    return path[0] == '/' && strlen(path) < sizeof(address.sun_path);
}

static enum err
understand_admin(struct config *config)
{
    struct slice text = slice_of(config->admin_listen);

    bool is_unix = strncmp(text.data, UNIX, sizeof(UNIX) - 1) == 0;

    config->admin_path = is_unix ? text.data + sizeof(UNIX) - 1 : NULL;
    config->has_admin = !is_unix && !slice_equal(text, SLICE("off"));
    if (is_unix)
        return is_path(config->admin_path) ? ERR_OK : ERR_SYNTAX;
    return config->has_admin ? address_parse(text, &config->admin) : ERR_OK;
}

/* What rules may be made of it is for the rules to say: here each element is looked at. */
static enum err
check_clients(const struct config *config, struct slice *bad)
{
    static const char *const words[] = {"loopback", "private", "all"};
    struct slice rest = slice_of(config->access_clients);
    struct slice element;
    struct address_range range;
    size_t count = 0;

    while (slice_next_element(&rest, &element)) {
        bool is_word = false;

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            is_word = is_word || slice_equal(element, slice_of(words[i]));
        if (++count > LIST_MOST ||
            (!is_word && address_range_parse(element, &range) != ERR_OK)) {
            *bad = element;
            return ERR_SYNTAX;
        }
    }
    return count > 0 ? ERR_OK : ERR_SYNTAX;
}

static enum err
check_ports(const struct config *config, struct slice *bad)
{
    struct slice rest = slice_of(config->access_connect_ports);
    struct slice element;
    size_t count = 0;
    uint64_t port;

    while (slice_next_element(&rest, &element))
        /* One place is 443's. */
        if (++count == LIST_MOST || slice_to_number(element, UINT16_MAX, &port) != ERR_OK ||
            port == 0) {
            *bad = element;
            return ERR_SYNTAX;
        }
    return ERR_OK;
}

/* The list is written again with every port in place: that is how it is shown. */
static enum err
understand_servers(struct config *config, struct slice *bad)
{
    struct address servers[SERVERS_MOST];
    char whole[SERVERS_MOST * (ADDRESS_TEXT_SIZE + 2)] = "";
    char text[ADDRESS_TEXT_SIZE];
    size_t used = 0;
    size_t count;
    enum err err = servers_read(slice_of(config->dns_servers), servers, &count, bad);

    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(whole + used, sizeof(whole) - used, "%s%s",
                                 used > 0 ? ", " : "", address_format(&servers[i], text));
    free(config->dns_servers);
    config->dns_servers = xstrdup(whole);
    return ERR_OK;
}

static enum err
check_hosts(const char *hosts, struct slice *bad)
{
    struct slice rest = slice_of(hosts);
    struct name name;

    while (slice_next_element(&rest, bad))
        if (name_read(*bad, &name) != ERR_OK)
            return ERR_SYNTAX;
    return ERR_OK;
}

/* A pseudonym of Via (RFC 9110 §7.6.3), within what needs no quoting anywhere. */
static enum err
check_name(const char *name)
{
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    return name[0] != '\0' && name[strspn(name, good)] == '\0' ? ERR_OK : ERR_SYNTAX;
}

/* It stands in quotes, and where people read it. */
static enum err
check_realm(const char *realm)
{
    for (const char *at = realm; *at != '\0'; at++)
        if (*at < ' ' || *at > '~' || *at == '"' || *at == '\\')
            return ERR_SYNTAX;
    return realm[0] != '\0' ? ERR_OK : ERR_SYNTAX;
}

enum err
config_understand(struct config *config, const struct setting *setting, struct slice *bad)
{
    switch (setting_index(setting)) {
    case SETTING_proxy_listen:
        return understand_listeners(config, bad);
    case SETTING_admin_listen:
        return understand_admin(config);
    case SETTING_admin_hosts:
        return check_hosts(config->admin_hosts, bad);
    case SETTING_log_access:
        return config->log_access[0] != '\0' ? ERR_OK : ERR_SYNTAX;
    case SETTING_http_via:
        return check_name(config->http_via);
    case SETTING_auth_realm:
        return check_realm(config->auth_realm);
    case SETTING_dns_servers:
        return understand_servers(config, bad);
    case SETTING_access_clients:
        return check_clients(config, bad);
    case SETTING_access_connect_ports:
        return check_ports(config, bad);
    default:
        return ERR_OK;
    }
}
