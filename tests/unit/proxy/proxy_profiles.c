/* What the lines of tls.origins promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "proxy/profiles.h"

/* A directory with a certificate and its key in one file, and a file that holds neither. */
struct place {
    char directory[32];
    char pem[64];
    char other_pem[64];
    char empty[64];
    char torn[64];   /* one certificate and the beginning of another */
    char locked[64]; /* a key that cannot be read without its pass phrase */
    char listed[64]; /* a certificate, and a list of what was revoked that is none */
};

static void
write_pem(const char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_true(PEM_write_X509(file, certificate));
    assert_true(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void
write_locked(const char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(),
                                     (const unsigned char *)"phrase", 6, NULL, NULL));
    fclose(file);
    EVP_PKEY_free(key);
}

static int
set_up(void **state)
{
    struct place *place = xcalloc(1, sizeof(*place));
    FILE *file;

    strcpy(place->directory, "/tmp/carpool-tls-XXXXXX");
    if (mkdtemp(place->directory) == NULL)
        return -1;
    snprintf(place->pem, sizeof(place->pem), "%s/me.pem", place->directory);
    snprintf(place->other_pem, sizeof(place->other_pem), "%s/you.pem", place->directory);
    snprintf(place->empty, sizeof(place->empty), "%s/empty.pem", place->directory);
    snprintf(place->torn, sizeof(place->torn), "%s/torn.pem", place->directory);
    snprintf(place->locked, sizeof(place->locked), "%s/locked.pem", place->directory);
    snprintf(place->listed, sizeof(place->listed), "%s/listed.pem", place->directory);
    write_pem(place->pem);
    write_pem(place->other_pem);
    write_pem(place->torn);
    write_pem(place->listed);
    write_locked(place->locked);
    file = fopen(place->torn, "a");
    fputs("-----BEGIN CERTIFICATE-----\nMIIB\n", file);
    fclose(file);
    file = fopen(place->listed, "a");
    fputs("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", file);
    fclose(file);
    file = fopen(place->empty, "w");
    fclose(file);
    *state = place;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *place = *state;

    unlink(place->pem);
    unlink(place->other_pem);
    unlink(place->empty);
    unlink(place->torn);
    unlink(place->locked);
    unlink(place->listed);
    rmdir(place->directory);
    free(place);
    return 0;
}

static struct profiles *
profiles_trusting(const char *ca_file, const char *origins)
{
    const struct profiles_setup setup = {.ca_file = ca_file, .origins = origins};
    struct profiles *profiles = NULL;
    char why[900] = "";

    if (profiles_new(&setup, &profiles, why, sizeof(why)) != ERR_OK)
        fail_msg("%s", why);
    return profiles;
}

static struct profiles *
profiles_of(const char *origins)
{
    return profiles_trusting("", origins);
}

static struct rules_question
question_about(const char *host)
{
    static const struct address client = {
        .v4 = {.sin_family = AF_INET, .sin_addr.s_addr = INADDR_ANY}};

    return (struct rules_question){
        .client = &client, .host = slice_of(host), .port = 443, .scheme = SLICE("https")};
}

static struct tls_profile *
profile_for(const struct profiles *profiles, const char *host)
{
    struct rules_question question = question_about(host);

    return profiles_find(profiles, &question);
}

/* Whom it trusts, as OpenSSL has it. */
static const X509_STORE *
store_for(const struct profiles *profiles, const char *host)
{
    SSL_CTX *context;

    assert_int_equal(tls_profile_context(profile_for(profiles, host), &context), ERR_OK);
    return SSL_CTX_get_cert_store(context);
}

static uint32_t
number_for(const struct profiles *profiles, const char *host)
{
    return tls_profile_number(profile_for(profiles, host));
}

static const char *
line_for(const struct profiles *profiles, const char *host)
{
    struct rules_question question = question_about(host);

    return profiles_line(profiles, &question);
}

