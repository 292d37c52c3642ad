/*
 * c-ares 1.18 on a libevent base. Its base's thread only.
 *
 * The source port is part of what a forger must guess, so sockets are not kept open when
 * nothing is asked (no ARES_FLAG_STAYOPEN): c-ares closes them with the last answer and the
 * next question comes from a new port.
 */
#include "dns/channel.h"

#include <arpa/nameser.h>
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <ares.h>

#include "base/loop.h"
#include "base/mem.h"
#include "base/spare.h"
#include "base/watch.h"
#include "dns/servers.h"
#include "dns/sockets.h"

struct dns_socket {
    LIST_ENTRY(dns_socket) link;
    struct watch watch;
    struct channel *channel;
    ares_socket_t fd;
};

struct channel {
    unsigned references;
    unsigned queries; /* under way */
    unsigned timeout_ms;
    struct event_base *base;
    ares_channel ares;
    struct event *timer;
    struct spare spare; /* for a socket */
    LIST_HEAD(, dns_socket) sockets;
    struct ares_options options; /* as c-ares read them: search domains, ndots */
    int option_bits;             /* 0 until options are there */
};

/* c-ares wants this once per process, before any channel; nothing is to be undone at the end.
 */
static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void
library_start(void)
{
    /* Its only failure is that of a platform which is not ours; channel_new would notice. */
    (void)ares_library_init(ARES_LIB_INIT_ALL);
}

/*
 * Makes sure that c-ares runs in time. ares_timeout() walks all queries, so it is asked once
 * per expiry, not once per query: no query can expire sooner than timeout_ms after it was sent,
 * and the timer never waits longer than that.
 */
static void
channel_arm(struct channel *channel)
{
    struct timeval most = loop_delay_ms(channel->timeout_ms);
    struct timeval soonest;
    struct timeval wait;

    if (channel->queries == 0) {
        event_del(channel->timer);
        return;
    }
    if (event_pending(channel->timer, EV_TIMEOUT, NULL))
        return;
    wait = *ares_timeout(channel->ares, &most, &soonest);
    /* c-ares rounds down to milliseconds and would then find nothing expired yet. */
    wait.tv_usec += 1000;
    if (wait.tv_usec >= 1000000) {
        wait.tv_sec++;
        wait.tv_usec -= 1000000;
    }
    event_add(channel->timer, &wait);
}

static void
on_timer(evutil_socket_t none, short what, void *arg)
{
    struct channel *channel = arg;

    (void)none;
    (void)what;
    ares_process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    channel_arm(channel);
}

