/*
 * A client's bytes: reading through the bufferevent or past it, writing straight to the socket
 * while nothing is queued. The worker's thread.
 */
#include <assert.h>
#include <sys/socket.h>

#include <event2/buffer.h>

#include "base/stream.h"
#include "proxy/client_inside.h"
#include "proxy/client_pace.h"

struct slice
client_input(struct client *client, size_t most)
{
    struct evbuffer *input = bufferevent_get_input(client->bev);
    size_t size = evbuffer_get_length(input);

    if (size > most)
        size = most;
    client->is_lent_from_scratch = false;
    client->lent = (struct slice){(char *)evbuffer_pullup(input, (ev_ssize_t)size), size};
    return client->lent;
}

static enum err
read_directly(struct client *client, struct slice *bytes)
{
    struct stream stream = {.fd = client->fd};
    size_t room;
    size_t got;
    enum err err;

    room = client->is_direct_ready ? client_room(client, LIMIT_UP) : 0;
    if (room == 0)
        return ERR_AGAIN;
    /* One read per event: whoever has more to read is woken again. */
    client->is_direct_ready = false;
    err = stream_read(&stream, client->worker->scratch, room, &got);
    if (err == ERR_CLOSED)
        client->has_ended = true;
    else if (err != ERR_OK && err != ERR_AGAIN)
        client->is_gone = true;
    if (err != ERR_OK)
        return err;
    client->is_lent_from_scratch = true;
    client->lent = (struct slice){client->worker->scratch, got};
    *bytes = client->lent;
    return ERR_OK;
}

/*
 * The first bytes of the input that lie in one piece, as far as there is room for them. An
 * evbuffer may begin with an empty one.
 */
static enum err
read_input(struct client *client, struct slice *bytes)
{
    struct evbuffer *input = bufferevent_get_input(client->bev);
    const char *first = (const char *)evbuffer_pullup(input, 1);
    size_t size = evbuffer_get_contiguous_space(input);
    size_t room = client_room(client, LIMIT_UP);

    if (room == 0)
        return ERR_AGAIN;
    client->is_lent_from_scratch = false;
    client->lent = (struct slice){first, size < room ? size : room};
    *bytes = client->lent;
    return ERR_OK;
}

enum err
client_read(struct client *client, struct slice *bytes)
{
    if (evbuffer_get_length(bufferevent_get_input(client->bev)) > 0)
        return read_input(client, bytes);
    if (client->is_gone)
        return ERR_RESET;
    if (client->has_ended)
        return ERR_CLOSED;
    return client->direct.is_open ? read_directly(client, bytes) : ERR_AGAIN;
}

void
client_consume(struct client *client, size_t size)
{
    struct evbuffer *input = bufferevent_get_input(client->bev);

    assert(size <= client->lent.size);
    worker_count(client->worker, PROXY_STAT_FROM_CLIENTS, size);
    client_charge(client, LIMIT_UP, size);
    if (!client->is_lent_from_scratch)
        evbuffer_drain(input, size);
    else if (size < client->lent.size)
        evbuffer_prepend(input, client->lent.data + size, client->lent.size - size);
    client->lent = (struct slice){0};
}

static void
on_direct(void *arg, unsigned what)
{
    struct client *client = arg;

    (void)what;
    client->is_direct_ready = true;
    client_wake(client);
}

void
client_read_directly(struct client *client, bool is_direct)
{
    if (is_direct == (bool)client->direct.is_open)
        return;
    if (is_direct) {
        bufferevent_disable(client->bev, EV_READ);
        watch_open(&client->direct, client->worker->base, client->fd, on_direct, client);
        client->is_direct_ready = false;
        watch_want(&client->direct, WATCH_READ);
        return;
    }
    watch_shut(&client->direct);
    if (!client->has_ended && !client->is_gone)
        bufferevent_enable(client->bev, EV_READ);
}

void
client_want_read(struct client *client, bool wants)
{
    if (client->direct.is_open)
        watch_want(&client->direct,
                   wants && !client->has_ended && !client_waits(client, LIMIT_UP) ? WATCH_READ
                                                                                  : 0);
}

size_t
client_queued(const struct client *client)
{
    return evbuffer_get_length(bufferevent_get_output(client->bev));
}

void
client_count_queue(struct client *client)
{
    size_t queued = client_queued(client);

    worker_count(client->worker, PROXY_STAT_TO_CLIENTS, client->uncounted - queued);
    client->uncounted = queued;
}

bool
client_is_reading(struct client *client)
{
    const struct stream stream = {.fd = client->fd};
    size_t before = client->unread;

    /* Megabytes lie in the socket: the queue alone stays as it is for minutes. */
    client->unread = client_queued(client) + stream_unacknowledged(&stream);
    return client->unread != before;
}

/* Queues what the socket did not take, without the first bytes, which it took. */
static void
queue(struct client *client, const struct iovec *parts, int count, size_t sent)
{
    struct evbuffer *output = bufferevent_get_output(client->bev);

    for (int i = 0; i < count; i++) {
        size_t skip = sent < parts[i].iov_len ? sent : parts[i].iov_len;

        sent -= skip;
        evbuffer_add(output, (const char *)parts[i].iov_base + skip, parts[i].iov_len - skip);
    }
}

void
client_write(struct client *client, const struct iovec *parts, int count)
{
    struct stream stream = {.fd = client->fd};
    size_t size = 0;
    size_t sent = 0;
    enum err err = ERR_AGAIN;

    if (client->is_gone)
        return;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    client_charge(client, LIMIT_DOWN, size);
    /* What is queued goes first; the bufferevent's output cannot be written from outside. */
    if (!client_is_full(client))
        err = stream_write(&stream, parts, count, &sent);
    if (err != ERR_OK && err != ERR_AGAIN) {
        client->is_gone = true;
        return;
    }
    worker_count(client->worker, PROXY_STAT_TO_CLIENTS, sent);
    client->uncounted += size - sent;
    if (sent < size)
        queue(client, parts, count, sent);
}

void
client_finish(struct client *client)
{
    /* It fails on a connection that broke meanwhile, which reading or writing will show. */
    (void)shutdown(client->fd, SHUT_WR);
}
