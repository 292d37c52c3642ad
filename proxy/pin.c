/*
 * Upstream connections that belong to one client connection. See pin.h. The worker's thread.
 */
#include "proxy/pin.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event_struct.h>

#include "base/loop.h"
#include "base/mem.h"
#include "proxy/exchange.h"
#include "proxy/http/fields.h"

/* Of one client: browsers use a connection to a proxy for one host, or a few of them. */
#define PINS_PER_CLIENT 4

struct pin {
    struct grave grave;
    TAILQ_ENTRY(pin) of_client; /* oldest first */
    TAILQ_ENTRY(pin) of_worker; /* the same, while there is a lease */
    struct client *client;
    struct pool_key key;
    char *user;          /* who was named to us; the same client may name several */
    struct lease *lease; /* NULL: lost in the middle of a handshake */
    struct watch watch;
    struct event timer;
    bool is_mid_handshake;
};

static void
pin_bury(struct grave *grave)
{
    struct pin *pin = (struct pin *)(void *)((char *)grave - offsetof(struct pin, grave));

    free(pin->user);
    free(pin);
}

/* Takes the lease out of the pin, which rests no more. NULL where it was lost. */
static struct lease *
pin_release(struct pin *pin)
{
    struct lease *lease = pin->lease;

    if (lease == NULL)
        return NULL;
    pin->lease = NULL;
    watch_shut(&pin->watch);
    evtimer_del(&pin->timer);
    TAILQ_REMOVE(&pin->client->worker->pins, pin, of_worker);
    return lease;
}

static void
pin_free(struct pin *pin)
{
    struct lease *lease = pin_release(pin);

    if (lease != NULL)
        lease_discard(&lease);
    TAILQ_REMOVE(&pin->client->pins, pin, of_client);
    pin->client->pin_count--;
    worker_bury(pin->client->worker, &pin->grave, pin_bury);
}

/*
 * The connection is closed before its client wants it again. In the middle of a handshake the
 * pin is remembered without it: the next step must not go elsewhere.
 */
static void
pin_lose(struct pin *pin)
{
    struct lease *lease;

    if (!pin->is_mid_handshake) {
        pin_free(pin);
        return;
    }
    lease = pin_release(pin);
    lease_discard(&lease);
}

/* Closed by the origin, or bytes that nobody asked for, which the probe takes note of. */
static void
on_readable(void *arg, unsigned what)
{
    struct pin *pin = arg;

    (void)what;
    (void)lease_probe(pin->lease);
    pin_lose(pin);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    pin_lose(arg);
}

static bool
is_for(const struct pin *pin, const struct exchange *exchange)
{
    return pool_key_equal(&pin->key, &exchange->key) &&
           slice_equal(slice_of(pin->user), exchange->user);
}

static char *
copy_user(struct slice user)
{
    char *copy = xcalloc(1, user.size + 1);

    if (user.size > 0)
        memcpy(copy, user.data, user.size);
    return copy;
}

/* Pins the lease; at the cap that client of this worker has to go whose pin rests longest. */
static bool
pin_lease(struct exchange *exchange)
{
    struct pin_list *resting = &exchange->worker->pins;
    enum err err = lease_pin(exchange->lease);

    if (err != ERR_OK && !TAILQ_EMPTY(resting)) {
        pin_lose(TAILQ_FIRST(resting));
        err = lease_pin(exchange->lease);
    }
    exchange->is_pinned = err == ERR_OK;
    return exchange->is_pinned;
}

bool
pin_for_request(struct exchange *exchange)
{
    return !exchange->is_logging_in || pin_lease(exchange);
}

void
pin_for_answer(struct exchange *exchange, const struct head *head)
{
    enum connection_auth asked = fields_connection_auth(head, SLICE("WWW-Authenticate"));

    exchange->is_mid_handshake =
        exchange->is_logging_in && head->status == 401 && asked == CONNECTION_AUTH_TOKEN;
    if (asked == CONNECTION_AUTH_NONE || !exchange->keeps_client || !exchange->is_parkable)
        return;
    /* Nobody has logged in where it cannot be pinned: then it is a connection like others. */
    exchange->framing.is_pinned = pin_lease(exchange);
}

static void
rest(struct pin *pin, unsigned rest_ms)
{
    struct worker *worker = pin->client->worker;
    const struct timeval wait = loop_delay_ms(rest_ms);

    TAILQ_INSERT_TAIL(&worker->pins, pin, of_worker);
    watch_open(&pin->watch, worker->base, lease_stream(pin->lease)->fd, on_readable, pin);
    watch_want(&pin->watch, WATCH_READ);
    evtimer_assign(&pin->timer, worker->base, on_timer, pin);
    evtimer_add(&pin->timer, &wait);
}

void
pin_keep(struct exchange *exchange)
{
    struct client *client = exchange->client;
    unsigned rest_ms = lease_rest(exchange->lease, &exchange->terms);
    struct pin *pin;

    if (rest_ms == 0)
        lease_discard(&exchange->lease);
    if (rest_ms == 0 && !exchange->is_mid_handshake)
        return;
    if (client->pin_count == PINS_PER_CLIENT)
        pin_free(TAILQ_FIRST(&client->pins));
    pin = xcalloc(1, sizeof(*pin));
    pin->client = client;
    pin->key = exchange->key;
    pin->user = copy_user(exchange->user);
    pin->lease = exchange->lease;
    pin->is_mid_handshake = exchange->is_mid_handshake;
    exchange->lease = NULL;
    TAILQ_INSERT_TAIL(&client->pins, pin, of_client);
    client->pin_count++;
    if (pin->lease != NULL)
        rest(pin, rest_ms);
}

bool
pin_take(struct exchange *exchange)
{
    struct pin *pin;
    struct lease *lease;
    enum err err = ERR_CLOSED;
    bool is_lost;

    TAILQ_FOREACH (pin, &exchange->client->pins, of_client)
        if (is_for(pin, exchange))
            break;
    if (pin == NULL)
        return true;
    lease = pin_release(pin);
    if (lease != NULL)
        err = lease_resume(lease, exchange_may_reach, exchange);
    if (err == ERR_OK) {
        exchange->lease = lease;
        exchange->is_pinned = true;
        exchange->is_mid_handshake = pin->is_mid_handshake && exchange->is_logging_in;
    } else if (lease != NULL) {
        lease_discard(&lease);
    }
    is_lost = err == ERR_CLOSED && pin->is_mid_handshake && exchange->is_logging_in;
    pin_free(pin);
    return !is_lost;
}

void
pin_end_all(struct client *client)
{
    while (!TAILQ_EMPTY(&client->pins))
        pin_free(TAILQ_FIRST(&client->pins));
}
