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
#include "tests/fuzz/plain_chunks.h"
#include "tests/unit/http/damage.h"
#include "tests/unit/http/given.h"

static const struct slice chunkeds[] = {
    BYTES("5\r\nhello\r\n0\r\n\r\n"),
    BYTES("1;a=b\r\nx\r\nA\r\n0123456789\r\n0;c\r\nD: e\r\nF:\r\n\r\nGET"),
    BYTES("00\r\n\r\n"),
    BYTES("2\r\n\r\n\r\n3\r\n0\r\n\r\n0\r\n\r\n"),
};

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
    plainly = plain_chunks_read((struct slice){message->bytes, message->size}, &plain);
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
