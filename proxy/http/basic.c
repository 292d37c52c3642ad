/*
 * Basic credentials (RFC 7617). Pure, any thread.
 */
#include "proxy/http/basic.h"

/* One digit of base64 (RFC 4648 §4), or -1. */
static int
digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/*
 * Whole groups of four only, padded, and no bits set that say nothing (§3.5): credentials have
 * one spelling, so nobody reads them otherwise. False if not, or if there is no room.
 */
static bool
decode(struct slice text, char *to, size_t room, size_t *size)
{
    size_t padding = 0;
    uint32_t bits = 0;

    *size = 0;
    if (text.size % 4 != 0)
        return false;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=')
        padding++;
    if (text.size / 4 * 3 - padding > room)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        bool is_padding = i >= text.size - padding;
        int digit = is_padding ? 0 : digit_of(text.data[i]);

        if (digit == -1)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 != 3)
            continue;
        for (size_t k = 0; k < 3; k++) {
            uint32_t byte = bits >> (16 - 8 * k) & 0xff;

            if (i + 1 < text.size || k < 3 - padding)
                to[(*size)++] = (char)byte;
            else if (byte != 0)
                return false;
        }
        bits = 0;
    }
    return true;
}

/* Behind "Basic" and spaces (RFC 9110 §11.4); empty if there is something else. */
static struct slice
token_of(struct slice value)
{
    struct slice scheme = SLICE("Basic");

    if (value.size <= scheme.size || value.data[scheme.size] != ' ' ||
        !slice_equal_nocase((struct slice){value.data, scheme.size}, scheme))
        return SLICE("");
    value.data += scheme.size;
    value.size -= scheme.size;
    while (value.size > 0 && value.data[0] == ' ') {
        value.data++;
        value.size--;
    }
    return value;
}

enum parse
basic_parse(struct slice value, struct basic *basic)
{
    size_t size;
    const char *colon;

    if (!decode(token_of(value), basic->text, sizeof(basic->text) - 1, &size))
        return PARSE_REFUSE;
    basic->text[size] = '\0';
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)basic->text[i] < 0x20 || basic->text[i] == 0x7f)
            return PARSE_REFUSE;
    colon = memchr(basic->text, ':', size);
    if (colon == NULL || colon == basic->text)
        return PARSE_REFUSE;
    basic->user_size = (size_t)(colon - basic->text);
    if (basic->user_size > BASIC_USER_MOST || size - basic->user_size - 1 > BASIC_PASSWORD_MOST)
        return PARSE_REFUSE;
    return PARSE_DONE;
}
