/*
 * The admin server: libevent's evhttp on the main thread's base. Every request is read-only,
 * small and answered from memory.
 */
#include "proxy/admin.h"

#include <stdlib.h>
#include <string.h>

#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "base/log.h"
#include "base/mem.h"
#include "pool/tuple.h"

/* No page takes a body, and no browser sends a head of this size. */
#define HEAD_AT_MOST 16384
#define BODY_AT_MOST 1024
#define IDLE_SECONDS 10

struct admin {
    struct evhttp *http;
    const struct overview *overview;
};

static const struct page {
    const char *path;
    const char *type;
    void (*write)(const struct overview *overview, struct evbuffer *to);
} pages[] = {
    {"/", "text/html; charset=utf-8", status_page_write},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_write},
    {"/connections", "application/json", connections_write},
};

static void
answer(struct evhttp_request *request, int status, const char *type, struct evbuffer *body)
{
    struct evkeyvalq *fields = evhttp_request_get_output_headers(request);
    char size[24];

    snprintf(size, sizeof(size), "%zu", evbuffer_get_length(body));
    evhttp_add_header(fields, "Content-Type", type);
    evhttp_add_header(fields, "Content-Length", size);
    evhttp_add_header(fields, "Cache-Control", "no-store");
    evhttp_add_header(fields, "X-Content-Type-Options", "nosniff");
    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD)
        evbuffer_drain(body, evbuffer_get_length(body));
    evhttp_send_reply(request, status, NULL, body);
}

static void
answer_text(struct evhttp_request *request, int status, const char *text)
{
    struct evbuffer *body = evbuffer_new();

    evbuffer_add(body, text, strlen(text));
    answer(request, status, "text/plain; charset=utf-8", body);
    evbuffer_free(body);
}

/*
 * A page in a browser can make names that it owns point here (DNS rebinding) and then read what
 * we answer; it cannot make an address, localhost or the operator's names its own.
 */
static bool
is_asked_by_own_name(const struct admin *admin, struct evhttp_request *request)
{
    const char *host = evhttp_request_get_host(request);
    struct slice rest = slice_of(admin->overview->config->admin_hosts);
    struct slice name;
    struct address address;

    if (host == NULL || strcasecmp(host, "localhost") == 0 ||
        address_parse_ip(slice_of(host), 0, &address) == ERR_OK)
        return true;
    while (slice_next_element(&rest, &name))
        if (slice_equal_nocase(name, slice_of(host)))
            return true;
    return false;
}

/* Is the client one of our own upstream connections? */
static bool
is_own_connection(const struct admin *admin, struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    struct address local;
    struct address peer;

    if (address_of_local(fd, &local) != ERR_OK || address_of_peer(fd, &peer) != ERR_OK)
        return false; /* gone already: nobody reads the answer */
    return pool_is_own(admin->overview->pool, &local, &peer);
}

static void
answer_health(const struct admin *admin, struct evhttp_request *request)
{
    if (admin->overview->is_draining)
        answer_text(request, HTTP_SERVUNAVAIL, "draining\n");
    else
        answer_text(request, HTTP_OK, "ok\n");
}

static void
answer_path(const struct admin *admin, struct evhttp_request *request, const char *path)
{
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        struct evbuffer *body;

        if (strcmp(path, pages[i].path) != 0)
            continue;
        body = evbuffer_new();
        pages[i].write(admin->overview, body);
        answer(request, HTTP_OK, pages[i].type, body);
        evbuffer_free(body);
        return;
    }
    if (strcmp(path, "/healthz") == 0)
        answer_health(admin, request);
    else
        answer_text(request, HTTP_NOTFOUND,
                    "There is no such page; try /, /healthz, /metrics or /connections.\n");
}

static void
on_request(struct evhttp_request *request, void *arg)
{
    const struct admin *admin = arg;
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));

    if (is_own_connection(admin, request))
        answer_text(request, 403, "Nobody is led here through the proxy.\n");
    else if (!is_asked_by_own_name(admin, request))
        answer_text(request, 403,
                    "Ask by address, as localhost, or by a name in the setting admin.hosts.\n");
    else if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
        evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
        answer_text(request, HTTP_BADMETHOD, "Only GET and HEAD work here.\n");
    } else
        answer_path(admin, request, path == NULL || *path == '\0' ? "/" : path);
}

static void
on_breath_taken(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    evconnlistener_enable(arg);
}

/* Out of descriptors: a listener that stays readable would keep the main thread spinning. */
static void
on_accept_failed(struct evconnlistener *listener, void *http)
{
    int number = EVUTIL_SOCKET_ERROR();
    struct timeval breath = {.tv_usec = 200000};

    (void)http;
    evconnlistener_disable(listener);
    event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT, on_breath_taken,
                    listener, &breath);
    log_event(LOG_LEVEL_WARN, "admin cannot accept", "err=%s",
              err_word(err_from_errno(number)));
}

struct admin *
admin_new(struct event_base *base, int fd, const struct overview *overview)
{
    struct admin *admin = xcalloc(1, sizeof(*admin));
    struct evhttp_bound_socket *bound;

    admin->overview = overview;
    admin->http = evhttp_new(base);
    if (admin->http == NULL)
        abort(); /* only for want of memory */
    bound = evhttp_accept_socket_with_handle(admin->http, fd);
    if (bound == NULL)
        abort(); /* likewise */
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), on_accept_failed);
    evhttp_set_max_headers_size(admin->http, HEAD_AT_MOST);
    evhttp_set_max_body_size(admin->http, BODY_AT_MOST);
    evhttp_set_timeout(admin->http, IDLE_SECONDS);
    evhttp_set_allowed_methods(admin->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                                EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                                EVHTTP_REQ_OPTIONS | EVHTTP_REQ_PATCH);
    evhttp_set_gencb(admin->http, on_request, admin);
    return admin;
}

void
admin_free(struct admin *admin)
{
    if (admin == NULL)
        return;
    evhttp_free(admin->http);
    free(admin);
}
