#ifndef CARPOOL_DNS_CHANNEL_H
#define CARPOOL_DNS_CHANNEL_H

#include <stdbool.h>

#include <event2/event.h>

#include "dns/name.h"
#include "dns/resolver.h"

/*
 * A c-ares channel on a base: its name servers and search domains, its sockets and its timer.
 * References are counted, on the base's thread; the last one must not be dropped from inside
 * on_reply, since c-ares is then still at work in it.
 */
struct channel;

/*
 * One question on the wire, embedded in its asker, who keeps it until on_reply. on_reply may
 * run inside channel_query(). bytes are the whole message, borrowed, NULL unless status is
 * ARES_SUCCESS (in which case at least one record came).
 */
struct query {
    struct channel *channel;
    void (*on_reply)(struct query *query, int status, const unsigned char *bytes, int size);
};

/* ERR_SYNTAX for servers that cannot be read, ERR_IO when c-ares cannot start. */
enum err channel_new(struct event_base *base, const struct resolver_settings *settings,
                     struct channel **channel);

void channel_ref(struct channel *channel);

/* NULL is fine. From the last one queries under way get their on_reply. */
void channel_unref(struct channel *channel);

/* Ends all queries under way: each gets its on_reply, with ARES_ECANCELLED, inside this call.
 */
void channel_cancel(struct channel *channel);

/* Asks for A (DNS_IPV4) or AAAA (DNS_IPV6) records of exactly this name. */
void channel_query(struct channel *channel, const char *name, enum dns_family family,
                   struct query *query);

/*
 * The next of the names to ask for a name; *number begins at 0 and is moved on; false past the
 * last. A single label is tried below each search domain, unless resolv.conf says ndots:0, and
 * then as it is; any other name only as it is, whatever resolv.conf's ndots says, lest each
 * name of the web is told to the search domains' servers as well, and one of these can answer
 * for it.
 */
bool channel_candidate(const struct channel *channel, const struct name *name, unsigned *number,
                       char candidate[NAME_SIZE]);

#endif
