#ifndef CARPOOL_POOL_TUPLE_H
#define CARPOOL_POOL_TUPLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/stream.h"
#include "pool/key.h"
#include "pool/pool.h"

/*
 * The table of all open upstream connections by 4-tuple, from the moment connect() has bound
 * the local port until just before close(). Any thread.
 */
enum tuple_state { TUPLE_DIALING, TUPLE_LEASED, TUPLE_PARKED, TUPLE_PINNED, TUPLE_TUNNEL };

#define TUPLE_STATES (TUPLE_TUNNEL + 1)

/* One connection as the admin sees it: a copy, nothing in it is borrowed. */
struct tuple_view {
    struct address local;
    struct address remote;
    uint64_t id;
    enum tuple_state state;
    char host[POOL_HOST_SIZE];
    uint16_t port;
    uint64_t age_ms;
    uint64_t idle_ms; /* since it was parked, or pinned and rests; 0 otherwise */
    uint64_t uses;
    uint64_t sent_bytes;
    uint64_t received_bytes;
    /* Whose request it serves, or was opened for; AF_UNSPEC: nobody's, as when it is parked. */
    struct address client;
    struct stream_path
        path;        /* at most a second before its last return; cwnd 0: not known yet */
    const char *tls; /* the version, once the handshake is done; never freed; NULL: none */
    const char *cipher;
};

const char *tuple_state_word(enum tuple_state state);

/*
 * Is one of our upstream connections the other end of an accepted socket? accepted_local and
 * accepted_peer are that socket's ends; the table is searched for the reversed 4-tuple.
 */
bool pool_is_own(struct pool *pool, const struct address *accepted_local,
                 const struct address *accepted_peer);

/* Calls visit with each open connection, without a lock. */
void pool_each_connection(struct pool *pool,
                          void (*visit)(const struct tuple_view *view, void *arg), void *arg);

#endif
