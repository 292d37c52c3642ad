/*
 * The configuration file, read by libconfuse. Every value reaches us as text, so that a file,
 * the environment and the command line obey one table. Main thread only: the parser's lexer
 * keeps global state.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <confuse.h>

#include "base/buf.h"
#include "base/mem.h"
#include "proxy/config_set.h"

/* More than any configuration; a wrong path (a log, a device) ends here. */
#define FILE_AT_MOST (1024 * 1024)

/*
 * The parser takes the end of a file for the end of any section. So that a file that was cut
 * off is not taken for a whole one, we append a setting that only the top level knows.
 */
#define END_NAME "<end-of-file>"
#define END_TEXT "\n" END_NAME " = 1\n"

struct reading {
    struct config *config;
    const char *path;
    struct complaint *complaint;
    int last_line;
    enum err err;
    bool is_whole;
};

/* libconfuse hands its callbacks no argument of ours; set only while it parses. */
static _Thread_local struct reading *reading;

/* Where the parser is, but for what we appended: the file ends at its own last line. */
static int
line_in(const cfg_t *section)
{
    return section->line < reading->last_line ? section->line : reading->last_line;
}

static int
on_value(cfg_t *section, cfg_opt_t *option, const char *text, void *result)
{
    const struct setting *setting =
        setting_find(slice_of(section->name), slice_of(option->name));
    char *given_at;

    /* libconfuse lets "pool|max_total" stand at the top. */
    if (setting == NULL) {
        complain(reading->complaint,
                 "%s:%d: %s stands outside its section; expected "
                 "sections of settings, as in pool { idle_timeout = 60s }",
                 reading->path, line_in(section), option->name);
        reading->err = ERR_SYNTAX;
        return -1;
    }
    if (asprintf(&given_at, "%s:%d", reading->path, section->line) == -1)
        abort();
    reading->err = config_set(reading->config, setting, text, given_at, reading->complaint);
    free(given_at);
    *(const char **)result = text;
    return reading->err == ERR_OK ? 0 : -1;
}

static int
on_end(cfg_t *section, cfg_opt_t *option, const char *text, void *result)
{
    (void)section;
    (void)option;
    reading->is_whole = true;
    *(const char **)result = text;
    return 0;
}

/* "listen, workers, max_clients", or the names of the sections when section is NULL. */
static void
list_names(const char *section, char *to, size_t size)
{
    const char *last = "";
    size_t used = 0;

    to[0] = '\0';
    for (size_t i = 0; i < SETTING_TOTAL && used < size; i++) {
        const struct setting *setting = setting_at(i);
        const char *name = section != NULL ? setting->key : setting->section;

        if (section != NULL ? strcmp(setting->section, section) != 0 : strcmp(last, name) == 0)
            continue;
        used += (size_t)snprintf(to + used, size - used, "%s%s", used > 0 ? ", " : "", name);
        last = name;
    }
}

static void
refuse_name(const cfg_t *section, struct slice name)
{
    bool is_top = strcmp(section->name, "root") == 0;
    char names[512];

    if (slice_equal(name, SLICE(END_NAME))) {
        complain(reading->complaint, "%s:%d: section %s is not closed; expected }",
                 reading->path, line_in(section), section->name);
        return;
    }
    list_names(is_top ? NULL : section->name, names, sizeof(names));
    complain(reading->complaint, "%s:%d: unknown %s %s%s%.*s; expected one of %s",
             reading->path, section->line, is_top ? "section" : "setting",
             is_top ? "" : section->name, is_top ? "" : ".", SLICE_ARGS(name), names);
}

/* The first thing that is wrong; what the parser says after that follows from it. */
static void
on_error(cfg_t *section, const char *format, va_list args)
{
    static const char unknown[] = "no such option '";
    char text[512];
    size_t size;

    if (reading->err != ERR_OK)
        return;
    reading->err = ERR_SYNTAX;
    vsnprintf(text, sizeof(text), format, args);
    size = strlen(text);
    if (strncmp(text, unknown, sizeof(unknown) - 1) == 0 && text[size - 1] == '\'')
        refuse_name(section,
                    (struct slice){text + sizeof(unknown) - 1, size - sizeof(unknown)});
    else
        complain(reading->complaint,
                 "%s:%d: %s; expected sections of settings, as in pool { idle_timeout = 60s }",
                 reading->path, line_in(section), text);
}

