/* What proxy/policy/htpasswd promises: which files it takes, and whose password is right. */
#include <crypt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/policy/htpasswd.h"

struct place {
    char folder[64];
    char path[96];
    char why[512];
    struct crypt_data scratch;
};

static int
setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    snprintf(place->folder, sizeof(place->folder), "/tmp/carpool-users-XXXXXX");
    if (mkdtemp(place->folder) == NULL)
        return -1;
    snprintf(place->path, sizeof(place->path), "%s/u", place->folder);
    *state = place;
    return 0;
}

static int
teardown(void **state)
{
    struct place *place = *state;

    unlink(place->path);
    rmdir(place->folder);
    free(place);
    return 0;
}

static void
write_file(struct place *place, const char *text)
{
    FILE *file = fopen(place->path, "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* A fresh hash, made as passwd(1) makes them. */
static const char *
hash_of(const char *prefix, unsigned long cost, const char *password, char *to)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *data = calloc(1, sizeof(*data));

    assert_non_null(crypt_gensalt_rn(prefix, cost, NULL, 0, setting, sizeof(setting)));
    snprintf(to, CRYPT_OUTPUT_SIZE, "%s", crypt_r(password, setting, data));
    free(data);
    return to;
}

static struct htpasswd *
load(struct place *place, const char *text)
{
    struct htpasswd *users;

    write_file(place, text);
    if (htpasswd_load(place->path, &users, place->why, sizeof(place->why)) != ERR_OK)
        fail_msg("%s", place->why);
    return users;
}

static bool
is_right(struct place *place, const struct htpasswd *users, const char *name,
         const char *password)
{
    return htpasswd_check(users, slice_of(name), password, &place->scratch);
}

static void
each_strong_kind_of_hash_is_taken(void **state)
{
    static const struct {
        const char *prefix;
        unsigned long cost;
    } kinds[] = {{"$2b$", 4}, {"$2y$", 4}, {"$2a$", 4}, {"$6$", 1000},
                 {"$6$", 0},  {"$5$", 0},  {"$y$", 1},  {"$y$", 0}};
    struct place *place = *state;
    char hash[CRYPT_OUTPUT_SIZE];
    char text[1024];

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct htpasswd *users;

        snprintf(text, sizeof(text), "alice:%s\n",
                 hash_of(kinds[i].prefix, kinds[i].cost, "secret", hash));
        users = load(place, text);
        assert_true(is_right(place, users, "alice", "secret"));
        assert_false(is_right(place, users, "alice", "Secret"));
        assert_false(is_right(place, users, "alice", ""));
        assert_false(is_right(place, users, "alic", "secret"));
        assert_false(is_right(place, users, "bob", "secret"));
        htpasswd_unref(users);
    }
}

static void
comments_empty_lines_and_crlf_do_not_matter(void **state)
{
    struct place *place = *state;
    char one[CRYPT_OUTPUT_SIZE];
    char two[CRYPT_OUTPUT_SIZE];
    char text[2048];
    struct htpasswd *users;

    snprintf(text, sizeof(text),
             "# staff\r\n\r\nalice:%s\r\n\n  # more\nb\xc3\xb6"
             "b o:%s:gecos",
             hash_of("$2b$", 4, "one", one), hash_of("$6$", 1000, "two", two));
    users = load(place, text);
    assert_int_equal(htpasswd_count(users), 2);
    assert_true(is_right(place, users, "alice", "one"));
    assert_true(is_right(place, users,
                         "b\xc3\xb6"
                         "b o",
                         "two"));
    assert_false(is_right(place, users, "alice", "two"));
    htpasswd_unref(users);
}

/* Whoever is unknown is compared with somebody's hash, and is refused even if that one fits. */
static void
nobody_gets_in_by_the_password_of_another(void **state)
{
    struct place *place = *state;
    char hash[CRYPT_OUTPUT_SIZE];
    char text[1024];
    struct htpasswd *users;

    snprintf(text, sizeof(text), "alice:%s\n", hash_of("$2b$", 4, "secret", hash));
    users = load(place, text);
    assert_false(is_right(place, users, "mallory", "secret"));
    htpasswd_unref(users);
}

static void
scratch_memory_is_wiped(void **state)
{
    static const struct crypt_data clean;
    struct place *place = *state;
    char hash[CRYPT_OUTPUT_SIZE];
    char text[1024];
    struct htpasswd *users;

    snprintf(text, sizeof(text), "alice:%s\n", hash_of("$6$", 1000, "secret", hash));
    users = load(place, text);
    assert_true(is_right(place, users, "alice", "secret"));
    assert_memory_equal(&place->scratch, &clean, sizeof(clean));
    htpasswd_unref(users);
}

