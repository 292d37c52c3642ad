#ifndef CARPOOL_TESTS_POOL_FAKES_H
#define CARPOOL_TESTS_POOL_FAKES_H

#include <stdbool.h>
#include <stdint.h>

#include "dns/resolver.h"

/* What stands between a test with real sockets and the system: linked in by --wrap. */
struct fakes {
    int connect_errno; /* what connect() of a stream socket fails with; 0: it is real */
    void (*on_connect)(void *arg); /* before each connect() of a stream socket, or NULL */
    void *on_connect_arg;
    unsigned connects; /* of stream sockets, so far */
    uint64_t added_us; /* to the real time */
    /* Name servers that say what a test wants, when it wants. */
    bool has_oracle;
    bool is_cancelled;
    dns_on_answer *on_answer;
    void *arg;
    /* What is known of a name now, without being asked for. */
    enum err look_err;
    const char *look_address; /* of ERR_OK; NULL: what the real resolver knows */
    uint64_t look_until_us;
    unsigned looks;
};

extern struct fakes fakes;

/* The oracle answers with one address or two. */
void oracle_says(const char *first, const char *second, bool is_final);
void oracle_fails(enum err err);

#endif
