/*
 * Heads in any bytes; the first byte of an input chooses: odd for a response. Any part of the
 * input gives "more" or the same answer as all of it; what is read is what a second reader
 * finds; what is written for the next hop means the same.
 */
#include <stdlib.h>
#include <strings.h>

#include "base/buf.h"
#include "proxy/http/emit.h"
#include "proxy/http/fields.h"
#include "tests/fuzz/fuzz.h"

#define FIELDS 24

static const struct head_limits limits = {.line_size = 300, .head_size = 2000};
/* What is written is longer: the target's scheme goes, our own fields come. */
static const struct head_limits wide = {.line_size = 4000, .head_size = 8000};

struct parsed {
    enum parse parse;
    struct head head;
    struct field fields[2 * FIELDS];
    char *bytes;
};

static void
parse(struct parsed *parsed, struct slice bytes, bool is_request,
      const struct head_limits *within, size_t capacity)
{
    parsed->bytes = fuzz_copy(bytes);
    bytes.data = parsed->bytes;
    parsed->head = (struct head){.fields = parsed->fields, .field_capacity = capacity};
    parsed->parse = is_request ? head_parse_request(bytes, within, &parsed->head)
                               : head_parse_response(bytes, within, &parsed->head);
}

static void
check_parts(struct slice bytes, const struct parsed *whole, bool is_request)
{
    size_t stride = 1 + bytes.size / 128;
    bool is_settled = false;

    for (size_t size = 0; size < bytes.size; size += stride) {
        struct parsed part;

        parse(&part, (struct slice){bytes.data, size}, is_request, &limits, FIELDS);
        free(part.bytes);
        if (part.parse == PARSE_MORE) {
            CHECK(!is_settled);
            continue;
        }
        CHECK(part.parse == whole->parse);
        CHECK(part.parse == PARSE_REFUSE ? part.head.refusal == whole->head.refusal
                                         : part.head.size == whole->head.size);
        is_settled = true;
    }
}

/* The fields of an accepted head once more, by a reader that knows it is well formed. */
static void
check_fields(const struct parsed *whole)
{
    struct slice rest = {whole->bytes, whole->head.size};
    size_t count = 0;

    if (rest.data[0] == '\r')
        fuzz_cut(&rest, 2);
    fuzz_cut_at(&rest, '\n');
    while (rest.data[0] != '\r') {
        struct slice line = fuzz_cut_at(&rest, '\n');
        struct slice name;

        CHECK(line.size > 1 && line.data[line.size - 1] == '\r');
        line.size--;
        CHECK(memchr(line.data, '\r', line.size) == NULL);
        CHECK(memchr(line.data, '\0', line.size) == NULL);
        name = fuzz_cut_at(&line, ':');
        CHECK(count < whole->head.field_count);
        CHECK(slice_equal(name, whole->head.fields[count].name));
        CHECK(slice_equal(slice_trim(line), whole->head.fields[count].value));
        count++;
    }
    CHECK(count == whole->head.field_count);
    CHECK(slice_equal(rest, SLICE("\r\n")));
}

/* May we have put this field there ourselves? */
static bool
is_ours(struct slice name)
{
    static const char *const names[] = {
        "Host", "Content-Length", "Transfer-Encoding", "Connection",
        "Via",  "Forwarded",      "Upgrade",           "X-Forwarded-For"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_nocase(name, slice_of(names[i])))
            return true;
    return false;
}

/* Is it for the far end, whoever stands between? */
static bool
is_for_the_end(const struct head *head, const struct field *field)
{
    /* RFC 9110 §10.1.1: Expect in HTTP/1.0 is ignored, and so not passed on as HTTP/1.1. */
    bool is_ignored = head->status == 0 && head->minor == 0 &&
                      slice_equal_nocase(field->name, SLICE("Expect"));

    return !is_ignored && !is_ours(field->name) && !field_is_hop_by_hop(head, field);
}

