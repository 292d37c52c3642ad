/* The users of a conversation: hashed by crypt(3) when the conversation runs. */
#include "tests/wire/runner/users.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/runner/program.h"

#define TEXT_MOST 200
/* Some 170 ms on a machine with nothing else to do. */
#define SLOW_ROUNDS 600000

static void
encode(const char *text, char *to)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = strlen(text);

    for (size_t i = 0; i < size; i += 3) {
        unsigned bits = (unsigned)(unsigned char)text[i] << 16;

        if (i + 1 < size)
            bits |= (unsigned)(unsigned char)text[i + 1] << 8;
        if (i + 2 < size)
            bits |= (unsigned char)text[i + 2];
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = i + 1 < size ? digits[bits >> 6 & 63] : '=';
        *to++ = i + 2 < size ? digits[bits & 63] : '=';
    }
    *to = '\0';
}

static void
add_user(struct world *world, const char *text, bool is_slow)
{
    struct crypt_data *data = calloc(1, sizeof(*data));
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    char basic[2 * TEXT_MOST];
    char name[TEXT_MOST];
    const char *colon = strchr(text, ':');
    const char *hash;

    if (data == NULL || colon == NULL || strlen(text) >= TEXT_MOST)
        world_fail(world, "users NAME:PASSWORD … [slow NAME:PASSWORD …]");
    snprintf(name, sizeof(name), "%.*s", (int)(colon - text), text);
    if (crypt_gensalt_rn(is_slow ? "$6$" : "$2b$", is_slow ? SLOW_ROUNDS : 4, NULL, 0, setting,
                         sizeof(setting)) == NULL ||
        (hash = crypt_r(colon + 1, setting, data)) == NULL)
        world_fail(world, "crypt(3) makes no hash");
    bytes_add(&world->users, name, strlen(name));
    bytes_add(&world->users, ":", 1);
    bytes_add(&world->users, hash, strlen(hash));
    bytes_add(&world->users, "\n", 1);
    encode(text, basic);
    variables_set(&world->variables, name, basic);
    free(data);
}

void
users_declare(struct world *world)
{
    bool is_slow = false;

    world->users.size = 0;
    for (size_t i = 1; i < world->now->word_count; i++) {
        if (world_says(world, i, "slow"))
            is_slow = true;
        else
            add_user(world, world->now->words[i], is_slow);
    }
    if (world->is_running)
        program_write_users(world);
}
