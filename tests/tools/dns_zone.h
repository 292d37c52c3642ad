#ifndef CARPOOL_TESTS_DNS_ZONE_H
#define CARPOOL_TESTS_DNS_ZONE_H

#include <stdbool.h>
#include <stddef.h>

/* Room for a DNS name in text. */
#define DNS_NAME_SIZE 256

enum type { TYPE_NONE, TYPE_A = 1, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_AAAA = 28 };

enum verdict {
    VERDICT_RECORD,
    VERDICT_NXDOMAIN,
    VERDICT_NODATA,
    VERDICT_SERVFAIL,
    VERDICT_REFUSED,
    VERDICT_SILENT,
    VERDICT_TRUNCATE,
    VERDICT_MALFORMED,
    VERDICT_WRONG_ID,
    VERDICT_WRONG_NAME,
    VERDICT_LOOP,
    VERDICT_CUT,
    VERDICT_MANY,
    VERDICT_COUNT
};

/* One rule of the zone; the syntax stands in dns_server.c. */
struct line {
    char name[DNS_NAME_SIZE];
    enum type type; /* TYPE_NONE: a verdict for every type */
    enum verdict verdict;
    unsigned char address[16];
    char target[DNS_NAME_SIZE]; /* of a CNAME */
    unsigned ttl_s;
    unsigned delay_ms;
    bool is_counted;
    unsigned times_left;
};

struct zone {
    struct line *lines;
    size_t count;
};

/* Reads a zone file in place of what is there; on failure says why and leaves it as it was. */
bool zone_read(const char *path, struct zone *zone);

/* The name pattern whose rules hold for a name: its own, else the longest wildcard, else the
 * default; NULL if there is none. */
const char *zone_pattern(const struct zone *zone, const char *name);

#endif
