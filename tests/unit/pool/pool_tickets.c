/* What is kept of TLS sessions: how often each is used, and how large it may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pool/tickets.h"

#define KEY_SIZE 48

/* As a handshake leaves it; the key is made of one byte. The caller's. */
static SSL_SESSION *
session_of(int version, unsigned char key_byte)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *tls = SSL_new(context);
    SSL_SESSION *session = SSL_SESSION_new();
    unsigned char key[KEY_SIZE];

    memset(key, key_byte, sizeof(key));
    assert_int_equal(SSL_SESSION_set_protocol_version(session, version), 1);
    assert_int_equal(
        SSL_SESSION_set_cipher(session, sk_SSL_CIPHER_value(SSL_get_ciphers(tls), 0)), 1);
    assert_int_equal(SSL_SESSION_set1_master_key(session, key, sizeof(key)), 1);
    SSL_free(tls);
    SSL_CTX_free(context);
    return session;
}

static void
put(struct tickets *tickets, int version, unsigned char key_byte)
{
    SSL_SESSION *session = session_of(version, key_byte);

    tickets_put(tickets, session);
    SSL_SESSION_free(session);
}

static void
takes(struct tickets *tickets, unsigned char key_byte)
{
    SSL_SESSION *session = tickets_take(tickets);
    unsigned char key[KEY_SIZE] = {0};

    assert_non_null(session);
    assert_int_equal(SSL_SESSION_get_master_key(session, key, sizeof(key)), KEY_SIZE);
    assert_int_equal(key[0], key_byte);
    assert_int_equal(key[KEY_SIZE - 1], key_byte);
    SSL_SESSION_free(session);
}

static void
newest_goes_first_and_once_in_tls_13(void **state)
{
    struct tickets tickets;

    (void)state;
    tickets_init(&tickets);
    assert_null(tickets_take(&tickets));
    for (unsigned char i = 1; i <= TICKETS_KEPT + 1; i++)
        put(&tickets, TLS1_3_VERSION, i);
    for (unsigned char i = TICKETS_KEPT + 1; i > 1; i--)
        takes(&tickets, i);
    assert_null(tickets_take(&tickets));
    tickets_fini(&tickets);
}

static void
serves_again_and_again_in_tls_12(void **state)
{
    struct tickets tickets;

    (void)state;
    tickets_init(&tickets);
    put(&tickets, TLS1_2_VERSION, 7);
    for (unsigned i = 0; i < 3; i++)
        takes(&tickets, 7);
    tickets_drop(&tickets);
    assert_null(tickets_take(&tickets));
    tickets_fini(&tickets);
}

/* An origin chooses how large its certificate and its tickets are, not how much we keep. */
static void
what_is_too_large_is_not_kept(void **state)
{
    static const char much[TICKET_MOST];
    SSL_SESSION *session = session_of(TLS1_3_VERSION, 2);
    struct tickets tickets;

    (void)state;
    tickets_init(&tickets);
    put(&tickets, TLS1_3_VERSION, 1);
    assert_int_equal(SSL_SESSION_set1_ticket_appdata(session, much, sizeof(much)), 1);
    tickets_put(&tickets, session);
    takes(&tickets, 1);
    assert_null(tickets_take(&tickets));
    assert_int_equal(SSL_SESSION_set1_ticket_appdata(session, much, TICKET_MOST / 2), 1);
    tickets_put(&tickets, session);
    takes(&tickets, 2);
    SSL_SESSION_free(session);
    tickets_fini(&tickets);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_goes_first_and_once_in_tls_13),
        cmocka_unit_test(serves_again_and_again_in_tls_12),
        cmocka_unit_test(what_is_too_large_is_not_kept),
    };

    return cmocka_run_group_tests_name("pool_tickets", tests, NULL, NULL);
}
