/* Reads a conversation file into statements. Does not know what they mean. */
#include "tests/wire/runner/script.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
checked(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct statement *
add_statement(struct script *script, unsigned line)
{
    struct statement *statement;

    script->statements =
        checked(realloc(script->statements, (script->count + 1) * sizeof(*script->statements)));
    statement = &script->statements[script->count++];
    *statement = (struct statement){.line = line};
    return statement;
}

static void
add_part(struct statement *statement, const char *text, size_t size, bool is_line)
{
    struct part *part;

    statement->parts = checked(
        realloc(statement->parts, (statement->part_count + 1) * sizeof(*statement->parts)));
    part = &statement->parts[statement->part_count++];
    part->text = checked(strndup(text, size));
    part->is_line = is_line;
}

/* The words and strings of one line, for a new statement or as more of the last one. */
static const char *
read_words(struct statement *statement, const char *text, bool may_have_words)
{
    for (;;) {
        size_t size = 0;

        while (is_blank(*text))
            text++;
        if (*text == '\0')
            return NULL;
        if (*text == '"') {
            text++;
            while (text[size] != '"' && text[size] != '\0')
                size += text[size] == '\\' && text[size + 1] != '\0' ? 2 : 1;
            if (text[size] == '\0')
                return "a string has no end";
            add_part(statement, text, size, false);
            text += size + 1;
            continue;
        }
        if (!may_have_words || statement->part_count > 0)
            return "only strings may follow a string";
        if (statement->word_count == STATEMENT_WORDS)
            return "too many words";
        size = strcspn(text, " \t");
        statement->words[statement->word_count++] = checked(strndup(text, size));
        text += size;
    }
}

/* These take the rest of their line as it stands. */
static bool
takes_rest(const char *word)
{
    return strcmp(word, "claim") == 0 || strcmp(word, "set") == 0 || strcmp(word, "dns") == 0;
}

static const char *
read_statement(struct script *script, const char *text, unsigned line)
{
    struct statement *statement = add_statement(script, line);
    size_t size = strcspn(text, " \t");

    statement->words[0] = checked(strndup(text, size));
    statement->word_count = 1;
    text += size;
    while (is_blank(*text))
        text++;
    statement->rest = checked(strdup(text));
    return takes_rest(statement->words[0]) ? NULL : read_words(statement, text, true);
}

static const char *
read_line(struct script *script, const char *text, unsigned line)
{
    while (is_blank(*text))
        text++;
    if (*text == '\0' || *text == '#')
        return NULL;
    if (*text != '|' && *text != '"')
        return read_statement(script, text, line);
    if (script->count == 0)
        return "a message without a statement before it";
    if (*text == '"')
        return read_words(&script->statements[script->count - 1], text, false);
    text += is_blank(text[1]) ? 2 : 1;
    add_part(&script->statements[script->count - 1], text, strlen(text), true);
    return NULL;
}

const char *
script_read(const char *path, struct script *script, unsigned *line)
{
    FILE *file = fopen(path, "re");
    const char *wrong = NULL;
    char *text = NULL;
    size_t room = 0;
    ssize_t size;

    *script = (struct script){.path = path};
    *line = 0;
    if (file == NULL)
        return strerror(errno);
    while (wrong == NULL && (size = getline(&text, &room, file)) != -1) {
        if (size > 0 && text[size - 1] == '\n')
            text[--size] = '\0';
        ++*line;
        wrong = strlen(text) == (size_t)size ? read_line(script, text, *line)
                                             : "a NUL byte; write \\x00";
    }
    free(text);
    fclose(file);
    if (wrong == NULL && (script->count == 0 || script->statements[0].rest[0] == '\0' ||
                          strcmp(script->statements[0].words[0], "claim") != 0))
        return "a conversation begins with its claim";
    return wrong;
}

void
script_free(struct script *script)
{
    for (size_t i = 0; i < script->count; i++) {
        struct statement *statement = &script->statements[i];

        for (size_t word = 0; word < statement->word_count; word++)
            free(statement->words[word]);
        for (size_t part = 0; part < statement->part_count; part++)
            free(statement->parts[part].text);
        free(statement->parts);
        free(statement->rest);
    }
    free(script->statements);
    *script = (struct script){0};
}

size_t
script_loop_end(const struct script *script, size_t index)
{
    size_t depth = 1;

    while (++index < script->count) {
        const char *word = script->statements[index].words[0];

        if (strcmp(word, "repeat") == 0 || strcmp(word, "each") == 0)
            depth++;
        else if (strcmp(word, "end") == 0 && --depth == 0)
            return index + 1;
    }
    return 0;
}
