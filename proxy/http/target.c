/*
 * Request targets and Host fields (RFC 9112 §3.2, RFC 9110 §4.2 and §7.2), read strictly:
 * what this proxy, its rules and the origin could understand differently is refused. Pure, any
 * thread.
 */
#include "proxy/http/target.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "proxy/http/chars.h"

/* The longest DNS name in text, with its trailing dot. */
#define HOST_SIZE_MAX 254
#define LABEL_SIZE_MAX 63
#define HTTP_PORT 80
#define HTTPS_PORT 443

struct authority {
    struct slice host;
    bool is_bracketed;
    bool has_port;
    uint16_t port;
};

static struct slice
slice_from(struct slice text, size_t at)
{
    return (struct slice){text.data + at, text.size - at};
}

static bool
starts_nocase(struct slice text, struct slice start)
{
    return text.size >= start.size &&
           slice_equal_nocase((struct slice){text.data, start.size}, start);
}

static bool
is_all(struct slice text, unsigned classes)
{
    for (size_t i = 0; i < text.size; i++)
        if (!char_is(text.data[i], classes))
            return false;
    return true;
}

/* The position of the first of these bytes, or the size. */
static size_t
find_any(struct slice text, struct slice wanted)
{
    size_t at = 0;

    while (at < text.size && memchr(wanted.data, text.data[at], wanted.size) == NULL)
        at++;
    return at;
}

static bool
is_number(struct slice label)
{
    if (starts_nocase(label, SLICE("0x")))
        return is_all(slice_from(label, 2), CHAR_HEX);
    for (size_t i = 0; i < label.size; i++)
        if (label.data[i] < '0' || label.data[i] > '9')
            return false;
    return true;
}

static bool
is_ip(struct slice text, int family)
{
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr address;

    return slice_copy(text, copy, sizeof(copy)) && inet_pton(family, copy, &address) == 1;
}

/*
 * Letters, digits, "-" and "_" in labels, one trailing dot at most; no percent-encoding and
 * nothing beyond ASCII (IDN travel as A-labels). A name whose last label is a number is an
 * address in disguise (127.1, 0x7f000001, 2130706433) unless it is a strict dotted quad.
 */
static bool
is_name(struct slice host)
{
    struct slice rest = host;
    struct slice label = host;

    if (host.size > HOST_SIZE_MAX || !is_all(host, CHAR_HOST))
        return false;
    while (rest.size > 0) {
        size_t size = find_any(rest, SLICE("."));

        label = (struct slice){rest.data, size};
        if (size == 0 || size > LABEL_SIZE_MAX)
            return false;
        rest = slice_from(rest, size < rest.size ? size + 1 : size);
    }
    return host.size > 0 && (!is_number(label) || is_ip(host, AF_INET));
}

/* "[" IPv6address "]". Zones are refused: they name the client's interfaces, not ours, and RFC
 * 9844 took them out of URIs. */
static bool
cut_literal(struct slice *text, struct slice *host)
{
    size_t end = find_any(*text, SLICE("]"));

    if (end == text->size)
        return false;
    *host = (struct slice){text->data + 1, end - 1};
    *text = slice_from(*text, end + 1);
    return is_ip(*host, AF_INET6);
}

/* uri-host [ ":" [ port ] ]; an empty port is none (RFC 3986 §3.2.3), 0 is nobody's. */
static bool
parse_authority(struct slice text, struct authority *authority)
{
    uint64_t port;

    *authority = (struct authority){0};
    if (text.size > 0 && text.data[0] == '[') {
        authority->is_bracketed = true;
        if (!cut_literal(&text, &authority->host))
            return false;
    } else {
        size_t end = find_any(text, SLICE(":"));

        authority->host = (struct slice){text.data, end};
        text = slice_from(text, end);
        if (!is_name(authority->host))
            return false;
    }
    if (text.size == 0)
        return true;
    if (text.data[0] != ':')
        return false;
    text = slice_from(text, 1);
    if (text.size == 0)
        return true;
    if (slice_to_number(text, UINT16_MAX, &port) != ERR_OK || port == 0)
        return false;
    authority->has_port = true;
    authority->port = (uint16_t)port;
    return true;
}

/* Drops "user:password@". A second "@" is doubt about which host is meant. */
static bool
cut_userinfo(struct slice *text)
{
    size_t at = find_any(*text, SLICE("@"));

    if (at == text->size)
        return true;
    if (!is_all((struct slice){text->data, at}, CHAR_USER))
        return false;
    *text = slice_from(*text, at + 1);
    return true;
}

