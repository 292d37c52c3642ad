#ifndef CARPOOL_TESTS_DNS_SERVER_H
#define CARPOOL_TESTS_DNS_SERVER_H

#include <stddef.h>
#include <sys/types.h>

/* A running tests/tools/dns_server with a directory of its own. */
struct server {
    pid_t pid;
    int stdin_fd; /* closing it ends the server */
    char directory[64];
    char address[64]; /* "127.0.0.1:PORT" */
};

/* Starts one with this zone and waits until it is ready. Fails the test otherwise. */
void server_start(struct server *server, const char *zone);

/* Ends it, waits for it and removes its files. */
void server_stop(struct server *server);

/* How many questions it got for "NAME TYPE PROTOCOL" or the beginning of it, such as "o.test ".
 */
unsigned server_questions(const struct server *server, const char *beginning);

/* A file's path in its directory. Borrowed until the next call. */
const char *server_path(const struct server *server, const char *file);

/* Writes a file into its directory. */
void server_write(const struct server *server, const char *file, const char *text);

#endif
