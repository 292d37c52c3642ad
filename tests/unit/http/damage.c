/* Messages with damage in them, the same on every machine. */
#include "tests/unit/http/damage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dice.h"
#include "tests/unit/http/given.h"

static struct dice dice;

size_t
damage_below(size_t limit)
{
    return (size_t)(dice_roll(&dice) >> 33) % limit;
}

static void
copy_message(struct message *message, struct slice bytes)
{
    assert_true(bytes.size <= DAMAGE_SIZE);
    memcpy(message->bytes, bytes.data, bytes.size);
    message->size = bytes.size;
}

static void
insert(struct message *message, size_t at, const char *bytes, size_t size)
{
    if (message->size + size > DAMAGE_SIZE)
        return;
    memmove(message->bytes + at + size, message->bytes + at, message->size - at);
    memcpy(message->bytes + at, bytes, size);
    message->size += size;
}

static void
cut(struct message *message, size_t at, size_t size)
{
    memmove(message->bytes + at, message->bytes + at + size, message->size - at - size);
    message->size -= size;
}

/* One small damage of the kinds that parsers fall for. */
static void
damage(struct message *message)
{
    static const struct slice words[] = {
        BYTES("\r"),
        BYTES("\n"),
        BYTES("\r\n"),
        BYTES("\0"),
        BYTES(" "),
        BYTES("\t"),
        BYTES(":"),
        BYTES(","),
        BYTES(";"),
        BYTES("0"),
        BYTES("f"),
        BYTES("#"),
        BYTES("@"),
        BYTES("\x80"),
        BYTES("\r\n "),
        BYTES("\r\n\r\n"),
        BYTES("Content-Length: 5\r\n"),
        BYTES("Transfer-Encoding: chunked\r\n"),
        BYTES("Host: b\r\n"),
        BYTES("HTTP/1.0"),
        BYTES("Connection: host, content-length\r\n"),
        BYTES("0\r\n\r\n"),
    };
    size_t at = damage_below(message->size + 1);
    size_t left = message->size - at;
    char part[16];

    switch (damage_below(4)) {
    case 0:
        if (left > 0)
            message->bytes[at] = (char)damage_below(256);
        break;
    case 1:
        cut(message, at, left > 0 ? damage_below(left < 16 ? left : 16) : 0);
        break;
    case 2: {
        struct slice word = words[damage_below(COUNT(words))];

        insert(message, at, word.data, word.size);
        break;
    }
    default: /* a part of itself once more, somewhere else */
        left = left < sizeof(part) ? left : sizeof(part);
        memcpy(part, message->bytes + at, left);
        insert(message, damage_below(message->size + 1), part, left);
        break;
    }
}

void
damage_make(struct message *message, const struct slice *from, size_t count)
{
    copy_message(message, from[damage_below(count)]);
    for (size_t times = damage_below(4); times > 0; times--)
        damage(message);
}

/* Names the message that breaks a rule, so that it can become a row of a table. */
void
damage_complain(const char *claim, const struct message *message)
{
    char text[4 * DAMAGE_SIZE + 1];
    size_t at = 0;

    for (size_t i = 0; i < message->size; i++) {
        unsigned char c = (unsigned char)message->bytes[i];

        at += (size_t)snprintf(text + at, sizeof(text) - at,
                               c >= ' ' && c < 0x7f ? "%c" : "\\x%02x", c);
    }
    fail_msg("%s: %s", claim, text);
}

int
damage_begin(void **state)
{
    (void)state;
    dice = dice_of(dice_seed(1));
    return 0;
}
