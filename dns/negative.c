/*
 * A DNS message (RFC 1035 §4.1), as far as the way to an SOA record in its authority section.
 *
 *     header 12 │ questions │ answers (aliases) │ authority: SOA
 *
 * Names are passed over, never followed: where one ends is seen without looking at what a
 * compression pointer points to.
 */
#include "dns/negative.h"

#include <arpa/nameser.h>

#define HEADER_SIZE 12
#define LABEL_MOST 63
#define POINTER_BITS 0xc0
/* TYPE, CLASS, TTL and RDLENGTH, behind a record's name. */
#define RECORD_SIZE 10
/* SERIAL, REFRESH, RETRY, EXPIRE and MINIMUM, behind an SOA's two names. */
#define SOA_NUMBERS_SIZE 20

struct reader {
    const unsigned char *at;
    size_t left;
};

struct record {
    unsigned type;
    unsigned class;
    uint32_t ttl_s;
    struct reader data;
};

static unsigned
read_16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static uint32_t
read_32(const unsigned char *at)
{
    return (uint32_t)read_16(at) << 16 | read_16(at + 2);
}

static bool
skip(struct reader *reader, size_t size)
{
    if (reader->left < size)
        return false;
    reader->at += size;
    reader->left -= size;
    return true;
}

static bool
skip_name(struct reader *reader)
{
    while (reader->left > 0) {
        unsigned label = reader->at[0];

        if ((label & POINTER_BITS) == POINTER_BITS)
            return skip(reader, 2);
        if (label > LABEL_MOST || !skip(reader, 1 + (size_t)label))
            return false;
        if (label == 0)
            return true;
    }
    return false;
}

static bool
read_record(struct reader *reader, struct record *record)
{
    const unsigned char *fixed;

    if (!skip_name(reader))
        return false;
    fixed = reader->at;
    if (!skip(reader, RECORD_SIZE))
        return false;
    record->type = read_16(fixed);
    record->class = read_16(fixed + 2);
    record->ttl_s = read_32(fixed + 4);
    record->data = (struct reader){reader->at, read_16(fixed + 8)};
    return skip(reader, record->data.left);
}

/* RFC 2181 §8: a TTL with the top bit set counts as zero. */
static uint32_t
ttl_of(uint32_t value)
{
    return value > INT32_MAX ? 0 : value;
}

static bool
read_soa(struct record *soa, uint32_t *ttl_s)
{
    uint32_t minimum;

    if (!skip_name(&soa->data) || !skip_name(&soa->data) || soa->data.left != SOA_NUMBERS_SIZE)
        return false;
    minimum = ttl_of(read_32(soa->data.at + SOA_NUMBERS_SIZE - sizeof(minimum)));
    *ttl_s = ttl_of(soa->ttl_s);
    if (minimum < *ttl_s)
        *ttl_s = minimum;
    return true;
}

bool
negative_ttl(const unsigned char *bytes, size_t size, uint32_t *ttl_s)
{
    struct reader reader = {bytes, size};
    struct record record;
    unsigned questions;
    unsigned answers;
    unsigned authorities;

    if (!skip(&reader, HEADER_SIZE))
        return false;
    questions = read_16(bytes + 4);
    answers = read_16(bytes + 6);
    authorities = read_16(bytes + 8);
    while (questions-- > 0)
        if (!skip_name(&reader) || !skip(&reader, 4))
            return false;
    while (answers-- > 0)
        if (!read_record(&reader, &record))
            return false;
    while (authorities-- > 0) {
        if (!read_record(&reader, &record))
            return false;
        if (record.type == ns_t_soa && record.class == ns_c_in)
            return read_soa(&record, ttl_s);
    }
    return false;
}
