/*
 * Starting and asking a scripted name server from a cmocka test.
 */
#include "tests/dns/server.h"

#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

const char *
server_path(const struct server *server, const char *file)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", server->directory, file);
    return path;
}

void
server_write(const struct server *server, const char *file, const char *text)
{
    FILE *stream = fopen(server_path(server, file), "we");

    assert_non_null(stream);
    assert_true(fputs(text, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

static pid_t
spawn(const struct server *server, int input, int output)
{
    char program[] = DNS_SERVER;
    char zone_option[] = "--zone";
    char log_option[] = "--log";
    char zone_path[128];
    char log_path[128];
    char *words[] = {program, zone_option, zone_path, log_option, log_path, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;

    snprintf(zone_path, sizeof(zone_path), "%s/zone", server->directory);
    snprintf(log_path, sizeof(log_path), "%s/log", server->directory);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    assert_int_equal(posix_spawn(&pid, program, &actions, NULL, words, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

void
server_start(struct server *server, const char *zone)
{
    int to[2];
    int from[2];
    FILE *ready;

    snprintf(server->directory, sizeof(server->directory), "/tmp/carpool-dns-XXXXXX");
    assert_non_null(mkdtemp(server->directory));
    server_write(server, "zone", zone);
    server_write(server, "log", "");
    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    server->pid = spawn(server, to[0], from[1]);
    close(to[0]);
    close(from[1]);
    server->stdin_fd = to[1];
    ready = fdopen(from[0], "re");
    assert_non_null(ready);
    assert_int_equal(fscanf(ready, "ready %63s", server->address), 1);
    fclose(ready);
}

void
server_stop(struct server *server)
{
    static const char *files[] = {"zone", "log", "hosts", "resolv.conf"};
    int status;

    close(server->stdin_fd);
    assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
    assert_int_equal(status, 0);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlink(server_path(server, files[i]));
    assert_int_equal(rmdir(server->directory), 0);
}

unsigned
server_questions(const struct server *server, const char *beginning)
{
    FILE *stream = fopen(server_path(server, "log"), "re");
    unsigned count = 0;
    char line[512];

    assert_non_null(stream);
    while (fgets(line, sizeof(line), stream) != NULL)
        if (strncmp(line, "question ", 9) == 0 &&
            strncmp(line + 9, beginning, strlen(beginning)) == 0)
            count++;
    fclose(stream);
    return count;
}
