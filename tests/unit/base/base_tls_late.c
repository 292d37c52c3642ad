/* What comes over TLS when nobody expects it: alerts behind the handshake, new keys at any
 * time. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/stream_tls.h"
#include "tests/unit/base/tls_peer.h"

/* The server gives up on garbage that it got; what it said before is not all it had to say. */
static void
alert_is_no_proper_end(void **state)
{
    static const char garbage[] = "\x17\x03\x03\x00\x18 this was never encrypted";
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char text[8];
    size_t count;

    (void)state;
    tls_peer_say(&peer, "bye");
    assert_int_equal(write(stream->fd, garbage, sizeof(garbage)), sizeof(garbage));
    assert_int_equal(SSL_read(peer.server, text, sizeof(text)), -1);
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_OK);
    assert_int_equal(count, 3);
    assert_int_equal(stream_pulse(stream), PULSE_GONE);
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_TLS_ALERT);
    tls_peer_close(&peer);
}

/* Who wants to know who we are says so when we are done (RFC 8446 §4.4.2.4). */
static void
late_alert_is_told_whoever_reads_it_first(void **state)
{
    (void)state;
    for (int is_probed = 0; is_probed < 2; is_probed++) {
        struct tls_peer peer;
        char byte;
        size_t count;

        tls_peer_open(&peer, &tls_good);
        SSL_set_verify(peer.server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        assert_int_equal(tls_peer_shake(&peer, "a.test"), ERR_OK);
        if (is_probed)
            assert_int_equal(stream_pulse(&peer.ours), PULSE_GONE);
        assert_int_equal(stream_read(&peer.ours, &byte, 1, &count), ERR_TLS_ALERT);
        assert_int_equal(stream_read(&peer.ours, &byte, 1, &count), ERR_TLS_ALERT);
        tls_peer_close(&peer);
    }
}

/* The server asks for new keys while we are in the middle of what it does not read. */
static void
key_update_within_a_write_loses_nothing(void **state)
{
    enum { SIZE = 1024 * 1024 };
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char *sent = xcalloc(1, SIZE);
    char *received = xcalloc(1, SIZE);
    struct iovec part = {sent, SIZE};
    size_t sent_size = 0;
    size_t received_size = 0;
    size_t count;
    char byte;

    (void)state;
    memset(sent, 'x', SIZE);
    while (stream_write(stream, &part, 1, &count) == ERR_OK) {
        sent_size += count;
        part = (struct iovec){sent + sent_size, SIZE - sent_size};
    }
    assert_true(stream_is_stuck(stream) && sent_size < SIZE);
    tls_peer_change_keys(&peer, SSL_KEY_UPDATE_REQUESTED);
    assert_int_equal(stream_read(stream, &byte, 1, &count), ERR_AGAIN);
    while (received_size < SIZE) {
        enum err err;

        received_size = tls_peer_take(&peer, received, received_size, SIZE);
        if (sent_size == SIZE)
            continue;
        part = (struct iovec){sent + sent_size, SIZE - sent_size};
        err = stream_write(stream, &part, 1, &count);
        assert_true(err == ERR_OK || err == ERR_AGAIN);
        sent_size += err == ERR_OK ? count : 0;
    }
    assert_memory_equal(sent, received, SIZE);
    free(sent);
    free(received);
    tls_peer_close(&peer);
}

static void
send_tickets(struct tls_peer *peer, unsigned count)
{
    while (count-- > 0)
        tls_peer_send_ticket(peer);
}

static void
tickets_hide_nothing_behind_them(void **state)
{
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char text[8];
    size_t count;

    (void)state;
    send_tickets(&peer, 3);
    tls_peer_say(&peer, "noise");
    assert_int_equal(stream_pulse(stream), PULSE_NOISY);
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_OK);
    assert_int_equal(count, 5);
    send_tickets(&peer, 3);
    SSL_shutdown(peer.server);
    assert_int_equal(stream_pulse(stream), PULSE_GONE);
    tls_peer_close(&peer);
}

/* Who sends tickets or keys without end gets our time in small portions. */
static void
flood_of_keys_is_taken_in_portions(void **state)
{
    enum { UPDATES = 200 };
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    uint64_t before;
    unsigned portions = 0;
    char text[8];
    size_t count;

    (void)state;
    while (stream_pulse(stream) != PULSE_QUIET)
        continue;
    for (unsigned i = 0; i < UPDATES; i++)
        tls_peer_change_keys(&peer, SSL_KEY_UPDATE_NOT_REQUESTED);
    before = stream_tls_received(stream);
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_AGAIN);
    assert_true(stream_tls_received(stream) - before < 1000);
    while (stream_pulse(stream) == PULSE_UNSURE)
        portions++;
    assert_true(portions > UPDATES / 40);
    assert_int_equal(stream_pulse(stream), PULSE_QUIET);
    tls_peer_close(&peer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alert_is_no_proper_end),
        cmocka_unit_test(late_alert_is_told_whoever_reads_it_first),
        cmocka_unit_test(key_update_within_a_write_loses_nothing),
        cmocka_unit_test(tickets_hide_nothing_behind_them),
        cmocka_unit_test(flood_of_keys_is_taken_in_portions),
    };

    /* As the program does: OpenSSL writes without MSG_NOSIGNAL. */
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
