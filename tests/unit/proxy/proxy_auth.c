/*
 * What proxy/policy/auth promises: answers by mail, each password hashed once, whoever leaves
 * is left alone, and a changed file of users counts. With the real thread.
 */
#include <crypt.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/policy/auth.h"
#include "tests/unit/dice.h"

/* A file of users, and one who asks. */
struct place {
    char folder[64];
    char path[96];
    struct htpasswd *users;
    struct auth *auth;
    struct event_base *base;
    struct mailbox *mailbox;
    struct address client;
    unsigned answers;
};

static void
write_users(const char *path, const char *name, const char *password)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *data = calloc(1, sizeof(*data));
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_non_null(crypt_gensalt_rn("$2b$", 4, NULL, 0, setting, sizeof(setting)));
    fprintf(file, "%s:%s\n", name, crypt_r(password, setting, data));
    assert_int_equal(fclose(file), 0);
    free(data);
}

static struct htpasswd *
load(const char *path)
{
    struct htpasswd *users;
    char why[512];

    if (htpasswd_load(path, &users, why, sizeof(why)) != ERR_OK)
        fail_msg("%s", why);
    return users;
}

static struct auth_settings
settings_of(const struct place *place)
{
    return (struct auth_settings){
        .path = place->path, .users = place->users, .remember_ms = 60000, .max_waiting = 100};
}

static int
setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    struct auth_settings settings;

    snprintf(place->folder, sizeof(place->folder), "/tmp/carpool-auth-XXXXXX");
    if (mkdtemp(place->folder) == NULL)
        return -1;
    snprintf(place->path, sizeof(place->path), "%s/u", place->folder);
    write_users(place->path, "alice", "secret");
    place->users = load(place->path);
    settings = settings_of(place);
    place->base = event_base_new();
    place->mailbox = mailbox_new(place->base);
    address_parse_ip(SLICE("192.0.2.1"), 9, &place->client);
    *state = place;
    return auth_new(&settings, &place->auth) == ERR_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    struct place *place = *state;

    auth_stop(place->auth);
    mailbox_free(place->mailbox);
    event_base_free(place->base);
    auth_free(place->auth);
    htpasswd_unref(place->users);
    unlink(place->path);
    rmdir(place->folder);
    free(place);
    return 0;
}

static void
on_answer(void *arg)
{
    struct place *place = arg;

    place->answers++;
}

static enum auth_verdict
ask(struct place *place, const char *text, struct auth_ask **made)
{
    const struct auth_request request = {
        .text = text,
        .user_size = strcspn(text, ":"),
        .client = &place->client,
        .mailbox = place->mailbox,
        .on_answer = on_answer,
        .arg = place,
    };

    return auth_ask(place->auth, &request, made);
}

/* As an exchange does it: asks, waits for mail where it must, and lets go. */
static enum auth_verdict
verdict_on(struct place *place, const char *text)
{
    struct auth_ask *asked;
    enum auth_verdict verdict = ask(place, text, &asked);

    if (verdict != AUTH_WAITING)
        return verdict;
    while (auth_answer(asked) == AUTH_WAITING)
        event_base_loop(place->base, EVLOOP_ONCE);
    verdict = auth_answer(asked);
    auth_leave(&asked);
    assert_null(asked);
    return verdict;
}

static struct auth_figures
figures(struct place *place)
{
    struct auth_figures now;

    auth_figures(place->auth, &now);
    return now;
}

static void
right_and_wrong_ones_are_told_apart_and_remembered(void **state)
{
    struct place *place = *state;
    struct auth_ask *asked = NULL;

    assert_int_equal(verdict_on(place, "alice:secret"), AUTH_GOOD);
    assert_int_equal(verdict_on(place, "alice:wrong"), AUTH_BAD);
    assert_int_equal(verdict_on(place, "bob:secret"), AUTH_BAD);
    /* also where the password belongs to half of the name */
    assert_int_equal(verdict_on(place, "alic:esecret"), AUTH_BAD);
    assert_int_equal(figures(place).hashed, 4);
    assert_int_equal(ask(place, "alice:secret", &asked), AUTH_GOOD);
    assert_int_equal(ask(place, "alice:wrong", &asked), AUTH_BAD);
    assert_int_equal(ask(place, "bob:secret", &asked), AUTH_BAD);
    assert_null(asked);
    assert_int_equal(figures(place).hashed, 4);
    assert_int_equal(figures(place).remembered, 4);
    assert_int_equal(figures(place).waiting, 0);
}

static void
the_same_is_checked_once_however_many_ask(void **state)
{
    struct place *place = *state;
    struct auth_ask *asked[50] = {0};

    for (size_t i = 0; i < 50; i++)
        assert_int_not_equal(ask(place, "alice:secret", &asked[i]), AUTH_BAD);
    for (size_t i = 0; i < 50; i++) {
        if (asked[i] == NULL)
            continue;
        while (auth_answer(asked[i]) == AUTH_WAITING)
            event_base_loop(place->base, EVLOOP_ONCE);
        assert_int_equal(auth_answer(asked[i]), AUTH_GOOD);
        auth_leave(&asked[i]);
    }
    assert_int_equal(figures(place).hashed, 1);
}

