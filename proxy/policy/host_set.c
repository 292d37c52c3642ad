/*
 * Lists of hosts for the rules. Filled by the loader on the main thread, read by any.
 */
#include "proxy/policy/host_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/address.h"
#include "base/hash.h"
#include "base/mem.h"

/* RFC 1035 §2.3.4, as text and without the last dot. */
#define NAME_MOST 253
#define LABEL_MOST 63

struct host {
    struct map_node node;
    bool is_suffix; /* it and all below it are */
    size_t size;
    char name[];
};

static bool
is_host(const struct map_node *node, const void *key)
{
    const struct host *host = MAP_OWNER(node, struct host, node);

    return slice_equal((struct slice){host->name, host->size}, *(const struct slice *)key);
}

static struct host *
find(const struct host_set *set, struct slice name)
{
    struct map_node *node =
        map_find(&set->names, hash_bytes(name.data, name.size), is_host, &name);

    return node != NULL ? MAP_OWNER(node, struct host, node) : NULL;
}

static bool
is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* The number in a last label is how an IPv4 address differs from a name. */
static bool
is_name(struct slice name)
{
    size_t label = 0;
    bool has_letter = false;

    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];

        if (c == '.' && label == 0)
            return false;
        if (c != '.' && (!is_name_byte(c) || label == LABEL_MOST))
            return false;
        label = c == '.' ? 0 : label + 1;
        has_letter = c != '.' && (has_letter || c < '0' || c > '9');
    }
    return label > 0 && has_letter;
}

/* In lower case, without the dot of a suffix and without a trailing one. */
static enum err
read_name(struct slice text, bool *is_suffix, char *name, size_t *size)
{
    *is_suffix = text.size > 0 && text.data[0] == '.';
    if (*is_suffix) {
        text.data++;
        text.size--;
    }
    if (text.size > 0 && text.data[text.size - 1] == '.')
        text.size--;
    if (text.size == 0 || text.size > NAME_MOST)
        return ERR_SYNTAX;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];

        name[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    *size = text.size;
    return is_name((struct slice){name, text.size}) ? ERR_OK : ERR_SYNTAX;
}

enum err
host_set_add(struct host_set *set, struct slice text)
{
    char name[NAME_MOST];
    bool is_suffix;
    size_t size;
    struct host *host;

    if (read_name(text, &is_suffix, name, &size) != ERR_OK)
        return ERR_SYNTAX;
    host = find(set, (struct slice){name, size});
    if (host == NULL) {
        host = xcalloc(1, sizeof(*host) + size);
        memcpy(host->name, name, size);
        host->size = size;
        host->node.hash = hash_bytes(name, size);
        map_insert(&set->names, &host->node);
    }
    host->is_suffix = host->is_suffix || is_suffix;
    return ERR_OK;
}

static enum err
add_line(struct host_set *set, struct slice line)
{
    const char *comment = memchr(line.data, '#', line.size);

    if (line.size > 0 && line.data[line.size - 1] == '\n')
        line.size--;
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    if (comment != NULL)
        line.size = (size_t)(comment - line.data);
    line = slice_trim(line);
    return line.size > 0 ? host_set_add(set, line) : ERR_OK;
}

enum err
host_set_add_file(struct host_set *set, const char *path, char *why, size_t why_size)
{
    FILE *file = fopen(path, "re");
    enum err err = ERR_OK;
    char *line = NULL;
    size_t size = 0;
    unsigned number = 0;
    ssize_t got;

    if (file == NULL) {
        err = err_from_errno(errno);
        snprintf(why, why_size, "%s: %s; expected a list of hosts", path, err_text(err));
        return err;
    }
    while (err == ERR_OK && (got = getline(&line, &size, file)) != -1) {
        number++;
        err = add_line(set, (struct slice){line, (size_t)got});
    }
    if (err == ERR_OK && ferror(file)) {
        err = ERR_IO;
        snprintf(why, why_size, "%s: it cannot be read; expected a list of hosts", path);
    } else if (err != ERR_OK) {
        line[strcspn(line, "\r\n")] = '\0';
        snprintf(why, why_size,
                 "%s:%u: \"%.200s\" is no host; expected a name such as example.com, or "
                 ".example.com for it and all below it",
                 path, number, line);
    }
    free(line);
    fclose(file);
    return err;
}

bool
host_set_holds(const struct host_set *set, struct slice host)
{
    const struct host *found;
    const char *dot;

    if (set->names.size == 0)
        return false;
    found = find(set, host);
    if (found != NULL)
        return true;
    while ((dot = memchr(host.data, '.', host.size)) != NULL) {
        host.size -= (size_t)(dot - host.data) + 1;
        host.data = dot + 1;
        found = find(set, host);
        if (found != NULL && found->is_suffix)
            return true;
    }
    return false;
}

static void
free_host(struct map_node *node, void *arg)
{
    struct map *names = arg;

    map_remove(names, node);
    free(MAP_OWNER(node, struct host, node));
}

void
host_set_fini(struct host_set *set)
{
    map_each(&set->names, free_host, &set->names);
    map_fini(&set->names);
}
