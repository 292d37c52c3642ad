/*
 * Addresses: reading, writing, comparing, and what each is for. Pure but for the two that ask
 * a socket; any thread.
 */
#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

enum err
address_from_sockaddr(const struct sockaddr *any, struct address *address)
{
    struct address made;

    memset(&made, 0, sizeof(made));
    if (any->sa_family == AF_INET)
        memcpy(&made.v4, any, sizeof(made.v4));
    else if (any->sa_family == AF_INET6)
        memcpy(&made.v6, any, sizeof(made.v6));
    else
        return ERR_SYNTAX;
    *address = made;
    return ERR_OK;
}

static enum err
parse_v6(char *text, struct address *made)
{
    char *zone = strchr(text, '%');

    if (zone != NULL) {
        *zone++ = '\0';
        made->v6.sin6_scope_id = if_nametoindex(zone);
        if (made->v6.sin6_scope_id == 0)
            return ERR_SYNTAX;
    }
    made->v6.sin6_family = AF_INET6;
    return inet_pton(AF_INET6, text, &made->v6.sin6_addr) == 1 ? ERR_OK : ERR_SYNTAX;
}

enum err
address_parse_ip(struct slice text, uint16_t port, struct address *address)
{
    struct address made;
    char copy[ADDRESS_TEXT_SIZE];
    bool is_bracketed = text.size >= 2 && text.data[0] == '[';

    if (is_bracketed) {
        if (text.data[text.size - 1] != ']')
            return ERR_SYNTAX;
        text = (struct slice){text.data + 1, text.size - 2};
    }
    if (memchr(text.data, '\0', text.size) != NULL || !slice_copy(text, copy, sizeof(copy)))
        return ERR_SYNTAX;
    memset(&made, 0, sizeof(made));
    if (!is_bracketed && inet_pton(AF_INET, copy, &made.v4.sin_addr) == 1)
        made.v4.sin_family = AF_INET;
    else if (parse_v6(copy, &made) != ERR_OK)
        return ERR_SYNTAX;
    address_set_port(&made, port);
    *address = made;
    return ERR_OK;
}

enum err
address_parse(struct slice text, struct address *address)
{
    const char *colon = memrchr(text.data, ':', text.size);
    struct slice host;
    struct slice port;
    uint64_t number;

    if (colon == NULL)
        return ERR_SYNTAX;
    host = (struct slice){text.data, (size_t)(colon - text.data)};
    port = (struct slice){colon + 1, text.size - host.size - 1};
    if (slice_to_number(port, UINT16_MAX, &number) != ERR_OK)
        return ERR_SYNTAX;
    /* An IPv6 address without brackets would leave its last group as the port. */
    if (memchr(host.data, ':', host.size) != NULL && host.data[0] != '[')
        return ERR_SYNTAX;
    return address_parse_ip(host, (uint16_t)number, address);
}

enum err
address_of_local(int fd, struct address *address)
{
    struct sockaddr_storage any = {0};
    socklen_t size = sizeof(any);

    if (getsockname(fd, (struct sockaddr *)&any, &size) == -1)
        return err_from_errno(errno);
    return address_from_sockaddr((struct sockaddr *)&any, address);
}

enum err
address_of_peer(int fd, struct address *address)
{
    struct sockaddr_storage any = {0};
    socklen_t size = sizeof(any);

    if (getpeername(fd, (struct sockaddr *)&any, &size) == -1)
        return err_from_errno(errno);
    return address_from_sockaddr((struct sockaddr *)&any, address);
}

const char *
address_format_ip(const struct address *address, char *to)
{
    char zone[IF_NAMESIZE];

    if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->v4.sin_addr, to, ADDRESS_TEXT_SIZE);
        return to;
    }
    inet_ntop(AF_INET6, &address->v6.sin6_addr, to, ADDRESS_TEXT_SIZE);
    if (address->v6.sin6_scope_id != 0 &&
        if_indextoname(address->v6.sin6_scope_id, zone) != NULL) {
        size_t used = strlen(to);

        snprintf(to + used, ADDRESS_TEXT_SIZE - used, "%%%s", zone);
    }
    return to;
}

const char *
address_format(const struct address *address, char *to)
{
    char ip[ADDRESS_TEXT_SIZE];
    bool is_v6 = address->any.sa_family == AF_INET6;

    address_format_ip(address, ip);
    snprintf(to, ADDRESS_TEXT_SIZE, is_v6 ? "[%.63s]:%u" : "%.63s:%u", ip,
             (unsigned)address_port(address));
    return to;
}

uint16_t
address_port(const struct address *address)
{
    /* Both families keep the port at the same place. */
    return ntohs(address->v4.sin_port);
}

void
address_set_port(struct address *address, uint16_t port)
{
    address->v4.sin_port = htons(port);
}

