/*
 * A scripted name server's messages (RFC 1035 §4).
 */
#include "tests/tools/dns_message.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define UDP_SIZE 512 /* RFC 1035 §4.2.1; EDNS is not spoken */
#define CNAME_STEPS 8
#define MANY 2000u

static const unsigned rcodes[VERDICT_COUNT] = {
    [VERDICT_NXDOMAIN] = 3,
    [VERDICT_SERVFAIL] = 2,
    [VERDICT_REFUSED] = 5,
};

static void
put(struct message *message, const void *bytes, size_t size)
{
    if (message->size + size > sizeof(message->bytes))
        abort(); /* a zone has no room for that many records */
    memcpy(message->bytes + message->size, bytes, size);
    message->size += size;
}

static void
put_number(struct message *message, uint32_t value, unsigned size)
{
    for (unsigned i = size; i-- > 0;) {
        unsigned char byte = (unsigned char)(value >> (8 * i));

        put(message, &byte, 1);
    }
}

static void
put_name(struct message *message, const char *name)
{
    while (*name != '\0') {
        size_t size = strcspn(name, ".");

        put_number(message, (uint32_t)size, 1);
        put(message, name, size);
        name += size;
        name += *name == '.';
    }
    put_number(message, 0, 1);
}

static void
count_record(struct message *message, unsigned section_at)
{
    unsigned count = (message->bytes[section_at] << 8 | message->bytes[section_at + 1]) + 1u;

    message->bytes[section_at] = (unsigned char)(count >> 8);
    message->bytes[section_at + 1] = (unsigned char)count;
}

static void
put_record_head(struct message *message, const char *name, enum type type, unsigned ttl_s)
{
    put_name(message, name);
    put_number(message, type, 2);
    put_number(message, 1, 2);
    put_number(message, ttl_s, 4);
}

static void
put_record(struct message *message, const char *name, const struct line *line)
{
    unsigned size = line->type == TYPE_A ? 4 : 16;

    put_record_head(message, name, line->type, line->ttl_s);
    if (line->type == TYPE_CNAME) {
        put_number(message, (uint32_t)strlen(line->target) + 2, 2);
        put_name(message, line->target);
    } else {
        put_number(message, size, 2);
        put(message, line->address, size);
    }
    count_record(message, 6);
}

/* The zone's own record, which tells how long a negative answer may be kept (RFC 2308 §3). */
static void
put_soa(struct message *message, unsigned ttl_s)
{
    put_record_head(message, "test", TYPE_SOA, ttl_s);
    put_number(message, 2 * 6 + 5 * 4, 2);
    put_name(message, "test");
    put_name(message, "test");
    for (unsigned i = 0; i < 4; i++)
        put_number(message, 3600, 4);
    put_number(message, ttl_s, 4);
    count_record(message, 8);
}

bool
question_read(const unsigned char *bytes, size_t size, struct question *question)
{
    size_t at = 12;
    size_t out = 0;

    if (size < 12 || (bytes[2] & 0x80) != 0 || bytes[4] != 0 || bytes[5] != 1)
        return false;
    while (at < size && bytes[at] != 0) {
        size_t label = bytes[at++];

        if (label > 63 || at + label > size || out + label + 2 > DNS_NAME_SIZE)
            return false;
        if (out > 0)
            question->name[out++] = '.';
        for (size_t i = 0; i < label; i++, at++) {
            char letter = (char)bytes[at];

            question->name[out++] =
                letter >= 'A' && letter <= 'Z' ? (char)(letter + 32) : letter;
        }
    }
    question->name[out] = '\0';
    question->size = at + 5;
    if (question->size > size)
        return false;
    question->type = (unsigned)(bytes[at + 1] << 8 | bytes[at + 2]);
    return true;
}

/* Answers */

static bool
uses_up(struct line *line)
{
    if (!line->is_counted)
        return true;
    if (line->times_left == 0)
        return false;
    line->times_left--;
    return true;
}

/* Does this rule's verdict, if it is one, hold for the question? */
static bool
has_verdict(const struct line *line, const struct question *question)
{
    if (line->verdict == VERDICT_RECORD)
        return false;
    if (line->type != TYPE_NONE && line->type != question->type)
        return false;
    return line->verdict != VERDICT_TRUNCATE || !question->is_tcp;
}

