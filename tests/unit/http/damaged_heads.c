/* What must hold for heads of any bytes: see damage.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/http/emit.h"
#include "tests/unit/http/damage.h"
#include "tests/unit/http/given.h"

static const struct slice requests[] = {
    BYTES("GET http://o.test/a?b HTTP/1.1\r\nHost: o.test\r\nAccept: */*\r\n\r\n"),
    BYTES("\r\nPOST http://u@o.test:81 HTTP/1.0\r\nContent-Length: 5\r\nConnection: "
          "close\r\n\r\nhello"),
    BYTES(
        "PUT http://[::1]/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    BYTES("CONNECT o.test:443 HTTP/1.1\r\nHost: o.test:443\r\nProxy-Connection: "
          "keep-alive\r\n\r\n"),
    BYTES("OPTIONS http://o.test HTTP/1.1\r\nHost: o.test\r\nConnection: x, y\r\nX: 1\r\nY: "
          "2\r\n\r\n"),
};

static const struct slice responses[] = {
    BYTES("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nKeep-Alive: timeout=5, max=9\r\n\r\nhello"),
    BYTES("HTTP/1.0 404\r\nConnection: keep-alive\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n"),
    BYTES("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    BYTES("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"\xe4\"\r\n\r\n"),
};

struct parsed {
    enum parse parse;
    struct head head;
    struct field fields[16];
    char *bytes;
};

static void
parse(struct parsed *parsed, const struct message *message, size_t size, bool is_request)
{
    struct slice bytes = {message->bytes, size};

    memset(parsed, 0, sizeof(*parsed));
    parsed->bytes = exact_copy(bytes);
    parsed->head = (struct head){.fields = parsed->fields, .field_capacity = 16};
    bytes.data = parsed->bytes;
    parsed->parse = is_request ? head_parse_request(bytes, &given_limits, &parsed->head)
                               : head_parse_response(bytes, &given_limits, &parsed->head);
}

static void
check_growing(const struct message *message, const struct parsed *whole, bool is_request)
{
    bool is_settled = false;

    for (size_t size = damage_below(8); size < message->size; size += 1 + damage_below(32)) {
        struct parsed part;

        parse(&part, message, size, is_request);
        free(part.bytes);
        if (part.parse == PARSE_MORE
                ? is_settled
                : part.parse != whole->parse || part.head.refusal != whole->head.refusal ||
                      part.head.size != whole->head.size)
            damage_complain("another answer for a part", message);
        is_settled = part.parse != PARSE_MORE;
    }
}

/* What any accepted head looks like, said in another way than the parser does. */
static void
check_clean(const struct message *message, const struct parsed *whole)
{
    struct slice head = {message->bytes, whole->head.size};
    size_t skipped = head.data[0] == '\r' ? 2 : 0;
    const char *end = memmem(head.data + skipped, message->size - skipped, "\r\n\r\n", 4);

    if (end == NULL || end + 4 != head.data + head.size)
        damage_complain("the head ends elsewhere", message);
    for (size_t i = 0; i < head.size; i++) {
        unsigned char c = (unsigned char)head.data[i];
        bool is_fine = c >= ' ' && c != 0x7f;

        if (c == '\r')
            is_fine = head.data[i + 1] == '\n';
        else if (c == '\n')
            is_fine = head.data[i - 1] == '\r' &&
                      (i + 1 == head.size || head.data[i + 1] != ' ') &&
                      (i + 1 == head.size || head.data[i + 1] != '\t');
        else if (c == '\t')
            is_fine = true;
        if (!is_fine)
            damage_complain("a byte that is in no head", message);
    }
}

