#ifndef CARPOOL_BASE_MAILBOX_H
#define CARPOOL_BASE_MAILBOX_H

#include <event2/event.h>

/*
 * A letter, embedded in what it is about. Whoever posts it leaves it alone until on_mail runs
 * on the mailbox's thread; on_mail may free it.
 */
struct letter {
    struct letter *next;
    void (*on_mail)(struct letter *letter);
};

struct mailbox;

/* A queue from any thread into one base. Read on the base's thread, in the order of posting. */
struct mailbox *mailbox_new(struct event_base *base);

/* Any thread. Does not block but for the queue's own lock. */
void mailbox_post(struct mailbox *mailbox, struct letter *letter);

/*
 * Reads what lies in it and frees it. On its base's thread, when no other thread will post:
 * letters carry streams, and each must be read to be given back.
 */
void mailbox_free(struct mailbox *mailbox);

#endif
