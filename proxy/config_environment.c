/*
 * Settings from the environment: CARPOOL_SECTION_KEY. Part of the loader.
 */
#include <stdio.h>
#include <string.h>

#include "proxy/config_set.h"

#define PREFIX "CARPOOL_"
#define FILE_VARIABLE "CARPOOL_CONFIG"

static char
upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
}

/* Takes "name" off the front of the rest, in capitals. */
static bool
skip_word(struct slice *rest, const char *word)
{
    size_t size = strlen(word);

    if (rest->size < size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (rest->data[i] != upper(word[i]))
            return false;
    rest->data += size;
    rest->size -= size;
    return true;
}

/* The name of a variable, and its value; false if it is not one of ours by its first word. */
static bool
split_variable(const char *variable, struct slice *name, const char **value)
{
    const char *equals = strchr(variable, '=');

    if (equals == NULL || strncmp(variable, PREFIX, sizeof(PREFIX) - 1) != 0)
        return false;
    *name = (struct slice){variable, (size_t)(equals - variable)};
    *value = equals + 1;
    return true;
}

/* Is it of the shape CARPOOL_SECTION_…, and for which setting if there is one? */
static bool
names_section(struct slice name, const struct setting **setting)
{
    bool is_section = false;

    *setting = NULL;
    for (size_t i = 0; i < SETTING_TOTAL && *setting == NULL; i++) {
        struct slice rest = name;

        if (!skip_word(&rest, PREFIX) || !skip_word(&rest, setting_at(i)->section) ||
            !skip_word(&rest, "_"))
            continue;
        is_section = true;
        if (skip_word(&rest, setting_at(i)->key) && rest.size == 0)
            *setting = setting_at(i);
    }
    return is_section;
}

enum err
config_read_environment(struct config *config, const char *const *environment,
                        struct complaint *complaint)
{
    for (; *environment != NULL; environment++) {
        const struct setting *setting;
        struct slice name;
        const char *value;
        char given_at[128];
        enum err err;

        if (!split_variable(*environment, &name, &value) || !names_section(name, &setting))
            continue;
        snprintf(given_at, sizeof(given_at), "environment %.*s", SLICE_ARGS(name));
        if (setting == NULL) {
            complain(complaint,
                     "%s: unknown setting; expected CARPOOL_SECTION_KEY with a setting that "
                     "carpool --help lists",
                     given_at);
            return ERR_SYNTAX;
        }
        err = config_set(config, setting, value, given_at, complaint);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

const char *
config_file_of_environment(const char *const *environment)
{
    struct slice name;
    const char *value;

    for (; *environment != NULL; environment++)
        if (split_variable(*environment, &name, &value) &&
            slice_equal(name, SLICE(FILE_VARIABLE)) && *value != '\0')
            return value;
    return NULL;
}

const char *
config_stray_variable(const char *const *environment, size_t *position)
{
    const struct setting *setting;
    struct slice name;
    const char *value;

    while (environment[*position] != NULL) {
        const char *variable = environment[(*position)++];

        if (split_variable(variable, &name, &value) && !names_section(name, &setting) &&
            !slice_equal(name, SLICE(FILE_VARIABLE)))
            return variable;
    }
    return NULL;
}
