#ifndef CARPOOL_POOL_TLS_H
#define CARPOOL_POOL_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/err.h"

/* How TLS is to be spoken: whom to trust, and who to be. Empty paths: see each. */
struct tls_terms {
    bool is_verified;             /* false: whoever answers is taken for the host */
    const char *ca_file;          /* whom to trust, PEM; empty: whom the system trusts */
    const char *certificate_file; /* to show to who asks, with its chain, PEM; empty: none */
    const char *key_file;         /* its key, PEM; empty: in certificate_file */
};

/*
 * Connections under one profile are interchangeable, under two they are not: its number is part
 * of their key. References are counted; any thread. Nothing is read before the first
 * connection: who never speaks TLS to an origin pays nothing for it.
 */
struct tls_profile;

/*
 * Under a number that was never used before, with one reference. The terms are copied, and what
 * their files look like is noted.
 */
struct tls_profile *tls_profile_new(const struct tls_terms *terms);

void tls_profile_ref(struct tls_profile *profile);

/* NULL is fine. */
void tls_profile_unref(struct tls_profile *profile);

/*
 * Of the same terms, and have their files stayed as they were between the making of the two?
 * With an empty ca_file that is asked of where the system keeps what it trusts. Any thread.
 */
bool tls_profile_is_same(const struct tls_profile *a, const struct tls_profile *b);

/*
 * If both trust the same, unchanged file, it is read once for the two of them. Before the
 * profile was used.
 */
void tls_profile_share_trust(struct tls_profile *profile, const struct tls_profile *other);

/* Never 0. */
uint32_t tls_profile_number(const struct tls_profile *profile);

/*
 * The context for its connections, borrowed for the profile's life; the first call reads the
 * files. ERR_TLS_SETUP with a line in the log where they cannot be used; the next call tries
 * again. Any thread.
 */
enum err tls_profile_context(struct tls_profile *profile, SSL_CTX **context);

/*
 * Do the files hold what they should? Reads them for nothing else, and keeps nothing. False
 * with half a sentence in text that names the file.
 */
bool tls_terms_are_good(const struct tls_terms *terms, char *text, size_t size);

#endif
