#ifndef CARPOOL_PROXY_POLICY_LIMIT_TABLE_H
#define CARPOOL_PROXY_POLICY_LIMIT_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/slice.h"
#include "proxy/policy/limit_allowance.h"

/* Who has limits. */
enum limit_party {
    LIMIT_CLIENT, /* an IPv4 address, or an IPv6 network */
    LIMIT_USER,
    LIMIT_PARTY_COUNT
};

/* As the client sees it. */
enum limit_flow { LIMIT_DOWN, LIMIT_UP, LIMIT_FLOW_COUNT };

/*
 * What one client or user has open and may still do. Belongs to the table; whoever holds it may
 * use it on any thread.
 */
struct limit_account {
    _Atomic unsigned connections;
    _Atomic unsigned surplus; /* connections past the limit, which are told so */
    _Atomic unsigned tunnels;
    struct limit_allowance requests;
    struct limit_allowance bytes[LIMIT_FLOW_COUNT];
};

/*
 * The accounts of the process, found by who they are for. One that nobody holds is remembered
 * until its allowances are full again; of these there is a bounded number, and the one that was
 * left longest ago goes first. One that is held never goes: of these there are no more than
 * connections times parties. Any thread; a lock per shard, held for a look-up.
 */
struct limit_table;

struct limit_table *limit_table_new(size_t most_idle);

/* Nobody may hold an account any more. NULL is fine. */
void limit_table_free(struct limit_table *table);

/* The account of that name, made where there is none. To be let go. */
struct limit_account *limit_table_hold(struct limit_table *table, enum limit_party party,
                                       struct slice name);

/* Clears the pointer. */
void limit_table_let_go(struct limit_table *table, struct limit_account **account,
                        uint64_t now_ns);

/* Forgets idle accounts that have nothing to remember. */
void limit_table_sweep(struct limit_table *table, uint64_t now_ns);

/* How many accounts there are. */
size_t limit_table_count(struct limit_table *table);

#define LIMIT_NAME_SIZE sizeof(struct in6_addr)

/*
 * The name of a client's account, into `to`: its IPv4 address in whatever clothes, or the first
 * prefix bits of its IPv6 address. Link-local addresses count one by one, since all neighbours
 * share those bits.
 */
struct slice limit_client_name(const struct address *client, unsigned prefix,
                               unsigned char to[LIMIT_NAME_SIZE]);

/* Counts one more, unless most (0: no limit) are counted already. */
bool limit_count(_Atomic unsigned *count, unsigned most);

#endif
