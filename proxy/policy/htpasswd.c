/*
 * Users and hashed passwords from a file. Loaded by the main thread, asked by the auth thread.
 */
#include "proxy/policy/htpasswd.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"

#define USERS_MOST 100000
#define LINE_MOST 1024

/* bcrypt takes 250 ms at cost 12 and twice as long for each more; SHA-crypt 1 s for 2,000,000
 * rounds. More would let one login hold up all others. */
#define BCRYPT_COST_MOST 14
#define ROUNDS_MOST 2000000

struct user {
    struct map_node node;
    char *hash;
    size_t name_size;
    char name[];
};

struct htpasswd {
    struct map by_name;
    struct user **list; /* in the order of the file */
    size_t count;
    struct file_stamp stamp;
    _Atomic unsigned references;
};

/* Where the loader is. */
struct reader {
    struct htpasswd *users;
    const char *path;
    unsigned line;
    char *why;
    size_t why_size;
};

static bool
is_user(const struct map_node *node, const void *key)
{
    const struct user *user = MAP_OWNER(node, struct user, node);

    return slice_equal((struct slice){user->name, user->name_size}, *(const struct slice *)key);
}

static struct user *
find(const struct htpasswd *users, struct slice name)
{
    struct map_node *node =
        map_find(&users->by_name, hash_bytes(name.data, name.size), is_user, &name);

    return node != NULL ? MAP_OWNER(node, struct user, node) : NULL;
}

/* ---- hashes ---- */

static bool
begins(struct slice text, const char *with)
{
    size_t size = strlen(with);

    return text.size >= size && memcmp(text.data, with, size) == 0;
}

/* The digits of crypt(3)'s base 64. */
static bool
is_digits(struct slice text)
{
    static const char digits[] =
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (size_t i = 0; i < text.size; i++)
        if (memchr(digits, text.data[i], sizeof(digits) - 1) == NULL)
            return false;
    return true;
}

/* Up to the next "$", which is passed over; false if there is none. */
static bool
next_part(struct slice *rest, struct slice *part)
{
    const char *end = memchr(rest->data, '$', rest->size);

    if (end == NULL)
        return false;
    *part = (struct slice){rest->data, (size_t)(end - rest->data)};
    rest->size -= part->size + 1;
    rest->data = end + 1;
    return true;
}

/* "$2b$12$" and 53 digits of salt and hash. NULL: fine. */
static const char *
object_to_bcrypt(struct slice rest)
{
    struct slice cost;
    uint64_t number;

    if (!next_part(&rest, &cost) || cost.size != 2 ||
        slice_to_number(cost, 31, &number) != ERR_OK || number < 4 || rest.size != 53 ||
        !is_digits(rest))
        return " is not a whole bcrypt hash";
    return number <= BCRYPT_COST_MOST ? NULL : " costs seconds to check; at most 14 is taken";
}

/* "$6$salt$hash" or "$6$rounds=N$salt$hash". */
static const char *
object_to_sha(struct slice rest, size_t hash_size)
{
    static const char prefix[] = "rounds=";
    struct slice part;
    uint64_t rounds = 0;

    if (begins(rest, prefix)) {
        if (!next_part(&rest, &part))
            return " is not a whole SHA hash";
        part.data += sizeof(prefix) - 1;
        part.size -= sizeof(prefix) - 1;
        if (slice_to_number(part, UINT32_MAX, &rounds) != ERR_OK)
            return " is not a whole SHA hash";
    }
    if (!next_part(&rest, &part) || part.size > 16 || rest.size != hash_size ||
        !is_digits(rest))
        return " is not a whole SHA hash";
    return rounds <= ROUNDS_MOST ? NULL
                                 : " costs seconds to check; at most 2000000 rounds are taken";
}

/* "$y$j9T$salt$hash". The parameters are those of cost 1 to 7, up to 64 MiB of memory. */
static const char *
object_to_yescrypt(struct slice rest)
{
    static const char *const costs[] = {"j75", "j85", "j7T", "j8T", "j9T", "jAT", "jBT"};
    struct slice cost;
    struct slice salt;

    if (!next_part(&rest, &cost) || !next_part(&rest, &salt) || !is_digits(salt) ||
        rest.size != 43 || !is_digits(rest))
        return " is not a whole yescrypt hash";
    for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++)
        if (slice_equal(cost, slice_of(costs[i])))
            return NULL;
    return " costs too much to check; a cost of 1 to 7 is taken";
}

