/* What TLS still has to say when it cannot, for want of room or of what it waits for: later. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/stream_tls.h"
#include "tests/unit/base/tls_peer.h"

enum { RECORD = 16384, MOST = 4 * 1024 * 1024 };

/* Up to so many whole records: how many the socket took. */
static unsigned
write_records(struct stream *stream, unsigned most)
{
    static char record[RECORD];
    struct iovec part = {record, RECORD};
    unsigned taken = 0;
    size_t count;

    while (taken < most && stream_write(stream, &part, 1, &count) == ERR_OK) {
        assert_int_equal(count, RECORD);
        taken++;
    }
    return taken;
}

/* Not one byte more goes into the socket, and none waits for room: a first peer tells when. */
static struct stream *
peer_filled(struct tls_peer *peer)
{
    struct stream *stream = tls_peer_greeted(peer);
    unsigned most = write_records(stream, MOST / RECORD);

    assert_true(most < MOST / RECORD);
    tls_peer_close(peer);
    stream = tls_peer_greeted(peer);
    assert_int_equal(write_records(stream, most), most);
    return stream;
}

/* The server reads all there is, and then nothing but the end. */
static bool
peer_sees_the_end(struct tls_peer *peer)
{
    char *sink = xcalloc(1, MOST);

    tls_peer_take(peer, sink, 0, MOST);
    free(sink);
    return (SSL_get_shutdown(peer->server) & SSL_RECEIVED_SHUTDOWN) != 0;
}

static void
end_waits_for_room(void **state)
{
    struct tls_peer peer;
    struct stream *stream = peer_filled(&peer);
    char text[8];
    size_t count;

    (void)state;
    assert_int_equal(stream_finish(stream), ERR_AGAIN);
    assert_int_equal(stream_finish(stream), ERR_AGAIN);
    tls_peer_say(&peer, "on");
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_OK);
    assert_int_equal(count, 2);
    assert_false(peer_sees_the_end(&peer));
    assert_int_equal(stream_finish(stream), ERR_OK);
    assert_true(peer_sees_the_end(&peer));
    tls_peer_close(&peer);
}

/* New keys were asked for, whose answer goes out before the next bytes, and has no room. */
static void
new_keys_that_wait_for_room_are_nothing_to_read(void **state)
{
    struct tls_peer peer;
    struct stream *stream = peer_filled(&peer);
    char text[8];
    size_t count;

    (void)state;
    assert_true(SSL_key_update(peer.server, SSL_KEY_UPDATE_REQUESTED));
    assert_int_equal(SSL_do_handshake(peer.server), 1);
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_AGAIN);
    assert_int_equal(write_records(stream, 1), 0);
    assert_true(stream_is_stuck(stream));
    /* Who is told that there is more reads at once, again and again. */
    assert_false(stream_has_more(stream));
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_AGAIN);
    assert_false(stream_has_more(stream));
    assert_false(peer_sees_the_end(&peer));
    assert_int_equal(write_records(stream, 1), 1);
    assert_int_equal(stream_finish(stream), ERR_OK);
    assert_true(peer_sees_the_end(&peer));
    tls_peer_close(&peer);
}

enum { RECORDS = 4096 };

/* Sends the first record of a ticket that takes two, and returns what else there is of it. */
static size_t
say_half_a_ticket(struct tls_peer *peer, char *rest)
{
    /* A record's head, its type and its tag add 22 bytes. */
    enum { HALF = 512 + 22 };
    static const char much[1000];
    BIO *caught = BIO_new(BIO_s_mem());
    char records[RECORDS];
    int size;

    SSL_SESSION_set1_ticket_appdata(SSL_get_session(peer->server), much, sizeof(much));
    assert_true(SSL_set_max_send_fragment(peer->server, 512));
    SSL_set0_wbio(peer->server, caught);
    assert_true(SSL_new_session_ticket(peer->server));
    assert_int_equal(SSL_do_handshake(peer->server), 1);
    size = BIO_read(caught, records, sizeof(records));
    assert_true(size > HALF);
    assert_int_equal(write(peer->theirs, records, HALF), HALF);
    memcpy(rest, records + HALF, (size_t)size - HALF);
    return (size_t)size - HALF;
}

/* The second record is held back, and with it all that we say. */
static void
end_waits_for_the_rest_of_a_ticket(void **state)
{
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char rest[RECORDS], text[8];
    size_t size = say_half_a_ticket(&peer, rest);
    size_t count;

    (void)state;
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_AGAIN);
    assert_true(stream_must_read(stream));
    assert_int_equal(stream_finish(stream), ERR_AGAIN);
    assert_int_equal(write(peer.theirs, rest, size), size);
    assert_int_equal(stream_finish(stream), ERR_OK);
    assert_true(peer_sees_the_end(&peer));
    tls_peer_close(&peer);
}

static void
end_that_nobody_can_hear_fails(void **state)
{
    struct tls_peer peer;
    struct stream *stream = peer_filled(&peer);

    (void)state;
    assert_int_equal(stream_finish(stream), ERR_AGAIN);
    close(peer.theirs);
    peer.theirs = -1;
    assert_true(stream_finish(stream) != ERR_OK && stream_finish(stream) != ERR_AGAIN);
    tls_peer_close(&peer);
}

/* After "last": it is read, and then an error is told, again and again. */
static void
say_garbage_behind_last(struct tls_peer *peer, struct stream *stream)
{
    char text[8];
    size_t count;
    enum err err;

    assert_int_equal(write(peer->theirs, "no record at all", 16), 16);
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_OK);
    assert_int_equal(count, 4);
    assert_true(stream_has_more(stream));
    for (int times = 0; times < 3; times++) {
        err = stream_read(stream, text, sizeof(text), &count);
        assert_true(err != ERR_OK && err != ERR_AGAIN && err != ERR_CLOSED);
    }
}

/* The alert to the server, that it was garbage, has no room: who waits for some waits for ever.
 */
static void
error_is_told_though_its_alert_waits_for_room(void **state)
{
    struct tls_peer peer;
    struct stream *stream = peer_filled(&peer);

    (void)state;
    tls_peer_say(&peer, "last");
    say_garbage_behind_last(&peer, stream);
    tls_peer_close(&peer);
}

/* The same where it comes in the midst of a message of TLS, of which more is waited for. */
static void
error_in_a_ticket_is_told_though_its_alert_waits(void **state)
{
    struct tls_peer peer;
    struct stream *stream = peer_filled(&peer);
    char rest[RECORDS];

    (void)state;
    tls_peer_say(&peer, "last");
    say_half_a_ticket(&peer, rest);
    say_garbage_behind_last(&peer, stream);
    tls_peer_close(&peer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(end_waits_for_room),
        cmocka_unit_test(new_keys_that_wait_for_room_are_nothing_to_read),
        cmocka_unit_test(end_waits_for_the_rest_of_a_ticket),
        cmocka_unit_test(end_that_nobody_can_hear_fails),
        cmocka_unit_test(error_is_told_though_its_alert_waits_for_room),
        cmocka_unit_test(error_in_a_ticket_is_told_though_its_alert_waits),
    };

    /* As the program does: OpenSSL writes without MSG_NOSIGNAL. */
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
