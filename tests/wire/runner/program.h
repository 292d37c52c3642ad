#ifndef CARPOOL_TESTS_WIRE_PROGRAM_H
#define CARPOOL_TESTS_WIRE_PROGRAM_H

#include <stdbool.h>

#include "tests/wire/runner/world.h"

/* Starts a program whose output is collected; it dies with the runner. argv ends with NULL. */
void program_start(struct world *world, struct program *program, char *const *argv);

/* Takes what was written to its stdout and stderr, without blocking. */
void program_read(struct program *program, bool out, bool err);

/* Waits a moment for its last words, where it ended or is about to. */
void program_linger(struct program *program);

/* Waits until it has ended and notes its status; for one that was killed or shut its stdout. */
void program_reap(struct program *program);

/* The failure of a program that should not have ended: what, and how it did. */
void program_fail(struct world *world, struct program *program, const char *what)
    __attribute__((noreturn));

void program_kill(struct program *program);

/* Starts carpool, and the DNS server where it is needed, and waits until they are ready. */
void carpool_start(struct world *world);

/* Writes the file that carpool was started with anew, from `config`. */
void program_write_config(struct world *world);

/* The same with its users, from `users`. */
void program_write_users(struct world *world);

/*
 * Ends carpool with SIGTERM, unless the conversation has ended it: its exit status must be 0
 * and no sanitizer may have complained.
 */
void carpool_finish(struct world *world);

#endif