/* What is wrong with a hash, as the second half of a sentence. NULL: nothing. */
static const char *
objection(struct slice hash)
{
    static const char *const bcrypts[] = {"$2a$", "$2b$", "$2y$"};
    struct slice behind_3 = {hash.data + 3, hash.size >= 3 ? hash.size - 3 : 0};

    for (size_t i = 0; i < sizeof(bcrypts) / sizeof(bcrypts[0]); i++)
        if (begins(hash, bcrypts[i]))
            return object_to_bcrypt((struct slice){hash.data + 4, hash.size - 4});
    if (begins(hash, "$6$"))
        return object_to_sha(behind_3, 86);
    if (begins(hash, "$5$"))
        return object_to_sha(behind_3, 43);
    if (begins(hash, "$y$"))
        return object_to_yescrypt(behind_3);
    if (begins(hash, "$apr1$") || begins(hash, "$1$"))
        return " is MD5, which is guessed too quickly";
    if (begins(hash, "{SHA}") || begins(hash, "{SSHA}"))
        return " is SHA-1, which is guessed too quickly";
    if (begins(hash, "$"))
        return " is of a kind that is not known";
    return " is plain text or of an old kind, which is guessed too quickly";
}

/* ---- loading ---- */

/* What is said of a name stands around it: before, name, behind. */
struct remark {
    const char *before;
    struct slice name;
    const char *behind;
};

static enum err
complain_of(struct reader *reader, const struct remark *remark, const char *expected)
{
    snprintf(reader->why, reader->why_size, "%s:%u: %s%.*s%s; expected %s", reader->path,
             reader->line, remark->before, SLICE_ARGS(remark->name), remark->behind, expected);
    return ERR_SYNTAX;
}

static enum err
complain_of_line(struct reader *reader, const char *what, const char *expected)
{
    return complain_of(reader, &(struct remark){what, SLICE(""), ""}, expected);
}

/* Words of the rules, which speak of users by name. */
static bool
is_reserved(struct slice name)
{
    return slice_equal(name, SLICE("known")) || slice_equal(name, SLICE("all"));
}

static bool
is_name(struct slice name)
{
    for (size_t i = 0; i < name.size; i++)
        if ((unsigned char)name.data[i] < 0x20 || name.data[i] == 0x7f)
            return false;
    return name.size > 0 && name.size <= HTPASSWD_NAME_MOST;
}

static void
add_user(struct htpasswd *users, struct slice name, struct slice hash)
{
    struct user *user = xcalloc(1, sizeof(*user) + name.size);

    memcpy(user->name, name.data, name.size);
    user->name_size = name.size;
    user->hash = xcalloc(1, hash.size + 1);
    memcpy(user->hash, hash.data, hash.size);
    user->node.hash = hash_bytes(name.data, name.size);
    map_insert(&users->by_name, &user->node);
    users->list[users->count++] = user;
}

static enum err
add_line(struct reader *reader, struct slice line)
{
    static const char format[] = "lines of user:hash, as htpasswd -B writes them";
    const char *colon = memchr(line.data, ':', line.size);
    struct slice name = {line.data, 0};
    struct slice hash;
    const char *end;
    const char *what;

    if (line.size == 0 || line.data[0] == '#')
        return ERR_OK;
    if (colon == NULL)
        return complain_of_line(reader, "there is no \":\"", format);
    name.size = (size_t)(colon - line.data);
    hash = (struct slice){colon + 1, line.size - name.size - 1};
    end = memchr(hash.data, ':', hash.size);
    if (end != NULL)
        hash.size = (size_t)(end - hash.data);
    if (!is_name(name))
        return complain_of_line(reader, "this cannot be a name", format);
    if (is_reserved(name))
        return complain_of_line(reader, "\"known\" and \"all\" are words of the rules",
                                "another name");
    if (find(reader->users, name) != NULL)
        return complain_of(reader, &(struct remark){"", name, " is there twice"},
                           "one line for each user");
    what = objection(hash);
    if (what != NULL)
        return complain_of(reader, &(struct remark){"the password of ", name, what},
                           "bcrypt (htpasswd -B) or SHA-512 (openssl passwd -6)");
    if (reader->users->count == USERS_MOST)
        return complain_of_line(reader, "there are too many users", "at most 100000");
    add_user(reader->users, name, hash);
    return ERR_OK;
}

