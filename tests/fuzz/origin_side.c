/* The origin of the whole-exchange target: see origin_side.h. One thread. */
#include "tests/fuzz/origin_side.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pool/tuple.h"
#include "tests/fuzz/fuzz.h"

#define FIELDS 64

static const struct head_limits limits = {.line_size = 4096, .head_size = 8192};

void
origin_side_init(struct origin_side *side, struct pool *pool, int listening)
{
    *side = (struct origin_side){.pool = pool, .listening = listening};
    for (unsigned i = 0; i < ORIGIN_MOST; i++) {
        side->ends[i].fd = -1;
        buf_init(&side->ends[i].bytes, 64 * 1024);
    }
}

static void
end_close(struct origin_end *end)
{
    struct linger at_once = {.l_onoff = 1};

    if (end->fd == -1)
        return;
    /* No port is kept waiting. */
    setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(end->fd);
    buf_reset(&end->bytes);
    end->fd = -1;
}

void
origin_side_fini(struct origin_side *side)
{
    for (unsigned i = 0; i < ORIGIN_MOST; i++)
        end_close(&side->ends[i]);
}

static bool
accept_one(struct origin_side *side)
{
    struct address peer;
    int fd = accept4(side->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd == -1)
        return false;
    for (unsigned i = 0; i < ORIGIN_MOST; i++) {
        struct origin_end *end = &side->ends[i];

        if (end->fd != -1 || address_of_peer(fd, &peer) != ERR_OK)
            continue;
        *end =
            (struct origin_end){.fd = fd, .port = address_port(&peer), .turn = ++side->turns};
        buf_init(&end->bytes, 64 * 1024);
        return true;
    }
    close(fd);
    return true;
}

/* What carpool holds of a connection, by its local port. */
struct search {
    uint16_t port;
    bool is_found;
    enum tuple_state state;
    uint64_t received_bytes;
};

static void
on_connection(const struct tuple_view *view, void *arg)
{
    struct search *search = arg;

    if (address_port(&view->local) != search->port)
        return;
    search->is_found = true;
    search->state = view->state;
    search->received_bytes = view->received_bytes;
}

static struct search
find(struct origin_side *side, const struct origin_end *end)
{
    struct search search = {.port = end->port};

    pool_each_connection(side->pool, on_connection, &search);
    return search;
}

/* All marks between two requests' beginnings are one client's. */
static void
take_marks(struct origin_end *end, struct slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char c = (unsigned char)bytes.data[i];

        if (c < 0x80)
            continue;
        CHECK(end->mark == 0 || end->mark == c);
        end->mark = c;
    }
}

/* A request head, if it is whole. */
static bool
take_head(struct origin_side *side, struct origin_end *end)
{
    struct field fields[FIELDS];
    struct head head = {.fields = fields, .field_capacity = FIELDS};
    enum refusal refusal;
    enum parse parse = head_parse_request(buf_bytes(&end->bytes), &limits, &head);

    if (parse == PARSE_REFUSE) {
        struct search search = find(side, end);

        /* Only what was ended already, or is a tunnel, may be no HTTP. */
        CHECK(!search.is_found || search.state == TUPLE_TUNNEL);
        end->is_tunnel = true;
        return true;
    }
    if (parse == PARSE_MORE)
        return false;
    CHECK(body_of_request(&head, &end->body, &refusal) == PARSE_DONE);
    end->mark = 0;
    take_marks(end, (struct slice){buf_bytes(&end->bytes).data, head.size});
    buf_consume(&end->bytes, head.size);
    end->has_head = !end->body.is_done;
    if (side->answer.size > 0)
        end->sent_bytes += origin_send_marked(end->fd, side->answer, 0);
    return true;
}

static bool
take_body(struct origin_side *side, struct origin_end *end)
{
    struct slice data;
    size_t used;
    enum parse parse = body_step(&end->body, buf_bytes(&end->bytes), &used, &data);

    if (parse == PARSE_REFUSE) {
        struct search search = find(side, end);

        CHECK(!search.is_found || search.state == TUPLE_TUNNEL);
        end->is_tunnel = true;
        return true;
    }
    take_marks(end, (struct slice){buf_bytes(&end->bytes).data, used});
    buf_consume(&end->bytes, used);
    end->has_head = parse != PARSE_DONE;
    return used > 0 || parse == PARSE_DONE;
}

