/* What base/net promises of streams, watches and mailboxes: over socketpairs, no network. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mailbox.h"
#include "base/mem.h"
#include "base/stream.h"
#include "base/watch.h"

struct pair {
    struct stream ours;
    int theirs;
};

static int
set_up(void **state)
{
    struct pair *p = xcalloc(1, sizeof(*p));
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == -1)
        return -1;
    p->ours.fd = fds[0];
    p->theirs = fds[1];
    *state = p;
    return 0;
}

static int
tear_down(void **state)
{
    struct pair *p = *state;

    stream_close(&p->ours);
    close(p->theirs);
    free(p);
    return 0;
}

static void
silent_stream_has_a_quiet_pulse(void **state)
{
    struct pair *p = *state;

    assert_int_equal(stream_pulse(&p->ours), PULSE_QUIET);
}

static void
unasked_bytes_make_the_pulse_noisy_and_stay_unread(void **state)
{
    struct pair *p = *state;
    char byte;
    size_t got;

    assert_int_equal(write(p->theirs, "x", 1), 1);
    assert_int_equal(stream_pulse(&p->ours), PULSE_NOISY);
    assert_int_equal(stream_pulse(&p->ours), PULSE_NOISY);
    assert_int_equal(stream_read(&p->ours, &byte, 1, &got), ERR_OK);
    assert_int_equal(byte, 'x');
}

static void
end_is_seen_behind_unread_bytes(void **state)
{
    struct pair *p = *state;

    assert_false(stream_has_ended(&p->ours));
    assert_int_equal(write(p->theirs, "x", 1), 1);
    assert_false(stream_has_ended(&p->ours));
    shutdown(p->theirs, SHUT_WR);
    assert_true(stream_has_ended(&p->ours));
    assert_int_equal(stream_pulse(&p->ours), PULSE_NOISY);
}

static void
closed_far_side_is_gone(void **state)
{
    struct pair *p = *state;
    char byte;
    size_t got;

    shutdown(p->theirs, SHUT_RDWR);
    assert_int_equal(stream_pulse(&p->ours), PULSE_GONE);
    assert_int_equal(stream_read(&p->ours, &byte, 1, &got), ERR_CLOSED);
}

static void
write_to_a_closed_far_side_is_an_error_not_a_signal(void **state)
{
    struct pair *p = *state;
    char byte = 'x';
    const struct iovec part = {&byte, 1};
    size_t sent;

    shutdown(p->theirs, SHUT_RDWR);
    assert_int_equal(stream_write(&p->ours, &part, 1, &sent), ERR_RESET);
}

static void
full_socket_takes_a_part_and_then_nothing(void **state)
{
    struct pair *p = *state;
    size_t size = (size_t)8 << 20;
    char *big = xcalloc(1, size);
    const struct iovec part = {big, size};
    size_t sent = 0;

    assert_int_equal(stream_write(&p->ours, &part, 1, &sent), ERR_OK);
    assert_true(sent > 0 && sent < size);
    while (stream_write(&p->ours, &part, 1, &sent) == ERR_OK)
        assert_true(sent < size);
    assert_int_equal(stream_write(&p->ours, &part, 1, &sent), ERR_AGAIN);
    free(big);
}

struct seen {
    unsigned what;
    int times;
};

static void
on_ready(void *arg, unsigned what)
{
    struct seen *seen = arg;

    seen->what |= what;
    seen->times++;
}

static void
watch_reports_only_what_is_wanted(void **state)
{
    struct pair *p = *state;
    struct event_base *base = event_base_new();
    struct watch watch = {0};
    struct seen seen = {0};

    watch_open(&watch, base, p->ours.fd, on_ready, &seen);
    assert_int_equal(write(p->theirs, "x", 1), 1);
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    assert_int_equal(seen.times, 0);
    watch_want(&watch, WATCH_READ);
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    assert_int_equal(seen.what, WATCH_READ);
    watch_want(&watch, WATCH_WRITE);
    seen = (struct seen){0};
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    assert_int_equal(seen.what, WATCH_WRITE);
    watch_shut(&watch);
    watch_shut(&watch);
    seen = (struct seen){0};
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    assert_int_equal(seen.times, 0);
    event_base_free(base);
}

#define SENDERS 4
#define LETTERS 2000

struct note {
    struct letter letter;
    struct notes *all;
    int sender;
    int number;
};

struct notes {
    struct mailbox *mailbox;
    int next[SENDERS]; /* the number that must come next from each sender */
    int count;
};

struct sender {
    struct notes *all;
    int sender;
};

static void
on_letter(struct letter *letter)
{
    struct note *note = (struct note *)letter;

    assert_int_equal(note->number, note->all->next[note->sender]);
    note->all->next[note->sender]++;
    note->all->count++;
    free(note);
}

static void *
send_letters(void *arg)
{
    struct sender *sender = arg;

    for (int i = 0; i < LETTERS; i++) {
        struct note *note = xcalloc(1, sizeof(*note));

        *note = (struct note){
            .letter = {.on_mail = on_letter}, .all = sender->all, .sender = sender->sender, i};
        mailbox_post(sender->all->mailbox, &note->letter);
    }
    return NULL;
}

static void
mailbox_delivers_every_letter_once_and_in_order(void **state)
{
    struct event_base *base = event_base_new();
    struct notes all = {.mailbox = mailbox_new(base)};
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];

    (void)state;
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){&all, i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_letters, &senders[i]), 0);
    }
    while (all.count < SENDERS * LETTERS)
        event_base_loop(base, EVLOOP_ONCE);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(all.count, SENDERS * LETTERS);
    mailbox_free(all.mailbox);
    event_base_free(base);
}

static void
mailbox_reads_what_lies_in_it_when_freed(void **state)
{
    struct event_base *base = event_base_new();
    struct notes all = {.mailbox = mailbox_new(base)};
    struct sender sender = {&all, 0};

    (void)state;
    send_letters(&sender);
    mailbox_free(all.mailbox);
    assert_int_equal(all.count, LETTERS);
    event_base_free(base);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(silent_stream_has_a_quiet_pulse, set_up, tear_down),
        cmocka_unit_test_setup_teardown(end_is_seen_behind_unread_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unasked_bytes_make_the_pulse_noisy_and_stay_unread,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(closed_far_side_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(write_to_a_closed_far_side_is_an_error_not_a_signal,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_socket_takes_a_part_and_then_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(watch_reports_only_what_is_wanted, set_up, tear_down),
        cmocka_unit_test(mailbox_delivers_every_letter_once_and_in_order),
        cmocka_unit_test(mailbox_reads_what_lies_in_it_when_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