static enum err
read_lines(struct reader *reader, FILE *file)
{
    char text[LINE_MOST + 2];
    enum err err = ERR_OK;

    while (err == ERR_OK && fgets(text, sizeof(text), file) != NULL) {
        struct slice line = slice_of(text);

        reader->line++;
        if (line.size == LINE_MOST + 1 && text[LINE_MOST] != '\n')
            return complain_of_line(reader, "the line is too long", "at most 1024 bytes");
        while (line.size > 0 &&
               (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r'))
            line.size--;
        err = add_line(reader, slice_trim(line));
    }
    OPENSSL_cleanse(text, sizeof(text));
    if (err == ERR_OK && (ferror(file) || reader->users->count == 0)) {
        snprintf(reader->why, reader->why_size, "%s: %s; expected lines of user:hash",
                 reader->path, ferror(file) ? "it cannot be read" : "there is no user in it");
        err = ERR_SYNTAX;
    }
    return err;
}

/* Something that answers at once: no pipe, no terminal. */
static FILE *
open_regular(const char *path, struct file_stamp *stamp, enum err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat now = {0};
    FILE *file;

    *err = fd != -1 && fstat(fd, &now) == 0 ? ERR_OK : err_from_errno(errno);
    if (*err == ERR_OK && !S_ISREG(now.st_mode))
        *err = ERR_IO;
    if (*err != ERR_OK) {
        if (fd != -1)
            close(fd);
        return NULL;
    }
    file_stamp_of(stamp, &now);
    file = fdopen(fd, "r");
    if (file == NULL)
        abort(); /* only for want of memory */
    return file;
}

enum err
htpasswd_load(const char *path, struct htpasswd **users, char *why, size_t why_size)
{
    struct htpasswd *made = xcalloc(1, sizeof(*made));
    struct reader reader = {.users = made, .path = path, .why = why, .why_size = why_size};
    FILE *file;
    enum err err;

    atomic_init(&made->references, 1);
    made->list = xcalloc(USERS_MOST, sizeof(struct user *));
    file = open_regular(path, &made->stamp, &err);
    if (file != NULL) {
        err = read_lines(&reader, file);
        fclose(file);
    } else {
        snprintf(why, why_size, "%s: %s; expected a file of users", path,
                 err == ERR_IO ? "this is no regular file" : err_text(err));
    }
    if (err == ERR_OK)
        *users = made;
    else
        htpasswd_unref(made);
    return err;
}

struct htpasswd *
htpasswd_ref(struct htpasswd *users)
{
    if (users != NULL)
        atomic_fetch_add_explicit(&users->references, 1, memory_order_relaxed);
    return users;
}

void
htpasswd_unref(struct htpasswd *users)
{
    /* acq_rel: what other holders read happens before it is freed */
    if (users == NULL ||
        atomic_fetch_sub_explicit(&users->references, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < users->count; i++) {
        free(users->list[i]->hash);
        free(users->list[i]);
    }
    free(users->list);
    map_fini(&users->by_name);
    free(users);
}

const struct file_stamp *
htpasswd_stamp(const struct htpasswd *users)
{
    return &users->stamp;
}

size_t
htpasswd_count(const struct htpasswd *users)
{
    return users->count;
}

/* ---- asking ---- */

bool
htpasswd_has(const struct htpasswd *users, struct slice name)
{
    return find(users, name) != NULL;
}

bool
htpasswd_check(const struct htpasswd *users, struct slice name, const char *password,
               struct crypt_data *scratch)
{
    const struct user *user = find(users, name);
    /* Somebody's hash, always the same one for a name and nobody knows whose: how long the
     * check takes tells nothing of who exists, whatever mixture of hashes there is. */
    const struct user *asked =
        user != NULL ? user : users->list[hash_bytes(name.data, name.size) % users->count];
    size_t size = strlen(asked->hash);
    const char *made = crypt_r(password, asked->hash, scratch);
    bool is_right = made != NULL && strlen(made) == size &&
                    CRYPTO_memcmp(made, asked->hash, size) == 0 && user != NULL;

    OPENSSL_cleanse(scratch, sizeof(*scratch));
    return is_right;
}