static void
take(struct origin_side *side, struct origin_end *end)
{
    bool goes_on = true;

    if (!end->is_tunnel && find(side, end).state == TUPLE_TUNNEL)
        end->is_tunnel = true;
    while (goes_on && !end->is_tunnel && buf_size(&end->bytes) > 0)
        goes_on = end->has_head ? take_body(side, end) : take_head(side, end);
    if (end->is_tunnel) {
        take_marks(end, buf_bytes(&end->bytes));
        buf_consume(&end->bytes, buf_size(&end->bytes));
    }
}

static bool
read_one(struct origin_side *side, struct origin_end *end)
{
    char bytes[4096];
    ssize_t got;

    if (end->fd == -1)
        return false;
    got = recv(end->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got <= 0) {
        end->has_ended |= got == 0;
        return false;
    }
    end->turn = ++side->turns;
    CHECK(buf_append(&end->bytes, bytes, (size_t)got) == ERR_OK);
    take(side, end);
    return true;
}

bool
origin_side_look(struct origin_side *side)
{
    bool has_moved = accept_one(side);

    for (unsigned i = 0; i < ORIGIN_MOST; i++)
        has_moved |= read_one(side, &side->ends[i]);
    return has_moved;
}

static struct origin_end *
choose(struct origin_side *side, bool is_other)
{
    struct origin_end *newest = NULL;
    struct origin_end *oldest = NULL;

    for (unsigned i = 0; i < ORIGIN_MOST; i++) {
        struct origin_end *end = &side->ends[i];

        if (end->fd == -1)
            continue;
        if (newest == NULL || end->turn > newest->turn)
            newest = end;
        if (oldest == NULL || end->turn < oldest->turn)
            oldest = end;
    }
    return is_other ? oldest : newest;
}

size_t
origin_send_marked(int fd, struct slice bytes, unsigned char mark)
{
    char *copy = fuzz_copy(bytes);
    ssize_t sent;

    for (size_t i = 0; i < bytes.size; i++)
        copy[i] = copy[i] == '@' && mark != 0 ? (char)mark : (char)(copy[i] & 0x7f);
    /* What is not taken was sent by nobody; an end that is gone takes nothing. */
    sent = send(fd, copy, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == -1)
        CHECK(errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
    free(copy);
    return sent > 0 ? (size_t)sent : 0;
}

void
origin_side_send(struct origin_side *side, bool is_other, struct slice bytes)
{
    struct origin_end *end = choose(side, is_other);

    if (end != NULL)
        end->sent_bytes += origin_send_marked(end->fd, bytes, end->mark);
}

void
origin_side_end(struct origin_side *side, bool is_other, bool is_half)
{
    struct origin_end *end = choose(side, is_other);

    if (end != NULL && is_half) {
        shutdown(end->fd, SHUT_WR);
        end->sent_bytes++; /* the end takes a place in the sequence, too */
    } else if (end != NULL) {
        end_close(end);
    }
}

bool
origin_side_saw_end(struct origin_side *side)
{
    const struct origin_end *end = choose(side, false);

    return end != NULL && end->has_ended;
}

void
origin_side_end_leased(struct origin_side *side)
{
    for (unsigned i = 0; i < ORIGIN_MOST; i++) {
        struct origin_end *end = &side->ends[i];
        struct search search = find(side, end);

        if (end->fd != -1 && search.is_found && search.state != TUPLE_PARKED)
            end_close(end);
    }
}

/* Only what is parked matters, and what has been read needs no acknowledgement. */
static bool
is_on_its_way(struct origin_side *side, const struct origin_end *end)
{
    int unacknowledged = 0;
    struct search search;

    if (end->fd == -1)
        return false;
    search = find(side, end);
    return search.is_found && search.state == TUPLE_PARKED &&
           search.received_bytes < end->sent_bytes &&
           ioctl(end->fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged > 0;
}

void
origin_side_wait_delivered(struct origin_side *side)
{
    /* A delayed acknowledgement takes up to 40 ms; an end that carpool does not read, for ever.
     */
    for (unsigned i = 0; i < ORIGIN_MOST; i++)
        for (unsigned tries = 0; tries < 200 && is_on_its_way(side, &side->ends[i]); tries++)
            poll(NULL, 0, 1);
}

void
origin_side_check_parked(struct origin_side *side)
{
    for (unsigned i = 0; i < ORIGIN_MOST; i++) {
        struct origin_end *end = &side->ends[i];
        struct search search;

        if (end->fd == -1)
            continue;
        search = find(side, end);
        if (!search.is_found)
            continue;
        CHECK(search.state == TUPLE_PARKED);
        CHECK(!end->is_tunnel && !end->has_head && buf_size(&end->bytes) == 0);
    }
}