socklen_t
address_size(const struct address *address)
{
    return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

bool
address_equal_ip(const struct address *a, const struct address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(struct in6_addr)) == 0 &&
           a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

bool
address_equal(const struct address *a, const struct address *b)
{
    return address_equal_ip(a, b) && address_port(a) == address_port(b);
}

/* A family, a port and the longest address. */
#define ADDRESS_BYTES 19

static size_t
put(const struct address *address, unsigned char to[ADDRESS_BYTES])
{
    bool is_v4 = address->any.sa_family == AF_INET;
    uint16_t port = address_port(address);

    to[0] = is_v4 ? 4 : 6;
    memcpy(to + 1, &port, sizeof(port));
    if (is_v4)
        memcpy(to + 3, &address->v4.sin_addr, 4);
    else
        memcpy(to + 3, &address->v6.sin6_addr, 16);
    return is_v4 ? 7 : 19;
}

uint64_t
address_hash_two(const struct address *first, const struct address *second)
{
    unsigned char bytes[2 * ADDRESS_BYTES];
    size_t size = put(first, bytes);

    size += put(second, bytes + size);
    return hash_bytes(bytes, size);
}

struct address
address_unmapped(const struct address *address)
{
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    const unsigned char *bytes = address->v6.sin6_addr.s6_addr;
    struct address plain;

    if (address->any.sa_family != AF_INET6)
        return *address;
    if (!IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr) &&
        memcmp(bytes, nat64, sizeof(nat64)) != 0)
        return *address;
    memset(&plain, 0, sizeof(plain));
    plain.v4.sin_family = AF_INET;
    memcpy(&plain.v4.sin_addr, bytes + 12, 4);
    address_set_port(&plain, address_port(address));
    return plain;
}

static enum address_kind
kind_of_v4(uint32_t ip)
{
    static const struct {
        uint32_t ip;
        uint32_t mask;
        enum address_kind kind;
    } ranges[] = {
        {0x00000000, 0xff000000, ADDRESS_UNSPECIFIED},
        {0x7f000000, 0xff000000, ADDRESS_LOOPBACK},
        {0xa9fe0000, 0xffff0000, ADDRESS_LINK_LOCAL},
        {0x0a000000, 0xff000000, ADDRESS_PRIVATE},
        {0xac100000, 0xfff00000, ADDRESS_PRIVATE},
        {0xc0a80000, 0xffff0000, ADDRESS_PRIVATE},
        {0x64400000, 0xffc00000, ADDRESS_PRIVATE},
        {0xe0000000, 0xf0000000, ADDRESS_MULTICAST},
        {0xffffffff, 0xffffffff, ADDRESS_MULTICAST},
    };

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if ((ip & ranges[i].mask) == ranges[i].ip)
            return ranges[i].kind;
    return ADDRESS_PUBLIC;
}

enum address_kind
address_kind(const struct address *address)
{
    struct address plain = address_unmapped(address);
    const struct in6_addr *ip = &plain.v6.sin6_addr;

    if (plain.any.sa_family == AF_INET)
        return kind_of_v4(ntohl(plain.v4.sin_addr.s_addr));
    if (IN6_IS_ADDR_UNSPECIFIED(ip))
        return ADDRESS_UNSPECIFIED;
    if (IN6_IS_ADDR_LOOPBACK(ip))
        return ADDRESS_LOOPBACK;
    if (IN6_IS_ADDR_LINKLOCAL(ip))
        return ADDRESS_LINK_LOCAL;
    if (IN6_IS_ADDR_MULTICAST(ip))
        return ADDRESS_MULTICAST;
    if ((ip->s6_addr[0] & 0xfe) == 0xfc)
        return ADDRESS_PRIVATE;
    return ADDRESS_PUBLIC;
}

const char *
address_kind_word(enum address_kind kind)
{
    static const char *const words[] = {
        [ADDRESS_PUBLIC] = "public",     [ADDRESS_UNSPECIFIED] = "unspecified",
        [ADDRESS_LOOPBACK] = "loopback", [ADDRESS_LINK_LOCAL] = "link-local",
        [ADDRESS_PRIVATE] = "private",   [ADDRESS_MULTICAST] = "multicast",
    };

    return words[kind];
}

static unsigned
ip_bits(const struct address *address, const unsigned char **bytes)
{
    if (address->any.sa_family == AF_INET) {
        *bytes = (const unsigned char *)&address->v4.sin_addr;
        return 32;
    }
    *bytes = address->v6.sin6_addr.s6_addr;
    return 128;
}

enum err
address_range_parse(struct slice text, struct address_range *range)
{
    const char *slash = memchr(text.data, '/', text.size);
    struct slice ip = {text.data, slash != NULL ? (size_t)(slash - text.data) : text.size};
    struct address_range made;
    struct address plain;
    const unsigned char *bytes;
    uint64_t bits;
    unsigned most;
    enum err err = address_parse_ip(ip, 0, &made.address);

    if (err != ERR_OK)
        return err;
    most = ip_bits(&made.address, &bytes);
    bits = most;
    if (slash != NULL) {
        err = slice_to_number((struct slice){slash + 1, text.size - ip.size - 1}, most, &bits);
        if (err != ERR_OK)
            return err;
    }
    plain = address_unmapped(&made.address);
    if (plain.any.sa_family != made.address.any.sa_family) {
        if (bits != most)
            return ERR_SYNTAX;
        made.address = plain;
        bits = ip_bits(&plain, &bytes);
    }
    made.bits = (unsigned)bits;
    *range = made;
    return ERR_OK;
}

bool
address_range_holds(const struct address_range *range, const struct address *address)
{
    struct address plain = address_unmapped(address);
    const unsigned char *want;
    const unsigned char *have;
    unsigned whole = range->bits / 8;
    unsigned rest = range->bits % 8;

    if (ip_bits(&range->address, &want) != ip_bits(&plain, &have))
        return false;
    if (memcmp(want, have, whole) != 0)
        return false;
    return rest == 0 || ((want[whole] ^ have[whole]) >> (8 - rest)) == 0;
}