/* Why a target that begins neither with "http://" or "https://" nor with "/" is refused. */
static enum refusal
refusal_of_scheme(struct slice text)
{
    size_t size = find_any(text, SLICE(":"));
    char first = text.size > 0 ? text.data[0] : '\0';

    if (!char_is(first, CHAR_HOST) || (first >= '0' && first <= '9'))
        return REFUSAL_TARGET;
    for (size_t i = 0; i < size; i++)
        if (!char_is(text.data[i], CHAR_HOST) && text.data[i] != '+')
            return REFUSAL_TARGET;
    if (starts_nocase(text, SLICE("http:")) || starts_nocase(text, SLICE("https:")))
        return REFUSAL_TARGET;
    return starts_nocase(slice_from(text, size), SLICE("://")) ? REFUSAL_SCHEME
                                                               : REFUSAL_TARGET;
}

/* ( "http://" / "https://" ) authority path-abempty [ "?" query ] (RFC 9112 §3.2.2) */
static enum refusal
parse_absolute(const struct head *head, struct target *target)
{
    struct slice rest = head->target;
    bool is_secure = starts_nocase(rest, SLICE("https://"));
    uint16_t preset = is_secure ? HTTPS_PORT : HTTP_PORT;
    struct authority authority;
    struct slice text;
    size_t end;

    if (!is_secure && !starts_nocase(rest, SLICE("http://")))
        return refusal_of_scheme(rest);
    rest = slice_from(rest, is_secure ? sizeof("https://") - 1 : sizeof("http://") - 1);
    end = find_any(rest, SLICE("/?"));
    text = (struct slice){rest.data, end};
    if (!cut_userinfo(&text) || !parse_authority(text, &authority))
        return REFUSAL_TARGET;
    target->form = TARGET_ABSOLUTE;
    target->host = authority.host;
    target->is_bracketed = authority.is_bracketed;
    target->is_secure = is_secure;
    target->port = authority.has_port ? authority.port : preset;
    target->has_port = target->port != preset;
    target->path = slice_from(rest, end);
    if (target->path.size == 0) /* the whole server, §3.2.4, or its root */
        target->path = head->method == METHOD_OPTIONS ? SLICE("*") : SLICE("/");
    return REFUSAL_NONE;
}

/* uri-host ":" port, without userinfo (RFC 9112 §3.2.3) */
static enum refusal
parse_connect(const struct head *head, struct target *target)
{
    struct authority authority;

    if (!parse_authority(head->target, &authority) || !authority.has_port)
        return REFUSAL_TARGET;
    target->form = TARGET_AUTHORITY;
    target->host = authority.host;
    target->is_bracketed = authority.is_bracketed;
    target->port = authority.port;
    target->has_port = true;
    return REFUSAL_NONE;
}

static enum refusal
parse_any(const struct head *head, struct target *target)
{
    struct slice text = head->target;

    if (text.size == 0 || !is_all(text, CHAR_TARGET))
        return REFUSAL_TARGET;
    if (head->method == METHOD_CONNECT)
        return parse_connect(head, target);
    if (text.data[0] == '/') {
        target->form = TARGET_ORIGIN;
        target->path = text;
        return REFUSAL_NONE;
    }
    if (slice_equal(text, SLICE("*"))) {
        target->form = TARGET_ASTERISK;
        target->path = text;
        return head->method == METHOD_OPTIONS ? REFUSAL_NONE : REFUSAL_TARGET;
    }
    return parse_absolute(head, target);
}

enum parse
target_parse(const struct head *head, struct target *target, enum refusal *refusal)
{
    struct target parsed = {0};
    enum refusal found = parse_any(head, &parsed);

    if (found != REFUSAL_NONE) {
        *refusal = found;
        return PARSE_REFUSE;
    }
    *target = parsed;
    return PARSE_DONE;
}

enum parse
target_check_host(const struct head *head, enum refusal *refusal)
{
    size_t count = head_count(head, SLICE("Host"));
    struct authority authority;
    bool is_fine = count == 1 || (count == 0 && head->minor == 0);

    if (is_fine && count == 1) {
        struct slice value = head_field(head, SLICE("Host"))->value;

        /* Empty is what a client says whose target has no authority. */
        is_fine = value.size == 0 || parse_authority(value, &authority);
    }
    if (is_fine)
        return PARSE_DONE;
    *refusal = REFUSAL_HOST;
    return PARSE_REFUSE;
}
