/*
 * Authorities that TLS connections are checked by: stores that are made when they are first
 * needed, and only looked at from then on.
 */
#include "pool/trust.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/file_stamp.h"
#include "base/mem.h"

struct trust {
    _Atomic unsigned references;
    char *ca_file;
    /* Of ca_file, or of the two places where the system keeps its authorities. */
    struct file_stamp file;
    struct file_stamp directory;
    pthread_mutex_t lock; /* while the store is made */
    X509_STORE *store;    /* NULL: not yet */
};

/* Where OpenSSL looks, which its own variables can change. */
static const char *
system_place(const char *variable, const char *preset)
{
    const char *named = secure_getenv(variable);

    return named != NULL ? named : preset;
}

static void
take_stamps(struct trust *trust)
{
    if (trust->ca_file[0] != '\0') {
        file_stamp_take(&trust->file, trust->ca_file);
        return;
    }
    file_stamp_take(&trust->file, system_place(X509_get_default_cert_file_env(),
                                               X509_get_default_cert_file()));
    file_stamp_take(&trust->directory,
                    system_place(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()));
}

struct trust *
trust_new(const char *ca_file)
{
    struct trust *trust = xcalloc(1, sizeof(*trust));

    atomic_init(&trust->references, 1);
    trust->ca_file = xstrdup(ca_file);
    take_stamps(trust);
    pthread_mutex_init(&trust->lock, NULL);
    return trust;
}

void
trust_ref(struct trust *trust)
{
    atomic_fetch_add_explicit(&trust->references, 1, memory_order_relaxed);
}

void
trust_unref(struct trust *trust)
{
    if (trust == NULL || atomic_fetch_sub(&trust->references, 1) > 1)
        return;
    X509_STORE_free(trust->store);
    pthread_mutex_destroy(&trust->lock);
    free(trust->ca_file);
    free(trust);
}

bool
trust_is_same(const struct trust *a, const struct trust *b)
{
    return strcmp(a->ca_file, b->ca_file) == 0 && file_stamp_equal(&a->file, &b->file) &&
           file_stamp_equal(&a->directory, &b->directory);
}

const char *
trust_file(const struct trust *trust)
{
    return trust->ca_file;
}

static X509_STORE *
store_new(const char *ca_file)
{
    X509_STORE *store = X509_STORE_new();

    if (store == NULL)
        abort(); /* only for want of memory */
    if (ca_file[0] == '\0') {
        (void)X509_STORE_set_default_paths(store); /* without them nobody is trusted */
        return store;
    }
    if (X509_STORE_load_file(store, ca_file) != 1) {
        X509_STORE_free(store);
        return NULL;
    }
    /* Who is named there is trusted, also where the one who vouches for it is not. */
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    return store;
}

X509_STORE *
trust_store(struct trust *trust)
{
    X509_STORE *store;

    pthread_mutex_lock(&trust->lock);
    if (trust->store == NULL)
        trust->store = store_new(trust->ca_file);
    store = trust->store;
    pthread_mutex_unlock(&trust->lock);
    return store;
}

/* Has it certificates, up to its end? */
static bool
has_authorities(const char *ca_file)
{
    BIO *from = BIO_new_file(ca_file, "r");
    char no_phrase[] = ""; /* nobody is there to be asked for one */
    bool is_any = false;
    X509 *authority;

    if (from == NULL)
        return false;
    while ((authority = PEM_read_bio_X509_AUX(from, NULL, NULL, no_phrase)) != NULL) {
        X509_free(authority);
        is_any = true;
    }
    BIO_free(from);
    /* Behind the last one no other begins. */
    return is_any && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

bool
trust_file_is_good(const char *ca_file)
{
    X509_STORE *store;

    if (!has_authorities(ca_file))
        return false;
    ERR_clear_error(); /* its end was no error */
    /* What else is in it has to be read, too: lists of what was revoked, or keys. */
    store = store_new(ca_file);
    X509_STORE_free(store);
    return store != NULL;
}