/*
 * One step: adds what the zone says of name. Returns the next name when only an alias was
 * found. The verdict is RECORD when records were added, and the delay the longest of the lines
 * used.
 */
static const char *
answer_step(struct zone *zone, const char *name, const struct question *question,
            struct message *message, struct line *used)
{
    const char *pattern = zone_pattern(zone, name);
    const char *next = NULL;

    used->verdict = pattern == NULL ? VERDICT_NXDOMAIN : VERDICT_NODATA;
    for (size_t i = 0; pattern != NULL && i < zone->count; i++) {
        struct line *line = &zone->lines[i];

        if (strcmp(line->name, pattern) != 0)
            continue;
        if (has_verdict(line, question) && uses_up(line)) {
            unsigned delay_ms = used->delay_ms;

            *used = *line;
            if (used->delay_ms < delay_ms)
                used->delay_ms = delay_ms;
            return NULL;
        }
        if (line->verdict != VERDICT_RECORD ||
            (line->type != question->type && line->type != TYPE_CNAME) || !uses_up(line))
            continue;
        put_record(message, name, line);
        if (line->delay_ms > used->delay_ms)
            used->delay_ms = line->delay_ms;
        used->verdict = VERDICT_RECORD;
        if (line->type == TYPE_CNAME && question->type != TYPE_CNAME)
            next = line->target;
    }
    return next;
}

static void
truncate_message(struct message *message, const struct question *question)
{
    message->size = question->size;
    memset(message->bytes + 6, 0, 6);
    message->bytes[2] |= 0x02;
}

/* ---- lies ---- */

/* An address record for the name that was asked for, by a pointer to the question's. */
static void
put_address(struct message *message, unsigned type, uint32_t address)
{
    put_number(message, 0xc00c, 2);
    put_number(message, type, 2);
    put_number(message, 1, 2);
    put_number(message, 60, 4);
    put_number(message, type == TYPE_A ? 4 : 16, 2);
    if (type == TYPE_AAAA) /* ::ffff:0:0/96 */
        put(message, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    put_number(message, address, 4);
    count_record(message, 6);
}

/* What the verdict makes of an answer that has no records yet. */
static void
put_lie(struct message *message, enum verdict verdict, const struct question *question)
{
    if (verdict == VERDICT_MALFORMED) {
        message->bytes[7] = 5;
        put(message, "\xc0\xff\x3f???", 6);
    } else if (verdict == VERDICT_LOOP) {
        put_number(message, 0xc000u | (uint32_t)message->size, 2);
        count_record(message, 6);
    } else if (verdict == VERDICT_CUT) {
        put_address(message, question->type, 0x7f000001);
        message->size -= 3;
    } else if (verdict == VERDICT_MANY) {
        for (unsigned i = 0; i < MANY; i++)
            put_address(message, question->type, 0x7f020000 + i);
    } else if (verdict == VERDICT_WRONG_ID) {
        put_address(message, question->type, 0x7f000001);
        message->bytes[0] ^= 0xff;
    } else if (verdict == VERDICT_WRONG_NAME) {
        put_address(message, question->type, 0x7f000001);
        message->bytes[13] ^= 0x03; /* the first letter of the question's name */
    }
}

/* Makes the answer in message; false when there is to be none. */
bool
answer_make(struct zone *zone, const unsigned char *bytes, const struct question *question,
            struct message *message, unsigned *delay_ms)
{
    struct line used = {.ttl_s = 60};
    const char *name = question->name;

    message->size = 0;
    put(message, bytes, question->size);
    message->bytes[2] = (unsigned char)(0x84 | (bytes[2] & 0x01)); /* QR, AA, RD as asked */
    message->bytes[3] = 0x80;                                      /* RA */
    memset(message->bytes + 6, 0, 6);
    for (unsigned i = 0; i < CNAME_STEPS && name != NULL; i++)
        name = answer_step(zone, name, question, message, &used);
    *delay_ms = used.delay_ms;
    message->bytes[3] |= (unsigned char)rcodes[used.verdict];
    if (used.verdict == VERDICT_NXDOMAIN || used.verdict == VERDICT_NODATA)
        put_soa(message, used.ttl_s);
    put_lie(message, used.verdict, question);
    if (used.verdict == VERDICT_TRUNCATE || (!question->is_tcp && message->size > UDP_SIZE))
        truncate_message(message, question);
    return used.verdict != VERDICT_SILENT;
}
