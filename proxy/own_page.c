/*
 * The pages of the proxy port itself, for people who opened it in a browser and for health
 * checks. The worker's thread.
 */
#include "proxy/own_page.h"

#include <stdio.h>

#include "proxy/answer.h"
#include "proxy/hop.h"
#include "proxy/http/proxy_status.h"

static const char guide[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>carpool</title>"
    "<style>body{font:16px/1.5 sans-serif;max-width:42em;margin:3em auto;padding:0 1em}"
    "code{background:#eee;padding:.1em .3em}</style></head>\n<body><h1>This is a proxy</h1>\n"
    "<p>carpool is an HTTP forward proxy: programs are told to send their requests through it. "
    "There is nothing to see here.</p>\n<ul>\n"
    "<li>curl: <code>curl -x http://%s http://example.com/</code></li>\n"
    "<li>most programs: <code>export http_proxy=http://%s https_proxy=http://%s</code></li>\n"
    "<li>browsers: set <code>%s</code> as HTTP and HTTPS proxy in the network settings</li>\n"
    "</ul></body></html>\n";

static enum step
end(struct exchange *exchange, enum reason reason)
{
    return exchange_end(exchange, reason, exchange->keeps_client ? FATE_KEEP : FATE_CLOSE);
}

/* The same page everywhere; only the front door is not a mistake. */
static enum step
send_guide(struct exchange *exchange, bool is_found)
{
    char address[ADDRESS_TEXT_SIZE];
    char page[sizeof(guide) + 4 * ADDRESS_TEXT_SIZE];
    char fields[PROXY_STATUS_SIZE] = "";
    int size;

    if (!is_found)
        proxy_status_write(hop_public_name(exchange->config), reason_error(REASON_NO_PAGE),
                           reason_text(REASON_NO_PAGE), fields);
    address_format(&exchange->client->local, address);
    size = snprintf(page, sizeof(page), guide, address, address, address, address);
    answer_send_page(exchange, is_found ? 200 : reason_status(REASON_NO_PAGE), "text/html",
                     fields, (struct slice){page, (size_t)size});
    return end(exchange, is_found ? REASON_OWN_PAGE : REASON_NO_PAGE);
}

static enum step
send_options(struct exchange *exchange)
{
    answer_send_page(exchange, 200, "text/plain",
                     "Allow: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, TRACE, CONNECT\r\n",
                     SLICE(""));
    return end(exchange, REASON_OWN_PAGE);
}

/* Fields that a TRACE must not bring to light (RFC 9110 §9.3.8). */
static bool
is_secret(const struct field *field)
{
    return slice_equal_nocase(field->name, SLICE("Authorization")) ||
           slice_equal_nocase(field->name, SLICE("Proxy-Authorization")) ||
           slice_equal_nocase(field->name, SLICE("Cookie"));
}

/* The request as it came, without its secrets: those fields, and "user:password@". */
static enum err
write_trace(struct buf *out, const struct head *head, const struct target *target)
{
    const char *host = target->host.data - (target->is_bracketed ? 1 : 0);
    const char *stop = head->target.data + head->target.size;
    enum err err =
        buf_printf(out, "%.*s http://%.*s HTTP/1.%u\r\n", SLICE_ARGS(head->method_text),
                   (int)(stop - host), host, head->minor);

    for (size_t i = 0; i < head->field_count && err == ERR_OK; i++)
        if (!is_secret(&head->fields[i]))
            err = buf_printf(out, "%.*s: %.*s\r\n", SLICE_ARGS(head->fields[i].name),
                             SLICE_ARGS(head->fields[i].value));
    return err == ERR_OK ? buf_append(out, "\r\n", 2) : err;
}

enum step
own_page_send_last_hop(struct exchange *exchange)
{
    struct buf trace;
    enum step step;

    if (!exchange->request_body.is_done)
        exchange->keeps_client = false;
    if (exchange->head.method == METHOD_OPTIONS)
        return send_options(exchange);
    buf_init(&trace, emit_room(&exchange->head));
    if (write_trace(&trace, &exchange->head, &exchange->target) == ERR_OK) {
        answer_send_page(exchange, 200, "message/http", "", buf_bytes(&trace));
        step = end(exchange, REASON_OWN_PAGE);
    } else {
        step = exchange_fail(exchange, REASON_INTERNAL, NULL);
    }
    buf_reset(&trace);
    return step;
}

enum step
own_page_send(struct exchange *exchange)
{
    struct slice path = exchange->target.path;
    bool is_read_only =
        exchange->head.method == METHOD_GET || exchange->head.method == METHOD_HEAD;

    /* A body would have to be read before the next request; nobody needs one here. */
    if (!exchange->request_body.is_done)
        exchange->keeps_client = false;
    if (exchange->target.form == TARGET_ASTERISK)
        return send_options(exchange);
    if (is_read_only && slice_equal(path, SLICE("/healthz"))) {
        answer_send_page(exchange, 200, "text/plain", "", SLICE("ok"));
        return end(exchange, REASON_OWN_PAGE);
    }
    return send_guide(exchange, is_read_only && slice_equal(path, SLICE("/")));
}
