/*
 * Request targets in any bytes: a method and a target on the first line, a Host value behind
 * it. What is accepted lies within the target, is what inet_pton() or a host's letters allow,
 * and means the same when it is put together again.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>

#include "base/buf.h"
#include "proxy/http/target.h"
#include "tests/fuzz/fuzz.h"

#define FIELDS 4

static const struct head_limits limits = {.line_size = 4096, .head_size = 8192};
/* What is put together again says its port. */
static const struct head_limits wide = {.line_size = 8192, .head_size = 16384};

static bool
parse(struct slice bytes, const struct head_limits *within, struct head *head,
      struct target *target)
{
    enum refusal refusal = REFUSAL_NONE;

    if (head_parse_request(bytes, within, head) != PARSE_DONE)
        return false;
    if (target_check_host(head, &refusal) != PARSE_DONE) {
        CHECK(refusal == REFUSAL_HOST);
        return false;
    }
    if (target_parse(head, target, &refusal) == PARSE_DONE)
        return true;
    CHECK(refusal != REFUSAL_NONE);
    return false;
}

static bool
is_within(struct slice part, struct slice whole)
{
    return part.data >= whole.data && part.data + part.size <= whole.data + whole.size;
}

/* The label behind the last dot, a trailing dot aside. */
static struct slice
last_label(struct slice host)
{
    size_t at;

    if (host.size > 0 && host.data[host.size - 1] == '.')
        host.size--;
    at = host.size;
    while (at > 0 && host.data[at - 1] != '.')
        at--;
    return (struct slice){host.data + at, host.size - at};
}

static void
check_host(const struct target *target)
{
    char text[256];
    struct in6_addr v6;
    struct in_addr v4;

    CHECK(target->host.size > 0 && target->host.size < sizeof(text));
    slice_copy(target->host, text, sizeof(text));
    if (target->is_bracketed) {
        CHECK(inet_pton(AF_INET6, text, &v6) == 1);
        return;
    }
    for (const char *p = text; *p != '\0'; p++)
        CHECK(isalnum((unsigned char)*p) || strchr("-._", *p) != NULL);
    /* Whatever a resolver would take for a number is a dotted quad, and a proper one. */
    if (isdigit((unsigned char)last_label(target->host).data[0]) &&
        strspn(last_label(target->host).data, "0123456789") >= last_label(target->host).size)
        CHECK(inet_pton(AF_INET, text, &v4) == 1);
}

/* The target once more, from its parts. */
static void
check_again(const struct target *target, bool is_connect)
{
    struct field fields[FIELDS];
    struct head head = {.fields = fields, .field_capacity = FIELDS};
    const char *left = target->is_bracketed ? "[" : "";
    const char *right = target->is_bracketed ? "]" : "";
    struct target again;
    struct buf text;

    buf_init(&text, 16384);
    if (is_connect)
        CHECK(buf_printf(&text, "CONNECT %s%.*s%s:%u", left, SLICE_ARGS(target->host), right,
                         target->port) == ERR_OK);
    else
        CHECK(buf_printf(&text, "GET http://%s%.*s%s:%u%.*s", left, SLICE_ARGS(target->host),
                         right, target->port, SLICE_ARGS(target->path)) == ERR_OK);
    CHECK(buf_printf(&text, " HTTP/1.1\r\nHost: a\r\n\r\n") == ERR_OK);
    CHECK(parse(buf_bytes(&text), &wide, &head, &again));
    CHECK(slice_equal(again.host, target->host) && again.port == target->port);
    CHECK(again.is_bracketed == target->is_bracketed && again.form == target->form);
    CHECK(is_connect || slice_equal(again.path, target->path));
    buf_reset(&text);
}

static void
check_target(const struct head *head, const struct target *target)
{
    bool is_connect = head->method == METHOD_CONNECT;

    CHECK((target->form == TARGET_AUTHORITY) == is_connect);
    if (target->form != TARGET_ABSOLUTE && target->form != TARGET_AUTHORITY)
        return;
    CHECK(is_within(target->host, head->target));
    CHECK(target->port > 0);
    check_host(target);
    if (!slice_equal(target->path, SLICE("*")) || is_connect)
        check_again(target, is_connect);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = {(const char *)data, size};
    struct field fields[FIELDS];
    struct head head = {.fields = fields, .field_capacity = FIELDS};
    struct slice line = fuzz_cut_at(&bytes, '\n');
    struct target target;
    struct buf text;
    char *copy;

    buf_init(&text, 64 * 1024);
    if (buf_append_slice(&text, line) == ERR_OK &&
        buf_append_slice(&text, SLICE(" HTTP/1.1\r\nHost: ")) == ERR_OK &&
        buf_append_slice(&text, bytes) == ERR_OK &&
        buf_append_slice(&text, SLICE("\r\n\r\n")) == ERR_OK) {
        copy = fuzz_copy(buf_bytes(&text));
        if (parse((struct slice){copy, buf_size(&text)}, &limits, &head, &target))
            check_target(&head, &target);
        free(copy);
    }
    buf_reset(&text);
    return 0;
}