/* All that is for the far end arrives in its order, and nothing else does. */
static void
check_passed_on(const struct head *before, const struct head *after)
{
    size_t at = 0;

    for (size_t i = 0; i < after->field_count; i++) {
        const struct field *field = &after->fields[i];

        if (is_ours(field->name))
            continue;
        while (at < before->field_count && !is_for_the_end(before, &before->fields[at]))
            at++;
        CHECK(at < before->field_count);
        CHECK(slice_equal(field->name, before->fields[at].name));
        CHECK(slice_equal(field->value, before->fields[at].value));
        at++;
    }
    for (; at < before->field_count; at++)
        CHECK(!is_for_the_end(before, &before->fields[at]));
}

static void
check_same_target(const struct target *before, const struct head *after)
{
    enum refusal refusal;

    CHECK(target_check_host(after, &refusal) == PARSE_DONE);
    if (before->path.data[0] == '?') {
        CHECK(after->target.data[0] == '/');
        CHECK(slice_equal((struct slice){after->target.data + 1, after->target.size - 1},
                          before->path));
    } else {
        CHECK(slice_equal(after->target, before->path));
    }
}

static void
check_request(const struct parsed *whole)
{
    struct parsed again;
    struct target target;
    enum refusal refusal = REFUSAL_NONE;
    struct body body;
    struct body same;
    struct buf out;

    if (target_parse(&whole->head, &target, &refusal) != PARSE_DONE ||
        target_check_host(&whole->head, &refusal) != PARSE_DONE ||
        body_of_request(&whole->head, &body, &refusal) != PARSE_DONE) {
        CHECK(refusal != REFUSAL_NONE);
        return;
    }
    if (target.form != TARGET_ABSOLUTE)
        return;
    buf_init(&out, emit_room(&whole->head));
    CHECK(emit_request(&out, &whole->head, &target, &body) == ERR_OK);
    parse(&again, buf_bytes(&out), true, &wide, 2 * FIELDS);
    CHECK(again.parse == PARSE_DONE && again.head.size == buf_size(&out));
    CHECK(again.head.minor == 1);
    CHECK(slice_equal(again.head.method_text, whole->head.method_text));
    CHECK(body_of_request(&again.head, &same, &refusal) == PARSE_DONE);
    CHECK(same.kind == body.kind && same.length == body.length);
    check_same_target(&target, &again.head);
    check_passed_on(&whole->head, &again.head);
    free(again.bytes);
    buf_reset(&out);
}

static void
check_response(const struct parsed *whole, enum method method)
{
    struct emit_framing framing = {.keeps_alive = true, .copies_length = true};
    struct parsed again;
    enum refusal refusal = REFUSAL_NONE;
    struct body body;
    struct body same;
    struct buf out;

    if (body_of_response(&whole->head, method, &body, &refusal) != PARSE_DONE) {
        CHECK(refusal != REFUSAL_NONE);
        return;
    }
    framing.kind = body.kind;
    framing.length = body.length;
    buf_init(&out, emit_room(&whole->head));
    CHECK(emit_response(&out, &whole->head, &framing) == ERR_OK);
    parse(&again, buf_bytes(&out), false, &wide, 2 * FIELDS);
    CHECK(again.parse == PARSE_DONE && again.head.size == buf_size(&out));
    CHECK(again.head.minor == 1 && again.head.status == whole->head.status);
    CHECK(slice_equal(again.head.reason, whole->head.reason));
    CHECK(body_of_response(&again.head, method, &same, &refusal) == PARSE_DONE);
    CHECK(same.kind == body.kind && same.length == body.length);
    check_passed_on(&whole->head, &again.head);
    free(again.bytes);
    buf_reset(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = {(const char *)data, size};
    struct slice first = fuzz_cut(&bytes, 1);
    bool is_request = first.size == 0 || first.data[0] % 2 == 0;
    struct parsed whole;

    parse(&whole, bytes, is_request, &limits, FIELDS);
    check_parts(bytes, &whole, is_request);
    if (whole.parse == PARSE_REFUSE)
        CHECK(whole.head.refusal != REFUSAL_NONE);
    if (whole.parse == PARSE_DONE) {
        CHECK(whole.head.size <= bytes.size && whole.head.size <= limits.head_size);
        check_fields(&whole);
        if (is_request) {
            check_request(&whole);
        } else {
            check_response(&whole, METHOD_GET);
            check_response(&whole, METHOD_HEAD);
        }
    }
    free(whole.bytes);
    return 0;
}