static void
on_socket_ready(void *arg, unsigned what)
{
    struct dns_socket *socket = arg;
    struct channel *channel = socket->channel;
    ares_socket_t fd = socket->fd;

    /* The socket may be gone when c-ares returns. */
    ares_process_fd(channel->ares, (what & WATCH_READ) != 0 ? fd : ARES_SOCKET_BAD,
                    (what & WATCH_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
    channel_arm(channel);
}

static struct dns_socket *
channel_socket(struct channel *channel, ares_socket_t fd)
{
    struct dns_socket *socket;

    LIST_FOREACH(socket, &channel->sockets, link)
    {
        if (socket->fd == fd)
            return socket;
    }
    socket = xcalloc(1, sizeof(*socket));
    socket->channel = channel;
    socket->fd = fd;
    watch_open(&socket->watch, channel->base, fd, on_socket_ready, socket);
    LIST_INSERT_HEAD(&channel->sockets, socket, link);
    return socket;
}

/* c-ares opened a socket, wants something else of it, or is about to close it (neither). */
static void
on_socket_state(void *arg, ares_socket_t fd, int wants_read, int wants_write)
{
    struct dns_socket *socket = channel_socket(arg, fd);

    if (wants_read || wants_write) {
        watch_want(&socket->watch,
                   (wants_read ? WATCH_READ : 0u) | (wants_write ? WATCH_WRITE : 0u));
        return;
    }
    watch_shut(&socket->watch);
    LIST_REMOVE(socket, link);
    free(socket);
}

static void
write_server(const struct address *address, struct ares_addr_port_node *node)
{
    *node = (struct ares_addr_port_node){.family = address->any.sa_family};
    if (node->family == AF_INET)
        memcpy(&node->addr, &address->v4.sin_addr, sizeof(address->v4.sin_addr));
    else
        memcpy(&node->addr, &address->v6.sin6_addr, sizeof(address->v6.sin6_addr));
    node->udp_port = node->tcp_port = address_port(address);
}

static enum err
channel_set_servers(struct channel *channel, struct slice list)
{
    struct ares_addr_port_node nodes[SERVERS_MOST];
    struct address servers[SERVERS_MOST];
    struct slice bad;
    size_t count;
    enum err err = servers_read(list, servers, &count, &bad);

    /* None: those of resolv.conf, which c-ares has read. */
    if (err != ERR_OK || count == 0)
        return err;
    for (size_t i = 0; i < count; i++) {
        write_server(&servers[i], &nodes[i]);
        if (i > 0)
            nodes[i - 1].next = &nodes[i];
    }
    return ares_set_servers_ports(channel->ares, nodes) == ARES_SUCCESS ? ERR_OK : ERR_IO;
}

static enum err
channel_start(struct channel *channel, const struct resolver_settings *settings)
{
    struct ares_options options = {
        .timeout = (int)settings->timeout_ms,
        .tries = (int)settings->tries,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = channel,
    };
    int bits = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    char path[sizeof(settings->resolv_conf)];

    if (settings->resolv_conf[0] != '\0') {
        snprintf(path, sizeof(path), "%s", settings->resolv_conf);
        options.resolvconf_path = path;
        bits |= ARES_OPT_RESOLVCONF;
    }
    if (ares_init_options(&channel->ares, &options, bits) != ARES_SUCCESS)
        return ERR_IO;
    ares_set_socket_functions(channel->ares, &sockets_functions, &channel->spare);
    if (ares_save_options(channel->ares, &channel->options, &channel->option_bits) !=
        ARES_SUCCESS)
        return ERR_IO;
    return channel_set_servers(channel, slice_of(settings->servers));
}

enum err
channel_new(struct event_base *base, const struct resolver_settings *settings,
            struct channel **channel)
{
    struct channel *made = xcalloc(1, sizeof(*made));
    enum err err = ERR_NO_MEMORY;

    pthread_once(&library_once, library_start);
    made->references = 1;
    made->base = base;
    made->timeout_ms = settings->timeout_ms;
    spare_init(&made->spare);
    LIST_INIT(&made->sockets);
    made->timer = evtimer_new(base, on_timer, made);
    if (made->timer != NULL)
        err = channel_start(made, settings);
    if (err == ERR_OK)
        *channel = made;
    else
        channel_unref(made);
    return err;
}

void
channel_ref(struct channel *channel)
{
    channel->references++;
}

void
channel_unref(struct channel *channel)
{
    if (channel == NULL || --channel->references > 0)
        return;
    if (channel->ares != NULL)
        ares_destroy(channel->ares);
    assert(LIST_EMPTY(&channel->sockets) && channel->queries == 0);
    if (channel->option_bits != 0)
        ares_destroy_options(&channel->options);
    if (channel->timer != NULL)
        event_free(channel->timer);
    spare_fini(&channel->spare);
    free(channel);
}

void
channel_cancel(struct channel *channel)
{
    ares_cancel(channel->ares);
}

static void
on_ares(void *arg, int status, int timeouts, unsigned char *bytes, int size)
{
    struct query *query = arg;

    (void)timeouts;
    query->channel->queries--;
    query->on_reply(query, status, bytes, size);
}

void
channel_query(struct channel *channel, const char *name, enum dns_family family,
              struct query *query)
{
    query->channel = channel;
    channel->queries++;
    ares_query(channel->ares, name, ns_c_in, family == DNS_IPV4 ? ns_t_a : ns_t_aaaa, on_ares,
               query);
    channel_arm(channel);
}

bool
channel_candidate(const struct channel *channel, const struct name *name, unsigned *number,
                  char candidate[NAME_SIZE])
{
    const struct ares_options *options = &channel->options;
    unsigned domains = (unsigned)options->ndomains;

    if (name->is_absolute || name->dots > 0 || options->ndots == 0)
        domains = 0;
    while (*number <= domains) {
        const char *domain = *number < domains ? options->domains[*number] : "";

        ++*number;
        if (strcmp(domain, ".") == 0)
            domain = "";
        /* One that becomes too long below this domain is passed over. */
        if (snprintf(candidate, NAME_SIZE, "%s.%s", name->text, domain) < NAME_SIZE)
            return true;
    }
    return false;
}
