#ifndef CARPOOL_PROXY_CLIENT_PACE_H
#define CARPOOL_PROXY_CLIENT_PACE_H

#include "proxy/client_limits.h"

/*
 * Bandwidth: every byte to or from a client's socket is charged to its accounts, and who would
 * move more asks for room first. Without room the source is not read; the client is woken when
 * its place in the line is due, and its deadlines stand still until then. The worker's thread.
 */

/* For client_limits.c: an embedded timer's life, and what reload and the end need. */
void client_pace_init(struct client_limits *limits);
void client_pace_fini(struct client_limits *limits);

/* Out of the line for a party's bandwidth, as it was under that config. */
void client_pace_leave(struct client *client, enum limit_party party,
                       const struct config *config);

/* Out of all lines: nothing is moved any more. */
void client_pace_end(struct client *client);

/* Asks again soon: room may be had under new settings. */
void client_pace_wake(struct client_limits *limits);

/* For the functions below, where there are limits. */
size_t client_pace_room(struct client_limits *limits, enum limit_flow flow);
bool client_pace_waits(struct client_limits *limits, enum limit_flow flow);
void client_pace_charge(struct client_limits *limits, enum limit_flow flow, size_t size);
uint64_t client_pace_left_ms(const struct client_limits *limits);

/*
 * How many bytes may move now in that direction; at least one whole read where there is no
 * limit. 0: none; the client is woken in time. To be asked when there is something to move.
 */
static inline size_t
client_room(struct client *client, enum limit_flow flow)
{
    return client->limits == NULL ? WORKER_SCRATCH_SIZE
                                  : client_pace_room(client->limits, flow);
}

/* Does that direction wait for bandwidth? Then nothing of it needs to be watched. */
static inline bool
client_waits(struct client *client, enum limit_flow flow)
{
    return client->limits != NULL && client_pace_waits(client->limits, flow);
}

/* So many bytes went that way, or will. */
static inline void
client_charge(struct client *client, enum limit_flow flow, size_t size)
{
    if (client->limits != NULL)
        client_pace_charge(client->limits, flow, size);
}

/* How long the client is still held back, in ms: no deadline of it may pass before. */
static inline uint64_t
client_held_ms(const struct client *client)
{
    return client->limits == NULL ? 0 : client_pace_left_ms(client->limits);
}

#endif
