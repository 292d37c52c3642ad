#ifndef CARPOOL_PROXY_EXCHANGE_H
#define CARPOOL_PROXY_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/watch.h"
#include "pool/lease.h"
#include "proxy/client.h"
#include "proxy/http/body.h"
#include "proxy/http/emit.h"
#include "proxy/http/head.h"
#include "proxy/http/target.h"
#include "proxy/reasons.h"
#include "proxy/worker_own.h"

/* What a room says when it is left. */
enum step {
    STEP_NEXT, /* another room was entered: go on there */
    STEP_WAIT, /* run again when something happens */
    STEP_DONE, /* the exchange is over, by exchange_end() */
};

/*
 * The rooms of a request's life, in order. Each is one function in a file of its name; a room
 * may be entered again at any time and finds its place from the data.
 */
enum room {
    ROOM_HEAD,     /* read one request head */
    ROOM_ADMIT,    /* may this client do this at all? */
    ROOM_ROUTE,    /* own page, tunnel, or which key? */
    ROOM_CHECKOUT, /* take, wait for or dial an upstream connection */
    ROOM_FORWARD,  /* request up, response down */
    ROOM_TUNNEL,   /* bytes both ways until both sides are done */
    ROOM_PARK,     /* give the upstream connection back */
    ROOM_COUNT
};

/* What FORWARD waits for. */
enum forward_phase {
    PHASE_SENDING,   /* the request is on its way */
    PHASE_WAITING,   /* all of it was sent, the answer's head has not come */
    PHASE_ANSWERING, /* the answer is on its way */
};

/* What becomes of the client connection. */
enum fate {
    FATE_KEEP,  /* the next request may follow */
    FATE_CLOSE, /* lingering close */
    FATE_ABORT, /* reset: what was sent is incomplete and its framing does not show it */
};

/* One request and its answer. Belongs to its client; its memory outlives the turn it ends in.
 */
struct exchange {
    struct grave grave;
    struct worker *worker;
    struct client *client;
    struct epoch *epoch;
    const struct config *config; /* the epoch's */
    enum room room;
    enum reason reason;
    enum fate fate;
    bool is_running;
    bool wants_again;
    uint64_t started_us;

    /* the request */
    struct slice user;    /* whose it is; empty: nobody is named. Of user_name. */
    char *user_name;      /* who it is said to be */
    struct auth_ask *ask; /* while that is being checked */
    size_t head_seen;     /* bytes of a head that is not complete, when it was last looked at */
    void *head_memory;    /* what head and target borrow from */
    struct head head;
    struct target target;
    struct pool_key key;
    struct tls_profile *tls; /* of https URLs; the config's */
    struct body request_body;
    char hop_name[EMIT_NAME_SIZE_MAX]; /* ours in Via; empty: none */
    bool has_hops_left;                /* Max-Forwards, as it goes on */
    uint32_t hops_left;
    uint64_t content_bytes; /* of the body, without its framing */
    bool is_logging_in;     /* on the connection itself, by NTLM or Negotiate */
    bool wants_upgrade;     /* to another protocol, over a connection of its own */
    bool keeps_client;      /* the client wants to, and nothing speaks against it */
    struct buf to_origin;   /* what the origin's socket has not taken yet */
    struct buf replay;      /* the body as sent so far, where a retry may need it */
    bool is_replayable;     /* idempotent, and the whole body is or can be held */
    bool is_retry;

    /* the upstream connection */
    struct lease *lease;
    enum err lease_err;     /* why there is none, or none that the origin would serve */
    bool is_held_down;      /* that is remembered, and was not tried again (pool.holddown) */
    struct watch watch;     /* open while the lease is held */
    unsigned ready;         /* WATCH_READ, WATCH_WRITE: seen and not yet used */
    bool is_pinned;         /* it belongs to the client alone */
    bool is_mid_handshake;  /* the login on it is not over: its next step goes nowhere else */
    bool has_lost_origin;   /* it closed or broke: nothing more can be sent to it */
    bool is_answer_old;     /* what came was sent before it saw this request */
    uint64_t sent_here;     /* of sent_bytes, on this connection */
    uint64_t wire_before;   /* what a TLS connection had sent before this exchange */
    uint64_t received_here; /* of received_bytes */
    struct lease_facts facts;
    bool has_facts;

