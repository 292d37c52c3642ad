/* What TLS on a stream promises, against a server in the same thread. */
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

static enum err
send_text(struct stream *stream, const char *text, size_t *sent)
{
    struct iovec part = {(char *)text, strlen(text)};

    return stream_write(stream, &part, 1, sent);
}

static void
bytes_go_both_ways(void **state)
{
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char who[] = "who is there?";
    struct iovec parts[] = {{who, 4}, {who, 0}, {who + 4, 9}};
    char text[64] = "";
    size_t count;

    (void)state;
    assert_int_equal(stream_write(stream, parts, 3, &count), ERR_OK);
    assert_int_equal(count, 13);
    assert_int_equal(SSL_read(peer.server, text, sizeof(text)), 13);
    assert_memory_equal(text, "who is there?", 13);
    tls_peer_say(&peer, "me");
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_OK);
    assert_int_equal(count, 2);
    assert_memory_equal(text, "me", 2);
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_AGAIN);
    assert_true(stream_tls_sent(stream) > 13 && stream_tls_received(stream) > 2);
    tls_peer_close(&peer);
}

static void
address_in_the_certificate_will_do(void **state)
{
    struct tls_peer peer;

    (void)state;
    tls_peer_open(&peer, &tls_good);
    assert_int_equal(tls_peer_shake(&peer, "127.0.0.1"), ERR_OK);
    assert_null(SSL_get_servername(peer.server, TLSEXT_NAMETYPE_host_name));
    tls_peer_close(&peer);
}

static void
name_is_told_to_the_server(void **state)
{
    struct tls_peer peer;

    (void)state;
    tls_peer_greeted(&peer);
    assert_string_equal(SSL_get_servername(peer.server, TLSEXT_NAMETYPE_host_name), "a.test");
    tls_peer_close(&peer);
}

static void
bad_certificates_are_called_by_name(void **state)
{
    static const struct {
        struct tls_paper paper;
        const char *host;
        enum err err;
    } cases[] = {
        {{"DNS:b.test", -60, 3600, 0, 0, 0, NULL}, "a.test", ERR_TLS_WRONG_HOST},
        {{"DNS:a.test", -60, 3600, 0, 0, 0, NULL}, "127.0.0.1", ERR_TLS_WRONG_HOST},
        {{"DNS:*.test", -60, 3600, 0, 0, 0, NULL}, "x.a.test", ERR_TLS_WRONG_HOST},
        {{NULL, -60, 3600, 0, 0, 0, NULL}, "server", ERR_TLS_WRONG_HOST}, /* RFC 9110 §4.3.4 */
        {{"DNS:a.test", -60, -1, 0, 0, 0, NULL}, "a.test", ERR_TLS_EXPIRED},
        {{"DNS:a.test", 60, 3600, 0, 0, 0, NULL}, "a.test", ERR_TLS_NOT_YET_VALID},
        {{"DNS:a.test", -60, 3600, 1, 0, 0, NULL}, "a.test", ERR_TLS_SELF_SIGNED},
        {{"DNS:a.test", -60, 3600, 0, 1, 0, NULL}, "a.test", ERR_TLS_UNKNOWN_CA},
        {{"DNS:a.test", -60, 3600, 0, 0, 1, NULL}, "a.test", ERR_TLS_VERSION},
        {{"DNS:a.test", -60, 3600, 0, 0, 0, "clientAuth"}, "a.test", ERR_TLS_PURPOSE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tls_peer peer;

        tls_peer_open(&peer, &cases[i].paper);
        assert_int_equal(tls_peer_shake(&peer, cases[i].host), cases[i].err);
        tls_peer_close(&peer);
    }
}

static void
who_speaks_no_tls_is_told_apart(void **state)
{
    struct tls_peer peer;

    (void)state;
    tls_peer_open(&peer, &tls_good);
    assert_int_equal(write(peer.theirs, "HTTP/1.1 400 Bad Request\r\n", 26), 26);
    assert_int_equal(stream_tls_begin(&peer.ours, peer.trusting, "a.test"), ERR_OK);
    assert_int_equal(stream_tls_shake(&peer.ours), ERR_TLS_PROTOCOL);
    tls_peer_close(&peer);
}

static void
end_within_the_handshake_is_a_cut(void **state)
{
    struct tls_peer peer;

    (void)state;
    tls_peer_open(&peer, &tls_good);
    assert_int_equal(stream_tls_begin(&peer.ours, peer.trusting, "a.test"), ERR_OK);
    assert_int_equal(stream_tls_shake(&peer.ours), ERR_AGAIN);
    assert_false(stream_tls_wants_write(&peer.ours));
    shutdown(peer.theirs, SHUT_WR);
    assert_int_equal(stream_tls_shake(&peer.ours), ERR_TLS_CUT);
    tls_peer_close(&peer);
}

/* Session tickets come behind the handshake, and nobody has read them yet. */
static void
late_ticket_is_no_byte_for_us(void **state)
{
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);

    (void)state;
    assert_int_equal(stream_pulse(stream), PULSE_QUIET);
    tls_peer_send_ticket(&peer);
    assert_int_equal(stream_pulse(stream), PULSE_QUIET);
    tls_peer_close(&peer);
}

