/*
 * One exchange as one line. The worker's thread.
 */
#include "proxy/access_line.h"

#include <time.h>

#include "base/clock.h"

#define ACCESS_LINE_SIZE ((size_t)4 * 1024)
#define ACCESS_USER_SIZE ((size_t)256)
/* Of a target; longer ones are cut, and say so. */
#define ACCESS_TARGET_SIZE ((size_t)2 * 1024)

/* Peers' bytes as one word: what could end a word, a line or a quote is written as \xNN. */
static void
add_word(struct buf *line, struct slice text, size_t most)
{
    size_t size = text.size < most ? text.size : most;

    if (size == 0)
        (void)buf_append(line, "-", 1);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\')
            (void)buf_printf(line, "\\x%02x", c);
        else
            (void)buf_append(line, text.data + i, 1);
    }
    if (size < text.size)
        (void)buf_append(line, "...", 3);
}

static void
add_time(struct buf *line)
{
    struct timespec now;
    struct tm utc;
    char stamp[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    (void)buf_printf(line, "time=%s.%03ldZ", stamp, now.tv_nsec / 1000000);
}

static void
add_target(struct buf *line, const struct exchange *exchange)
{
    const struct target *target = &exchange->target;
    bool has_host = target->form == TARGET_ABSOLUTE || target->form == TARGET_AUTHORITY;
    const char *brackets = target->is_bracketed ? "[]" : "";

    /* What is no target is not shown: there is no telling a password in it. */
    if (target->host.size == 0 && target->path.size == 0) {
        (void)buf_printf(line, " target=-");
        return;
    }
    (void)buf_printf(line, " target=");
    if (target->form == TARGET_ABSOLUTE)
        (void)buf_printf(line, "%.*s://", SLICE_ARGS(target_scheme(target)));
    if (has_host && target->host.size > 0) {
        (void)buf_printf(line, "%.1s", brackets);
        add_word(line, target->host, ACCESS_TARGET_SIZE);
        (void)buf_printf(line, "%.1s", *brackets != '\0' ? brackets + 1 : "");
    }
    if (target->form == TARGET_AUTHORITY || target->has_port)
        (void)buf_printf(line, ":%u", (unsigned)target->port);
    if (target->form != TARGET_AUTHORITY)
        add_word(line, target->path, ACCESS_TARGET_SIZE);
}

static void
add_tls(struct buf *line, const struct lease_facts *facts)
{
    if (facts->tls == NULL)
        (void)buf_printf(line, " tls=-");
    else
        (void)buf_printf(line, " tls=%s cipher=%s tls_ms=%u resumed=%d", facts->tls,
                         facts->cipher, facts->tls_ms, facts->is_resumed);
}

static void
add_connection(struct buf *line, const struct exchange *exchange)
{
    const struct lease_facts *facts = &exchange->facts;
    char local[ADDRESS_TEXT_SIZE];
    char remote[ADDRESS_TEXT_SIZE];

    if (!exchange->has_facts) {
        if (exchange->lease_err != ERR_OK)
            (void)buf_printf(line, " err=%s held_down=%d", err_word(exchange->lease_err),
                             exchange->is_held_down);
        return;
    }
    (void)buf_printf(line, " reused=%d uses=%u conn=%s-%s id=%llu", facts->is_reused,
                     facts->uses, address_format(&facts->local, local),
                     address_format(&facts->remote, remote), (unsigned long long)facts->id);
    (void)buf_printf(line, " idle_ms=%u dns_ms=%u connect_ms=%u queued=%d retried=%d pinned=%d",
                     facts->idle_ms, facts->dns_ms, facts->connect_ms, facts->is_queued,
                     exchange->is_retry, exchange->is_pinned);
    add_tls(line, facts);
}

void
access_line_write(const struct exchange *exchange)
{
    char client[ADDRESS_TEXT_SIZE];
    struct buf line;

    if (!access_log_wants(exchange->worker->access_log))
        return;
    buf_init(&line, ACCESS_LINE_SIZE * 4);
    add_time(&line);
    (void)buf_printf(&line,
                     " client=%s user=", address_format(&exchange->client->peer, client));
    add_word(&line, exchange->user, ACCESS_USER_SIZE);
    (void)buf_printf(&line, " method=");
    add_word(&line, exchange->head.method_text, 32);
    add_target(&line, exchange);
    (void)buf_printf(&line, " status=%u reason=%s ms=%llu", exchange->status,
                     reason_word(exchange->reason),
                     (unsigned long long)((clock_now_us() - exchange->started_us) / 1000));
    (void)buf_printf(&line, " up_bytes=%llu down_bytes=%llu",
                     (unsigned long long)exchange->sent_bytes,
                     (unsigned long long)exchange->answer_bytes);
    add_connection(&line, exchange);
    (void)buf_append(&line, "\n", 1);
    access_log_write(exchange->worker->access_log, buf_bytes(&line));
    buf_reset(&line);
}
