#ifndef CARPOOL_DNS_NAME_H
#define CARPOOL_DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"

/* 253 characters (RFC 1035 §2.3.4 in text), a trailing dot and the NUL. */
#define NAME_SIZE 255

/* A name that may be asked for: lower case, without the trailing dot. */
struct name {
    size_t size;
    unsigned dots;
    bool is_absolute; /* had a trailing dot: search domains do not apply */
    char text[NAME_SIZE];
};

/*
 * Reads a host that is no IP literal. ERR_DNS_NAME for what cannot be a host: empty or overlong
 * labels, bytes outside letters, digits, '-' and '_', and a last label that is a number: that
 * is an address in disguise (2130706433, 0x7f.1, 017700000001), never a name (RFC 3696 §2).
 */
enum err name_read(struct slice host, struct name *name);

/* localhost or anything below it (RFC 6761 §6.3). */
bool name_is_localhost(const struct name *name);

#endif
