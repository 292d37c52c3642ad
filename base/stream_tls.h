#ifndef CARPOOL_BASE_STREAM_TLS_H
#define CARPOOL_BASE_STREAM_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/err.h"
#include "base/stream.h"

/*
 * TLS on a stream, as its client. The SSL object is part of the stream and travels with it:
 * only its owner touches it, on whatever thread. Reading, writing, probing and closing are
 * those of base/stream.h.
 */

/*
 * Puts TLS on a connected stream: the next thing is stream_tls_shake(). host is whom the
 * certificate must name: a DNS name, which is also sent as SNI (RFC 6066 §3), or an address.
 * The context is shared, and counted by OpenSSL. ERR_NO_MEMORY.
 */
enum err stream_tls_begin(struct stream *stream, SSL_CTX *context, const char *host);

/*
 * Goes on with the handshake. ERR_AGAIN: call it again when the socket is ready for what
 * stream_tls_wants_write() says, else readable. Any other error is final and says what is
 * wrong: with the certificate, the versions, the far side.
 */
enum err stream_tls_shake(struct stream *stream);

/* Did the last call stop because the socket took no more (true), or gave no more? */
bool stream_tls_wants_write(const struct stream *stream);

/* Bytes on the wire so far, records and handshake included. */
uint64_t stream_tls_sent(const struct stream *stream);
uint64_t stream_tls_received(const struct stream *stream);

/* For base/stream.c: as the calls without tls in their name. */
enum err stream_tls_read(struct stream *stream, void *to, size_t size, size_t *got);
enum err stream_tls_write(struct stream *stream, const struct iovec *parts, int count,
                          size_t *sent);
bool stream_tls_has_more(const struct stream *stream);
bool stream_tls_must_read(const struct stream *stream);
enum pulse stream_tls_pulse(const struct stream *stream);
enum err stream_tls_finish(struct stream *stream);
void stream_tls_free(struct stream *stream);

#endif