    /* the answer */
    struct buf answer_head;      /* the beginning of a head that is not complete yet */
    unsigned interim_count;      /* of 1xx heads */
    enum refusal answer_refusal; /* why the origin's head is none, where the parser says */
    struct body answer_body;
    struct emit_framing framing;
    struct park_terms terms;
    unsigned status;      /* of the answer, whoever gave it */
    unsigned retry_after; /* seconds, to be told in a refusal; 0: nobody knows */
    bool has_answer;      /* its head is on its way to the client */
    enum miss loss;       /* why the upstream connection would not be parked, if it ended now */
    bool is_parkable;     /* the origin keeps the connection and nothing is in doubt */
    bool is_tunnel;       /* counted as an open one */
    bool has_finished_up; /* tunnel: the client's end was passed on */
    bool has_finished_down;

    uint64_t moved_bytes;     /* both ways, when the deadline was last set */
    enum forward_phase phase; /* when the deadline was last set */

    uint64_t sent_bytes;     /* to the origin */
    uint64_t received_bytes; /* from the origin */
    uint64_t answer_bytes;   /* to the client */
};

/* A client's first byte of a request is there. The client owns the exchange until it ends. */
struct exchange *exchange_new(struct client *client);

/*
 * Goes through the rooms as far as possible. Called by whoever notes that something happened;
 * the exchange may be over afterwards, so callers touch nothing after it.
 */
void exchange_run(struct exchange *exchange);

/* The deadline of the present room has passed. */
void exchange_late(struct exchange *exchange);

/* The worker stops: the exchange ends here and now. */
void exchange_stop(struct exchange *exchange);

/* For rooms: leave for another one. Sets its deadline. Returns STEP_NEXT. */
enum step exchange_enter(struct exchange *exchange, enum room room);

/* For rooms: it is over. Returns STEP_DONE. */
enum step exchange_end(struct exchange *exchange, enum reason reason, enum fate fate);

/*
 * For rooms: it failed. Answers with the reason's status where an answer is still possible,
 * with detail (may be NULL) as a further line for people; otherwise makes sure that the client
 * sees the truncation. Returns STEP_DONE.
 */
enum step exchange_fail(struct exchange *exchange, enum reason reason, const char *detail);

/* The same, with the origin's host and port as detail, and why (may be NULL). */
enum step exchange_fail_origin(struct exchange *exchange, enum reason reason, const char *why);

/* Shuts the watch and gives up the lease: the connection is not used any further. */
void exchange_drop_origin(struct exchange *exchange);

/*
 * Both messages are complete: parks the upstream connection if nothing speaks against it,
 * closes it otherwise. The pump calls it before the last bytes of the answer leave: a client
 * that asks again at once, through whichever worker, must find the connection on the shelf.
 */
void exchange_give_back(struct exchange *exchange);

/*
 * The exchange is a tunnel from now on: head goes to the client, then what the origin sent
 * behind its own head, then bytes both ways in ROOM_TUNNEL.
 */
void exchange_open_tunnel(struct exchange *exchange, unsigned status, struct slice head,
                          struct slice early);

/* A lease_rule: may this exchange, which is arg, use this far end? */
enum err exchange_may_reach(const void *arg, const struct address *address, bool is_by_dns);

/* What the rules are asked about this request; its key is made. The address is not known yet.
 */
struct rules_question exchange_question(const struct exchange *exchange);

/* Does it ask for a connection that becomes a tunnel? To be asked from ROUTE on. */
static inline bool
exchange_wants_tunnel(const struct exchange *exchange)
{
    return exchange->target.form == TARGET_AUTHORITY || exchange->wants_upgrade;
}

/* The rooms, each in its own file. */
enum step room_head(struct exchange *exchange);
enum step room_admit(struct exchange *exchange);
enum step room_route(struct exchange *exchange);
enum step room_checkout(struct exchange *exchange);
enum step room_forward(struct exchange *exchange);
enum step room_tunnel(struct exchange *exchange);
enum step room_park(struct exchange *exchange);

/* What each does when its deadline has passed. */
enum step room_head_late(struct exchange *exchange);
enum step room_forward_late(struct exchange *exchange);
enum step room_tunnel_late(struct exchange *exchange);

#endif