static void
key_update_is_no_byte_for_us(void **state)
{
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char text[8];
    size_t count;

    (void)state;
    tls_peer_change_keys(&peer, SSL_KEY_UPDATE_REQUESTED);
    assert_int_equal(stream_pulse(stream), PULSE_QUIET);
    assert_int_equal(send_text(stream, "still here", &count), ERR_OK);
    assert_int_equal(SSL_read(peer.server, text, 5), 5);
    tls_peer_say(&peer, "yes");
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_OK);
    tls_peer_close(&peer);
}

static void
unasked_bytes_are_noise_and_stay_unread(void **state)
{
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char byte = 0;
    size_t count;

    (void)state;
    tls_peer_say(&peer, "x");
    assert_int_equal(stream_pulse(stream), PULSE_NOISY);
    assert_int_equal(stream_pulse(stream), PULSE_NOISY);
    assert_int_equal(stream_read(stream, &byte, 1, &count), ERR_OK);
    assert_int_equal(byte, 'x');
    tls_peer_close(&peer);
}

/*
 * What the server has to say comes in two parts: doubt after the first, after both what we
 * think of the whole.
 */
static void
comes_in_two_parts(void (*say)(struct tls_peer *peer), enum pulse whole)
{
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char record[1024];
    BIO *caught = BIO_new(BIO_s_mem());
    int size;

    assert_int_equal(stream_pulse(stream), PULSE_QUIET);
    SSL_set0_wbio(peer.server, caught);
    say(&peer);
    size = BIO_read(caught, record, sizeof(record));
    assert_true(size > 8);
    assert_int_equal(write(peer.theirs, record, 8), 8);
    assert_int_equal(stream_pulse(stream), PULSE_UNSURE);
    assert_int_equal(write(peer.theirs, record + 8, (size_t)size - 8), size - 8);
    assert_int_equal(stream_pulse(stream), whole);
    tls_peer_close(&peer);
}

static void
say_something(struct tls_peer *peer)
{
    tls_peer_say(peer, "late answer");
}

/* The kind of a record is sealed in it: until its end nobody can know what it holds. */
static void
part_of_a_record_is_in_doubt(void **state)
{
    (void)state;
    comes_in_two_parts(say_something, PULSE_NOISY);
}

static void
doubt_ends_with_the_rest_of_a_ticket(void **state)
{
    (void)state;
    comes_in_two_parts(tls_peer_send_ticket, PULSE_QUIET);
}

static void
close_notify_is_an_end(void **state)
{
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char text[8];
    size_t count;

    (void)state;
    tls_peer_say(&peer, "bye");
    assert_int_equal(SSL_shutdown(peer.server), 0);
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_OK);
    assert_int_equal(count, 3);
    assert_int_equal(stream_pulse(stream), PULSE_GONE);
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_CLOSED);
    tls_peer_close(&peer);
}

static void
end_without_close_notify_is_a_cut(void **state)
{
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char text[8];
    size_t count;

    (void)state;
    tls_peer_say(&peer, "bye");
    close(peer.theirs);
    peer.theirs = -1;
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_OK);
    assert_int_equal(count, 3);
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_TLS_CUT);
    tls_peer_close(&peer);
}

static void
rest_of_a_record_is_announced_by_nobody_else(void **state)
{
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char text[4];
    size_t count;

    (void)state;
    assert_false(stream_has_more(stream));
    tls_peer_say(&peer, "12345678");
    assert_int_equal(stream_read(stream, text, 4, &count), ERR_OK);
    assert_true(stream_has_more(stream));
    assert_int_equal(stream_read(stream, text, 4, &count), ERR_OK);
    assert_memory_equal(text, "5678", 4);
    assert_false(stream_has_more(stream));
    tls_peer_close(&peer);
}

