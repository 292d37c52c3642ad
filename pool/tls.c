/*
 * TLS profiles: OpenSSL contexts that are made when they are first needed, and stay as they are
 * from then on, so that all threads may use them.
 */
#include "pool/tls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/file_stamp.h"
#include "base/log.h"
#include "base/mem.h"
#include "pool/hosts.h"
#include "pool/trust.h"

struct tls_profile {
    _Atomic unsigned references;
    uint32_t number;
    bool is_verified;
    struct trust *trust;
    char *certificate_file;
    char *key_file;
    /* When it was made: files that changed since make another profile of the same terms. */
    struct file_stamp certificate_stamp;
    struct file_stamp key_stamp;
    pthread_mutex_t lock; /* while the context is made */
    SSL_CTX *context;     /* NULL: not yet */
};

static const char *
or_empty(const char *text)
{
    return text != NULL ? text : "";
}

struct tls_profile *
tls_profile_new(const struct tls_terms *terms)
{
    static _Atomic uint32_t last;
    struct tls_profile *profile = xcalloc(1, sizeof(*profile));

    atomic_init(&profile->references, 1);
    profile->number = atomic_fetch_add(&last, 1) + 1;
    profile->is_verified = terms->is_verified;
    profile->trust = trust_new(or_empty(terms->ca_file));
    profile->certificate_file = xstrdup(or_empty(terms->certificate_file));
    profile->key_file = xstrdup(or_empty(terms->key_file));
    /* One that is named nowhere has no stamp, like one that is not there. */
    file_stamp_take(&profile->certificate_stamp, profile->certificate_file);
    file_stamp_take(&profile->key_stamp, profile->key_file);
    pthread_mutex_init(&profile->lock, NULL);
    return profile;
}

void
tls_profile_ref(struct tls_profile *profile)
{
    atomic_fetch_add_explicit(&profile->references, 1, memory_order_relaxed);
}

void
tls_profile_unref(struct tls_profile *profile)
{
    if (profile == NULL || atomic_fetch_sub(&profile->references, 1) > 1)
        return;
    SSL_CTX_free(profile->context);
    pthread_mutex_destroy(&profile->lock);
    trust_unref(profile->trust);
    free(profile->certificate_file);
    free(profile->key_file);
    free(profile);
}

bool
tls_profile_is_same(const struct tls_profile *a, const struct tls_profile *b)
{
    return a->is_verified == b->is_verified && trust_is_same(a->trust, b->trust) &&
           strcmp(a->certificate_file, b->certificate_file) == 0 &&
           strcmp(a->key_file, b->key_file) == 0 &&
           file_stamp_equal(&a->certificate_stamp, &b->certificate_stamp) &&
           file_stamp_equal(&a->key_stamp, &b->key_stamp);
}

void
tls_profile_share_trust(struct tls_profile *profile, const struct tls_profile *other)
{
    if (!trust_is_same(profile->trust, other->trust))
        return;
    trust_ref(other->trust);
    trust_unref(profile->trust);
    profile->trust = other->trust;
}

uint32_t
tls_profile_number(const struct tls_profile *profile)
{
    return profile->number;
}

/*
 * A ticket may come whenever its connection is read or probed, on that owner's thread. It is
 * good however its connection ends (RFC 8446 §6.1), as it does when an origin restarts.
 */
static int
on_ticket(SSL *tls, SSL_SESSION *session)
{
    struct host *host = SSL_get_app_data(tls);

    /* Within a call that is judged by what it leaves in the queue of errors. */
    ERR_set_mark();
    if (host != NULL && SSL_SESSION_is_resumable(session))
        tickets_put(&host->tickets, session);
    ERR_pop_to_mark();
    return 0; /* the session itself stays the connection's */
}

/* Nobody sits beside a proxy to be asked: a key with a pass phrase cannot be used. */
static int
refuse_pass_phrase(char *to, int size, int is_writing, void *arg)
{
    (void)to;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

static void
set_manners(SSL_CTX *context)
{
    static const unsigned char http11[] = "\x08http/1.1";

    /* Both can fail for want of memory only. */
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_alpn_protos(context, http11, sizeof(http11) - 1) != 0)
        abort();
    /* A new handshake within TLS 1.2 could change who is at the other end. */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_ticket);
    SSL_CTX_set_default_passwd_cb(context, refuse_pass_phrase);
}

