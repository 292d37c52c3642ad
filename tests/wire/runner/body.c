/* Bodies that peers must receive, without their framing. */
#include <stdlib.h>
#include <string.h>

#include "tests/wire/runner/message.h"

/* Moves size bytes of the input to the body; false when they do not come. */
static bool
take(struct world *world, struct peer *peer, struct bytes *body, uint64_t size)
{
    while (size > 0) {
        size_t part = size < peer->in.size ? (size_t)size : peer->in.size;

        bytes_add(body, peer->in.data, part);
        bytes_consume(&peer->in, part);
        size -= part;
        if (size > 0 && peer_fill(world, peer, WORLD_DEADLINE) != FILL_BYTES)
            return false;
    }
    return true;
}

/* Reads a line that ends with CRLF into text (a NUL at its end); false when it does not come.
 */
static bool
take_line(struct world *world, struct peer *peer, char *text, size_t room)
{
    const unsigned char *end;

    while (peer->in.size == 0 ||
           (end = memmem(peer->in.data, peer->in.size, "\r\n", 2)) == NULL)
        if (peer_fill(world, peer, WORLD_DEADLINE) != FILL_BYTES)
            return false;
    if ((size_t)(end - peer->in.data) >= room)
        return false;
    memcpy(text, peer->in.data, (size_t)(end - peer->in.data));
    text[end - peer->in.data] = '\0';
    bytes_consume(&peer->in, (size_t)(end - peer->in.data) + 2);
    return true;
}

static bool
take_chunks(struct world *world, struct peer *peer, struct bytes *body)
{
    char line[1000];
    char *end;
    uint64_t size;

    do {
        if (!take_line(world, peer, line, sizeof(line)))
            return false;
        size = strtoull(line, &end, 16);
        if (end == line || *end != '\0' || !take(world, peer, body, size) ||
            !take_line(world, peer, line, sizeof(line)) || line[0] != '\0')
            return false;
    } while (size > 0);
    return true;
}

/* The body behind the last head, without its framing. */
static void
take_body(struct world *world, struct peer *peer, struct bytes *body)
{
    bool is_whole = true;
    enum fill fill = FILL_BYTES;

    if (peer->content == CONTENT_LENGTH) {
        is_whole = take(world, peer, body, peer->length);
    } else if (peer->content == CONTENT_CHUNKED) {
        is_whole = take_chunks(world, peer, body);
    } else if (peer->content == CONTENT_UNTIL_CLOSE) {
        while (fill == FILL_BYTES)
            fill = peer_fill(world, peer, WORLD_DEADLINE);
        is_whole = fill == FILL_END;
        bytes_add(body, peer->in.data, peer->in.size);
        bytes_consume(&peer->in, peer->in.size);
    }
    peer->content = CONTENT_NONE;
    if (is_whole)
        return;
    world_complain(world, "%s: the body is not whole; there are %zu bytes of it", peer->name,
                   body->size);
    bytes_free(body);
    message_fail(world, peer, fill);
}

static bool
body_contains(struct world *world, const struct bytes *body)
{
    for (size_t i = 0; i < world->now->part_count; i++) {
        char *part = world_text(world, world->now->parts[i].text);
        bool is_there =
            body->size > 0 && memmem(body->data, body->size, part, strlen(part)) != NULL;

        free(part);
        if (!is_there)
            return false;
    }
    return world->now->part_count > 0;
}

static bool
body_fits(struct world *world, const struct bytes *body)
{
    struct pattern pattern;
    bool fits;

    if (world_says(world, 2, "contains"))
        return body_contains(world, body);
    if (world_says(world, 2, "bytes"))
        return body->size == world_number(world, world_word(world, 3)) &&
               message_count_filling(world, 4, 0, body->data, body->size) == body->size;
    if (world_says(world, 2, "empty"))
        return body->size == 0;
    world_message(world, true, &pattern);
    fits = world->now->word_count == 2 && pattern_fits(&pattern, body->data, body->size);
    pattern_free(&pattern);
    return fits;
}

void
message_expect_body(struct world *world, struct peer *peer)
{
    struct bytes body = {0};

    take_body(world, peer, &body);
    if (!body_fits(world, &body)) {
        world_complain(world, "%s: the body (%zu bytes) is not as expected:", peer->name,
                       body.size);
        bytes_print(stderr, body.data, body.size > MESSAGE_SHOWN ? MESSAGE_SHOWN : body.size);
        bytes_free(&body);
        world_give_up(world);
    }
    bytes_free(&body);
}

void
message_expect_cut(struct world *world, struct peer *peer)
{
    struct bytes body = {0};
    enum fill fill = FILL_BYTES;
    bool is_whole = peer->content == CONTENT_CHUNKED ? take_chunks(world, peer, &body)
                                                     : take(world, peer, &body, peer->length);

    bytes_free(&body);
    while (!is_whole && fill == FILL_BYTES)
        fill = peer_fill(world, peer, WORLD_DEADLINE);
    peer->content = CONTENT_NONE;
    bytes_consume(&peer->in, peer->in.size);
    if (is_whole)
        world_fail(world, "%s: the body is complete", peer->name);
    if (fill == FILL_LATE)
        world_fail(world, "%s: the connection of the body does not end", peer->name);
}