/* Reads what was written; the origin must understand it exactly as we did. */
static void
check_written(const struct message *message, const struct buf *out, const struct body *body,
              const struct target *target)
{
    struct given given = {.head = {.fields = given.fields, .field_capacity = 64}};
    static const struct head_limits limits = {.line_size = 2000, .head_size = 4000};
    enum refusal refusal;
    struct body again;
    struct buf twice;

    if (head_parse_request(buf_bytes(out), &limits, &given.head) != PARSE_DONE ||
        given.head.size != buf_size(out) || head_count(&given.head, SLICE("Host")) != 1 ||
        head_count(&given.head, SLICE("Connection")) != 0 ||
        target_check_host(&given.head, &refusal) != PARSE_DONE)
        damage_complain("what was written is no head", message);
    if (body_of_request(&given.head, &again, &refusal) != PARSE_DONE ||
        again.kind != body->kind || again.length != body->length)
        damage_complain("what was written is framed otherwise", message);
    buf_init(&twice, 4000);
    assert_int_equal(emit_request(&twice, &given.head, target, &again), ERR_OK);
    if (!slice_equal(buf_bytes(out), buf_bytes(&twice)))
        damage_complain("what was written is written otherwise again", message);
    buf_reset(&twice);
}

/* Says whether the request is one that would be forwarded. */
static bool
check_request(const struct message *message, const struct parsed *whole)
{
    enum refusal refusal = REFUSAL_NONE;
    struct target target;
    struct body body;
    struct buf out;

    if (target_parse(&whole->head, &target, &refusal) != PARSE_DONE ||
        target_check_host(&whole->head, &refusal) != PARSE_DONE ||
        body_of_request(&whole->head, &body, &refusal) != PARSE_DONE) {
        assert_int_not_equal(refusal, REFUSAL_NONE);
        return false;
    }
    if (target.form != TARGET_ABSOLUTE)
        return false;
    buf_init(&out, emit_room(&whole->head));
    assert_int_equal(emit_request(&out, &whole->head, &target, &body), ERR_OK);
    check_written(message, &out, &body, &target);
    buf_reset(&out);
    return true;
}

static bool
check_response(const struct message *message, const struct parsed *whole)
{
    struct given given = {.head = {.fields = given.fields, .field_capacity = 64}};
    struct emit_framing framing = {.keeps_alive = true, .copies_length = true};
    enum refusal refusal = REFUSAL_NONE;
    struct body body;
    struct body again;
    struct buf out;

    if (body_of_response(&whole->head, METHOD_GET, &body, &refusal) != PARSE_DONE) {
        assert_int_not_equal(refusal, REFUSAL_NONE);
        return false;
    }
    framing.kind = body.kind;
    framing.length = body.length;
    buf_init(&out, emit_room(&whole->head));
    assert_int_equal(emit_response(&out, &whole->head, &framing), ERR_OK);
    if (head_parse_response(buf_bytes(&out), &given_limits, &given.head) != PARSE_DONE ||
        given.head.size != buf_size(&out) || given.head.status != whole->head.status ||
        body_of_response(&given.head, METHOD_GET, &again, &refusal) != PARSE_DONE ||
        again.kind != body.kind || again.length != body.length)
        damage_complain("what was written is understood otherwise", message);
    buf_reset(&out);
    return true;
}

static void
try_heads(const struct slice *from, size_t count, bool is_request)
{
    size_t forwarded = 0;

    for (size_t i = 0; i < DAMAGE_MESSAGES; i++) {
        struct message message;
        struct parsed whole;

        damage_make(&message, from, count);
        parse(&whole, &message, message.size, is_request);
        check_growing(&message, &whole, is_request);
        if (whole.parse == PARSE_DONE) {
            check_clean(&message, &whole);
            forwarded +=
                is_request ? check_request(&message, &whole) : check_response(&message, &whole);
        }
        free(whole.bytes);
    }
    /* Damage that refuses everything would prove nothing. */
    assert_in_range(forwarded, DAMAGE_MESSAGES / 10, DAMAGE_MESSAGES * 9 / 10);
}

static void
damaged_requests_are_read_one_way_or_refused(void **state)
{
    (void)state;
    try_heads(requests, COUNT(requests), true);
}

static void
damaged_responses_are_read_one_way_or_refused(void **state)
{
    (void)state;
    try_heads(responses, COUNT(responses), false);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(damaged_requests_are_read_one_way_or_refused, damage_begin),
        cmocka_unit_test_setup(damaged_responses_are_read_one_way_or_refused, damage_begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