/* What people can mend, in their words; NULL for any other error. */
static const char *
words_of(unsigned long code)
{
    static const struct {
        int library;
        int reason;
        const char *words;
    } known[] = {
        {ERR_LIB_PEM, PEM_R_BAD_PASSWORD_READ,
         "its key has a pass phrase; expected one without"},
        {ERR_LIB_PEM, PEM_R_NO_START_LINE, "there is no certificate in it; expected PEM"},
        {ERR_LIB_X509, X509_R_NO_CERTIFICATE_OR_CRL_FOUND,
         "there is no certificate in it; expected PEM"},
        {ERR_LIB_OSSL_DECODER, ERR_R_UNSUPPORTED, "there is no key in it; expected PEM"},
        {ERR_LIB_X509, X509_R_KEY_TYPE_MISMATCH, "its key is not that of the certificate"},
        {ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH, "its key is not that of the certificate"},
    };

    if (ERR_SYSTEM_ERROR(code))
        return err_text(err_from_errno(ERR_GET_REASON(code)));
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (ERR_GET_LIB(code) == known[i].library && ERR_GET_REASON(code) == known[i].reason)
            return known[i].words;
    return NULL;
}

/* What is wrong with a file. The library's last word on it is seldom more than "PEM lib". */
static const char *
take_objection(void)
{
    const char *first = ERR_reason_error_string(ERR_peek_error());
    const char *words = NULL;
    unsigned long code;

    while (words == NULL && (code = ERR_get_error()) != 0)
        words = words_of(code);
    ERR_clear_error();
    if (words == NULL)
        words = first != NULL ? first : "it cannot be used";
    return words;
}

static SSL_CTX *
context_new(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL)
        abort(); /* only for want of memory */
    set_manners(context);
    return context;
}

/* Whom to trust. Returns the file that cannot be used, or NULL. */
static const char *
set_trust(SSL_CTX *context, const struct tls_profile *profile)
{
    X509_STORE *store;

    if (!profile->is_verified) {
        SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
        return NULL;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    store = trust_store(profile->trust);
    if (store == NULL)
        return trust_file(profile->trust);
    SSL_CTX_set1_cert_store(context, store);
    return NULL;
}

/* Who to be. Returns the file that cannot be used, or NULL. */
static const char *
set_certificate(SSL_CTX *context, const char *certificate, const char *key)
{
    if (certificate[0] == '\0')
        return NULL;
    if (key[0] == '\0')
        key = certificate;
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return certificate;
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return key;
    return NULL;
}

/* As set_certificate(), into a context of its own, which nobody needs but for that. */
static const char *
try_certificate(const struct tls_terms *terms)
{
    const char *bad;
    SSL_CTX *context;

    if (or_empty(terms->certificate_file)[0] == '\0')
        return NULL;
    context = context_new();
    bad = set_certificate(context, terms->certificate_file, or_empty(terms->key_file));
    SSL_CTX_free(context);
    return bad;
}

bool
tls_terms_are_good(const struct tls_terms *terms, char *text, size_t size)
{
    const char *ca_file = or_empty(terms->ca_file);
    const char *bad = NULL;

    ERR_clear_error();
    if (ca_file[0] != '\0' && !trust_file_is_good(ca_file))
        bad = ca_file;
    if (bad == NULL)
        bad = try_certificate(terms);
    if (bad != NULL)
        snprintf(text, size, "%s: %s", bad, take_objection());
    ERR_clear_error();
    return bad == NULL;
}

/* Under the lock. Makes the context, or writes half a sentence that names the file. */
static void
make_context(struct tls_profile *profile, char *text, size_t size)
{
    SSL_CTX *context = context_new();
    const char *bad;

    ERR_clear_error();
    bad = set_trust(context, profile);
    if (bad == NULL)
        bad = set_certificate(context, profile->certificate_file, profile->key_file);
    if (bad == NULL) {
        profile->context = context;
        return;
    }
    snprintf(text, size, "%s: %s", bad, take_objection());
    SSL_CTX_free(context);
}

enum err
tls_profile_context(struct tls_profile *profile, SSL_CTX **context)
{
    char text[512] = "";

    pthread_mutex_lock(&profile->lock);
    if (profile->context == NULL)
        make_context(profile, text, sizeof(text));
    *context = profile->context;
    pthread_mutex_unlock(&profile->lock);
    if (*context != NULL)
        return ERR_OK;
    log_event(LOG_LEVEL_ERROR, "TLS to origins cannot be set up", "why=%s", text);
    return ERR_TLS_SETUP;
}
