/* What peers send and must receive, byte by byte, and how their connections end. */
#include <stdlib.h>
#include <string.h>

#include "tests/wire/runner/message.h"

#define LAST_WORDS_MS 100 /* a failure waits so long for more to show */

void
message_fail(struct world *world, struct peer *peer, enum fill last)
{
    int64_t until = now_ms() + LAST_WORDS_MS;

    world->deadline_ms = until;
    while (peer->in.size < MESSAGE_SHOWN &&
           (last = peer_fill(world, peer, until)) == FILL_BYTES)
        ;
    if (peer->in.size > 0) {
        fputs("  came:\n", stderr);
        bytes_print(stderr, peer->in.data,
                    peer->in.size > MESSAGE_SHOWN ? MESSAGE_SHOWN : peer->in.size);
    }
    fprintf(stderr, "  then: %s\n", fill_word(last));
    if (peer->send_errno != 0)
        fprintf(stderr, "  sending had failed: %s\n", strerror(peer->send_errno));
    world_give_up(world);
}

void
message_send(struct world *world, struct peer *peer)
{
    struct pattern message;
    struct bytes bytes = {0};

    world_message(world, false, &message);
    for (size_t i = 0; i < message.size; i++) {
        unsigned char byte = (unsigned char)message.items[i];

        bytes_add(&bytes, &byte, 1);
    }
    peer_queue(peer, bytes.data, bytes.size);
    bytes_free(&bytes);
    pattern_free(&message);
}

void
message_expect(struct world *world, struct peer *peer)
{
    struct pattern pattern;
    enum fill fill = FILL_BYTES;
    size_t used = 0;
    size_t at = 0;

    world_message(world, true, &pattern);
    while (at < pattern.size && fill == FILL_BYTES) {
        if (used == peer->in.size) {
            fill = peer_fill(world, peer, WORLD_DEADLINE);
        } else if (pattern.items[at] == PATTERN_ANY) {
            if (peer->in.data[used] == '\r' || peer->in.data[used] == '\n')
                at++;
            else
                used++;
        } else if (pattern.items[at] == peer->in.data[used]) {
            at++;
            used++;
        } else {
            break;
        }
    }
    if (at < pattern.size) {
        world_complain(world, "%s: byte %zu is not as expected", peer->name, used);
        fputs("  expected:\n", stderr);
        pattern_print(stderr, &pattern);
        pattern_free(&pattern);
        message_fail(world, peer, fill);
    }
    bytes_consume(&peer->in, used);
    pattern_free(&pattern);
}

/* The letter of a filling: the statement's word at index, where there is one. */
static char
letter_of(const struct world *world, size_t index)
{
    return index < world->now->word_count ? world->now->words[index][0] : '\0';
}

size_t
message_count_filling(const struct world *world, size_t index, uint64_t at,
                      const unsigned char *bytes, size_t size)
{
    unsigned char wanted[4096];
    size_t count = 0;

    while (count < size) {
        size_t part = size - count < sizeof(wanted) ? size - count : sizeof(wanted);

        bytes_fill(wanted, letter_of(world, index), at + count, part);
        for (size_t i = 0; memcmp(bytes + count, wanted, part) != 0; i++)
            if (bytes[count + i] != wanted[i])
                return count + i;
        count += part;
    }
    return count;
}

void
message_send_bytes(struct world *world, struct peer *peer)
{
    peer_queue_filling(peer, letter_of(world, 3), world_number(world, world_word(world, 2)));
}

void
message_expect_bytes(struct world *world, struct peer *peer)
{
    uint64_t count = world_number(world, world_word(world, 2));

    for (uint64_t at = 0; at < count;) {
        enum fill fill = FILL_BYTES;
        size_t part;
        size_t fitting;

        if (peer->in.size == 0)
            fill = peer_fill(world, peer, WORLD_DEADLINE);
        part = peer->in.size < count - at ? peer->in.size : count - at;
        fitting = message_count_filling(world, 3, at, peer->in.data, part);
        at += fitting;
        bytes_consume(&peer->in, fitting);
        if (fill != FILL_BYTES || fitting < part) {
            world_complain(world, "%s: byte %llu of %llu is not as expected", peer->name,
                           (unsigned long long)at, (unsigned long long)count);
            message_fail(world, peer, fill);
        }
    }
}

static void
expect_end(struct world *world, struct peer *peer, bool may_close, bool may_reset)
{
    enum fill fill = FILL_BYTES;

    if (peer->in.size == 0)
        fill = peer_fill(world, peer, WORLD_DEADLINE);
    if ((fill == FILL_END && may_close) || (fill == FILL_RESET && may_reset))
        return;
    world_complain(world, "%s: the connection does not end as expected", peer->name);
    message_fail(world, peer, fill);
}

void
message_expect_close(struct world *world, struct peer *peer)
{
    expect_end(world, peer, true, false);
}

void
message_expect_reset(struct world *world, struct peer *peer)
{
    expect_end(world, peer, false, true);
}

void
message_expect_gone(struct world *world, struct peer *peer)
{
    expect_end(world, peer, true, true);
}

void
message_expect_some(struct world *world, struct peer *peer)
{
    enum fill fill = FILL_BYTES;

    if (peer->in.size == 0)
        fill = peer_fill(world, peer, WORLD_DEADLINE);
    if (fill != FILL_BYTES) {
        world_complain(world, "%s: nothing came", peer->name);
        message_fail(world, peer, fill);
    }
    bytes_consume(&peer->in, peer->in.size);
}

void
message_expect_nothing(struct world *world, struct peer *peer)
{
    int64_t until = now_ms() + (int64_t)world_number(world, world_word(world, 2));
    enum fill fill = FILL_BYTES;

    if (peer->in.size == 0)
        fill = peer_fill(world, peer, until);
    if (fill == FILL_LATE)
        return;
    world_complain(world, "%s: something came", peer->name);
    message_fail(world, peer, fill);
}

void
message_expect_blocked(struct world *world, struct peer *peer)
{
    if (!peer_has_queued(peer))
        world_fail(world, "%s: the other side took all bytes", peer->name);
}
