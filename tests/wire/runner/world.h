#ifndef CARPOOL_TESTS_WIRE_WORLD_H
#define CARPOOL_TESTS_WIRE_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "tests/wire/runner/script.h"
#include "tests/wire/runner/text.h"

struct peer;
struct origin;
TAILQ_HEAD(peer_list, peer);
TAILQ_HEAD(origin_list, origin);

/* A process of ours and what it said. */
struct program {
    pid_t pid;  /* 0: not running */
    int status; /* once it ended */
    int in;     /* its stdin, which nothing is written to; -1: closed */
    int out;
    int err;
    struct bytes out_text;
    struct bytes err_text;
    size_t err_read; /* how far `says` has looked */
};

/* All that takes part in one conversation. */
struct world {
    struct script script;
    const struct statement *now;
    struct variables variables;
    struct peer_list peers;
    struct origin_list origins;

    const char *carpool_path;
    const char *dns_path;
    struct program carpool;
    struct program dns;
    char folder[64];       /* a temporary directory of this conversation; empty: not made yet */
    struct bytes presets;  /* "section.key=value" of the runner's own, each with its NUL */
    struct bytes settings; /* the same of each `set`; these come later and win */
    struct bytes zone;     /* lines of `dns` */
    struct bytes listeners; /* of `listen`, each with its NUL */
    struct bytes config;    /* of `config` */
    struct bytes users;     /* of `users` */
    bool has_config;
    bool is_running;
    bool may_end; /* a signal was sent: carpool's end is no surprise */
    unsigned workers;
    int64_t deadline_ms;
    int64_t log_read; /* how far `log` has read the access log */
};

/* A monotonic clock in milliseconds. */
int64_t now_ms(void);

/* As a time to wait for: the deadline of the conversation, wherever it moves. */
#define WORLD_DEADLINE INT64_MAX

/* What a wait ended with. */
enum turn { TURN_READY, TURN_OTHER, TURN_LATE };

/*
 * One turn of poll: READY when fd has bytes (or its end) to be read, LATE when until_ms or the
 * deadline of the conversation has passed, OTHER when something else moved. Meanwhile queued
 * bytes of all peers are sent and the programs' words are collected. fd may be -1.
 */
enum turn world_turn(struct world *world, int fd, int64_t until_ms);

/* Ends the test: where, what was expected, what came. Never returns. */
void world_fail(struct world *world, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

/* The same in two steps, for failures that print more in between. */
void world_complain(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void world_give_up(struct world *world) __attribute__((noreturn));

/* Kills what still runs, closes what is open and removes the temporary directory. */
void world_clean(struct world *world);

/* The present statement's message, all parts joined; fails where it cannot be understood. */
void world_message(struct world *world, bool with_marks, struct pattern *pattern);

/* A word or the rest of a line with its variables replaced; the caller frees it. */
char *world_text(struct world *world, const char *text);

/* A plain number, or with a unit: 20ms, 2s; 4k, 1m. Fails where it is none. */
uint64_t world_number(struct world *world, const char *text);

/* The word at index of the present statement; fails where there is none. */
const char *world_word(struct world *world, size_t index);

/* Is there such a word? */
bool world_says(const struct world *world, size_t index, const char *word);

#endif
