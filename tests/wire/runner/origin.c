/* Servers of the conversation: where they listen and whom they accept. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/runner/peer.h"

socklen_t
address_read(struct world *world, const char *text, struct sockaddr_storage *to)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)to;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
    const char *colon = strrchr(text, ':');
    char host[64] = "";
    bool is_v6 = text[0] == '[';

    memset(to, 0, sizeof(*to));
    if (colon == NULL || colon - text < 3 || (size_t)(colon - text) >= sizeof(host))
        world_fail(world, "%s is not an address with its port", text);
    memcpy(host, text + is_v6, (size_t)(colon - text) - 2 * is_v6);
    if (is_v6 && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)atoi(colon + 1));
        return sizeof(*v6);
    }
    if (!is_v6 && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)atoi(colon + 1));
        return sizeof(*v4);
    }
    world_fail(world, "%s is not an address with its port", text);
}

struct origin *
origin_find(struct world *world, const char *name)
{
    struct origin *origin;

    TAILQ_FOREACH (origin, &world->origins, all)
        if (strcmp(origin->name, name) == 0)
            return origin;
    return NULL;
}

void
origin_listen(struct world *world, struct origin *origin)
{
    if (listen(origin->listener, origin->stuffing == -1 ? 1024 : 0) == -1)
        world_fail(world, "%s cannot listen: %s", origin->name, strerror(errno));
}

/* $o is o.test:PORT, $o_port and $o_address what they say, $o_host o.test. */
static void
set_variables(struct world *world, const struct origin *origin, const char *host)
{
    struct sockaddr_in6 address = {0}; /* its port is in the same place in IPv4 */
    socklen_t size = sizeof(address);
    char name[100];
    char value[200];
    unsigned port;

    getsockname(origin->listener, (struct sockaddr *)&address, &size);
    port = ntohs(address.sin6_port);
    snprintf(value, sizeof(value), "%s.test:%u", origin->name, port);
    variables_set(&world->variables, origin->name, value);
    snprintf(name, sizeof(name), "%s_host", origin->name);
    snprintf(value, sizeof(value), "%s.test", origin->name);
    variables_set(&world->variables, name, value);
    snprintf(name, sizeof(name), "%s_port", origin->name);
    snprintf(value, sizeof(value), "%u", port);
    variables_set(&world->variables, name, value);
    snprintf(name, sizeof(name), "%s_address", origin->name);
    snprintf(value, sizeof(value), "%s:%u", host, port);
    variables_set(&world->variables, name, value);
}

/*
 * An origin that ignores its callers: its queue of one is filled, and the kernel drops the SYNs
 * of all others.
 */
static void
stuff(struct world *world, struct origin *origin)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);

    origin_listen(world, origin);
    getsockname(origin->listener, (struct sockaddr *)&address, &size);
    if (connect(origin->stuffing, (struct sockaddr *)&address, size) == -1)
        world_fail(world, "%s: %s", origin->name, strerror(errno));
}

static const char *
option(const struct world *world, const char *name, const char *preset)
{
    for (size_t i = 2; i + 1 < world->now->word_count; i++)
        if (strcmp(world->now->words[i], name) == 0)
            return world->now->words[i + 1];
    return preset;
}

void
origin_declare(struct world *world)
{
    const char *how = world->now->words[world->now->word_count - 1];
    const char *host = option(world, "on", "127.0.0.1");
    struct sockaddr_storage address;
    char text[100];
    char *expanded;
    int on = 1;
    struct origin *origin = calloc(1, sizeof(*origin));
    socklen_t size;

    if (origin == NULL || (origin->name = strdup(world_word(world, 1))) == NULL)
        abort();
    TAILQ_INSERT_TAIL(&world->origins, origin, all);
    snprintf(text, sizeof(text), "%s:%s", host, option(world, "port", "0"));
    expanded = world_text(world, text);
    size = address_read(world, expanded, &address);
    free(expanded);
    origin->stuffing = -1;
    origin->listener = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(origin->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(origin->listener, (struct sockaddr *)&address, size) == -1)
        world_fail(world, "%s cannot bind to %s: %s", origin->name, text, strerror(errno));
    if (strcmp(how, "ignores") == 0) {
        origin->stuffing = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        stuff(world, origin);
    } else if (strcmp(how, "refuses") != 0 && strcmp(how, "later") != 0) {
        origin_listen(world, origin);
    }
    set_variables(world, origin, host);
}

void
origin_accept(struct world *world, struct origin *origin, const char *name)
{
    struct peer *peer = peer_find(world, name);
    enum turn turn;
    int fd;

    while ((turn = world_turn(world, origin->listener, WORLD_DEADLINE)) != TURN_READY)
        if (turn == TURN_LATE)
            world_fail(world, "nobody connects to %s", origin->name);
    fd = accept4(origin->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd == -1)
        world_fail(world, "%s cannot accept: %s", origin->name, strerror(errno));
    origin->accepted++;
    /* an earlier connection of this name that is still open lives on without being spoken of */
    if (peer == NULL || peer->fd != -1)
        peer = peer_new(world, name);
    peer_close(peer, false);
    peer->fd = fd;
    origin->current = peer;
}

void
origin_stop(struct origin *origin)
{
    close(origin->listener);
    origin->listener = -1;
}

unsigned
origin_count(struct world *world, struct origin *origin)
{
    unsigned count = origin->accepted;
    int listens = 0;
    socklen_t size = sizeof(listens);

    if (origin->listener == -1)
        return count;
    getsockopt(origin->listener, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
    if (listens && world_turn(world, origin->listener, now_ms()) == TURN_READY)
        count++;
    return count;
}