static void
first_line_that_matches_decides(void **state)
{
    struct profiles *profiles =
        profiles_of("verify off host a.test\n verify off host .test # others\n");

    (void)state;
    assert_int_not_equal(number_for(profiles, "a.test"), number_for(profiles, "a.example"));
    assert_int_equal(number_for(profiles, "a.example"), number_for(profiles, "b.example"));
    assert_string_equal(line_for(profiles, "a.test"), "verify off host a.test");
    assert_string_equal(line_for(profiles, "b.test"), "verify off host .test");
    assert_null(line_for(profiles, "a.example"));
    assert_string_equal(profiles_unverified(profiles, 1), "verify off host .test");
    assert_null(profiles_unverified(profiles, 2));
    profiles_free(profiles);
}

static void
same_lines_keep_their_connections_and_others_do_not(void **state)
{
    struct profiles *before = profiles_of("verify off host a.test; verify off host b.test");
    struct profiles *after = profiles_of("verify off host c.test");

    (void)state;
    assert_int_not_equal(number_for(before, "x.test"), number_for(after, "x.test"));
    profiles_adopt(after, before);
    assert_int_equal(number_for(before, "x.test"), number_for(after, "x.test"));
    assert_int_equal(number_for(before, "a.test"), number_for(after, "c.test"));
    profiles_free(before);
    /* What was adopted outlives where it came from. */
    assert_int_not_equal(number_for(after, "c.test"), number_for(after, "x.test"));
    profiles_free(after);
}

static void
changed_file_is_another_profile(void **state)
{
    const struct place *place = *state;
    char text[128];
    struct profiles *before;
    struct profiles *after;

    snprintf(text, sizeof(text), "certificate %s host a.test", place->pem);
    before = profiles_of(text);
    after = profiles_of(text);
    profiles_adopt(after, before);
    assert_int_equal(number_for(before, "a.test"), number_for(after, "a.test"));
    profiles_free(after);
    unlink(place->pem);
    write_pem(place->pem);
    after = profiles_of(text);
    profiles_adopt(after, before);
    assert_int_not_equal(number_for(before, "a.test"), number_for(after, "a.test"));
    assert_int_equal(number_for(before, "b.test"), number_for(after, "b.test"));
    profiles_free(before);
    profiles_free(after);
}

static void
lines_of_equal_terms_are_one_profile(void **state)
{
    const struct place *place = *state;
    char text[512];
    struct profiles *before;
    struct profiles *after;

    snprintf(text, sizeof(text),
             "ca %s host a.test\n verify off host b.test\n ca %s host c.test\n"
             "verify off host d.test\n ca %s certificate %s host e.test",
             place->other_pem, place->other_pem, place->other_pem, place->pem);
    before = profiles_of(text);
    assert_int_equal(number_for(before, "a.test"), number_for(before, "c.test"));
    assert_int_equal(number_for(before, "b.test"), number_for(before, "d.test"));
    assert_int_not_equal(number_for(before, "a.test"), number_for(before, "b.test"));
    assert_int_not_equal(number_for(before, "a.test"), number_for(before, "e.test"));
    assert_ptr_equal(store_for(before, "a.test"), store_for(before, "e.test"));
    /* So a reload that changes none leaves the connections of all in use. */
    after = profiles_of(text);
    profiles_adopt(after, before);
    for (const char *host = "a.test\0b.test\0c.test\0d.test\0e.test\0"; *host != '\0';
         host += strlen(host) + 1)
        assert_int_equal(number_for(before, host), number_for(after, host));
    profiles_free(before);
    profiles_free(after);
}

/* Of the same file; a reload that changes something else does not read it again. */
static void
authorities_are_read_once_for_all(void **state)
{
    const struct place *place = *state;
    char text[256];
    struct profiles *before;
    struct profiles *after;

    snprintf(text, sizeof(text), "certificate %s host a.test\n ca %s host b.test", place->pem,
             place->other_pem);
    before = profiles_trusting(place->pem, text);
    assert_ptr_equal(store_for(before, "a.test"), store_for(before, "x.test"));
    assert_ptr_not_equal(store_for(before, "a.test"), store_for(before, "b.test"));
    snprintf(text, sizeof(text), "certificate %s host a.test", place->other_pem);
    after = profiles_trusting(place->pem, text);
    profiles_adopt(after, before);
    assert_int_not_equal(number_for(after, "a.test"), number_for(before, "a.test"));
    assert_ptr_equal(store_for(after, "a.test"), store_for(before, "x.test"));
    profiles_free(before);
    assert_ptr_equal(store_for(after, "a.test"), store_for(after, "x.test"));
    profiles_free(after);
}

