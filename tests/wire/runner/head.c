/* Heads that peers must receive: the first line and chosen fields. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/wire/runner/message.h"

#define MOST_HEAD 2000000

/* Waits for a whole head and returns its size with the empty line. */
static size_t
wait_for_head(struct world *world, struct peer *peer)
{
    const unsigned char *end;
    enum fill fill;

    while (peer->in.size == 0 ||
           (end = memmem(peer->in.data, peer->in.size, "\r\n\r\n", 4)) == NULL) {
        fill = peer_fill(world, peer, WORLD_DEADLINE);
        if (fill != FILL_BYTES || peer->in.size > MOST_HEAD) {
            world_complain(world, "%s: no whole head came", peer->name);
            message_fail(world, peer, fill);
        }
    }
    return (size_t)(end - peer->in.data) + 4;
}

/* The next line of text, without its CRLF; NULL at the end. */
static const unsigned char *
next_line(const unsigned char **text, const unsigned char *end, size_t *size)
{
    const unsigned char *line = *text;
    const unsigned char *stop;

    if (line >= end || (stop = memmem(line, (size_t)(end - line), "\r\n", 2)) == NULL)
        return NULL;
    *size = (size_t)(stop - line);
    *text = stop + 2;
    return line;
}

/* The value of a field line of this name, or NULL. */
static const unsigned char *
value_of(const unsigned char *line, size_t *size, const char *name, size_t name_size)
{
    const unsigned char *end = line + *size;

    if (*size <= name_size || strncasecmp((const char *)line, name, name_size) != 0 ||
        line[name_size] != ':')
        return NULL;
    line += name_size + 1;
    while (line < end && *line == ' ')
        line++;
    *size = (size_t)(end - line);
    return line;
}

/* The value of the field's occurrence number skip in the head, or NULL. */
static const unsigned char *
find_field(const unsigned char *head, size_t head_size, const char *name, size_t name_size,
           size_t skip, size_t *size)
{
    const unsigned char *end = head + head_size;
    const unsigned char *line;
    const unsigned char *value;

    next_line(&head, end, size);
    while ((line = next_line(&head, end, size)) != NULL) {
        value = value_of(line, size, name, name_size);
        if (value != NULL && skip-- == 0)
            return value;
    }
    return NULL;
}

/* Notes how the body behind this head ends, and takes the head from the input. */
static void
finish_head(struct peer *peer, size_t size)
{
    const unsigned char *head = peer->in.data;
    const unsigned char *value;
    size_t value_size;
    bool is_response = memcmp(head, "HTTP/", 5) == 0;

    peer->content = is_response ? CONTENT_UNTIL_CLOSE : CONTENT_NONE;
    peer->length = 0;
    value = find_field(head, size, "Content-Length", 14, 0, &value_size);
    if (value != NULL) {
        peer->content = CONTENT_LENGTH;
        peer->length = strtoull((const char *)value, NULL, 10);
    }
    if (find_field(head, size, "Transfer-Encoding", 17, 0, &value_size) != NULL)
        peer->content = CONTENT_CHUNKED;
    bytes_consume(&peer->in, size);
}

/* One line of an expected head: items from..to of the pattern, without CRLF. */
static bool
line_fits(const struct pattern *pattern, size_t from, size_t to, const unsigned char *line,
          size_t size)
{
    struct pattern part = {.items = pattern->items + from, .size = to - from};

    return line != NULL && pattern_fits(&part, line, size);
}

/* How many lines before `from` name the same field. */
static size_t
earlier_lines(const struct pattern *pattern, size_t from, const char *name, size_t size)
{
    size_t count = 0;
    size_t at = 0;

    while (at < from) {
        size_t i = 0;

        while (i < size && (pattern->items[at + i] | 0x20) == (name[i] | 0x20))
            i++;
        count += i == size && pattern->items[at + i] == ':';
        while (pattern->items[at] != '\n')
            at++;
        at++;
    }
    return count;
}

/* Is the expected field line from..to in the head, in its turn? */
static bool
field_fits(const struct pattern *pattern, size_t from, size_t to, const struct peer *peer,
           size_t head_size)
{
    static const uint16_t none[] = {'<', 'n', 'o', 'n', 'e', '>'};
    char name[200];
    size_t size = 0;
    size_t value_size;
    const unsigned char *value;
    size_t at = from;
    size_t skip;

    while (at < to && pattern->items[at] != ':' && size < sizeof(name))
        name[size++] = (char)pattern->items[at++];
    skip = earlier_lines(pattern, from, name, size);
    value = find_field(peer->in.data, head_size, name, size, skip, &value_size);
    at++;
    while (at < to && pattern->items[at] == ' ')
        at++;
    if (to - at == 6 && memcmp(&pattern->items[at], none, sizeof(none)) == 0)
        return value == NULL;
    if (!line_fits(pattern, at, to, value, value_size))
        return false;
    /* as often as the lines say: the last one checks that no other follows */
    return earlier_lines(pattern, pattern->size, name, size) > skip + 1 ||
           find_field(peer->in.data, head_size, name, size, skip + 1, &value_size) == NULL;
}

/* Items of the line that begins at `from`, without its CRLF. */
static size_t
line_end(const struct pattern *pattern, size_t from)
{
    while (from < pattern->size && pattern->items[from] != '\r')
        from++;
    return from;
}

void
message_expect_head(struct world *world, struct peer *peer)
{
    struct pattern pattern;
    size_t size = wait_for_head(world, peer);
    const unsigned char *text = peer->in.data;
    const unsigned char *line;
    size_t line_size = 0;
    size_t from = 0;
    size_t to;
    bool fits;

    world_message(world, true, &pattern);
    to = line_end(&pattern, 0);
    line = next_line(&text, text + size, &line_size);
    fits = line_fits(&pattern, 0, to, line, line_size);
    while (fits && to + 2 < pattern.size) {
        from = to + 2;
        to = line_end(&pattern, from);
        fits = field_fits(&pattern, from, to, peer, size);
    }
    if (!fits) {
        struct pattern part = {.items = pattern.items + from, .size = to - from};

        world_complain(world, "%s: the head is not as expected; look at the line:", peer->name);
        pattern_print(stderr, &part);
        pattern_free(&pattern);
        message_fail(world, peer, FILL_BYTES);
    }
    pattern_free(&pattern);
    finish_head(peer, size);
}

void
message_keep(struct world *world, struct peer *peer)
{
    const char *name = world_word(world, 3);
    size_t head_size = wait_for_head(world, peer);
    size_t size;
    const unsigned char *value =
        find_field(peer->in.data, head_size, name, strlen(name), 0, &size);
    char *text;

    if (value == NULL) {
        world_complain(world, "%s: there is no %s in the head", peer->name, name);
        message_fail(world, peer, FILL_BYTES);
    }
    text = strndup((const char *)value, size);
    if (text == NULL)
        abort();
    variables_set(&world->variables, world_word(world, 2), text);
    free(text);
}

void
message_expect_status(struct world *world, struct peer *peer)
{
    const char *expected = world_word(world, 2);
    size_t size = wait_for_head(world, peer);
    char *status = world_text(world, expected);

    if (size < 12 || memcmp(peer->in.data, "HTTP/1.", 7) != 0 || strlen(status) != 3 ||
        memcmp(peer->in.data + 9, status, 3) != 0) {
        world_complain(world, "%s: the status is not %s", peer->name, status);
        free(status);
        message_fail(world, peer, FILL_BYTES);
    }
    free(status);
    finish_head(peer, size);
}
