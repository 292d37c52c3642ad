#ifndef CARPOOL_PROXY_SETTINGS_H
#define CARPOOL_PROXY_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* Every setting by its place in the table. */
enum setting_index {
#define SETTING(section, key, ...) SETTING_##section##_##key,
#include "proxy/settings.def"
#undef SETTING
    SETTING_TOTAL
};

enum setting_type {
    SETTING_COUNT,
    SETTING_MSEC,
    SETTING_SIZE,
    SETTING_RATE,
    SETTING_TEXT,
    SETTING_CHOICE
};

enum setting_when { SETTING_START, SETTING_RELOAD };

/* A row of settings.def. */
struct setting {
    const char *section;
    const char *key;
    enum setting_type type;
    enum setting_when when;
    const char *preset;
    uint64_t least;
    uint64_t most; /* of a text: its length */
    const char *help;
    const char *choices; /* of a CHOICE, separated by "|" */
    size_t offset;       /* of its member in struct config */
};

const struct setting *setting_at(size_t index);

/* NULL if there is no such setting. */
const struct setting *setting_find(struct slice section, struct slice key);

/* By "section.key". */
const struct setting *setting_find_name(struct slice name);

size_t setting_index(const struct setting *setting);

/*
 * Reads the text of a COUNT, MSEC, SIZE, RATE or CHOICE (its place among the choices).
 * ERR_SYNTAX or ERR_RANGE.
 */
enum err setting_read(const struct setting *setting, struct slice text, uint64_t *value);

/* What a value must be, such as "a time from 100ms to 1h, …", into to. */
void setting_expects(const struct setting *setting, char *to, size_t size);

/* The word of a choice, into to. */
void setting_choice(const struct setting *setting, uint64_t index, char *to, size_t size);

#endif