static void
who_left_is_not_called(void **state)
{
    struct place *place = *state;

    for (unsigned i = 0; i < 50; i++) {
        char text[32];
        struct auth_ask *asked = NULL;

        snprintf(text, sizeof(text), "alice:wrong%u", i);
        ask(place, text, &asked);
        auth_leave(&asked);
        auth_leave(&asked);
    }
    /* whatever was on its way then is there before this answer */
    assert_int_equal(verdict_on(place, "alice:secret"), AUTH_GOOD);
    assert_int_equal(place->answers, 1);
    assert_int_equal(figures(place).waiting, 0);
}

static void
without_users_nobody_is_right(void **state)
{
    struct place *place = *state;
    struct auth_settings settings = settings_of(place);

    settings.users = NULL;
    auth_configure(place->auth, &settings);
    assert_int_equal(verdict_on(place, "alice:secret"), AUTH_BAD);
}

static void
new_users_make_forget_the_old_ones(void **state)
{
    struct place *place = *state;
    struct auth_settings settings;

    assert_int_equal(verdict_on(place, "alice:secret"), AUTH_GOOD);
    assert_int_equal(verdict_on(place, "bob:hidden"), AUTH_BAD);
    write_users(place->path, "bob", "hidden");
    htpasswd_unref(place->users);
    place->users = load(place->path);
    settings = settings_of(place);
    auth_configure(place->auth, &settings);
    assert_int_equal(figures(place).remembered, 0);
    assert_int_equal(verdict_on(place, "alice:secret"), AUTH_BAD);
    assert_int_equal(verdict_on(place, "bob:hidden"), AUTH_GOOD);
}

static void
a_changed_file_is_read_once_it_stays_as_it_is(void **state)
{
    struct place *place = *state;

    write_users(place->path, "carol", "third");
    auth_look(place->auth); /* it may still be written to */
    assert_int_equal(verdict_on(place, "carol:third"), AUTH_BAD);
    auth_look(place->auth);
    assert_int_equal(verdict_on(place, "carol:third"), AUTH_GOOD);
    assert_int_equal(verdict_on(place, "alice:secret"), AUTH_BAD);
}

static void
a_broken_file_changes_nothing(void **state)
{
    struct place *place = *state;
    FILE *file = fopen(place->path, "w");

    fputs("alice:plain\n", file);
    fclose(file);
    for (unsigned i = 0; i < 4; i++)
        auth_look(place->auth);
    assert_int_equal(verdict_on(place, "alice:secret"), AUTH_GOOD);
    unlink(place->path);
    for (unsigned i = 0; i < 4; i++)
        auth_look(place->auth);
    assert_int_equal(verdict_on(place, "alice:secret"), AUTH_GOOD);
    write_users(place->path, "carol", "third");
    for (unsigned i = 0; i < 2; i++)
        auth_look(place->auth);
    assert_int_equal(verdict_on(place, "carol:third"), AUTH_GOOD);
}

/* ---- many at once, for the thread sanitizer ---- */

#define ASKED_BY_EACH 400

struct asker {
    pthread_t thread;
    struct place place; /* auth and client are shared, the rest is its own */
    struct dice dice;
};

static void *
ask_and_leave(void *arg)
{
    struct asker *asker = arg;
    struct place *place = &asker->place;
    struct auth_ask *asked[8] = {0};

    for (unsigned i = 0; i < ASKED_BY_EACH; i++) {
        struct auth_ask **slot = &asked[dice_draw(&asker->dice, 8)];
        char text[32];

        auth_leave(slot);
        snprintf(text, sizeof(text), "alice:secret%.0u", dice_draw(&asker->dice, 12));
        ask(place, text, slot);
        event_base_loop(place->base, dice_draw(&asker->dice, 4) == 0 && *slot != NULL
                                         ? EVLOOP_ONCE
                                         : EVLOOP_NONBLOCK);
    }
    for (unsigned i = 0; i < 8; i++)
        auth_leave(&asked[i]);
    return NULL;
}

static void
many_ask_and_leave_at_once(void **state)
{
    struct place *place = *state;
    struct auth_settings settings = settings_of(place);
    struct asker askers[3];

    for (unsigned i = 0; i < 3; i++) {
        askers[i] = (struct asker){.place = *place, .dice = dice_of(i)};
        askers[i].place.base = event_base_new();
        askers[i].place.mailbox = mailbox_new(askers[i].place.base);
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_and_leave, &askers[i]), 0);
    }
    for (unsigned i = 0; i < 100; i++) {
        auth_look(place->auth);
        auth_configure(place->auth, &settings);
        figures(place);
    }
    for (unsigned i = 0; i < 3; i++)
        pthread_join(askers[i].thread, NULL);
    auth_stop(place->auth);
    for (unsigned i = 0; i < 3; i++) {
        mailbox_free(askers[i].place.mailbox);
        event_base_free(askers[i].place.base);
    }
    assert_int_equal(figures(place).waiting, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(right_and_wrong_ones_are_told_apart_and_remembered,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_is_checked_once_however_many_ask, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_left_is_not_called, setup, teardown),
        cmocka_unit_test_setup_teardown(without_users_nobody_is_right, setup, teardown),
        cmocka_unit_test_setup_teardown(new_users_make_forget_the_old_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_file_is_read_once_it_stays_as_it_is, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_broken_file_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(many_ask_and_leave_at_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
