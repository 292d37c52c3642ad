/*
 * The table of settings, and what each row says of its values. Pure, any thread.
 */
#include "proxy/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proxy/config.h"
#include "proxy/units.h"

static const struct setting settings[SETTING_TOTAL] = {
#define SETTING(name, word, kind, standard, lowest, highest, effect, text, ...)                \
    [SETTING_##name##_##word] = {                                                              \
        .section = #name,                                                                      \
        .key = #word,                                                                          \
        .type = SETTING_##kind,                                                                \
        .when = SETTING_##effect,                                                              \
        .preset = (standard),                                                                  \
        .least = (lowest),                                                                     \
        .most = (highest),                                                                     \
        .help = (text),                                                                        \
        .choices = "" __VA_ARGS__,                                                             \
        .offset = offsetof(struct config, name##_##word),                                      \
    },
#include "proxy/settings.def"
#undef SETTING
};

const struct setting *
setting_at(size_t index)
{
    return &settings[index];
}

size_t
setting_index(const struct setting *setting)
{
    return (size_t)(setting - settings);
}

const struct setting *
setting_find(struct slice section, struct slice key)
{
    for (size_t i = 0; i < SETTING_TOTAL; i++)
        if (slice_equal(section, slice_of(settings[i].section)) &&
            slice_equal(key, slice_of(settings[i].key)))
            return &settings[i];
    return NULL;
}

const struct setting *
setting_find_name(struct slice name)
{
    const char *dot = memchr(name.data, '.', name.size);
    size_t size = dot != NULL ? (size_t)(dot - name.data) : 0;

    if (dot == NULL)
        return NULL;
    return setting_find((struct slice){name.data, size},
                        (struct slice){dot + 1, name.size - size - 1});
}

/* Cuts the next of "a|b|c" off; false at the end. */
static bool
next_choice(struct slice *rest, struct slice *choice)
{
    const char *bar;

    if (rest->size == 0)
        return false;
    bar = memchr(rest->data, '|', rest->size);
    *choice = (struct slice){rest->data, bar != NULL ? (size_t)(bar - rest->data) : rest->size};
    rest->data += choice->size + (bar != NULL);
    rest->size -= choice->size + (bar != NULL);
    return true;
}

static enum err
read_choice(const struct setting *setting, struct slice text, uint64_t *value)
{
    struct slice rest = slice_of(setting->choices);
    struct slice choice;

    for (uint64_t i = 0; next_choice(&rest, &choice); i++)
        if (slice_equal(text, choice)) {
            *value = i;
            return ERR_OK;
        }
    return ERR_SYNTAX;
}

enum err
setting_read(const struct setting *setting, struct slice text, uint64_t *value)
{
    uint64_t number = 0;
    enum err err = ERR_SYNTAX;

    if (setting->type == SETTING_CHOICE)
        return read_choice(setting, text, value);
    if (setting->type == SETTING_COUNT)
        err = slice_to_number(text, UINT64_MAX, &number);
    else if (setting->type == SETTING_MSEC)
        err = unit_read_msec(text, &number);
    else if (setting->type == SETTING_SIZE)
        err = unit_read_size(text, &number);
    else if (setting->type == SETTING_RATE)
        err = unit_read_rate(text, &number);
    if (err != ERR_OK)
        return err;
    if (number < setting->least || number > setting->most)
        return ERR_RANGE;
    *value = number;
    return ERR_OK;
}

void
setting_choice(const struct setting *setting, uint64_t index, char *to, size_t size)
{
    struct slice rest = slice_of(setting->choices);
    struct slice choice = {"", 0};

    for (uint64_t i = 0; i <= index; i++)
        if (!next_choice(&rest, &choice))
            break;
    slice_copy(choice, to, size);
}

/* "error, warn, info or debug" */
static void
expects_choice(const struct setting *setting, char *to, size_t size)
{
    struct slice rest = slice_of(setting->choices);
    struct slice choice;
    size_t used = 0;

    to[0] = '\0';
    while (next_choice(&rest, &choice) && used < size) {
        const char *joint = used == 0 ? "" : rest.size == 0 ? " or " : ", ";

        used += (size_t)snprintf(to + used, size - used, "%s%.*s", joint, SLICE_ARGS(choice));
    }
}

static const char *
expects_text(const struct setting *setting)
{
    switch (setting_index(setting)) {
    case SETTING_proxy_listen:
        return "addresses as ADDR:PORT or [ADDR]:PORT, separated by commas";
    case SETTING_admin_listen:
        return "off, an address as ADDR:PORT or [ADDR]:PORT, or unix:/PATH";
    case SETTING_admin_hosts:
        return "host names, separated by commas";
    case SETTING_log_access:
        return "off, - for stdout, or the path of a file";
    case SETTING_http_via:
        return "off, or a name of letters, digits, \"-\", \"_\" and \".\"";
    case SETTING_auth_realm:
        return "visible ASCII without quotes and backslashes, not empty";
    case SETTING_dns_servers:
        return "at most 16 addresses as ADDR, ADDR:PORT or [ADDR]:PORT, separated by commas";
    case SETTING_admin_token_file:
    case SETTING_dns_hosts_file:
    case SETTING_tls_ca_file:
    case SETTING_auth_users_file:
        return "the path of a file";
    case SETTING_access_clients:
        return "loopback, private, all, addresses, or ranges as ADDR/BITS, separated by commas";
    case SETTING_access_connect_ports:
        return "port numbers from 1 to 65535, separated by commas";
    case SETTING_tcp_source:
        return "an address, or lines of addresses and parts of rules";
    case SETTING_tls_origins:
        return "lines of how TLS is spoken, and parts of rules";
    case SETTING_access_rules:
        return "rules, separated by line ends or \";\"";
    default:
        return "a text";
    }
}

void
setting_expects(const struct setting *setting, char *to, size_t size)
{
    char least[UNIT_TEXT_SIZE];
    char most[UNIT_TEXT_SIZE];

    switch (setting->type) {
    case SETTING_COUNT:
        snprintf(to, size, "a whole number from %" PRIu64 " to %" PRIu64, setting->least,
                 setting->most);
        break;
    case SETTING_MSEC:
        snprintf(to, size, "a time from %s to %s, such as 500ms, 30s, 10m or 1h",
                 unit_write_msec(setting->least, least), unit_write_msec(setting->most, most));
        break;
    case SETTING_SIZE:
        snprintf(to, size, "a size from %s to %s, such as 512, 64k or 1m",
                 unit_write_size(setting->least, least), unit_write_size(setting->most, most));
        break;
    case SETTING_RATE:
        snprintf(to, size, "a rate up to %s, such as 10/s, 30/m or 100/h; 0: no limit",
                 unit_write_rate(setting->most, most));
        break;
    case SETTING_CHOICE:
        expects_choice(setting, to, size);
        break;
    case SETTING_TEXT:
        snprintf(to, size, "%s", expects_text(setting));
        break;
    }
}
