/*
 * Field lines in any bytes, as the head of a response and of a request. What proxy/http makes
 * of lists, Connection and Keep-Alive is what a second, plainer reader makes of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/buf.h"
#include "proxy/http/body.h"
#include "proxy/http/fields.h"
#include "tests/fuzz/fuzz.h"

#define FIELDS 64

static const struct head_limits limits = {.line_size = 256, .head_size = 64 * 1024};

static bool
is_named(const struct field *field, const char *name)
{
    return field->name.size == strlen(name) &&
           strncasecmp(field->name.data, name, field->name.size) == 0;
}

/* Is the word between two commas of one of these fields, blanks around it aside? */
static bool
has_word(const struct head *head, const char *name, struct slice word)
{
    for (size_t i = 0; i < head->field_count; i++) {
        struct slice rest = head->fields[i].value;

        if (!is_named(&head->fields[i], name))
            continue;
        while (rest.size > 0) {
            struct slice element = fuzz_cut_at(&rest, ',');

            while (element.size > 0 && strchr(" \t", element.data[0]) != NULL)
                fuzz_cut(&element, 1);
            while (element.size > 0 && strchr(" \t", element.data[element.size - 1]) != NULL)
                element.size--;
            if (element.size == word.size && word.size > 0 &&
                strncasecmp(element.data, word.data, word.size) == 0)
                return true;
        }
    }
    return false;
}

static size_t
count_of(const struct head *head, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < head->field_count; i++)
        count += is_named(&head->fields[i], name);
    return count;
}

static void
check_lookups(const struct head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *field = &head->fields[i];
        const struct field *first = head_field(head, field->name);
        char name[256];

        CHECK(first != NULL && first <= field);
        CHECK(slice_equal_nocase(first->name, field->name));
        if (slice_copy(field->name, name, sizeof(name)))
            CHECK(head_count(head, field->name) == count_of(head, name));
        CHECK(head_has_token(head, SLICE("Connection"), field->name) ==
              has_word(head, "Connection", field->name));
    }
}

/* Nothing that a hop must not pass on is taken for the far end's, and nothing protected goes.
 */
static void
check_hops(const struct head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *field = &head->fields[i];
        bool is_hop = field_is_hop_by_hop(head, field);

        if (is_named(field, "Host") || is_named(field, "Content-Length"))
            CHECK(!is_hop);
        else if (has_word(head, "Connection", field->name))
            CHECK(is_hop);
        if (is_named(field, "Connection") || is_named(field, "Transfer-Encoding") ||
            is_named(field, "Proxy-Authorization") || is_named(field, "Upgrade"))
            CHECK(is_hop);
    }
}

static void
check_keep_alive(const struct head *head, bool is_request)
{
    struct keep_alive said = fields_parse_keep_alive(head);
    bool keeps = fields_keep_alive(head, is_request);

    if (has_word(head, "Connection", SLICE("close")))
        CHECK(!keeps);
    else if (has_word(head, "Connection", SLICE("keep-alive")))
        CHECK(keeps);
    else if (!is_request)
        CHECK(keeps == (head->minor > 0));
    if (count_of(head, "Keep-Alive") == 0)
        CHECK(!said.has_timeout && !said.has_max);
}

/* A length is only believed where it is alone and digits only. */
static void
check_length(const struct head *head)
{
    enum refusal refusal = REFUSAL_NONE;
    const struct field *field = head_field(head, SLICE("Content-Length"));
    struct body body;
    char text[32];

    if (body_of_response(head, METHOD_GET, &body, &refusal) != PARSE_DONE) {
        CHECK(refusal != REFUSAL_NONE);
        return;
    }
    CHECK(count_of(head, "Content-Length") + count_of(head, "Transfer-Encoding") <= 1);
    CHECK((body.kind == BODY_CHUNKED) == (count_of(head, "Transfer-Encoding") == 1));
    CHECK((body.kind == BODY_LENGTH) == (field != NULL));
    if (field == NULL)
        return;
    while (field->value.size > sizeof(text) - 1 && field->value.data[0] == '0')
        return; /* any number of zeros may stand before it */
    CHECK(slice_copy(field->value, text, sizeof(text)));
    CHECK(strspn(text, "0123456789") == strlen(text));
    CHECK(strtoull(text, NULL, 10) == body.length);
}

static void
check(struct slice lines, struct slice start, bool is_request)
{
    struct field fields[FIELDS];
    struct head head = {.fields = fields, .field_capacity = FIELDS};
    struct buf text;
    char *copy;
    enum parse parse = PARSE_REFUSE;

    buf_init(&text, 1024 * 1024);
    if (buf_append_slice(&text, start) != ERR_OK || buf_append_slice(&text, lines) != ERR_OK ||
        buf_append_slice(&text, SLICE("\r\n")) != ERR_OK) {
        buf_reset(&text);
        return;
    }
    copy = fuzz_copy(buf_bytes(&text));
    lines = (struct slice){copy, buf_size(&text)};
    parse = is_request ? head_parse_request(lines, &limits, &head)
                       : head_parse_response(lines, &limits, &head);
    if (parse == PARSE_DONE) {
        check_lookups(&head);
        check_hops(&head);
        check_keep_alive(&head, is_request);
        if (!is_request)
            check_length(&head);
    }
    free(copy);
    buf_reset(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice lines = {(const char *)data, size};

    check(lines, SLICE("HTTP/1.1 200 OK\r\n"), false);
    check(lines, SLICE("HTTP/1.0 200 OK\r\n"), false);
    check(lines, SLICE("GET http://o.test/ HTTP/1.1\r\n"), true);
    return 0;
}
