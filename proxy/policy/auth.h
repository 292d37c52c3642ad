#ifndef CARPOOL_PROXY_POLICY_AUTH_H
#define CARPOOL_PROXY_POLICY_AUTH_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/err.h"
#include "base/mailbox.h"
#include "proxy/policy/htpasswd.h"

/*
 * Whose password is right? Checking one takes crypt(3) up to a second, so a thread of its own
 * does it, one after the other, and answers come by mail. What was found is remembered under a
 * keyed digest; the password itself is wiped as soon as it was checked.
 *
 *     worker ── auth_ask() ──► remembered? ──► GOOD, BAD
 *                                  │ no
 *                                  ▼
 *                      queue ──► auth thread ──► mail to each who asked for the same
 *
 * The queue is bounded, and of its places one client address has at most a quarter. Addresses
 * take turns in it, so that whoever guesses passwords delays somebody else by one check.
 */
struct auth;

/* One who waits for an answer. */
struct auth_ask;

enum auth_verdict {
    AUTH_GOOD,
    AUTH_BAD,     /* a wrong password, or no such user: nothing tells which */
    AUTH_FULL,    /* too many wait, of this client or in all */
    AUTH_WAITING, /* on_answer will be called */
};

struct auth_request {
    const char *text; /* "user:password"; borrowed, and copied if it has to be checked */
    size_t user_size;
    const struct address *client;
    struct mailbox *mailbox; /* the worker's */
    void (*on_answer)(void *arg);
    void *arg;
};

struct auth_settings {
    const char *path;       /* where users came from; copied */
    struct htpasswd *users; /* a reference is taken; NULL: nobody is right */
    unsigned remember_ms;   /* a right password; 0: it is checked each time */
    unsigned max_waiting;   /* passwords in the queue */
};

/* What may be told of it. */
struct auth_figures {
    uint64_t hashed;   /* passwords that were checked by the thread */
    size_t waiting;    /* that it has yet to check */
    size_t remembered; /* answers, right and wrong ones */
};

/* Starts the thread. Main thread. */
enum err auth_new(const struct auth_settings *settings, struct auth **auth);

/* New settings: all that is remembered is forgotten. Main thread. */
void auth_configure(struct auth *auth, const struct auth_settings *settings);

/*
 * Reads the file of users again if it changed and has stayed as it is since the last look; a
 * broken one is told of and changes nothing. Called once a second. Main thread; blocks on the
 * file.
 */
void auth_look(struct auth *auth);

/* Ends the thread, when nobody asks any more; mail may still lie in mailboxes. Main thread. */
void auth_stop(struct auth *auth);

/* Frees it; what was asked must have been let go of. */
void auth_free(struct auth *auth);

/*
 * Is it the user's password? AUTH_WAITING where that is not known yet: *ask is then the
 * caller's, to be let go of by auth_leave(). A worker's thread; takes the lock for a moment.
 */
enum auth_verdict auth_ask(struct auth *auth, const struct auth_request *request,
                           struct auth_ask **ask);

/* What became of it: AUTH_WAITING until on_answer. The worker's thread. */
enum auth_verdict auth_answer(const struct auth_ask *ask);

/*
 * No longer interested, answered or not; clears the pointer, NULL is fine. What nobody waits
 * for is not checked. The worker's thread.
 */
void auth_leave(struct auth_ask **ask);

/* Any thread. */
void auth_figures(struct auth *auth, struct auth_figures *figures);

#endif
