/* Clients and an origin around a real worker: see exchange_rig.h. One thread. */
#include "tests/fuzz/exchange_rig.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "dns/cache.h"
#include "pool/tuple.h"
#include "proxy/access_log.h"
#include "proxy/client.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/origin_side.h"

/* Inputs say "o:7881". */
#define ORIGIN_PORT 7881
#define MARK_FIRST 0x81u
#define MARK_LAST 0xfeu
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast"

struct side {
    int fd; /* -1: not connected */
    unsigned char mark;
    bool is_last; /* the ordinary client: its answer is kept */
    struct buf got;
};

struct rig {
    struct config *config;
    struct pool *pool;
    struct cache *names;
    struct access_log *access_log;
    struct worker *worker;
    struct address listener;
    int listening; /* the origin's */
    _Atomic unsigned all_clients;
    struct side clients[RIG_CLIENTS + 1];
    unsigned char next_mark;
    struct origin_side origin;
    int lowest_fd;
    bool was_half_closed; /* some client */
};

/* The least free descriptor: the same before and after where none was left open. */
static int
lowest_fd(void)
{
    int fd = dup(STDERR_FILENO);

    CHECK(fd != -1);
    close(fd);
    return fd;
}

/* An own loopback address for each process, so that several can run at once. */
static struct address
origin_address(void)
{
    unsigned pid = (unsigned)getpid();

    return (struct address){
        .v4 = {.sin_family = AF_INET,
               .sin_port = htons(ORIGIN_PORT),
               .sin_addr.s_addr = htonl(0x7f400000u | (pid & 0x3fffffu) | 1u << 16)}};
}

static int
listen_on(struct address *address)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    CHECK(fd != -1);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    CHECK(bind(fd, &address->any, address_size(address)) == 0);
    CHECK(listen(fd, 64) == 0);
    CHECK(address_of_local(fd, address) == ERR_OK);
    return fd;
}

static struct config *
load_config(const struct address *origin)
{
    char ip[ADDRESS_TEXT_SIZE];
    char text[512];
    struct complaint complaint;
    struct config_sources sources = {0};
    struct config *config;

    snprintf(text, sizeof(text), "%s o\n", address_format_ip(origin, ip));
    snprintf(text, sizeof(text),
             "dns { hosts_file = \"%s\" servers = \"127.0.0.1:9\" }\n"
             "http { max_line = 512 max_head = 2k max_fields = 16 max_replay = 1k }\n"
             /* What an input asks for must neither leave the machine nor keep a dial busy. */
             "access { rules = 'allow address 127.0.0.0/8\ndeny' }\n",
             fuzz_file(0, slice_of(text)));
    sources.file = fuzz_file(1, slice_of(text));
    CHECK(config_load(&sources, &config, &complaint) == ERR_OK);
    return config;
}

static struct pool *
make_pool(void)
{
    struct pool_settings settings = {
        .idle_timeout_ms = 60000,
        .max_per_host = 4,
        .max_parked_per_host = 4,
        .max_dials_per_host = 4,
        .max_total = 8,
        .max_parked = 1000,
        .max_tunnels = 2,
        .max_pinned = 2,
        .max_waiting = 4,
        .fresh_for_unsafe_ms = 2000,
        .connect_timeout_ms = 10000,
        .queue_timeout_ms = 10000,
    };

    return pool_new(&settings);
}

struct rig *
rig_open(void)
{
    struct address origin = origin_address();
    struct rig *rig = xcalloc(1, sizeof(*rig));
    struct worker_setup setup = {.listener_count = 1};
    struct resolver_settings names;
    int listener;

    signal(SIGPIPE, SIG_IGN);
    fuzz_file(0, SLICE(""));
    fuzz_file(1, SLICE(""));
    rig->lowest_fd = lowest_fd();
    rig->next_mark = MARK_FIRST;
    for (unsigned i = 0; i <= RIG_CLIENTS; i++) {
        rig->clients[i].fd = -1;
        buf_init(&rig->clients[i].got, 4096);
    }
    rig->listening = listen_on(&origin);
    rig->config = load_config(&origin);
    rig->pool = make_pool();
    worker_resolver_settings(rig->config, &names);
    rig->names = cache_new(&names);
    CHECK(access_log_open("off", &rig->access_log) == ERR_OK);
    CHECK(address_parse(SLICE("127.0.0.1:0"), &rig->listener) == ERR_OK);
    listener = listen_on(&rig->listener);
    setup.config = rig->config;
    setup.pool = rig->pool;
    setup.names = rig->names;
    setup.listeners = &listener;
    setup.own = (struct own_addresses){.list = &rig->listener, .count = 1};
    setup.all_clients = &rig->all_clients;
    setup.access_log = rig->access_log;
    CHECK(worker_new(&setup, &rig->worker) == ERR_OK);
    origin_side_init(&rig->origin, rig->pool, rig->listening);
    return rig;
}

/* Nothing but a client's own marks may come back to it. */
static bool
client_reads(struct side *client)
{
    unsigned char bytes[4096];
    ssize_t got;

    if (client->fd == -1)
        return false;
    got = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    for (ssize_t i = 0; i < got; i++)
        CHECK(bytes[i] < 0x80 || bytes[i] == client->mark);
    if (got > 0 && client->is_last)
        CHECK(buf_append(&client->got, bytes, (size_t)got) == ERR_OK);
    return got > 0;
}

