/* Heads for the tests of proxy/http. */
#include "tests/unit/http/given.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const struct head_limits given_limits = {.line_size = 200, .head_size = 1000};

char *
exact_copy(struct slice bytes)
{
    char *copy = malloc(bytes.size > 0 ? bytes.size : 1);

    assert_non_null(copy);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return copy;
}

static const struct head *
given_head(struct given *given, const char *text, bool is_request)
{
    enum parse parse;

    given->head = (struct head){.fields = given->fields, .field_capacity = 64};
    parse = is_request ? head_parse_request(slice_of(text), &given_limits, &given->head)
                       : head_parse_response(slice_of(text), &given_limits, &given->head);
    if (parse != PARSE_DONE)
        fail_msg("refused with %d: %s", given->head.refusal, text);
    return &given->head;
}

const struct head *
given_request(struct given *given, const char *text)
{
    return given_head(given, text, true);
}

const struct head *
given_response(struct given *given, const char *text)
{
    return given_head(given, text, false);
}
