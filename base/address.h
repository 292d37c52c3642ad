#ifndef CARPOOL_BASE_ADDRESS_H
#define CARPOOL_BASE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/slice.h"

/* An IPv4 or IPv6 address with its port. */
struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};

/* Room for "[address%zone]:port" and the NUL. */
#define ADDRESS_TEXT_SIZE 72

/* What an address is for. An IPv4 address in IPv6 clothes is what it is without them. */
enum address_kind {
    ADDRESS_PUBLIC,
    ADDRESS_UNSPECIFIED, /* 0.0.0.0/8, :: */
    ADDRESS_LOOPBACK,    /* 127.0.0.0/8, ::1 */
    ADDRESS_LINK_LOCAL,  /* 169.254.0.0/16 (cloud metadata), fe80::/10 */
    ADDRESS_PRIVATE,     /* RFC 1918, 100.64.0.0/10, fc00::/7 */
    ADDRESS_MULTICAST,   /* 224.0.0.0/4, ff00::/8, and the broadcast address */
};

/* "1.2.3.4:80" or "[::1]:80"; strict dotted quads, no names. ERR_SYNTAX otherwise. */
enum err address_parse(struct slice text, struct address *address);

/* "1.2.3.4", "::1" or "[::1]" with the port given apart. ERR_SYNTAX otherwise. */
enum err address_parse_ip(struct slice text, uint16_t port, struct address *address);

/* Takes what accept, connect or getaddrinfo gave. ERR_SYNTAX if it is neither IPv4 nor IPv6. */
enum err address_from_sockaddr(const struct sockaddr *any, struct address *address);

/* This end or the far end of a socket. */
enum err address_of_local(int fd, struct address *address);
enum err address_of_peer(int fd, struct address *address);

/* "1.2.3.4:80" or "[::1]:80" into to, which has ADDRESS_TEXT_SIZE bytes. Returns to. */
const char *address_format(const struct address *address, char *to);

/* The same without port and brackets. */
const char *address_format_ip(const struct address *address, char *to);

uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);
socklen_t address_size(const struct address *address);

/* Same family, address, port and zone. */
bool address_equal(const struct address *a, const struct address *b);

/*
 * Of two in this order, by family, port and address: what address_equal() compares but for the
 * zone, so that equal addresses have equal hashes whatever else their structs hold.
 */
uint64_t address_hash_two(const struct address *first, const struct address *second);

/* Same but for the port. */
bool address_equal_ip(const struct address *a, const struct address *b);

/*
 * The address without disguise: IPv4-mapped (::ffff:0:0/96) and NAT64 (64:ff9b::/96) become the
 * IPv4 address that they stand for; others stay. The port is kept.
 */
struct address address_unmapped(const struct address *address);

/* What the undisguised address is for. */
enum address_kind address_kind(const struct address *address);

/* The word of rules for it: "public", "link-local", … */
const char *address_kind_word(enum address_kind kind);

/* A range of addresses such as 10.0.0.0/8. */
struct address_range {
    struct address address;
    unsigned bits;
};

/*
 * "10.0.0.0/8", "fd00::/8", or one address, which is taken without its disguise. ERR_SYNTAX,
 * also for a range of disguised addresses: what it holds is for IPv4 to say; ERR_RANGE for too
 * many bits.
 */
enum err address_range_parse(struct slice text, struct address_range *range);

/* Is the undisguised address in the range? */
bool address_range_holds(const struct address_range *range, const struct address *address);

#endif
