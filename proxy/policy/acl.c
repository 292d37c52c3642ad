/*
 * Who may use the proxy, and where to. Pure but for one question to the kernel; any thread.
 */
#include "proxy/policy/acl.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

bool
acl_admits(const struct config *config, const struct address *client)
{
    const struct rule *rule;

    return rules_admit(config->rules, client, &rule);
}

static enum err
err_of(const struct rule *rule)
{
    switch (rule_origin(rule)) {
    case RULE_GIVEN:
        return ERR_RULE;
    case RULE_CLIENTS:
        return ERR_CLIENT;
    case RULE_HTTPS:
        return ERR_HTTPS;
    case RULE_CONNECT_PORTS:
        return ERR_CONNECT_PORT;
    case RULE_PRIVATE:
        return ERR_PRIVATE;
    case RULE_USERS:
        return ERR_USER;
    case RULE_INSIDE:
    case RULE_REST:
        break;
    }
    return ERR_FORBIDDEN;
}

enum err
acl_allows(const struct config *config, const struct rules_question *question)
{
    const struct rule *rule;
    enum rules_verdict verdict = rules_judge(config->rules, question, &rule);

    if (verdict == RULES_USER)
        return ERR_USER;
    return verdict == RULES_DENY ? err_of(rule) : ERR_OK;
}

/* Only an address of this machine can be bound to: ERR_SELF. */
static enum err
refuse_local(const struct address *address)
{
    struct address any_port = *address;
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_bound;

    /* In doubt it is refused: better one destination less than a loop. */
    if (fd == -1)
        return err_from_errno(errno);
    address_set_port(&any_port, 0);
    is_bound = bind(fd, &any_port.any, address_size(&any_port)) == 0;
    close(fd);
    return is_bound ? ERR_SELF : ERR_OK;
}

static enum err
refuse_own(const struct own_addresses *own, const struct address *destination)
{
    bool is_anywhere = address_kind(destination) == ADDRESS_UNSPECIFIED;

    for (size_t i = 0; i < own->count; i++) {
        struct address listener = address_unmapped(&own->list[i]);

        if (address_port(&listener) != address_port(destination))
            continue;
        if (is_anywhere || address_equal_ip(&listener, destination))
            return ERR_SELF;
        if (address_kind(&listener) != ADDRESS_UNSPECIFIED)
            continue;
        return address_kind(destination) == ADDRESS_LOOPBACK ? ERR_SELF
                                                             : refuse_local(destination);
    }
    return ERR_OK;
}

enum err
acl_reaches(const struct config *config, const struct rules_question *question,
            const struct own_addresses *own, bool is_by_dns)
{
    struct address plain = address_unmapped(question->address);
    enum address_kind kind = address_kind(&plain);

    enum err err = refuse_own(own, &plain);

    if (err != ERR_OK)
        return err;
    if (kind == ADDRESS_MULTICAST)
        return ERR_FORBIDDEN;
    /* Anybody can give a name of his own such an address: a page could make a browser ask. */
    if (is_by_dns && config->access_dns_to_loopback == SWITCH_OFF &&
        (kind == ADDRESS_LOOPBACK || kind == ADDRESS_LINK_LOCAL || kind == ADDRESS_UNSPECIFIED))
        return ERR_DNS_TO_LOOPBACK;
    return acl_allows(config, question);
}
