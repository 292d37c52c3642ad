/*
 * A TLS handshake on the loop. What it cost is noted in its upstream: that is what reuse saves.
 */
#include "pool/handshake.h"

#include <time.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/stream_tls.h"
#include "pool/hosts.h"

/* CPU that this thread has used so far, in microseconds. */
static uint64_t
thread_cpu_us(void)
{
    struct timespec used = {0};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used); /* it cannot fail on ourselves */
    return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

void
handshake_stop(struct handshake *handshake)
{
    if (handshake->upstream == NULL)
        return;
    SSL_set_msg_callback(handshake->upstream->stream.tls, NULL);
    watch_shut(&handshake->watch);
    event_del(&handshake->deadline);
    handshake->upstream = NULL;
}

/* A round trip: what we said, however many messages, and the first that came back. */
static void
/* NOLINTNEXTLINE(readability-function-size): OpenSSL's signature */
on_message(int is_sent, int version, int type, const void *bytes, size_t size, SSL *tls,
           void *arg)
{
    struct handshake *handshake = arg;

    (void)version;
    (void)type;
    (void)bytes;
    (void)size;
    (void)tls;
    if (is_sent == 0 && handshake->has_spoken)
        handshake->upstream->tls.round_trips++;
    handshake->has_spoken = is_sent != 0;
}

static void
note_facts(struct handshake *handshake)
{
    struct upstream *upstream = handshake->upstream;
    const struct stream *stream = &upstream->stream;

    upstream->tls.version = SSL_get_version(stream->tls);
    upstream->tls.cipher = SSL_get_cipher_name(stream->tls);
    upstream->tls.shake_us = clock_now_us() - handshake->started_us;
    upstream->tls.sent_bytes = stream_tls_sent(stream);
    upstream->tls.received_bytes = stream_tls_received(stream);
    upstream->tls.is_resumed = SSL_session_reused(stream->tls) == 1;
    tuple_set_tls(upstream->row, upstream->tls.version, upstream->tls.cipher);
}

/* For its host, for all hosts and for the worker. */
static void
count_done(struct handshake *handshake)
{
    const struct tls_facts *facts = &handshake->upstream->tls;
    struct pool *pool = handshake->lane->pool;
    stat_counter *stats = handshake->lane->stats;

    ledger_note_handshake(&handshake->upstream->host->ledger, facts);
    times_add(facts->is_resumed ? &pool->resumed_times : &pool->full_times, facts->shake_us);
    stat_add(&stats[facts->is_resumed ? POOL_STAT_RESUMED : POOL_STAT_FULL], 1);
    stat_add(&stats[POOL_STAT_SHAKE_TIME], facts->shake_us);
    stat_add(&stats[POOL_STAT_SHAKE_CPU], facts->cpu_us);
    stat_add(&stats[POOL_STAT_SHAKE_TRIPS], facts->round_trips);
    stat_add(&stats[POOL_STAT_SHAKE_SENT], facts->sent_bytes);
    stat_add(&stats[POOL_STAT_SHAKE_RECEIVED], facts->received_bytes);
}

/* Whatever made it fail, the next one does not build on the same ticket. */
static void
count_failed(struct handshake *handshake)
{
    struct host *host = handshake->upstream->host;

    tickets_drop(&host->tickets);
    ledger_add(&host->ledger, LEDGER_SHAKE_FAILED, 1);
    stat_add(&handshake->lane->stats[POOL_STAT_SHAKE_FAILED], 1);
}

static void
finish(struct handshake *handshake, enum err err)
{
    if (err == ERR_OK) {
        note_facts(handshake);
        count_done(handshake);
    } else {
        count_failed(handshake);
    }
    handshake_stop(handshake);
    handshake->on_end(handshake, err);
}

static enum err
shake(struct handshake *handshake)
{
    struct upstream *upstream = handshake->upstream;
    uint64_t before_us = thread_cpu_us();
    enum err err = stream_tls_shake(&upstream->stream);

    upstream->tls.cpu_us += thread_cpu_us() - before_us;
    if (err == ERR_AGAIN)
        watch_want(&handshake->watch,
                   stream_tls_wants_write(&upstream->stream) ? WATCH_WRITE : WATCH_READ);
    return err;
}

static void
on_ready(void *arg, unsigned what)
{
    struct handshake *handshake = arg;
    enum err err = shake(handshake);

    (void)what;
    if (err != ERR_AGAIN)
        finish(handshake, err);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    finish(arg, ERR_TLS_TIMEOUT);
}

/*
 * A session goes on by the word of the handshake that it began with, and with it what was
 * checked then: without this, tickets for tickets, an expired certificate would last for ever.
 */
static bool
has_expired(const SSL *tls, SSL_SESSION *session)
{
    const X509 *certificate = SSL_SESSION_get0_peer(session);

    return SSL_get_verify_mode(tls) != SSL_VERIFY_NONE && certificate != NULL &&
           X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0;
}

/* Goes on from where an earlier connection to this host ended, if it gave us the means. */
static void
resume(SSL *tls, struct host *host)
{
    SSL_SESSION *session = tickets_take(&host->tickets);

    if (session == NULL)
        return;
    if (!has_expired(tls, session))
        (void)SSL_set_session(tls, session); /* where it will not, the handshake is full */
    SSL_SESSION_free(session);
}

enum err
handshake_start(struct handshake *handshake, struct upstream *upstream, struct lane *lane,
                struct tls_profile *profile)
{
    struct timeval time = loop_delay_ms(limit_of(&lane->pool->limits.handshake_timeout_ms));
    SSL_CTX *context;
    enum err err = tls_profile_context(profile, &context);

    if (err == ERR_OK)
        err = stream_tls_begin(&upstream->stream, context, upstream->host->key.host);
    if (err != ERR_OK)
        return err;
    SSL_set_app_data(upstream->stream.tls, upstream->host);
    resume(upstream->stream.tls, upstream->host);
    handshake->upstream = upstream;
    handshake->lane = lane;
    handshake->started_us = clock_now_us();
    handshake->has_spoken = false;
    SSL_set_msg_callback(upstream->stream.tls, on_message);
    SSL_set_msg_callback_arg(upstream->stream.tls, handshake);
    watch_open(&handshake->watch, lane->base, upstream->stream.fd, on_ready, handshake);
    evtimer_assign(&handshake->deadline, lane->base, on_deadline, handshake);
    event_add(&handshake->deadline, &time);
    /* From the loop: a far side that is quick enough lets a single step be the whole of it. */
    watch_want(&handshake->watch, WATCH_WRITE);
    return ERR_OK;
}