static const struct {
    const char *text;
    const char *why; /* behind the path */
} refused[] = {
    {"alice\n",
     ":1: there is no \":\"; expected lines of user:hash, as htpasswd -B writes them"},
    {"\n:x\n", ":2: this cannot be a name; "},
    {"a\tb:x\n", ":1: this cannot be a name; "},
    {"all:x\n", ":1: \"known\" and \"all\" are words of the rules; expected another name"},
    {"known:x\n", ":1: \"known\" and \"all\" are words of the rules; "},
    {"alice:hunter2\n",
     ":1: the password of alice is plain text or of an old kind, which is "
     "guessed too quickly; expected bcrypt (htpasswd -B) or SHA-512 (openssl "
     "passwd -6)"},
    {"alice:rqXexS6ZhobKA\n", ":1: the password of alice is plain text or of an old kind, "},
    {"alice:$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00\n", ":1: the password of alice is MD5, "},
    {"alice:$1$abc$BXBqpb9BZcZhXLgbee.0s/\n", ":1: the password of alice is MD5, "},
    {"alice:{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=\n", ":1: the password of alice is SHA-1, "},
    {"alice:$7$x\n", ":1: the password of alice is of a kind that is not known; "},
    {"alice:$2b$12$short\n", ":1: the password of alice is not a whole bcrypt hash; "},
    {"alice:$2b$12$", ":1: the password of alice is not a whole bcrypt hash; "},
    {"alice:$2b$", ":1: the password of alice is not a whole bcrypt hash; "},
    {"alice:$6$salt\n", ":1: the password of alice is not a whole SHA hash; "},
    {"alice:$6$rounds=5000\n", ":1: the password of alice is not a whole SHA hash; "},
    {"alice:$5$rounds=x$salt$hash\n", ":1: the password of alice is not a whole SHA hash; "},
    {"alice:$y$j9T$salt\n", ":1: the password of alice is not a whole yescrypt hash; "},
    {"alice:\n", ":1: the password of alice is plain text "},
    {"", ": there is no user in it; expected lines of user:hash"},
    {"# nobody\n", ": there is no user in it; "},
};

static void
complains(struct place *place, const char *text, const char *expected)
{
    struct htpasswd *users;
    char whole[640];

    write_file(place, text);
    assert_int_equal(htpasswd_load(place->path, &users, place->why, sizeof(place->why)),
                     ERR_SYNTAX);
    snprintf(whole, sizeof(whole), "%s%s", place->path, expected);
    if (strncmp(place->why, whole, strlen(whole)) != 0)
        fail_msg("\"%s\" is not \"%s\"", place->why, whole);
}

static void
what_is_weak_or_broken_is_refused_in_these_words(void **state)
{
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        complains(place, refused[i].text, refused[i].why);
}

static void
no_complaint_shows_a_hash(void **state)
{
    struct place *place = *state;

    complains(place, "alice:hunter2\n", ":1: ");
    assert_null(strstr(place->why, "hunter2"));
    complains(place, "hunter2\n", ":1: ");
    assert_null(strstr(place->why, "hunter2"));
}

/* A hash that somebody made, at a cost that would hold up everybody else. */
static void
costs_of_seconds_are_refused(void **state)
{
    struct place *place = *state;
    char text[256];

    snprintf(text, sizeof(text), "alice:$2b$15$%053d\n", 0);
    complains(place, text, ":1: the password of alice costs seconds to check; at most 14 ");
    snprintf(text, sizeof(text), "alice:$2b$31$%053d\n", 0);
    complains(place, text, ":1: the password of alice costs seconds to check; ");
    snprintf(text, sizeof(text), "alice:$6$rounds=2000001$salt$%086d\n", 0);
    complains(place, text,
              ":1: the password of alice costs seconds to check; at most 2000000 ");
    snprintf(text, sizeof(text), "alice:$y$jFT$salt$%043d\n", 0);
    complains(place, text, ":1: the password of alice costs too much to check; ");
}

static void
a_user_is_there_once(void **state)
{
    struct place *place = *state;
    char hash[CRYPT_OUTPUT_SIZE];
    char text[2048];

    hash_of("$2b$", 4, "secret", hash);
    snprintf(text, sizeof(text), "alice:%s\nbob:%s\nalice:%s\n", hash, hash, hash);
    complains(place, text, ":3: alice is there twice; expected one line for each user");
}

static void
lines_have_an_end(void **state)
{
    struct place *place = *state;
    char text[4096];

    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    complains(place, text, ":1: the line is too long; expected at most 1024 bytes");
}

static void
only_a_regular_file_is_read(void **state)
{
    struct place *place = *state;
    struct htpasswd *users;

    assert_int_equal(htpasswd_load("/dev/zero", &users, place->why, sizeof(place->why)),
                     ERR_IO);
    assert_string_equal(place->why,
                        "/dev/zero: this is no regular file; expected a file of users");
    /* It would block for ever if it were opened like a file. */
    assert_int_equal(mkfifo(place->path, 0600), 0);
    assert_int_equal(htpasswd_load(place->path, &users, place->why, sizeof(place->why)),
                     ERR_IO);
    unlink(place->path);
    assert_int_equal(htpasswd_load(place->path, &users, place->why, sizeof(place->why)),
                     ERR_NOT_FOUND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_strong_kind_of_hash_is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(comments_empty_lines_and_crlf_do_not_matter, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nobody_gets_in_by_the_password_of_another, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(scratch_memory_is_wiped, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_weak_or_broken_is_refused_in_these_words, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_complaint_shows_a_hash, setup, teardown),
        cmocka_unit_test_setup_teardown(costs_of_seconds_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_user_is_there_once, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_have_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(only_a_regular_file_is_read, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
