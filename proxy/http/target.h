#ifndef CARPOOL_PROXY_HTTP_TARGET_H
#define CARPOOL_PROXY_HTTP_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "proxy/http/head.h"

enum target_form { TARGET_ABSOLUTE, TARGET_AUTHORITY, TARGET_ASTERISK, TARGET_ORIGIN };

/* A request target (RFC 9112 §3.2), taken apart. Slices borrow from the head's bytes. */
struct target {
    enum target_form form;
    struct slice host; /* without userinfo, port and brackets */
    bool is_bracketed; /* the host is an IPv6 literal */
    uint16_t port;     /* the scheme's default where none is given */
    bool has_port;     /* given, and not the default */
    struct slice path; /* path and query as sent; where empty "/", or "*" for OPTIONS
                          (§3.2.4); "?query" gets its "/" when written, see emit */
    bool is_secure;    /* absolute form with "https" */
};

/*
 * PARSE_DONE or PARSE_REFUSE with *refusal. CONNECT takes authority form with a port, every
 * other method absolute form ("http" or "https" in any case), origin form, or "*" for OPTIONS.
 * Hosts are names of letters, digits, "-" and "_" with at most one trailing dot (kept), dotted
 * quads, or bracketed IPv6 literals without zone; numbers in disguise (127.1, 0x7f.1) are
 * refused, as are percent-encoded hosts, port 0 and fragments.
 */
enum parse target_parse(const struct head *head, struct target *target, enum refusal *refusal);

/*
 * Checks the Host field against RFC 9112 §3.2: exactly one and well formed in HTTP/1.1, at most
 * one in HTTP/1.0. In absolute form its value is ignored afterwards (§3.2.2).
 */
enum parse target_check_host(const struct head *head, enum refusal *refusal);

/* "http" or "https" of absolute form; empty of any other, which names none. */
static inline struct slice
target_scheme(const struct target *target)
{
    if (target->form != TARGET_ABSOLUTE)
        return SLICE("");
    return target->is_secure ? SLICE("https") : SLICE("http");
}

#endif
