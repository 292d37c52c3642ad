/*
 * Switching protocols (RFC 9110 §7.8, RFC 6455 §4). Pure, any thread.
 */
#include "proxy/http/upgrade.h"

#define UPGRADE SLICE("Upgrade")

bool
upgrade_is_asked(const struct head *request, const struct body *body)
{
    return request->minor > 0 && body->kind == BODY_NONE &&
           head_field(request, UPGRADE) != NULL &&
           head_has_token(request, SLICE("Connection"), UPGRADE) &&
           !head_has_token(request, UPGRADE, SLICE("h2c"));
}

static bool
were_all_asked(const struct head *request, struct slice protocols, bool *has_any)
{
    struct slice protocol;

    while (slice_next_element(&protocols, &protocol)) {
        *has_any = true;
        if (!head_has_token(request, UPGRADE, protocol))
            return false;
    }
    return true;
}

bool
upgrade_is_agreed(const struct head *request, const struct head *response)
{
    bool has_any = false;

    if (!head_has_token(response, SLICE("Connection"), UPGRADE))
        return false;
    for (size_t i = 0; i < response->field_count; i++) {
        const struct field *field = &response->fields[i];

        if (slice_equal_nocase(field->name, UPGRADE) &&
            !were_all_asked(request, field->value, &has_any))
            return false;
    }
    return has_any;
}
