/*
 * OpenSSL on a stream. Its queue of errors belongs to the thread, so it is emptied before each
 * call whose result is asked about: otherwise another stream's error would be read there.
 */
#include "base/stream_tls.h"

#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* RFC 8446 §5.1: a record holds no more. */
#define RECORD_SIZE 16384
/* So many tickets and new keys are taken at a time: who sends them without end must wait. */
#define MOST_SKIPPED 16

/* What people can do something about has a name of its own. */
static enum err
err_of_certificate(long verdict)
{
    switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return ERR_TLS_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return ERR_TLS_NOT_YET_VALID;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return ERR_TLS_SELF_SIGNED;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return ERR_TLS_UNKNOWN_CA;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return ERR_TLS_WRONG_HOST;
    case X509_V_ERR_INVALID_PURPOSE:
        return ERR_TLS_PURPOSE;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
        return ERR_TLS_CHAIN;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return ERR_TLS_WEAK;
    default:
        return ERR_TLS_CERTIFICATE;
    }
}

/* What a fatal error of the library stands for. */
static enum err
err_of_library(const SSL *tls)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);

    if (ERR_GET_LIB(code) != ERR_LIB_SSL)
        return ERR_TLS_PROTOCOL;
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return err_of_certificate(SSL_get_verify_result(tls));
    if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return ERR_TLS_CUT;
    if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION)
        return ERR_TLS_VERSION;
    return reason >= SSL_AD_REASON_OFFSET ? ERR_TLS_ALERT : ERR_TLS_PROTOCOL;
}

/*
 * A fatal error was met. The library is back in the handshake then, as it is in the midst of a
 * message, and may ask for room for its alert, or for more to read, for ever: nothing else that
 * it says of itself tells these apart.
 */
static bool
is_broken(const SSL *tls)
{
    return SSL_in_init(tls) && strcmp(SSL_state_string(tls), "SSLERR") == 0;
}

/* Of a call that did not succeed. */
static enum err
err_of(const SSL *tls, int result)
{
    /* Before anything else: the next call may change it. */
    int number = errno;

    switch (SSL_get_error(tls, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        /* Its alert waits for room, and the library for ever. */
        return is_broken(tls) ? ERR_TLS_PROTOCOL : ERR_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        /* Asked again behind a fatal alert, the library calls it an end like any other. */
        return SSL_in_init(tls) ? ERR_TLS_ALERT : ERR_CLOSED;
    case SSL_ERROR_SYSCALL:
        return number == 0 ? ERR_TLS_CUT : err_from_errno(number);
    default:
        return err_of_library(tls);
    }
}

static void
prepare(void)
{
    ERR_clear_error();
    errno = 0;
}

static bool
set_host(SSL *tls, const char *host)
{
    X509_VERIFY_PARAM *wanted = SSL_get0_param(tls);

    /*
     * Not "*.example.com" within a label, "f*.example.com", which nobody issues any more; nor a
     * subject's common name, which must not be asked (RFC 9110 §4.3.4).
     */
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                                X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host) == 1)
        return true;
    return X509_VERIFY_PARAM_set1_host(wanted, host, 0) == 1 &&
           SSL_set_tlsext_host_name(tls, host) == 1;
}

enum err
stream_tls_begin(struct stream *stream, SSL_CTX *context, const char *host)
{
    SSL *tls = SSL_new(context);

    prepare();
    if (tls == NULL)
        return ERR_NO_MEMORY;
    if (SSL_set_fd(tls, stream->fd) != 1 || !set_host(tls, host)) {
        SSL_free(tls);
        return ERR_NO_MEMORY;
    }
    /* What the socket took counts, and the rest may have moved when it is tried again. */
    SSL_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                          SSL_MODE_RELEASE_BUFFERS);
    /* A call returns after each record that is none of ours to read, so it ends. */
    SSL_clear_mode(tls, SSL_MODE_AUTO_RETRY);
    SSL_set_connect_state(tls);
    stream->tls = tls;
    return ERR_OK;
}

enum err
stream_tls_shake(struct stream *stream)
{
    enum err err;
    int result;

    prepare();
    result = SSL_do_handshake(stream->tls);
    if (result == 1)
        return ERR_OK;
    err = err_of(stream->tls, result);
    /* It was reached: that it would not shake hands is what people should hear of. */
    return err == ERR_RESET || err == ERR_CLOSED ? ERR_TLS_CUT : err;
}

bool
stream_tls_wants_write(const struct stream *stream)
{
    return SSL_want_write(stream->tls);
}

