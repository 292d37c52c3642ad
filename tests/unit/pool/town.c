/* Origins on loopback, as the pool's day needs them. */
#include "tests/unit/pool/town.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/address.h"
#include "base/mem.h"
#include "tests/unit/pool/agenda.h"
#include "tests/unit/pool/bench.h"

void
origin_rise(struct origin *origin)
{
    origin->fd = origin_open(origin->ip, origin->port, 512);
    assert_int_not_equal(origin->fd, -1);
    assert_int_equal(fcntl(origin->fd, F_SETFL, O_NONBLOCK), 0);
    origin->port = origin_port(origin->fd);
}

void
town_init(struct town *town)
{
    static const uint64_t idle_ms[] = {75000, 5000, 15000, 60000, 120000, 0, 5000, 30000};
    double sum = 0;

    for (unsigned i = 0; i < TOWN_HOSTS; i++) {
        struct origin *origin = &town->origins[i];

        *origin = (struct origin){.idle_ms = idle_ms[i % 8],
                                  .tells = i % 3 == 0 && idle_ms[i % 8] != 0,
                                  .max_uses = i % 5 == 4 ? 100 : 0,
                                  .answer_ms = 20 + i % 7 * 60};
        snprintf(origin->ip, sizeof(origin->ip), "127.3.0.%u", i + 1);
        TAILQ_INIT(&origin->fars);
        origin_rise(origin);
        sum += 1.0 / (i + 1);
        town->weights[i] = sum;
    }
}

void
town_fini(struct town *town)
{
    for (unsigned i = 0; i < TOWN_HOSTS; i++)
        origin_fall(&town->origins[i]);
}

struct origin *
town_choose(struct town *town, double chance)
{
    unsigned i = 0;

    while (i < TOWN_HOSTS - 1 && town->weights[i] < chance * town->weights[TOWN_HOSTS - 1])
        i++;
    return &town->origins[i];
}

void
origin_greet(struct town *town, struct origin *origin)
{
    struct address address;
    socklen_t size;
    int fd;

    for (;;) {
        struct far *far;

        size = sizeof(address);
        fd = origin->fd == -1
                 ? -1
                 : accept4(origin->fd, &address.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd == -1)
            return;
        far = xcalloc(1, sizeof(*far));
        far->fd = fd;
        far->port = address_port(&address);
        far->number = ++town->accepted;
        far->opened_us = far->rested_us = agenda_now_us();
        TAILQ_INSERT_HEAD(&origin->fars, far, entry);
    }
}

struct far *
origin_find(struct origin *origin, uint16_t port)
{
    struct far *far;

    TAILQ_FOREACH (far, &origin->fars, entry)
        if (far->port == port && !far_has_ended(far))
            return far;
    return NULL;
}

struct far *
origin_find_number(struct origin *origin, uint64_t number)
{
    struct far *far;

    TAILQ_FOREACH (far, &origin->fars, entry)
        if (far->number == number)
            return far;
    return NULL;
}

bool
far_has_ended(const struct far *far)
{
    char byte;

    return recv(far->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != -1 || errno != EAGAIN;
}

void
far_close(struct origin *origin, struct far *far)
{
    TAILQ_REMOVE(&origin->fars, far, entry);
    close(far->fd);
    free(far);
}

void
origin_fall(struct origin *origin)
{
    struct far *far;
    struct far *next;

    if (origin->fd != -1)
        close(origin->fd);
    origin->fd = -1;
    origin->down_us = agenda_now_us();
    for (far = TAILQ_FIRST(&origin->fars); far != NULL; far = next) {
        next = TAILQ_NEXT(far, entry);
        close(far->fd);
        free(far);
    }
    TAILQ_INIT(&origin->fars);
    origin->resting = 0;
}

bool
oracle_takes(struct origin *origin, uint64_t idle_ms)
{
    uint64_t now_us = agenda_now_us();
    uint64_t limit_ms =
        origin->idle_ms != 0 && origin->idle_ms < idle_ms ? origin->idle_ms : idle_ms;

    /* The newest last: if that is too old, all are. */
    if (origin->resting > 0 &&
        now_us - origin->resting_us[origin->resting - 1] < limit_ms * 1000) {
        origin->resting--;
        return true;
    }
    origin->resting = 0;
    return false;
}

void
oracle_rests(struct origin *origin)
{
    if (origin->resting < TOWN_REST)
        origin->resting_us[origin->resting++] = agenda_now_us();
}
