/* Text of conversations: bytes, escapes, variables and patterns. Knows no sockets. */
#include "tests/wire/runner/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void *
grow(void *memory, size_t size)
{
    void *grown = realloc(memory, size);

    if (grown == NULL)
        abort();
    return grown;
}

unsigned char *
bytes_reserve(struct bytes *bytes, size_t size)
{
    if (bytes->room - bytes->size < size) {
        bytes->room = 2 * bytes->room + size;
        bytes->data = grow(bytes->data, bytes->room);
    }
    return bytes->data + bytes->size;
}

void
bytes_add(struct bytes *bytes, const void *data, size_t size)
{
    if (size > 0) {
        memcpy(bytes_reserve(bytes, size), data, size);
        bytes->size += size;
    }
}

void
bytes_consume(struct bytes *bytes, size_t size)
{
    bytes->size -= size;
    if (bytes->size > 0)
        memmove(bytes->data, bytes->data + size, bytes->size);
}

void
bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

void
bytes_fill(unsigned char *to, char letter, uint64_t at, size_t size)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                                  "0123456789abcdefghijklmnopqrstuvwxyz";

    if (letter != 0) {
        memset(to, letter, size);
        return;
    }
    while (size > 0) {
        /* each row starts one letter later, so that a lost or doubled row is seen */
        uint64_t row = at / 36;
        size_t column = at % 36;
        size_t part = 36 - column < size ? 36 - column : size;

        memcpy(to, letters + (row + row / 36) % 36 + column, part);
        to += part;
        at += part;
        size -= part;
    }
}

static void
print_byte(FILE *out, unsigned char byte)
{
    if (byte == '\r')
        fputs("\\r", out);
    else if (byte == '\n')
        fputs("\\n", out);
    else if (byte == '\\' || byte == '"' || byte == '$')
        fprintf(out, "\\%c", byte);
    else if (byte >= 0x20 && byte < 0x7f)
        fputc(byte, out);
    else
        fprintf(out, "\\x%02x", byte);
}

void
bytes_print(FILE *out, const void *data, size_t size)
{
    const unsigned char *bytes = data;

    fputs("    \"", out);
    for (size_t i = 0; i < size; i++) {
        print_byte(out, bytes[i]);
        if (bytes[i] == '\n' && i + 1 < size)
            fputs("\"\n    \"", out);
    }
    fputs("\"\n", out);
}

void
pattern_add(struct pattern *pattern, unsigned item)
{
    if (pattern->size == pattern->room) {
        pattern->room = 2 * pattern->room + 64;
        pattern->items = grow(pattern->items, pattern->room * sizeof(*pattern->items));
    }
    pattern->items[pattern->size++] = (uint16_t)item;
}

void
pattern_free(struct pattern *pattern)
{
    free(pattern->items);
    *pattern = (struct pattern){0};
}

void
pattern_print(FILE *out, const struct pattern *pattern)
{
    fputs("    \"", out);
    for (size_t i = 0; i < pattern->size; i++) {
        if (pattern->items[i] == PATTERN_ANY)
            fputs("<any>", out);
        else
            print_byte(out, (unsigned char)pattern->items[i]);
        if (pattern->items[i] == '\n' && i + 1 < pattern->size)
            fputs("\"\n    \"", out);
    }
    fputs("\"\n", out);
}

bool
pattern_fits(const struct pattern *pattern, const unsigned char *text, size_t size)
{
    size_t at = 0;

    for (size_t i = 0; i < pattern->size; i++) {
        if (pattern->items[i] != PATTERN_ANY) {
            if (at == size || text[at++] != pattern->items[i])
                return false;
        } else if (i + 1 == pattern->size) {
            return true;
        } else {
            while (at < size && text[at] != pattern->items[i + 1])
                at++;
        }
    }
    return at == size;
}

static char *
copy_of(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(grow(NULL, size), text, size);
}

void
variables_set(struct variables *variables, const char *name, const char *value)
{
    struct variable *variable;

    variables->list = grow(variables->list, (variables->count + 1) * sizeof(*variables->list));
    variable = &variables->list[variables->count++];
    variable->name = copy_of(name);
    variable->value = copy_of(value);
}

const char *
variables_find(const struct variables *variables, const char *name, size_t size)
{
    for (size_t i = variables->count; i-- > 0;) {
        const struct variable *variable = &variables->list[i];

        if (strlen(variable->name) == size && memcmp(variable->name, name, size) == 0)
            return variable->value;
    }
    return NULL;
}

void
variables_forget(struct variables *variables, size_t count)
{
    while (variables->count > count) {
        struct variable *variable = &variables->list[--variables->count];

        free(variable->name);
        free(variable->value);
    }
}

void
variables_free(struct variables *variables)
{
    variables_forget(variables, 0);
    free(variables->list);
    *variables = (struct variables){0};
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The escape behind a backslash at **text, which moves on to its last character. */
static const char *
expand_escape(struct pattern *pattern, const char **text)
{
    static const char plain[] = "\\\"$<|";
    const char *c = *text;

    if (*c == 'r') {
        pattern_add(pattern, '\r');
    } else if (*c == 'n') {
        pattern_add(pattern, '\n');
    } else if (*c == 't') {
        pattern_add(pattern, '\t');
    } else if (*c == 'x' && hex_digit(c[1]) >= 0 && hex_digit(c[2]) >= 0) {
        pattern_add(pattern, (unsigned)(hex_digit(c[1]) * 16 + hex_digit(c[2])));
        *text += 2;
    } else if (*c != '\0' && strchr(plain, *c) != NULL) {
        pattern_add(pattern, (unsigned char)*c);
    } else {
        return "unknown escape; there are \\r \\n \\t \\xNN \\\\ \\\" \\$ \\< \\|";
    }
    return NULL;
}

/*
 * $name or ${name} at **text, which moves on to its last character. A value may hold escapes
 * and variables in its turn: those of `each` are lines of the conversation.
 */
static const char *
expand_variable(struct pattern *pattern, const struct variables *variables, const char **text,
                bool with_marks)
{
    const char *name = *text + 1;
    bool is_braced = *name == '{';
    const char *value;
    size_t size = 0;

    name += is_braced;
    while (isalnum((unsigned char)name[size]) || name[size] == '_')
        size++;
    if (is_braced && name[size] != '}')
        return "${ without }";
    value = variables_find(variables, name, size);
    if (value == NULL)
        return "there is no such variable";
    *text = name + size - (is_braced ? 0 : 1);
    return pattern_expand(pattern, variables, value, with_marks);
}

const char *
pattern_expand(struct pattern *pattern, const struct variables *variables, const char *text,
               bool with_marks)
{
    static const char any[] = "<any>";
    const char *wrong = NULL;

    for (; *text != '\0' && wrong == NULL; text++) {
        if (*text == '\\') {
            text++;
            wrong = expand_escape(pattern, &text);
        } else if (*text == '$') {
            wrong = expand_variable(pattern, variables, &text, with_marks);
        } else if (with_marks && strncmp(text, any, sizeof(any) - 1) == 0) {
            pattern_add(pattern, PATTERN_ANY);
            text += sizeof(any) - 2;
        } else {
            pattern_add(pattern, (unsigned char)*text);
        }
    }
    return wrong;
}
