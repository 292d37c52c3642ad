/* The access log on real files and pipes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/access_log.h"

struct place {
    char folder[64];
    char path[96];
    char other[96];
};

static int
setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    snprintf(place->folder, sizeof(place->folder), "/tmp/carpool-access-XXXXXX");
    if (mkdtemp(place->folder) == NULL)
        return -1;
    snprintf(place->path, sizeof(place->path), "%s/log", place->folder);
    snprintf(place->other, sizeof(place->other), "%s/log.1", place->folder);
    *state = place;
    return 0;
}

static int
teardown(void **state)
{
    struct place *place = *state;

    unlink(place->path);
    unlink(place->other);
    rmdir(place->folder);
    free(place);
    return 0;
}

static void
assert_file(const char *path, const char *expected)
{
    char text[512] = "";
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

static struct access_log *
opened(const char *target)
{
    struct access_log *log = NULL;

    assert_int_equal(access_log_open(target, &log), ERR_OK);
    return log;
}

static void
lines_are_appended_to_the_file(void **state)
{
    struct place *place = *state;
    struct access_log *log = opened(place->path);

    access_log_write(log, SLICE("one\n"));
    access_log_free(log);
    log = opened(place->path);
    access_log_write(log, SLICE("two\n"));
    access_log_free(log);
    assert_file(place->path, "one\ntwo\n");
}

static void
a_reopened_log_goes_on_in_a_new_file_after_rotation(void **state)
{
    struct place *place = *state;
    struct access_log *log = opened(place->path);

    access_log_write(log, SLICE("old\n"));
    assert_int_equal(rename(place->path, place->other), 0);
    access_log_write(log, SLICE("still old\n"));
    assert_int_equal(access_log_reopen(log, place->path), ERR_OK);
    access_log_write(log, SLICE("new\n"));
    access_log_free(log);
    assert_file(place->other, "old\nstill old\n");
    assert_file(place->path, "new\n");
}

static void
a_target_that_cannot_be_opened_leaves_the_old_one(void **state)
{
    struct place *place = *state;
    struct access_log *log = opened(place->path);

    assert_int_equal(access_log_reopen(log, "/nowhere/at/all"), ERR_NOT_FOUND);
    access_log_write(log, SLICE("kept\n"));
    access_log_free(log);
    assert_file(place->path, "kept\n");
}

static void
off_wants_nothing_and_can_be_switched_on(void **state)
{
    struct place *place = *state;
    struct access_log *log = opened("off");

    assert_false(access_log_wants(log));
    assert_int_equal(access_log_reopen(log, place->path), ERR_OK);
    assert_true(access_log_wants(log));
    access_log_free(log);
}

/* stdout becomes a pipe while the log is opened. */
static struct access_log *
opened_on_pipe(int ends[2])
{
    int stdout_copy = dup(STDOUT_FILENO);
    struct access_log *log;

    fflush(stdout);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDOUT_FILENO);
    log = opened("-");
    dup2(stdout_copy, STDOUT_FILENO);
    close(stdout_copy);
    return log;
}

static void
a_full_pipe_loses_lines_instead_of_waiting(void **state)
{
    char line[1024];
    int ends[2];
    struct access_log *log = opened_on_pipe(ends);

    (void)state;
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (int i = 0; i < 2000; i++)
        access_log_write(log, (struct slice){line, sizeof(line)});
    assert_true(access_log_lost(log) > 0);
    access_log_free(log);
    close(ends[0]);
    close(ends[1]);
}

static void
a_line_that_is_too_long_is_cut_and_still_ends(void **state)
{
    char line[2 * ACCESS_LOG_LINE_SIZE];
    int ends[2];
    struct access_log *log = opened_on_pipe(ends);

    (void)state;
    memset(line, 'x', sizeof(line));
    access_log_write(log, (struct slice){line, sizeof(line)});
    assert_int_equal(read(ends[0], line, sizeof(line)), ACCESS_LOG_LINE_SIZE);
    assert_int_equal(line[ACCESS_LOG_LINE_SIZE - 1], '\n');
    access_log_free(log);
    close(ends[0]);
    close(ends[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_are_appended_to_the_file),
        TEST(a_reopened_log_goes_on_in_a_new_file_after_rotation),
        TEST(a_target_that_cannot_be_opened_leaves_the_old_one),
        TEST(off_wants_nothing_and_can_be_switched_on),
        TEST(a_full_pipe_loses_lines_instead_of_waiting),
        TEST(a_line_that_is_too_long_is_cut_and_still_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