/* The table as libconfuse wants it: one array per section, and one of the sections. */
struct grammar {
    cfg_opt_t keys[2 * SETTING_TOTAL];     /* each section's are followed by an end */
    cfg_opt_t sections[SETTING_TOTAL + 2]; /* and the end of the file, and an end */
};

static struct grammar *
grammar_new(void)
{
    struct grammar *grammar = xcalloc(1, sizeof(*grammar));
    cfg_opt_t *section = grammar->sections;
    cfg_opt_t *key = grammar->keys;

    for (size_t i = 0; i < SETTING_TOTAL; i++) {
        const struct setting *setting = setting_at(i);

        if (i == 0 || strcmp(setting->section, setting_at(i - 1)->section) != 0) {
            if (i > 0)
                *key++ = (cfg_opt_t)CFG_END();
            *section++ = (cfg_opt_t)CFG_SEC(setting->section, key, CFGF_NONE);
        }
        *key++ = (cfg_opt_t)CFG_STR_CB(setting->key, NULL, CFGF_NODEFAULT, on_value);
    }
    *key = (cfg_opt_t)CFG_END();
    *section++ = (cfg_opt_t)CFG_STR_CB(END_NAME, NULL, CFGF_NODEFAULT, on_end);
    *section = (cfg_opt_t)CFG_END();
    return grammar;
}

/* The parser may end the process over a file that cannot be read, so the reading is ours. */
static enum err
read_whole(const char *path, struct buf *whole)
{
    enum err err = ERR_OK;
    ssize_t got = 1;
    char *space;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd == -1)
        return err_from_errno(errno);
    while (err == ERR_OK && got > 0) {
        err = buf_space(whole, 4096, &space);
        if (err != ERR_OK)
            break;
        got = read(fd, space, 4096);
        if (got > 0)
            buf_grew(whole, (size_t)got);
        else if (got == -1 && errno == EINTR)
            got = 1;
        else if (got == -1)
            err = err_from_errno(errno);
    }
    close(fd);
    return err;
}

static enum err
check_bytes(struct slice bytes)
{
    int line = 1;

    reading->last_line = 1;
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] == '\0') {
            complain(reading->complaint, "%s:%d: a NUL byte; expected a text file",
                     reading->path, line);
            return ERR_SYNTAX;
        }
        reading->last_line = line;
        line += bytes.data[i] == '\n';
    }
    return ERR_OK;
}

static void
parse(const struct buf *whole)
{
    struct grammar *grammar = grammar_new();
    cfg_t *root = cfg_init(grammar->sections, CFGF_NONE);
    FILE *file = fmemopen(whole->memory + whole->start, buf_size(whole), "r");
    int result;

    if (root == NULL || file == NULL)
        abort(); /* only for want of memory */
    cfg_set_error_function(root, on_error);
    result = cfg_parse_fp(root, file);
    if (reading->err == ERR_OK && (result != CFG_SUCCESS || !reading->is_whole)) {
        reading->err = ERR_SYNTAX;
        complain(reading->complaint,
                 "%s:%d: something is not closed; expected sections of settings", reading->path,
                 reading->last_line);
    }
    fclose(file);
    cfg_free(root);
    free(grammar);
}

enum err
config_read_file(struct config *config, const char *path, struct complaint *complaint)
{
    struct reading now = {.config = config, .path = path, .complaint = complaint};
    struct buf whole;

    buf_init(&whole, FILE_AT_MOST + sizeof(END_TEXT));
    reading = &now;
    now.err = read_whole(path, &whole);
    if (now.err != ERR_OK)
        complain(complaint, "%s: %s; expected a configuration file that can be read", path,
                 now.err == ERR_IO ? "it cannot be read" : err_text(now.err));
    else
        now.err = check_bytes(buf_bytes(&whole));
    if (now.err == ERR_OK)
        now.err = buf_append(&whole, END_TEXT, sizeof(END_TEXT) - 1);
    if (now.err == ERR_OK)
        parse(&whole);
    reading = NULL;
    buf_reset(&whole);
    return now.err;
}