void
rig_settle(struct rig *rig)
{
    for (unsigned quiet = 0, turns = 0; quiet < 4 && turns < 400; turns++) {
        bool has_moved;

        worker_turn(rig->worker, EVLOOP_NONBLOCK);
        has_moved = origin_side_look(&rig->origin);
        for (unsigned i = 0; i <= RIG_CLIENTS; i++)
            has_moved |= client_reads(&rig->clients[i]);
        quiet = has_moved ? 0 : quiet + 1;
    }
}

static void
client_connects(struct rig *rig, struct side *client)
{
    if (rig->next_mark == MARK_LAST)
        return;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(client->fd != -1);
    CHECK(connect(client->fd, &rig->listener.any, address_size(&rig->listener)) == 0);
    client->mark = rig->next_mark++;
}

/* The other end sees a reset, and no port is kept waiting. */
static void
client_resets(struct side *client)
{
    struct linger at_once = {.l_onoff = 1};

    if (client->fd == -1)
        return;
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(client->fd);
    client->fd = -1;
}

void
rig_client_sends(struct rig *rig, unsigned number, struct slice bytes)
{
    struct side *client = &rig->clients[number];

    if (client->fd == -1)
        client_connects(rig, client);
    if (client->fd != -1)
        origin_send_marked(client->fd, bytes, client->mark);
}

void
rig_client_ends(struct rig *rig, unsigned number, bool is_half)
{
    struct side *client = &rig->clients[number];

    if (client->fd != -1 && is_half) {
        shutdown(client->fd, SHUT_WR);
        rig->was_half_closed = true;
    } else {
        client_resets(client);
    }
}

void
rig_origin_sends(struct rig *rig, bool is_other, struct slice bytes)
{
    origin_side_send(&rig->origin, is_other, bytes);
}

void
rig_origin_ends(struct rig *rig, bool is_other, bool is_half)
{
    origin_side_end(&rig->origin, is_other, is_half);
}

bool
rig_origin_saw_end(struct rig *rig)
{
    return origin_side_saw_end(&rig->origin);
}

void
rig_sweep(struct rig *rig)
{
    pool_sweep(rig->pool);
}

static void
wait_for_no_client(struct rig *rig)
{
    for (unsigned turns = 0; !TAILQ_EMPTY(&rig->worker->clients); turns++) {
        CHECK(turns < 1000);
        rig_settle(rig);
        /* Behind a client's end nothing is read any more, so its reset shows with the answer.
         */
        if (rig->was_half_closed && turns >= 10)
            origin_side_end_leased(&rig->origin);
    }
}

void
rig_everybody_leaves(struct rig *rig)
{
    struct pool_gauges gauges;

    for (unsigned i = 0; i <= RIG_CLIENTS; i++)
        client_resets(&rig->clients[i]);
    wait_for_no_client(rig);
    origin_side_wait_delivered(&rig->origin);
    pool_sweep(rig->pool);
    rig_settle(rig);
    pool_gauges(rig->pool, &gauges);
    CHECK(gauges.open == gauges.parked && gauges.waiting == 0 && gauges.tunnels == 0 &&
          gauges.pinned == 0);
    origin_side_check_parked(&rig->origin);
}

void
rig_ordinary_request(struct rig *rig)
{
    struct side *client = &rig->clients[RIG_CLIENTS];
    struct slice got;

    client->is_last = true;
    rig->origin.answer = SLICE(ANSWER);
    client_connects(rig, client);
    CHECK(client->fd != -1);
    origin_send_marked(client->fd,
                       SLICE("GET http://o:7881/last HTTP/1.1\r\nHost: o:7881\r\n\r\n"), 0);
    for (unsigned turns = 0; buf_size(&client->got) < 4; turns++) {
        CHECK(turns < 1000);
        rig_settle(rig);
    }
    got = buf_bytes(&client->got);
    CHECK(got.size > 16 && memcmp(got.data, "HTTP/1.1 200 OK\r\n", 17) == 0);
    CHECK(memmem(got.data, got.size, "\r\n\r\n", 4) == got.data + got.size - 8);
    CHECK(memcmp(got.data + got.size - 4, "last", 4) == 0);
    client_resets(client);
    wait_for_no_client(rig);
}

void
rig_close(struct rig *rig)
{
    const struct worker_stats *stats = worker_stats(rig->worker);
    struct pool_gauges gauges;

    pool_clear(rig->pool);
    rig_settle(rig);
    pool_gauges(rig->pool, &gauges);
    CHECK(gauges.open == 0 && gauges.parked == 0);
    CHECK(stat_read(&stats->proxy[PROXY_STAT_CLIENTS]) == 0);
    CHECK(stat_read(&stats->proxy[PROXY_STAT_TUNNELS]) == 0);
    CHECK(rig->all_clients == 0);
    worker_free(rig->worker);
    pool_free(rig->pool);
    cache_free(rig->names);
    access_log_free(rig->access_log);
    config_unref(rig->config);
    origin_side_fini(&rig->origin);
    close(rig->listening);
    for (unsigned i = 0; i <= RIG_CLIENTS; i++)
        buf_reset(&rig->clients[i].got);
    CHECK(lowest_fd() == rig->lowest_fd);
    free(rig);
}
