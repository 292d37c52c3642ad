/*
 * The admin server: libevent's evhttp on the main thread's base. Every request is small and
 * answered from memory.
 */
#include "proxy/admin.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "base/log.h"
#include "base/mem.h"
#include "proxy/admin_guard.h"

/* No page takes a body, and no browser sends a head of this size. */
#define HEAD_AT_MOST 16384
#define BODY_AT_MOST 1024
#define IDLE_SECONDS 10

struct admin {
    struct evhttp *http;
    const struct overview *overview;
    struct admin_place place;
};

static const struct page {
    const char *path;
    const char *type;
    void (*write)(const struct overview *overview, struct evbuffer *to);
    /* In place of write where a query matters; false: it was not understood. */
    bool (*ask)(const struct overview *overview, const struct evkeyvalq *query,
                struct evbuffer *to);
} pages[] = {
    {"/", "text/html; charset=utf-8", status_page_write, NULL},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_write, NULL},
    {"/connections", "application/json", NULL, connections_write},
    {"/hosts", "application/json", NULL, hosts_write},
    {"/dns", "application/json", NULL, names_write},
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

static void
answer_health(const struct admin *admin, struct evhttp_request *request)
{
    if (admin->overview->is_draining)
        answer_text(request, HTTP_SERVUNAVAIL, "draining\n");
    else
        answer_text(request, HTTP_OK, "ok\n");
}

static void
answer_objection(struct evhttp_request *request, const struct objection *objection)
{
    if (objection->status == 401)
        evhttp_add_header(evhttp_request_get_output_headers(request), "WWW-Authenticate",
                          "Bearer realm=\"carpool\"");
    answer_text(request, objection->status, objection->text);
}

/* The parameters of a request; false: it was answered already, as they are none. */
static bool
parse_query(struct evhttp_request *request, struct evkeyvalq *query)
{
    const char *text = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));

    TAILQ_INIT(query);
    /* A zero byte would cut a value short. */
    if (text == NULL ||
        (strstr(text, "%00") == NULL && evhttp_parse_query_str(text, query) == 0))
        return true;
    answer_text(request, HTTP_BADREQUEST, "The query is no list of NAME=VALUE.\n");
    return false;
}

static void
answer_page(const struct admin *admin, struct evhttp_request *request, const struct page *page)
{
    bool is_understood = true;
    struct evkeyvalq query;
    struct evbuffer *body;

    if (page->ask != NULL && !parse_query(request, &query))
        return;
    body = evbuffer_new();
    if (page->ask != NULL) {
        is_understood = page->ask(admin->overview, &query, body);
        evhttp_clear_headers(&query);
    } else {
        page->write(admin->overview, body);
    }
    if (is_understood)
        answer(request, HTTP_OK, page->type, body);
    else
        answer(request, HTTP_BADREQUEST, "text/plain; charset=utf-8", body);
    evbuffer_free(body);
}

static void
answer_close(const struct admin *admin, struct evhttp_request *request)
{
    struct objection objection = admin_guard_change(admin->overview, &admin->place, request);
    struct evkeyvalq query;
    struct evbuffer *body;
    int status;

    if (objection.status != 0) {
        answer_objection(request, &objection);
        return;
    }
    if (!parse_query(request, &query))
        return;
    body = evbuffer_new();
    status = connections_close(admin->overview, &query, body);
    answer(request, status,
           status == HTTP_OK ? "application/json" : "text/plain; charset=utf-8", body);
    evbuffer_free(body);
    evhttp_clear_headers(&query);
}

/* Is it a method that the path takes? Otherwise that is the answer. */
static bool
takes_method(struct evhttp_request *request, unsigned methods, const char *allow,
             const char *text)
{
    if ((evhttp_request_get_command(request) & methods) != 0)
        return true;
    evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", allow);
    answer_text(request, HTTP_BADMETHOD, text);
    return false;
}

static void
answer_path(const struct admin *admin, struct evhttp_request *request, const char *path)
{
    if (strcmp(path, "/connections/close") == 0) {
        if (takes_method(request, EVHTTP_REQ_POST, "POST", "Only POST works here.\n"))
            answer_close(admin, request);
        return;
    }
    if (!takes_method(request, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD, "GET, HEAD",
                      "Only GET and HEAD work here.\n"))
        return;
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        if (strcmp(path, pages[i].path) == 0) {
            answer_page(admin, request, &pages[i]);
            return;
        }
    if (strcmp(path, "/healthz") == 0)
        answer_health(admin, request);
    else
        answer_text(request, HTTP_NOTFOUND,
                    "There is no such page; try /, /healthz, /metrics, /connections, /hosts or "
                    "/dns.\n");
}

static void
on_request(struct evhttp_request *request, void *arg)
{
    const struct admin *admin = arg;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    struct objection objection = admin_guard_ask(admin->overview, request);

    if (objection.status != 0)
        answer_objection(request, &objection);
    else
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
    admin->place = admin_place_of(fd);
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
