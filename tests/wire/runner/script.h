#ifndef CARPOOL_TESTS_WIRE_SCRIPT_H
#define CARPOOL_TESTS_WIRE_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#define STATEMENT_WORDS 16

/* A piece of a message as it stands in the file: "text", or | a line that ends with CRLF. */
struct part {
    char *text;
    bool is_line;
};

/* One statement: its words, then the pieces of its message, which may go on for many lines. */
struct statement {
    unsigned line;
    char *words[STATEMENT_WORDS];
    size_t word_count;
    char *rest; /* all behind the first word, as written */
    struct part *parts;
    size_t part_count;
};

/* A conversation as it was read. */
struct script {
    const char *path;
    struct statement *statements;
    size_t count;
};

/* Returns NULL, or what is wrong in *line. */
const char *script_read(const char *path, struct script *script, unsigned *line);
void script_free(struct script *script);

/* The statement behind the end of the loop that begins at index; 0 if it has no end. */
size_t script_loop_end(const struct script *script, size_t index);

#endif
