/*
 * Borrowed text. Pure functions, any thread.
 */
#include "base/slice.h"

static char
lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool
slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

bool
slice_ends_nocase(struct slice text, struct slice end)
{
    if (text.size < end.size)
        return false;
    return slice_equal_nocase((struct slice){text.data + text.size - end.size, end.size}, end);
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t';
}

struct slice
slice_trim(struct slice text)
{
    while (text.size > 0 && is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

bool
slice_next_element(struct slice *rest, struct slice *element)
{
    while (rest->size > 0) {
        const char *comma = memchr(rest->data, ',', rest->size);
        size_t size = comma != NULL ? (size_t)(comma - rest->data) : rest->size;
        size_t step = comma != NULL ? size + 1 : size;

        *element = slice_trim((struct slice){rest->data, size});
        rest->data += step;
        rest->size -= step;
        if (element->size > 0)
            return true;
    }
    return false;
}

enum err
slice_to_number(struct slice text, uint64_t most, uint64_t *number)
{
    uint64_t value = 0;

    if (text.size == 0)
        return ERR_SYNTAX;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return ERR_SYNTAX;
    for (size_t i = 0; i < text.size; i++) {
        uint64_t digit = (uint64_t)(text.data[i] - '0');

        if (value > (UINT64_MAX - digit) / 10)
            return ERR_RANGE;
        value = value * 10 + digit;
    }
    if (value > most)
        return ERR_RANGE;
    *number = value;
    return ERR_OK;
}

bool
slice_copy(struct slice text, char *to, size_t size)
{
    size_t fits = text.size < size ? text.size : size - 1;

    if (fits > 0)
        memcpy(to, text.data, fits);
    to[fits] = '\0';
    return fits == text.size;
}
