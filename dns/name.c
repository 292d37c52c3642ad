/*
 * What may be asked for at all. Pure; any thread.
 */
#include "dns/name.h"

#define LABEL_MOST 63

static bool
is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

static bool
is_hex(char letter)
{
    return is_digit(letter) || (letter >= 'a' && letter <= 'f');
}

/* Decimal, octal or "0x…", as C libraries and browsers would read the end of an address. */
static bool
is_number(struct slice label)
{
    bool is_based = label.size >= 2 && label.data[0] == '0' && label.data[1] == 'x';

    for (size_t i = is_based ? 2 : 0; i < label.size; i++)
        if (is_based ? !is_hex(label.data[i]) : !is_digit(label.data[i]))
            return false;
    return true;
}

/* Lower-cased, or NUL for what no host name has. */
static char
name_letter(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return (char)(letter - 'A' + 'a');
    if ((letter >= 'a' && letter <= 'z') || is_digit(letter) || letter == '-' || letter == '_')
        return letter;
    return '\0';
}

enum err
name_read(struct slice host, struct name *name)
{
    struct name made = {0};
    size_t label_start = 0;

    if (host.size > 0 && host.data[host.size - 1] == '.') {
        made.is_absolute = true;
        host.size--;
    }
    if (host.size == 0 || host.size > NAME_SIZE - 2)
        return ERR_DNS_NAME;
    for (size_t i = 0; i <= host.size; i++) {
        if (i == host.size || host.data[i] == '.') {
            if (i == label_start || i - label_start > LABEL_MOST)
                return ERR_DNS_NAME;
            if (i == host.size)
                break;
            made.text[i] = '.';
            made.dots++;
            label_start = i + 1;
            continue;
        }
        made.text[i] = name_letter(host.data[i]);
        if (made.text[i] == '\0')
            return ERR_DNS_NAME;
    }
    made.size = host.size;
    if (is_number((struct slice){made.text + label_start, made.size - label_start}))
        return ERR_DNS_NAME;
    *name = made;
    return ERR_OK;
}

bool
name_is_localhost(const struct name *name)
{
    struct slice text = {name->text, name->size};

    return slice_equal(text, SLICE("localhost")) ||
           slice_ends_nocase(text, SLICE(".localhost"));
}
