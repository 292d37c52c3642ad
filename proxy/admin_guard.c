/*
 * Who may ask the admin, and who may change something through it. Main thread.
 */
#include "proxy/admin_guard.h"

#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include <event2/bufferevent.h>
#include <event2/keyvalq_struct.h>

#include "pool/tuple.h"

#define SCHEME "http://"
#define BEARER "Bearer "

static const struct objection none;

static const char *
field(struct evhttp_request *request, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(request), name);
}

struct admin_place
admin_place_of(int fd)
{
    struct address address;

    if (address_of_local(fd, &address) != ERR_OK)
        return (struct admin_place){.is_unix = true};
    return (struct admin_place){.kind = address_kind(&address)};
}

/* RFC 9112 §3.2: with several of them, which one counts is for nobody to guess. */
static bool
has_hosts(struct evhttp_request *request)
{
    const struct evkeyval *one;
    unsigned count = 0;

    TAILQ_FOREACH (one, evhttp_request_get_input_headers(request), next)
        count += strcasecmp(one->key, "Host") == 0;
    return count > 1;
}

/*
 * A page in a browser can make names that it owns point here (DNS rebinding) and then read what
 * we answer; it cannot make an address, localhost or the operator's names its own.
 */
static bool
is_asked_by_own_name(const struct overview *overview, struct evhttp_request *request)
{
    const char *host = evhttp_request_get_host(request);
    struct slice rest = slice_of(overview->config->admin_hosts);
    struct slice name;
    struct address address;

    /* No browser leaves Host out. */
    if (host == NULL || strcasecmp(host, "localhost") == 0 ||
        address_parse_ip(slice_of(host), 0, &address) == ERR_OK)
        return true;
    while (slice_next_element(&rest, &name))
        if (slice_equal_nocase(name, slice_of(host)))
            return true;
    return false;
}

/* False: it has none; a unix socket, or gone already, and nobody reads the answer. */
static bool
addresses_of(struct evhttp_request *request, struct address *local, struct address *peer)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));

    return address_of_local(fd, local) == ERR_OK && address_of_peer(fd, peer) == ERR_OK;
}

/* Is the client one of our own upstream connections? */
static bool
is_own_connection(const struct overview *overview, struct evhttp_request *request)
{
    struct address local;
    struct address peer;

    return addresses_of(request, &local, &peer) && pool_is_own(overview->pool, &local, &peer);
}

/* What listens on a wildcard, or behind a router, is reached from everywhere, too. */
static bool
is_from_outside(struct evhttp_request *request)
{
    struct address local;
    struct address peer;

    return addresses_of(request, &local, &peer) &&
           (address_kind(&local) == ADDRESS_PUBLIC || address_kind(&peer) == ADDRESS_PUBLIC);
}

/* Takes as long whatever is wrong with it; how long a token is, is no secret. */
static bool
is_same_secret(const char *given, const char *secret)
{
    size_t size = strlen(secret);
    size_t given_size = strlen(given);
    volatile unsigned char difference = given_size != size;

    for (size_t i = 0; i < size; i++)
        difference |= (unsigned char)(secret[i] ^ (given_size == size ? given[i] : 0));
    return difference == 0;
}

static struct objection
check_token(const struct overview *overview, struct evhttp_request *request)
{
    const char *token = overview->config->admin_token;
    const char *given = field(request, "Authorization");

    if (token == NULL)
        return (struct objection){403,
                                  "This works only with a token here: set admin.token_file.\n"};
    if (given != NULL && strncasecmp(given, BEARER, sizeof(BEARER) - 1) == 0 &&
        is_same_secret(given + sizeof(BEARER) - 1, token))
        return none;
    return (struct objection){
        401, "The token is missing or wrong: send Authorization: Bearer and what "
             "the file of admin.token_file holds.\n"};
}

struct objection
admin_guard_ask(const struct overview *overview, struct evhttp_request *request)
{
    if (is_own_connection(overview, request))
        return (struct objection){403, "Nobody is led here through the proxy.\n"};
    if (has_hosts(request))
        return (struct objection){400, "Send one Host field, not several.\n"};
    if (!is_asked_by_own_name(overview, request))
        return (struct objection){
            403, "Ask by address, as localhost, or by a name in the setting admin.hosts.\n"};
    if (is_from_outside(request))
        return check_token(overview, request);
    return none;
}

/*
 * Is it what a page of another site made a browser send? Browsers say so by Origin, which they
 * put on every POST, and by Sec-Fetch-Site; other programs send neither.
 */
static bool
is_cross_site(struct evhttp_request *request)
{
    const char *site = field(request, "Sec-Fetch-Site");
    const char *origin = field(request, "Origin");
    const char *host = field(request, "Host");

    if (site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        return true;
    if (origin == NULL)
        return false;
    return host == NULL || strncmp(origin, SCHEME, sizeof(SCHEME) - 1) != 0 ||
           strcasecmp(origin + sizeof(SCHEME) - 1, host) != 0;
}

struct objection
admin_guard_change(const struct overview *overview, const struct admin_place *place,
                   struct evhttp_request *request)
{
    bool has_token = overview->config->admin_token != NULL;

    if (is_cross_site(request))
        return (struct objection){403, "Pages of other sites change nothing here.\n"};
    if (!place->is_unix && (has_token || place->kind != ADDRESS_LOOPBACK))
        return check_token(overview, request);
    /* A form of a browser that sends no Origin cannot set a field, and a script that does is
       asked for permission first (CORS), which is never given here. */
    if (!place->is_unix && field(request, "X-Requested-With") == NULL)
        return (struct objection){
            403, "Send a field X-Requested-With, too, as no form in a browser can.\n"};
    return none;
}
