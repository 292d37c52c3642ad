/*
 * carpool's own answers: error pages and what they say. The worker's thread.
 */
#include "proxy/answer.h"

#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "proxy/hop.h"
#include "proxy/http/date.h"
#include "proxy/http/proxy_status.h"

#define ANSWER_HEAD_SIZE 2048
/* Room for Retry-After, or for Proxy-Authenticate with its realm. */
#define ANSWER_FIELDS_SIZE (PROXY_STATUS_SIZE + 256)
#define ANSWER_BODY_SIZE 4096
/* For the client to try again in, in seconds, where nobody knows how long it will take. */
#define ANSWER_RETRY_AFTER 1u

static const char *
status_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {407, "Proxy Authentication Required"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {508, "Loop Detected"},
    };

    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Error";
}

/* Does the client prefer HTML: a browser rather than a tool? */
static bool
wants_html(const struct exchange *exchange)
{
    const struct field *accept = NULL;

    /* Before the head was read and kept, nothing is known of the client. */
    if (exchange->head_memory != NULL)
        accept = head_field(&exchange->head, SLICE("Accept"));
    return accept != NULL &&
           memmem(accept->value.data, accept->value.size, "text/html", 9) != NULL;
}

/* Text made harmless for HTML, cut where it does not fit. Returns to. */
static const char *
escape(const char *text, char *to, size_t size)
{
    size_t used = 0;

    for (; *text != '\0' && used + 7 < size; text++) {
        if (*text == '<' || *text == '>' || *text == '&' || *text == '"' || *text == '\'')
            used += (size_t)snprintf(to + used, size - used, "&#%d;", *text);
        else
            to[used++] = *text;
    }
    to[used] = '\0';
    return to;
}

void
answer_send_page(struct exchange *exchange, unsigned status, const char *type,
                 const char *fields, struct slice body)
{
    bool is_head = exchange->head_memory != NULL && exchange->head.method == METHOD_HEAD;
    bool is_old = exchange->head_memory != NULL && exchange->head.minor == 0;
    char head[ANSWER_HEAD_SIZE];
    char date[DATE_SIZE];
    struct iovec parts[2];
    int size;

    date_write(time(NULL), date);
    size = snprintf(head, sizeof(head),
                    "HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Type: %s%s\r\n"
                    "Content-Length: %zu\r\nCache-Control: no-store\r\n%s%s\r\n",
                    status, status_phrase(status), date, type,
                    strncmp(type, "text/", 5) == 0 ? "; charset=utf-8" : "", body.size, fields,
                    !exchange->keeps_client ? "Connection: close\r\n"
                    : is_old                ? "Connection: keep-alive\r\n"
                                            : "");
    parts[0] = (struct iovec){head, (size_t)size};
    parts[1] = (struct iovec){(char *)body.data, body.size};
    exchange->status = status;
    exchange->has_answer = true;
    exchange->answer_bytes += (size_t)size + (is_head ? 0 : body.size);
    client_write(exchange->client, parts, is_head || body.size == 0 ? 1 : 2);
}

/*
 * Proxy-Status; when it is worth trying again (RFC 9110 §10.2.3) where there are too many; and
 * how to log in where that is missing.
 */
static void
write_fields(const struct exchange *exchange, enum reason reason, const char *detail,
             char to[ANSWER_FIELDS_SIZE])
{
    unsigned status = reason_status(reason);
    unsigned wait = exchange->retry_after > 0 ? exchange->retry_after : ANSWER_RETRY_AFTER;
    size_t used;

    proxy_status_write(hop_public_name(exchange->config),
                       reason_error_of(reason, exchange->lease_err),
                       detail != NULL ? detail : reason_text(reason), to);
    used = strlen(to);
    if (status == 429 || status == 503)
        snprintf(to + used, ANSWER_FIELDS_SIZE - used, "Retry-After: %u\r\n", wait);
    /* RFC 9110 §11.7.1, RFC 7617 §2.1 */
    if (status == 407)
        snprintf(to + used, ANSWER_FIELDS_SIZE - used,
                 "Proxy-Authenticate: Basic realm=\"%s\", charset=\"UTF-8\"\r\n",
                 exchange->config->auth_realm);
}

/*
 * Is the next byte that of a request? Not behind a body that was not read, nor behind CONNECT,
 * where it belongs into the tunnel. But who is asked to log in says CONNECT again on the same
 * connection, once it has the answer (RFC 9110 §15.5.8).
 */
static bool
may_request_follow(const struct exchange *exchange, unsigned status)
{
    if (exchange->head_memory == NULL || !exchange->request_body.is_done)
        return false;
    if (exchange->head.method != METHOD_CONNECT)
        return true;
    return status == 407 && client_input(exchange->client, 1).size == 0;
}

static int
write_text(enum reason reason, const char *detail, char *to, size_t size)
{
    unsigned status = reason_status(reason);

    return snprintf(to, size, "%u %s\n%s.\n%s%s%s\ncarpool (%s)\n", status,
                    status_phrase(status), reason_text(reason), detail,
                    *detail != '\0' ? "\n" : "", reason_advice(reason), reason_word(reason));
}

void
answer_send_error(struct exchange *exchange, enum reason reason, const char *detail)
{
    unsigned status = reason_status(reason);
    char body[ANSWER_BODY_SIZE];
    char safe[2 * ANSWER_DETAIL_SIZE];
    char fields[ANSWER_FIELDS_SIZE];
    int size;

    if (!may_request_follow(exchange, status))
        exchange->keeps_client = false;
    write_fields(exchange, reason, detail, fields);
    if (detail == NULL)
        detail = "";
    if (wants_html(exchange))
        size = snprintf(body, sizeof(body),
                        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                        "<title>%u %s</title></head>\n<body><h1>%u %s</h1>\n<p>%s.</p>\n"
                        "<p>%s</p>\n<p>%s</p>\n<hr><p>carpool (%s)</p></body></html>\n",
                        status, status_phrase(status), status, status_phrase(status),
                        reason_text(reason), escape(detail, safe, sizeof(safe)),
                        reason_advice(reason), reason_word(reason));
    else
        size = write_text(reason, detail, body, sizeof(body));
    answer_send_page(exchange, status, wants_html(exchange) ? "text/html" : "text/plain",
                     fields, (struct slice){body, (size_t)size});
}

void
answer_turn_away(int fd, const struct config *config, enum reason reason)
{
    char text[ANSWER_BODY_SIZE];
    char proxy_status[PROXY_STATUS_SIZE];
    char answer[ANSWER_HEAD_SIZE + ANSWER_BODY_SIZE];
    unsigned status = reason_status(reason);
    int text_size = write_text(reason, "", text, sizeof(text));
    int size;

    proxy_status_write(hop_public_name(config), reason_error_of(reason, ERR_OK),
                       reason_text(reason), proxy_status);
    size = snprintf(answer, sizeof(answer),
                    "HTTP/1.1 %u %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                    "Content-Length: %d\r\nCache-Control: no-store\r\n%s"
                    "Retry-After: %u\r\nConnection: close\r\n\r\n%s",
                    status, status_phrase(status), text_size, proxy_status, ANSWER_RETRY_AFTER,
                    text);
    /* Nobody waits for the rest of it, nor for those who have gone. */
    (void)send(fd, answer, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(fd, SHUT_WR);
}
