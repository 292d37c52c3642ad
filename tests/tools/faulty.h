#ifndef CARPOOL_TESTS_FAULTY_H
#define CARPOOL_TESTS_FAULTY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The parts of faulty: faulty.c says what it is for. One thread, one loop. */

#define FAULTY_PORTS 4
#define FAULTY_TOLD_SIZE 64
#define FAULTY_ONE_IN 3 /* answers that are followed by a fault */

enum method { METHOD_GET, METHOD_PUT, METHOD_DELETE, METHOD_POST, METHOD_COUNT };
enum body { BODY_NONE, BODY_LENGTH, BODY_CHUNKED };

/* A request, as those who ask and those who answer know it. */
struct request {
    enum method method;
    enum body body;
    unsigned body_size;
    unsigned arrived;   /* heads of it that the origin has read */
    unsigned processed; /* times that the origin has read all of it, answered or not */
    unsigned status;    /* what the client was told; 0: nothing yet */
};

/* Something in the loop; embedded first in what it belongs to. */
struct spot {
    int fd;                              /* -1: free, or not connected */
    void (*on_ready)(struct spot *spot); /* by epoll, as it was added */
    /* Every millisecond, if fd is not -1. */
    void (*on_tick)(struct spot *spot, uint64_t now_ms);
};

struct faulty {
    int epoll;
    struct spot **spots; /* all that ever were in the loop: they stay where they are */
    unsigned spot_count;
    uint64_t dice; /* the state of the random numbers */

    /* the origin's */
    struct listener *listeners;
    uint16_t ports[FAULTY_PORTS];
    struct peer *peers; /* connections from the proxy */
    unsigned accepted;  /* of them, in total */
    unsigned half;      /* of them, open in one direction only */
    unsigned faults;    /* that struck */

    /* the clients' */
    struct sockaddr_in proxy;
    struct client *clients;
    unsigned client_count;
    unsigned answered;     /* requests with 200 and the right body */
    unsigned posts_failed; /* as they may: 502, or the last word of an idle connection */

    struct request *requests;
    unsigned count;  /* of requests */
    unsigned begun;  /* of them */
    unsigned over;   /* of them */
    unsigned broken; /* promises, told on stderr as long as they are few */
};

/* 0 to below - 1. */
unsigned faulty_roll(struct faulty *faulty, unsigned below);

/* In the loop for these events, from now on. */
void faulty_watch(struct faulty *faulty, struct spot *spot, uint32_t events);

/* A promise was broken: the run fails. */
void faulty_complain(struct faulty *faulty, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

extern const char *const faulty_methods[METHOD_COUNT];

/* FNV-1a, byte by byte. */
#define FAULTY_HASH 2166136261u
uint32_t faulty_hash(uint32_t hash, const char *bytes, size_t size);

/*
 * The body of the answer: which request was answered, and what was read of its body, which is
 * FAULTY_UNREAD where nobody waited for it.
 */
#define FAULTY_UNREAD UINT32_MAX
void faulty_tell(char told[FAULTY_TOLD_SIZE], enum method method, unsigned number,
                 unsigned body_size, uint32_t hash);

/* Listens on FAULTY_PORTS ports. */
void faulty_origin_open(struct faulty *faulty);
void faulty_origin_close(struct faulty *faulty);

/* Clients that go on until all requests are over. */
void faulty_clients_open(struct faulty *faulty, unsigned count);
void faulty_clients_close(struct faulty *faulty);

#endif
