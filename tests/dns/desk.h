#ifndef CARPOOL_TESTS_DNS_DESK_H
#define CARPOOL_TESTS_DNS_DESK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <event2/event.h>

#include "dns/resolver.h"
#include "tests/dns/server.h"

/* What the desk's server answers. */
extern const char desk_zone[];

/* clock_now_us() of this thread runs ahead by this much. */
extern _Thread_local uint64_t clock_ahead_us;

/* A server, and a resolver that asks it. */
struct desk {
    struct server server;
    struct event_base *base;
    struct resolver_settings settings;
    struct mailbox *mailbox;
    struct cache *cache;
    struct resolver *resolver;
    stat_counter stats[DNS_STAT_COUNT];
};

/* What one asker heard. */
struct heard {
    unsigned calls;
    bool is_final;
    enum err err;
    struct answer *answer; /* the last one */
    size_t partial_count;  /* addresses in the one that was not final */
    struct dns_ask *ask;
};

/* For the arrays in the settings. */
#define set_text(array, text) snprintf(array, sizeof(array), "%s", text)

/* Makes a resolver with the desk's settings. */
void desk_open(struct desk *desk);

/* For cmocka: a server with desk_zone and a resolver that asks it. */
int desk_set_up(void **state);
int desk_tear_down(void **state);

/* Another resolver, after the settings were changed. */
void desk_reopen(struct desk *desk);

/* For resolver_ask(): notes it in a struct heard. */
void on_answer(void *arg, enum err err, struct answer *answer, bool is_final);

/* Asks, with on_answer. */
enum err ask(struct desk *desk, const char *host, struct heard *heard);

/* Runs the loop until so many calls were heard. Fails the test when that takes too long. */
void hear(struct desk *desk, const struct heard *heard, unsigned calls);

/* Asks, waits for the final word and returns it. */
enum err resolve(struct desk *desk, const char *host, struct heard *heard);

/* Lets go of what was heard. */
void forget(struct heard *heard);

/* Compares the last answer with addresses in one line. */
void assert_addresses(const struct heard *heard, const char *expected);

/* Resolves over the wire: addresses in one line, or the error's word. */
void assert_resolves(struct desk *desk, const char *host, const char *expected);

/* The same for what is known without a question. */
void assert_known(struct desk *desk, const char *host, const char *expected);

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, desk_set_up, desk_tear_down)

#endif
