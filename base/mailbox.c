/*
 * Many senders, one reader: a list under a lock and an eventfd that wakes the reader's loop.
 */
#include "base/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

struct mailbox {
    pthread_mutex_t lock;
    struct letter *first;
    struct letter **last;
    int fd;
    struct event *readable;
};

static void
mailbox_read(struct mailbox *mailbox)
{
    struct letter *letter;

    pthread_mutex_lock(&mailbox->lock);
    letter = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    pthread_mutex_unlock(&mailbox->lock);
    while (letter != NULL) {
        struct letter *next = letter->next;

        letter->on_mail(letter);
        letter = next;
    }
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
    uint64_t count;

    (void)what;
    /* Cleared before the list is taken: a letter posted after that wakes us again. */
    (void)!read(fd, &count, sizeof(count));
    mailbox_read(arg);
}

struct mailbox *
mailbox_new(struct event_base *base)
{
    struct mailbox *mailbox = xcalloc(1, sizeof(*mailbox));

    mailbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (mailbox->fd == -1) {
        free(mailbox);
        return NULL;
    }
    pthread_mutex_init(&mailbox->lock, NULL);
    mailbox->last = &mailbox->first;
    mailbox->readable = event_new(base, mailbox->fd, EV_READ | EV_PERSIST, on_wake, mailbox);
    if (mailbox->readable == NULL)
        abort(); /* only for want of memory */
    event_add(mailbox->readable, NULL);
    return mailbox;
}

void
mailbox_post(struct mailbox *mailbox, struct letter *letter)
{
    uint64_t one = 1;
    int was_empty;

    letter->next = NULL;
    pthread_mutex_lock(&mailbox->lock);
    was_empty = mailbox->first == NULL;
    *mailbox->last = letter;
    mailbox->last = &letter->next;
    pthread_mutex_unlock(&mailbox->lock);
    /* A full counter (EAGAIN) means that the reader is being woken anyway. */
    if (was_empty)
        (void)!write(mailbox->fd, &one, sizeof(one));
}

void
mailbox_free(struct mailbox *mailbox)
{
    if (mailbox == NULL)
        return;
    while (mailbox->first != NULL)
        mailbox_read(mailbox);
    event_free(mailbox->readable);
    close(mailbox->fd);
    pthread_mutex_destroy(&mailbox->lock);
    free(mailbox);
}
