#ifndef CARPOOL_TESTS_DNS_MESSAGE_H
#define CARPOOL_TESTS_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/tools/dns_zone.h"

#define DNS_MESSAGE_SIZE 65535

struct message {
    unsigned char bytes[DNS_MESSAGE_SIZE];
    size_t size;
};

struct question {
    char name[DNS_NAME_SIZE];
    unsigned type;
    bool is_tcp;
    size_t size; /* header and question section */
};

/* Reads a question; false if it is none that a server answers. is_tcp is left alone. */
bool question_read(const unsigned char *bytes, size_t size, struct question *question);

/*
 * Makes the zone's answer to the question that bytes hold, and how long it is to wait; false
 * when there is to be none. Uses up counted rules.
 */
bool answer_make(struct zone *zone, const unsigned char *bytes, const struct question *question,
                 struct message *message, unsigned *delay_ms);

#endif
