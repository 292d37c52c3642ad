#ifndef CARPOOL_DNS_RESOLVER_H
#define CARPOOL_DNS_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "base/address.h"
#include "base/err.h"
#include "base/slice.h"
#include "base/stats.h"

/*
 * Names → addresses for one worker: a c-ares channel on its base, and a part in the cache of
 * the process, which also knows who is asking: one question on the wire however many ask, on
 * whatever worker. A resolver belongs to its base's thread.
 */
struct resolver;
struct cache;
struct mailbox;

/* The layer's counters; one array of DNS_STAT_COUNT per worker. */
enum dns_stat {
#define STAT(symbol, kind, name, help) DNS_STAT_##symbol,
#include "dns/stats.def"
#undef STAT
    DNS_STAT_COUNT
};

enum dns_family { DNS_ANY, DNS_IPV4, DNS_IPV6 };

struct resolver_settings {
    char servers[1024];    /* "ADDR:PORT, …"; empty: those of resolv.conf */
    char hosts_file[256];  /* empty: none */
    char resolv_conf[256]; /* empty: /etc/resolv.conf */
    enum dns_family family;
    unsigned timeout_ms; /* of the first try; each further try waits longer */
    unsigned tries;
    unsigned min_ttl_ms;
    unsigned max_ttl_ms;
    unsigned negative_ttl_ms; /* where the zone does not say */
    unsigned max_negative_ttl_ms;
    unsigned serve_stale_ms; /* an old answer may stand in for a failure so long; 0: never */
    unsigned cache_size;     /* names; the least recently used one goes */
    unsigned max_inflight;   /* questions on the wire; ERR_DNS_BUSY beyond */
};

/*
 * The addresses of one host, in the order to be tried (RFC 6724 as far as the families go:
 * alternating, IPv6 first). Immutable; references are counted, on any thread.
 */
struct answer {
    _Atomic unsigned references;
    bool is_local;   /* a literal, localhost or a hosts-file entry: no name server had a say */
    uint64_t ttl_us; /* how long name servers let it be kept; 0: not at all, or is_local */
    uint64_t until_us; /* and so, by clock_now_us(), until when */
    size_t count;
    struct address addresses[]; /* the port is 0 */
};

void answer_ref(struct answer *answer);
void answer_unref(struct answer *answer);

struct dns_ask;

/*
 * Called from the loop, never inside resolver_ask(). Either the answer with err ERR_OK, or NULL
 * and why not. A first answer may be partial (is_final false: the other family is still on its
 * way, RFC 8305 §3 resolution delay of 50 ms; or an old answer stands in for servers that are
 * slow, RFC 8767 §5); then on_answer is called once more with what came in the end; IPv6
 * without IPv4 is handed on at once. The answer is borrowed: take a reference to keep it.
 */
typedef void dns_on_answer(void *arg, enum err err, struct answer *answer, bool is_final);

/* What a resolver works with; all borrowed. */
struct resolver_setup {
    struct event_base *base;
    struct mailbox *mailbox; /* the base's, for what other resolvers hear */
    struct cache *cache;
    stat_counter *stats;
};

/* ERR_IO when c-ares cannot start, ERR_SYNTAX for servers that it cannot read. */
enum err resolver_new(const struct resolver_setup *setup,
                      const struct resolver_settings *settings, struct resolver **resolver);

/*
 * Questions under way end with ERR_CANCELLED, from inside this call; others who wait for them
 * ask themselves. NULL is fine. Not to be called from an on_answer. The mailbox has been freed,
 * or no other resolver shares the cache: no letter may still be on its way.
 */
void resolver_free(struct resolver *resolver);

/*
 * New settings: a new channel for new questions; the old one lives until its own are answered.
 * The cache is emptied. With the same settings, and name servers that are the same, what was
 * found out stays, and only the hosts file is read again.
 * On failure the resolver goes on as it was. A changed resolv.conf is noticed and followed
 * without this call, within two seconds, when a question is about to be asked.
 */
enum err resolver_reload(struct resolver *resolver, const struct resolver_settings *settings);

/*
 * Addresses of a host: an IP literal (with or without brackets), localhost and *.localhost
 * (RFC 6761 §6.3), a hosts-file entry, a cached answer; each of these at once: returns ERR_OK
 * with *answer (the caller owns that reference) or the error. Otherwise asks, and returns
 * ERR_AGAIN with *ask: on_answer follows, unless resolver_cancel() comes first.
 */
enum err resolver_ask(struct resolver *resolver, struct slice host, dns_on_answer *on_answer,
                      void *arg, struct answer **answer, struct dns_ask **ask);

/*
 * What the host's name leads to as far as that is known now, or why nowhere: as resolver_ask()
 * says it at once. What was known last holds after its time, too, but is asked for anew.
 * ERR_AGAIN where nothing is known: then it is asked for, and nobody is told.
 */
enum err resolver_look(struct resolver *resolver, struct slice host, struct answer **answer);

/*
 * Nothing is called any more; the question itself goes on and fills the cache. Not for an ask
 * that had its final answer: that one is gone when on_answer is called. NULL is fine.
 */
void resolver_cancel(struct dns_ask **ask);

#endif
