/*
 * An origin that closes connections at the worst moments, and clients that ask it through a
 * proxy, in one process so that what both saw can be compared. libc only.
 *
 *     faulty PROXY_IPV4:PORT REQUESTS CLIENTS SEED SECONDS
 *
 * What is promised: no GET, PUT or DELETE fails, with a body or without, and no POST is
 * processed twice. What can be promised is only what a client with a connection of its own
 * would have got, so this is what the origin does:
 *
 * - The first request on each connection is read and answered, however slowly. Who sends it on
 *   a new connection is served: an origin that also fails there fails without a proxy, too.
 * - From then on each answer may be the last: a third of them are followed by a fault. It
 *   closes after some milliseconds, also none, silently or with a 408; or when so many bytes
 *   of the next request have come, in its head or its body; or when all of it has come,
 *   instead of the answer; or with an answer as soon as the head is there. It closes with FIN,
 *   with RST, or first its own direction alone, reading on. An origin may do each of these to a
 *   connection that it thinks idle, or when it ends, and cannot know what is on its way.
 * - It never closes within an answer: what has begun to reach the client cannot be sent again.
 * - A request counts as processed when all of it was read, answered or not, or when it was
 *   answered early. That is the worst that a POST without an answer may mean.
 *
 * So each idempotent request must be answered 200 with what the origin read of it: once, or
 * once more as the first request of a connection. A POST must arrive at most once. It is
 * answered 200 or, where a fault struck, 502 (or that 408, where it looks like the answer), and
 * then may or may not have been processed. No more than a third of them end so.
 *
 * Prints one line of counts; what broke a promise is told on stderr, and the end is 1 then.
 */
#include "tests/tools/faulty.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "tests/tools/tool.h"

#define EVENTS 512
#define COMPLAINTS 20
#define SPOTS_MOST 8192

const char *const faulty_methods[METHOD_COUNT] = {
    [METHOD_GET] = "GET",
    [METHOD_PUT] = "PUT",
    [METHOD_DELETE] = "DELETE",
    [METHOD_POST] = "POST",
};

/* splitmix64 */
unsigned
faulty_roll(struct faulty *faulty, unsigned below)
{
    uint64_t z = faulty->dice += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (unsigned)((z ^ (z >> 31)) % below);
}

uint32_t
faulty_hash(uint32_t hash, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 16777619u;
    return hash;
}

void
faulty_tell(char told[FAULTY_TOLD_SIZE], enum method method, unsigned number,
            unsigned body_size, uint32_t hash)
{
    snprintf(told, FAULTY_TOLD_SIZE, "%s %u with %u bytes, %08x\n", faulty_methods[method],
             number, body_size, hash);
}

void
faulty_complain(struct faulty *faulty, const char *format, ...)
{
    va_list args;

    if (faulty->broken++ >= COMPLAINTS)
        return;
    va_start(args, format);
    vwarnx(format, args);
    va_end(args);
}

/* ---- the loop ---- */

static void
spot_remember(struct faulty *faulty, struct spot *spot)
{
    for (unsigned i = 0; i < faulty->spot_count; i++)
        if (faulty->spots[i] == spot)
            return;
    if (faulty->spot_count == SPOTS_MOST)
        errx(2, "too many connections");
    faulty->spots[faulty->spot_count++] = spot;
}

void
faulty_watch(struct faulty *faulty, struct spot *spot, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = spot};

    if (epoll_ctl(faulty->epoll, EPOLL_CTL_ADD, spot->fd, &event) == -1)
        err(2, "epoll_ctl");
    spot_remember(faulty, spot);
}

static void
tick(const struct faulty *faulty, uint64_t now_ms)
{
    for (unsigned i = 0; i < faulty->spot_count; i++) {
        struct spot *spot = faulty->spots[i];

        if (spot->fd != -1 && spot->on_tick != NULL)
            spot->on_tick(spot, now_ms);
    }
}

/* A place that was closed and taken anew in the same turn may be called in vain: that is fine.
 */
static void
turn(struct faulty *faulty)
{
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(faulty->epoll, events, EVENTS, 1);

    for (int i = 0; i < ready; i++) {
        struct spot *spot = events[i].data.ptr;

        if (spot->fd != -1)
            spot->on_ready(spot);
    }
}

/* Until all is said, and what was sent into half-closed connections is read, too. */
static void
run(struct faulty *faulty, uint64_t deadline_ms)
{
    uint64_t ticked_ms = 0;

    while (faulty->over < faulty->count || faulty->half > 0) {
        uint64_t now_ms;

        turn(faulty);
        now_ms = tool_now_ms();
        if (now_ms > deadline_ms) {
            faulty_complain(faulty, "only %u of %u requests are over", faulty->over,
                            faulty->count);
            return;
        }
        if (now_ms != ticked_ms)
            tick(faulty, now_ms);
        ticked_ms = now_ms;
    }
}

/* ---- what was promised ---- */

static void
judge(struct faulty *faulty, unsigned number)
{
    const struct request *request = &faulty->requests[number];
    const char *method = faulty_methods[request->method];

    if (request->method == METHOD_POST && (request->processed > 1 || request->arrived > 1))
        faulty_complain(faulty, "POST %u came %u times and was processed %u times", number,
                        request->arrived, request->processed);
    if (request->method != METHOD_POST && request->arrived > 2)
        faulty_complain(faulty, "%s %u came %u times", method, number, request->arrived);
    if (request->status == 200 && request->processed == 0)
        faulty_complain(faulty, "%s %u was answered, but by whom?", method, number);
}

/* What the counts say: faults explain what failed, and a fault follows one answer in three. */
static void
judge_all(struct faulty *faulty)
{
    unsigned posts = 0;
    unsigned repeated = 0;

    for (unsigned i = 0; i < faulty->count; i++) {
        judge(faulty, i);
        posts += faulty->requests[i].method == METHOD_POST;
        repeated += faulty->requests[i].arrived > 1;
    }
    if (faulty->posts_failed > faulty->faults || faulty->posts_failed > posts / FAULTY_ONE_IN)
        faulty_complain(faulty, "%u of %u POSTs failed, with %u faults", faulty->posts_failed,
                        posts, faulty->faults);
    printf(
        "answered=%u posts=%u posts_failed=%u broken=%u connections=%u faults=%u repeated=%u\n",
        faulty->answered, posts, faulty->posts_failed, faulty->broken, faulty->accepted,
        faulty->faults, repeated);
}

int
main(int argc, char **argv)
{
    struct faulty faulty = {.epoll = epoll_create1(EPOLL_CLOEXEC)};
    unsigned clients;

    if (argc != 6)
        errx(2, "usage: faulty PROXY_IPV4:PORT REQUESTS CLIENTS SEED SECONDS");
    faulty.proxy = tool_address(argv[1], false);
    faulty.count = tool_number(argv[2]);
    clients = tool_number(argv[3]);
    faulty.dice = tool_number(argv[4]);
    faulty.requests = calloc(faulty.count, sizeof(*faulty.requests));
    faulty.spots = calloc(SPOTS_MOST, sizeof(struct spot *));
    if (faulty.epoll == -1 || faulty.requests == NULL || faulty.spots == NULL)
        errx(2, "no memory");
    faulty_origin_open(&faulty);
    faulty_clients_open(&faulty, clients);
    run(&faulty, tool_now_ms() + (uint64_t)tool_number(argv[5]) * 1000);
    judge_all(&faulty);
    faulty_origin_close(&faulty);
    faulty_clients_close(&faulty);
    free(faulty.spots);
    free(faulty.requests);
    return faulty.broken == 0 ? 0 : 1;
}