/* A close_notify without a FIN behind it, as "openssl s_server -www" ends an answer. */
static void
end_behind_the_last_bytes_is_announced_by_nobody_else(void **state)
{
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char text[8];
    size_t count;

    (void)state;
    tls_peer_say(&peer, "bye");
    SSL_shutdown(peer.server);
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_OK);
    assert_int_equal(count, 3);
    assert_true(stream_has_more(stream));
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_CLOSED);
    tls_peer_close(&peer);
}

static void
error_behind_the_last_bytes_is_announced_by_nobody_else(void **state)
{
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char text[8];
    size_t count;
    enum err err;

    (void)state;
    assert_false(stream_has_more(stream));
    tls_peer_say(&peer, "last");
    assert_int_equal(write(peer.theirs, "no record at all", 16), 16);
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_OK);
    assert_int_equal(count, 4);
    assert_true(stream_has_more(stream));
    err = stream_read(stream, text, sizeof(text), &count);
    assert_true(err != ERR_OK && err != ERR_AGAIN && err != ERR_CLOSED);
    tls_peer_close(&peer);
}

static void
full_socket_loses_and_doubles_nothing(void **state)
{
    enum { SIZE = 4 * 1024 * 1024 };
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char *sent = xcalloc(1, SIZE);
    char *received = xcalloc(1, SIZE);
    size_t sent_size = 0;
    size_t received_size = 0;

    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        sent[i] = (char)(i * 31 + i / 251);
    while (received_size < SIZE) {
        /* From a place of its own each time, as a buffer that was moved. */
        size_t left = SIZE - sent_size;
        char *moved = xcalloc(1, left + 1);
        struct iovec parts[] = {{moved, left / 3}, {moved + left / 3, left - left / 3}};
        size_t count = 0;
        enum err err;

        memcpy(moved, sent + sent_size, left);
        err = stream_write(stream, parts, 2, &count);
        assert_true(err == ERR_OK || err == ERR_AGAIN);
        sent_size += count;
        assert_true(sent_size == SIZE || stream_is_stuck(stream));
        free(moved);
        received_size = tls_peer_take(&peer, received, received_size, SIZE);
    }
    assert_memory_equal(sent, received, SIZE);
    assert_int_equal(sent_size, SIZE);
    free(sent);
    free(received);
    tls_peer_close(&peer);
}

static void
last_word_is_close_notify(void **state)
{
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char byte;

    (void)state;
    stream_close(stream);
    assert_int_equal(SSL_read(peer.server, &byte, 1), 0);
    assert_int_equal(SSL_get_error(peer.server, 0), SSL_ERROR_ZERO_RETURN);
    tls_peer_close(&peer);
}

static void
finished_stream_can_still_be_read(void **state)
{
    struct tls_peer peer;
    struct stream *stream = tls_peer_greeted(&peer);
    char text[8];
    size_t count;

    (void)state;
    assert_int_equal(stream_finish(stream), ERR_OK);
    assert_int_equal(SSL_read(peer.server, text, 1), 0);
    tls_peer_say(&peer, "after");
    assert_int_equal(stream_read(stream, text, sizeof(text), &count), ERR_OK);
    assert_int_equal(count, 5);
    tls_peer_close(&peer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(address_in_the_certificate_will_do),
        cmocka_unit_test(name_is_told_to_the_server),
        cmocka_unit_test(bad_certificates_are_called_by_name),
        cmocka_unit_test(who_speaks_no_tls_is_told_apart),
        cmocka_unit_test(end_within_the_handshake_is_a_cut),
        cmocka_unit_test(late_ticket_is_no_byte_for_us),
        cmocka_unit_test(key_update_is_no_byte_for_us),
        cmocka_unit_test(unasked_bytes_are_noise_and_stay_unread),
        cmocka_unit_test(part_of_a_record_is_in_doubt),
        cmocka_unit_test(doubt_ends_with_the_rest_of_a_ticket),
        cmocka_unit_test(close_notify_is_an_end),
        cmocka_unit_test(end_without_close_notify_is_a_cut),
        cmocka_unit_test(rest_of_a_record_is_announced_by_nobody_else),
        cmocka_unit_test(end_behind_the_last_bytes_is_announced_by_nobody_else),
        cmocka_unit_test(error_behind_the_last_bytes_is_announced_by_nobody_else),
        cmocka_unit_test(full_socket_loses_and_doubles_nothing),
        cmocka_unit_test(last_word_is_close_notify),
        cmocka_unit_test(finished_stream_can_still_be_read),
    };

    /* As the program does: OpenSSL writes without MSG_NOSIGNAL. */
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