uint64_t
stream_tls_sent(const struct stream *stream)
{
    return BIO_number_written(SSL_get_wbio(stream->tls));
}

uint64_t
stream_tls_received(const struct stream *stream)
{
    return BIO_number_read(SSL_get_rbio(stream->tls));
}

/* Was it a ticket or a key that the call took, which found nothing to read? More may follow. */
static bool
has_skipped(const struct stream *stream, uint64_t received_before)
{
    return stream_tls_received(stream) != received_before && !SSL_has_pending(stream->tls);
}

enum err
stream_tls_read(struct stream *stream, void *to, size_t size, size_t *got)
{
    char *place = to;
    size_t total = 0;
    unsigned skipped = 0;

    /* One record a call: as many as there is room for. */
    while (total < size) {
        uint64_t before = stream_tls_received(stream);
        size_t count = 0;
        int result;

        prepare();
        result = SSL_read_ex(stream->tls, place + total, size - total, &count);
        if (result != 1) {
            enum err err = err_of(stream->tls, result);

            if (err == ERR_AGAIN && has_skipped(stream, before) && ++skipped < MOST_SKIPPED)
                continue;
            /* What came before an end is read first; the end is still there afterwards. */
            if (total == 0)
                return err;
            break;
        }
        total += count;
    }
    *got = total;
    return ERR_OK;
}

bool
stream_tls_must_read(const struct stream *stream)
{
    return SSL_in_init(stream->tls) && SSL_want_read(stream->tls) && !is_broken(stream->tls);
}

bool
stream_tls_has_more(const struct stream *stream)
{
    /* A close_notify was read with the last bytes. Not everybody sends a FIN behind it. */
    return SSL_pending(stream->tls) > 0 ||
           (SSL_get_shutdown(stream->tls) & SSL_RECEIVED_SHUTDOWN) != 0 ||
           is_broken(stream->tls);
}

/* Puts the parts from an offset on together, as many as a record holds. */
static size_t
fill_record(char *record, const struct iovec *parts, int count, size_t skip)
{
    size_t size = 0;

    for (int i = 0; i < count && size < RECORD_SIZE; i++) {
        size_t left = parts[i].iov_len;
        size_t room = RECORD_SIZE - size;

        if (skip >= left) {
            skip -= left;
            continue;
        }
        left -= skip;
        if (left > room)
            left = room;
        memcpy(record + size, (const char *)parts[i].iov_base + skip, left);
        size += left;
        skip = 0;
    }
    return size;
}

enum err
stream_tls_write(struct stream *stream, const struct iovec *parts, int count, size_t *sent)
{
    char record[RECORD_SIZE];
    size_t total = 0;
    size_t size;

    while ((size = fill_record(record, parts, count, total)) > 0) {
        size_t taken = 0;
        int result;

        prepare();
        result = SSL_write_ex(stream->tls, record, size, &taken);
        if (result != 1) {
            enum err err = err_of(stream->tls, result);

            if (total == 0)
                return err;
            break;
        }
        total += taken;
    }
    *sent = total;
    return ERR_OK;
}

enum pulse
stream_tls_pulse(const struct stream *stream)
{
    for (unsigned skipped = 0; skipped < MOST_SKIPPED; skipped++) {
        uint64_t before = stream_tls_received(stream);
        char byte;
        size_t got = 0;
        int result;

        prepare();
        result = SSL_peek_ex(stream->tls, &byte, 1, &got);
        if (result == 1)
            return PULSE_NOISY;
        if (err_of(stream->tls, result) != ERR_AGAIN)
            return PULSE_GONE;
        if (!has_skipped(stream, before))
            return SSL_has_pending(stream->tls) || stream_tls_must_read(stream) ? PULSE_UNSURE
                                                                                : PULSE_QUIET;
    }
    return PULSE_UNSURE;
}

enum err
stream_tls_finish(struct stream *stream)
{
    enum err err = ERR_OK;
    int result;

    /* In the midst of a message, a ticket say, the library refuses to say it. */
    if (SSL_in_init(stream->tls))
        err = stream_tls_shake(stream);
    if (err != ERR_OK)
        return err;
    prepare();
    result = SSL_shutdown(stream->tls);
    return result >= 0 ? ERR_OK : err_of(stream->tls, result);
}

void
stream_tls_free(struct stream *stream)
{
    /* Said once, unheard if need be: behind it nobody takes the end for a cut. */
    prepare();
    if (!SSL_in_init(stream->tls))
        (void)SSL_shutdown(stream->tls);
    ERR_clear_error();
    SSL_free(stream->tls);
    stream->tls = NULL;
}
