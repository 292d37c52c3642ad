/* What must hold for chunked bodies of any bytes: see damage.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "proxy/http/body.h"
#include "tests/unit/http/damage.h"
#include "tests/unit/http/given.h"

static const struct slice chunkeds[] = {
    BYTES("5\r\nhello\r\n0\r\n\r\n"),
    BYTES("1;a=b\r\nx\r\nA\r\n0123456789\r\n0;c\r\nD: e\r\nF:\r\n\r\nGET"),
    BYTES("00\r\n\r\n"),
    BYTES("2\r\n\r\n\r\n3\r\n0\r\n\r\n0\r\n\r\n"),
};

/* The end of the line at at, or 0; the line must hold no control byte but tabs. */
static size_t
line_end(const struct message *message, size_t at)
{
    const char *cr = memmem(message->bytes + at, message->size - at, "\r\n", 2);

    if (cr == NULL)
        return 0;
    for (const char *p = message->bytes + at; p < cr; p++)
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
            return 0;
    return (size_t)(cr - message->bytes);
}

static bool
skip_trailers(const struct message *message, size_t *at)
{
    for (;;) {
        size_t end = line_end(message, *at);
        struct slice line = {message->bytes + *at, end - *at};
        size_t name = 0;

        if (end == 0)
            return false;
        *at = end + 2;
        if (line.size == 0)
            return true;
        while (name < line.size && line.data[name] > ' ' && line.data[name] < 0x7f &&
               strchr("\"(),/:;<=>?@[\\]{}", line.data[name]) == NULL)
            name++;
        if (name == 0 || name == line.size || line.data[name] != ':')
            return false;
    }
}

/* A second chunked reader, which has all bytes at hand. Returns what it used, or 0. */
static size_t
decode_plainly(const struct message *message, struct buf *data)
{
    size_t at = 0;

    for (;;) {
        size_t end = line_end(message, at);
        size_t digits = at;
        uint64_t size = 0;

        while (digits < end &&
               strchr("0123456789abcdefABCDEF", message->bytes[digits]) != NULL) {
            char digit[2] = {message->bytes[digits++], '\0'};

            if (size > DAMAGE_SIZE)
                return 0;
            size = size * 16 + strtoul(digit, NULL, 16);
        }
        if (end == 0 || digits == at || (digits < end && message->bytes[digits] != ';'))
            return 0;
        at = end + 2;
        if (size == 0)
            return skip_trailers(message, &at) ? at : 0;
        if (message->size - at < size + 2 || memcmp(message->bytes + at + size, "\r\n", 2) != 0)
            return 0;
        assert_int_equal(buf_append(data, message->bytes + at, size), ERR_OK);
        at += size + 2;
    }
}

/* Reads in parts of up to part bytes. */
static enum parse
decode_in_parts(const struct message *message, size_t part, struct buf *data, size_t *used)
{
    struct body body = {.kind = BODY_CHUNKED};
    enum parse answer = PARSE_MORE;

    *used = 0;
    while (answer == PARSE_MORE && *used < message->size) {
        size_t most = 1 + damage_below(part);
        size_t left = message->size - *used;
        struct slice in = {message->bytes + *used, left < most ? left : most};
        char *copy = exact_copy(in);
        struct slice run;
        size_t step;

        in.data = copy;
        answer = body_step(&body, in, &step, &run);
        if (step > in.size || run.size > step || (answer == PARSE_MORE && step == 0))
            damage_complain("a step out of bounds", message);
        assert_int_equal(buf_append_slice(data, run), ERR_OK);
        *used += step;
        free(copy);
    }
    return answer;
}

static void
check_chunked(const struct message *message, size_t *done)
{
    struct buf plain;
    struct buf parts[2];
    size_t used[2];
    enum parse answers[2];
    size_t plainly;

    buf_init(&plain, DAMAGE_SIZE);
    buf_init(&parts[0], DAMAGE_SIZE);
    buf_init(&parts[1], DAMAGE_SIZE);
    plainly = decode_plainly(message, &plain);
    answers[0] = decode_in_parts(message, DAMAGE_SIZE, &parts[0], &used[0]);
    answers[1] = decode_in_parts(message, 4, &parts[1], &used[1]);
    if (answers[0] != answers[1] || used[0] != used[1] ||
        !slice_equal(buf_bytes(&parts[0]), buf_bytes(&parts[1])))
        damage_complain("another answer in other parts", message);
    if ((answers[0] == PARSE_DONE) != (plainly > 0))
        damage_complain("read by one of two readers only", message);
    if (plainly > 0 &&
        (used[0] != plainly || !slice_equal(buf_bytes(&parts[0]), buf_bytes(&plain))))
        damage_complain("read otherwise by a second reader", message);
    *done += plainly > 0;
    buf_reset(&plain);
    buf_reset(&parts[0]);
    buf_reset(&parts[1]);
}

static void
damaged_chunks_are_read_one_way_or_refused(void **state)
{
    size_t done = 0;

    (void)state;
    for (size_t i = 0; i < DAMAGE_MESSAGES; i++) {
        struct message message;

        damage_make(&message, chunkeds, COUNT(chunkeds));
        check_chunked(&message, &done);
    }
    assert_in_range(done, DAMAGE_MESSAGES / 10, DAMAGE_MESSAGES * 9 / 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(damaged_chunks_are_read_one_way_or_refused, damage_begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
