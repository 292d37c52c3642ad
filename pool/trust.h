#ifndef CARPOOL_POOL_TRUST_H
#define CARPOOL_POOL_TRUST_H

#include <stdbool.h>

#include <openssl/x509_vfy.h>

/*
 * Whom TLS profiles trust: the authorities of one file, or those of the system. They are read
 * when somebody needs them first, and once for all profiles that share them. References are
 * counted; any thread.
 */
struct trust;

/*
 * ca_file: PEM, copied; empty: whom the system trusts. With one reference. What the files look
 * like is noted.
 */
struct trust *trust_new(const char *ca_file);

void trust_ref(struct trust *trust);

/* NULL is fine. */
void trust_unref(struct trust *trust);

/* In the same file, which stayed as it was between the making of the two? */
bool trust_is_same(const struct trust *a, const struct trust *b);

/* As it was given; borrowed. */
const char *trust_file(const struct trust *trust);

/*
 * Borrowed for the trust's life; the first call reads the file. NULL where that cannot be used,
 * and OpenSSL's queue says why; the next call tries again.
 */
X509_STORE *trust_store(struct trust *trust);

/*
 * Does the file hold authorities? Reads one at a time and keeps none: who only looks at the
 * settings does not pay for all of them. False: OpenSSL's queue says why.
 */
bool trust_file_is_good(const char *ca_file);

#endif
