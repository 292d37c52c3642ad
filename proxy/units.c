/*
 * Times, sizes and rates with their units. Pure functions, any thread.
 */
#include "proxy/units.h"

#include <inttypes.h>
#include <stdio.h>

struct unit {
    const char *word;
    uint64_t value;
};

/* The greatest first, so that the first one that divides a value writes it shortest. */
static const struct unit times[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};

static const struct unit sizes[] = {
    {"t", 1ull << 40}, {"g", 1ull << 30}, {"m", 1ull << 20},
    {"k", 1ull << 10}, {"", 1},           {NULL, 0},
};

static const struct unit rates[] = {{"/s", 3600}, {"/m", 60}, {"/h", 1}, {NULL, 0}};

static const struct unit *
find_unit(const struct unit *units, struct slice word)
{
    for (; units->word != NULL; units++)
        if (slice_equal_nocase(word, slice_of(units->word)))
            return units;
    return NULL;
}

/* The digits at the front of the text, and what follows them. */
static struct slice
split_digits(struct slice text, struct slice *rest)
{
    size_t size = 0;

    while (size < text.size && text.data[size] >= '0' && text.data[size] <= '9')
        size++;
    *rest = (struct slice){text.data + size, text.size - size};
    return (struct slice){text.data, size};
}

static enum err
read_number(struct slice digits, const struct unit *unit, uint64_t *value)
{
    uint64_t number;
    enum err err;

    if (unit == NULL)
        return ERR_SYNTAX;
    err = slice_to_number(digits, UINT64_MAX / unit->value, &number);
    if (err == ERR_OK)
        *value = number * unit->value;
    return err;
}

/* Of these only 0 goes without its unit. */
static enum err
read_with_unit(struct slice text, const struct unit *units, uint64_t *value)
{
    struct slice word;
    struct slice digits = split_digits(text, &word);

    if (slice_equal(text, SLICE("0"))) {
        *value = 0;
        return ERR_OK;
    }
    return read_number(digits, find_unit(units, word), value);
}

enum err
unit_read_msec(struct slice text, uint64_t *msec)
{
    return read_with_unit(text, times, msec);
}

enum err
unit_read_rate(struct slice text, uint64_t *per_hour)
{
    return read_with_unit(text, rates, per_hour);
}

enum err
unit_read_size(struct slice text, uint64_t *size)
{
    struct slice word;
    struct slice digits = split_digits(text, &word);

    if ((word.size == 2 && slice_ends_nocase(word, SLICE("b"))) ||
        (word.size == 3 && slice_ends_nocase(word, SLICE("ib"))))
        word.size = 1;
    return read_number(digits, find_unit(sizes, word), size);
}

static const char *
write_value(const struct unit *units, uint64_t value, char *to)
{
    if (value == 0) {
        snprintf(to, UNIT_TEXT_SIZE, "0");
        return to;
    }
    while (value % units->value != 0)
        units++;
    snprintf(to, UNIT_TEXT_SIZE, "%" PRIu64 "%s", value / units->value, units->word);
    return to;
}

const char *
unit_write_msec(uint64_t msec, char *to)
{
    return write_value(times, msec, to);
}

const char *
unit_write_size(uint64_t size, char *to)
{
    return write_value(sizes, size, to);
}

const char *
unit_write_rate(uint64_t per_hour, char *to)
{
    return write_value(rates, per_hour, to);
}

/* "3 d 4 h", "5 min 10 s": two units are enough. */
static void
write_two_units(uint64_t seconds, char *to)
{
    static const struct unit units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
    size_t i = 0;

    while (i < 2 && seconds < units[i].value)
        i++;
    snprintf(to, UNIT_TEXT_SIZE, "%" PRIu64 " %s %" PRIu64 " %s", seconds / units[i].value,
             units[i].word, seconds % units[i].value / units[i + 1].value, units[i + 1].word);
}

const char *
unit_write_span(uint64_t us, char *to)
{
    /* What would be rounded up to the next unit is written in that. */
    if (us < 1000)
        snprintf(to, UNIT_TEXT_SIZE, "%" PRIu64 " us", us);
    else if (us < 999950)
        snprintf(to, UNIT_TEXT_SIZE, "%.1f ms", (double)us / 1e3);
    else if (us < 59995000)
        snprintf(to, UNIT_TEXT_SIZE, "%.2f s", (double)us / 1e6);
    else
        write_two_units(us / 1000000 + (us % 1000000 >= 500000), to);
    return to;
}
