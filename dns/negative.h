#ifndef CARPOOL_DNS_NEGATIVE_H
#define CARPOOL_DNS_NEGATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * For how long a name server's "no such name" or "no such record" may be believed: the lesser
 * of the TTL and the MINIMUM of the zone's SOA in the authority section (RFC 2308 §5). False if
 * the message has none, or cannot be read. c-ares' own reader of SOA records takes them from
 * the answer section only. Pure; any thread.
 */
bool negative_ttl(const unsigned char *bytes, size_t size, uint32_t *ttl_s);

#endif