static const char *
file_of(const struct place *place, char letter)
{
    switch (letter) {
    case 'p':
        return place->pem;
    case 'o':
        return place->other_pem;
    case 'l':
        return place->locked;
    case 'r':
        return place->listed;
    case 't':
        return place->torn;
    default:
        return place->empty;
    }
}

/*
 * %e, %p, %o, %t, %r and %l in a line: a file with nothing in it, one that is good, another
 * such, one that was cut off, one with a bad list of what was revoked, a key that has a pass
 * phrase. Whoever asks for that waits for a person.
 */
static void
bad_lines_are_named(void **state)
{
    static const struct {
        const char *line;
        const char *says;
    } rows[] = {
        {"verify on host a.test", "line 1: verify \"on\" is not accepted; expected off"},
        {"verify off", "line 1: verify off without a host; expected the hosts that it is for"},
        {"verify off host !a.test", "line 1: verify off without a host"},
        {"verify off verify off host a.test", "line 1: verify is there twice"},
        {"ca", "line 1: ca is there twice or without a value"},
        {"ca /nowhere/at.all host a.test", "line 1: /nowhere/at.all: there is no such thing"},
        {"ca %e host a.test", "/empty.pem: there is no certificate in it; expected PEM"},
        {"ca %t host a.test", "/torn.pem: bad end line"},
        {"ca %r host a.test", "/listed.pem: wrong tag"},
        {"certificate %e host a.test", "/empty.pem: there is no certificate in it"},
        {"certificate %p key %e host a.test",
         "/empty.pem: there is no key in it; expected PEM"},
        {"certificate %p key /nowhere/at.all host a",
         "/nowhere/at.all: there is no such thing"},
        {"certificate %p key %l host a.test", "/locked.pem: its key has a pass phrase"},
        {"certificate %p key %o host a.test",
         "/you.pem: its key is not that of the certificate"},
        {"key %p host a.test", "line 1: a key without its certificate"},
        {"certificate %p host a.test; verify off hots a", "line 2: \"hots\" is not accepted"},
        {"certificate %p address 10.0.0.1", "line 1: address is not accepted; expected host"},
        {"certificate %p user alice", "line 1: it names users, and there are none"},
    };
    const struct place *place = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct profiles_setup setup = {.ca_file = "", .origins = NULL};
        struct profiles_setup filled = setup;
        struct profiles *profiles = NULL;
        char *text = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&text, &size);
        char why[900] = "";

        for (const char *at = rows[i].line; *at != '\0'; at++)
            if (*at != '%')
                fputc(*at, to);
            else
                fputs(file_of(place, *++at), to);
        fclose(to);
        filled.origins = text;
        assert_int_equal(profiles_new(&filled, &profiles, why, sizeof(why)), ERR_SYNTAX);
        if (strncmp(why, "tls.origins: ", 13) != 0 || strstr(why, rows[i].says) == NULL)
            fail_msg("\"%s\" is refused in these words: %s", rows[i].line, why);
        free(text);
    }
}

static void
trusted_file_must_be_one(void **state)
{
    const struct profiles_setup setup = {.ca_file = "/nowhere/at.all", .origins = ""};
    struct profiles *profiles = NULL;
    char why[900] = "";

    (void)state;
    assert_int_equal(profiles_new(&setup, &profiles, why, sizeof(why)), ERR_SYNTAX);
    assert_ptr_equal(strstr(why, "tls.ca_file: /nowhere/at.all: "), why);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_line_that_matches_decides),
        cmocka_unit_test(same_lines_keep_their_connections_and_others_do_not),
        cmocka_unit_test_setup_teardown(changed_file_is_another_profile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lines_of_equal_terms_are_one_profile, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(authorities_are_read_once_for_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_lines_are_named, set_up, tear_down),
        cmocka_unit_test(trusted_file_must_be_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
