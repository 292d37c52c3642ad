#ifndef CARPOOL_PROXY_CLIENT_LIMITS_H
#define CARPOOL_PROXY_CLIENT_LIMITS_H

#include <event2/event_struct.h>

#include "proxy/client.h"
#include "proxy/policy/limit_place.h"
#include "proxy/policy/limit_table.h"
#include "proxy/reasons.h"

/*
 * What a client connection has of the accounts that it counts for: that of its address, and
 * that of the user whom its latest request named. Only where the settings have limits for them;
 * without any there is no struct client_limits, and all of this costs one look at a pointer.
 * The settings are those of now, not of the exchange's beginning. The worker's thread.
 */
struct client_share {
    struct limit_account *account; /* NULL: no limits for this party */
    bool is_counted;               /* among its connections */
    bool is_surplus;               /* past the limit: its first request is told so */
    bool has_tunnel;
    struct limit_place places[LIMIT_FLOW_COUNT];
};

struct client_limits {
    struct client *client;
    struct client_share shares[LIMIT_PARTY_COUNT];
    struct event due;
    uint64_t due_ns; /* when it will fire; 0: not armed */
};

/*
 * Counts a connection that was just accepted. False: there are so many too many that this one
 * is not even answered.
 */
bool client_limits_open(struct client *client);

/* The connection ends: nothing of it is counted any more. */
void client_limits_close(struct client *client);

/* The worker has new settings; these were the ones before. Never refuses what is there. */
void client_limits_reload(struct client *client, const struct config *before);

/* Is the connection one too many, that only waits to be told so? */
bool client_limits_is_surplus(const struct client *client);

/*
 * A request begins. REASON_DONE, or which limit of the client's address is reached; then
 * *retry_after is the time in seconds until it would be allowed, 0: nobody knows.
 */
enum reason client_limits_admit(struct client *client, unsigned *retry_after);

/* The same for the user whom the request names; empty: nobody. */
enum reason client_limits_admit_user(struct client *client, struct slice user,
                                     unsigned *retry_after);

/* The request wants a tunnel. REASON_DONE: it is counted until client_limits_end_tunnel(). */
enum reason client_limits_begin_tunnel(struct client *client);
void client_limits_end_tunnel(struct client *client);

#endif
