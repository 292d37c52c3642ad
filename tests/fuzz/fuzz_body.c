/*
 * Bodies in any bytes. The first byte of an input chooses how the rest is framed and split.
 * Any split gives the same data and the same answer; a second chunked reader agrees.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "proxy/http/body.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/plain_chunks.h"

/* What one way of reading made of the bytes. */
struct reading {
    struct buf data;
    size_t used;
    enum parse answer;
};

/* Lines longer than the parser allows are nothing that the plain reader minds. */
#define SURELY_WITHIN_LIMITS 1024

/* Reads in parts of 1 to most bytes, whose sizes follow from the seed. */
static void
read_in_parts(struct slice bytes, struct body body, size_t most, unsigned seed,
              struct reading *reading)
{
    buf_init(&reading->data, bytes.size + 1);
    reading->used = 0;
    reading->answer = body.is_done ? PARSE_DONE : PARSE_MORE;
    while (reading->answer == PARSE_MORE && reading->used < bytes.size) {
        struct slice rest = {bytes.data + reading->used, bytes.size - reading->used};
        struct slice in = fuzz_cut(&rest, 1 + (seed >> 16) % most);
        char *copy = fuzz_copy(in);
        struct slice run;
        size_t step;

        in.data = copy;
        reading->answer = body_step(&body, in, &step, &run);
        CHECK(step <= in.size && run.size <= step);
        CHECK(reading->answer != PARSE_MORE || step > 0);
        CHECK(buf_append_slice(&reading->data, run) == ERR_OK);
        reading->used += step;
        free(copy);
        seed = seed * 1103515245 + 12345;
    }
    if (reading->answer == PARSE_REFUSE && reading->used < bytes.size) {
        struct slice run;
        size_t step;

        CHECK(body_step(&body, SLICE("0\r\n\r\n"), &step, &run) == PARSE_REFUSE);
        CHECK(step == 0 && run.size == 0);
    }
}

static void
check_plainly(struct slice bytes, const struct reading *reading)
{
    struct buf plain;
    size_t used;

    buf_init(&plain, bytes.size + 1);
    used = plain_chunks_read(bytes, &plain);
    if (reading->answer == PARSE_DONE) {
        CHECK(used == reading->used);
        CHECK(slice_equal(buf_bytes(&plain), buf_bytes(&reading->data)));
    } else if (bytes.size < SURELY_WITHIN_LIMITS) {
        CHECK(used == 0);
    }
    buf_reset(&plain);
}

static struct body
choose_body(unsigned char choice, size_t size)
{
    struct body body = {.kind = BODY_CHUNKED};

    switch (choice % 8) {
    case 0:
        body_until_close(&body);
        break;
    case 1: {
        uint64_t length = size > 0 ? choice % size : 0;

        body = (struct body){.kind = BODY_LENGTH, .length = length, .left = length};
        body.is_done = length == 0;
        break;
    }
    default:
        break;
    }
    return body;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = {(const char *)data, size};
    struct slice first = fuzz_cut(&bytes, 1);
    unsigned char choice = first.size > 0 ? (unsigned char)first.data[0] : 0;
    struct body body = choose_body(choice, bytes.size);
    struct reading whole;
    struct reading parts;

    read_in_parts(bytes, body, bytes.size + 1, 0, &parts);
    buf_reset(&parts.data);
    read_in_parts(bytes, body, 4, choice, &parts);
    read_in_parts(bytes, body, 1, 0, &whole);
    CHECK(whole.answer == parts.answer && whole.used == parts.used);
    CHECK(slice_equal(buf_bytes(&whole.data), buf_bytes(&parts.data)));
    buf_reset(&parts.data);
    read_in_parts(bytes, body, 64 * 1024, 0, &parts);
    CHECK(whole.answer == parts.answer && whole.used == parts.used);
    CHECK(slice_equal(buf_bytes(&whole.data), buf_bytes(&parts.data)));
    if (body.kind == BODY_CHUNKED)
        check_plainly(bytes, &whole);
    else if (body.kind == BODY_LENGTH)
        CHECK(whole.used == (body.length < bytes.size ? body.length : bytes.size));
    else
        CHECK(whole.used == bytes.size && whole.answer == PARSE_MORE);
    buf_reset(&parts.data);
    buf_reset(&whole.data);
    return 0;
}
