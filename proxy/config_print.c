/*
 * Settings as texts: for people, and for a file that loads to the same settings. Any thread.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proxy/config.h"
#include "proxy/units.h"

#define HELP_INDENT 27
#define HELP_WIDTH 80

static const char *
write_number(const struct setting *setting, uint64_t value, char *to, size_t size)
{
    if (setting->type == SETTING_MSEC)
        return unit_write_msec(value, to);
    if (setting->type == SETTING_SIZE)
        return unit_write_size(value, to);
    if (setting->type == SETTING_RATE)
        return unit_write_rate(value, to);
    if (setting->type == SETTING_CHOICE)
        setting_choice(setting, value, to, size);
    else
        snprintf(to, size, "%" PRIu64, value);
    return to;
}

char *
config_text(const struct config *config, const struct setting *setting)
{
    const void *place = (const char *)config + setting->offset;
    char text[64];
    uint64_t value;

    if (setting->type == SETTING_TEXT)
        return xstrdup(*(char *const *)place);
    if (setting->type == SETTING_SIZE || setting->type == SETTING_RATE)
        value = *(const uint64_t *)place;
    else
        value = *(const unsigned *)place;
    return xstrdup(write_number(setting, value, text, sizeof(text)));
}

/* In single quotes the parser takes everything as it is, but for these two. */
static void
print_quoted(const char *text, FILE *to)
{
    fputc('\'', to);
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            fputc('\\', to);
        fputc(*text, to);
    }
    fputc('\'', to);
}

static void
print_row(const struct config *config, const struct setting *setting, FILE *to)
{
    const char *given_at = config->given_at[setting_index(setting)];
    char *text = config_text(config, setting);

    fprintf(to, "    %s = ", setting->key);
    if (setting->type == SETTING_TEXT)
        print_quoted(text, to);
    else
        fputs(text, to);
    if (given_at != NULL)
        fprintf(to, " # %s", given_at);
    fputc('\n', to);
    free(text);
}

static bool
begins_section(size_t i)
{
    return i == 0 || strcmp(setting_at(i)->section, setting_at(i - 1)->section) != 0;
}

/* What all of access comes to. */
static void
print_rules(const struct config *config, FILE *to)
{
    const struct rule *rule;

    fputs("# The rules in force; the first that matches decides.\n", to);
    for (size_t i = 0; (rule = rules_at(config->rules, i)) != NULL; i++)
        fprintf(to, "#   %zu  %s  (%s)\n", rule_number(rule), rule_text(rule),
                rule_setting(rule));
}

void
config_print(const struct config *config, FILE *to)
{
    for (size_t i = 0; i < SETTING_TOTAL; i++) {
        if (begins_section(i))
            fprintf(to, "%s%s {\n", i > 0 ? "}\n" : "", setting_at(i)->section);
        print_row(config, setting_at(i), to);
    }
    fputs("}\n", to);
    print_rules(config, to);
}

/* Words in a column that begins where the cursor is; what ends behind a terminal's edge wraps.
 */
static void
print_column(const char *text, FILE *to)
{
    size_t at = HELP_INDENT;

    while (*text != '\0') {
        size_t size = strcspn(text, " ");

        if (at > HELP_INDENT && at + 1 + size > HELP_WIDTH) {
            fprintf(to, "\n%*s", HELP_INDENT, "");
            at = HELP_INDENT;
        } else if (at > HELP_INDENT) {
            fputc(' ', to);
            at++;
        }
        fprintf(to, "%.*s", (int)size, text);
        at += size;
        text += size + strspn(text + size, " ");
    }
    fputc('\n', to);
}

void
config_print_help(FILE *to)
{
    char expected[256];
    char details[512];
    char name[64];

    for (size_t i = 0; i < SETTING_TOTAL; i++) {
        const struct setting *setting = setting_at(i);

        setting_expects(setting, expected, sizeof(expected));
        snprintf(name, sizeof(name), "%s.%s", setting->section, setting->key);
        snprintf(details, sizeof(details), "default %s; %s%s",
                 setting->preset[0] != '\0' ? setting->preset : "empty", expected,
                 setting->when == SETTING_START ? "; only at start" : "");
        fprintf(to, "%s  %-24s ", begins_section(i) ? "\n" : "", name);
        print_column(setting->help, to);
        fprintf(to, "%*s", HELP_INDENT, "");
        print_column(details, to);
    }
}
