/* TLS handshakes with an origin whose every step is the test's to choose, over real sockets. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "pool/tls.h"
#include "tests/unit/base/tls_peer.h"
#include "tests/unit/pool/bench.h"
#include "tests/unit/pool/fakes.h"

/* When the origin does what is its part. */
enum pace {
    PACE_STEPS,   /* each time that our side has gone as far as it could */
    PACE_AT_ONCE, /* while our side is within a step: its answer is there before we look */
};

struct origin {
    struct tls_peer paper; /* for its certificate and context only */
    int listener;
    int fd; /* -1: nobody came yet */
    SSL *tls;
    enum pace pace;
    uint64_t heard_bytes; /* of hellos, on this connection */
    unsigned steps;       /* of our side, each as far as it could go */
    struct tls_profile *profile;
    struct guest guest;
};

/* Waits for it no longer than a test may take. */
static void
until_readable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&polled, 1, 5000), 1);
}

/* Reads what came and answers; waits until the answer is where our side can read it. */
static void
origin_answers(struct origin *origin, int ours)
{
    if (origin->fd == -1) {
        until_readable(origin->listener);
        origin->fd = origin_accept(origin->listener);
        assert_int_equal(fcntl(origin->fd, F_SETFL, O_NONBLOCK), 0);
        origin->tls = SSL_new(origin->paper.server_context);
        assert_true(SSL_set_fd(origin->tls, origin->fd));
        SSL_set_accept_state(origin->tls);
    }
    until_readable(origin->fd);
    (void)SSL_do_handshake(origin->tls);
    until_readable(ours);
}

/* Has our side said hello, for the first time or once more, and got no answer yet? */
static bool
has_said_hello(struct origin *origin, const SSL *tls)
{
    uint64_t sent = BIO_number_written(SSL_get_wbio(tls));
    bool is_hello = SSL_get_state(tls) == TLS_ST_CW_CLNT_HELLO && sent > origin->heard_bytes;

    if (is_hello)
        origin->heard_bytes = sent;
    return is_hello;
}

/* Hears of each state of our side: as it changes, and where a step ends. */
static void
on_state(const SSL *tls, int where, int result)
{
    struct origin *origin = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));

    if (where == SSL_CB_CONNECT_EXIT)
        origin->steps++;
    if (origin->pace == PACE_AT_ONCE) {
        if (where == SSL_CB_CONNECT_LOOP && has_said_hello(origin, tls))
            origin_answers(origin, SSL_get_fd(tls));
    } else if (where == SSL_CB_CONNECT_EXIT && result != 1) {
        origin_answers(origin, SSL_get_fd(tls));
    }
}

static void
origin_start(struct origin *origin, enum pace pace)
{
    const struct tls_terms anybody = {.is_verified = false};
    SSL_CTX *context;

    *origin = (struct origin){.fd = -1, .pace = pace};
    tls_peer_open(&origin->paper, &tls_good);
    origin->listener = origin_open("127.0.0.1", 0, 8);
    origin->profile = tls_profile_new(&anybody);
    assert_int_equal(tls_profile_context(origin->profile, &context), ERR_OK);
    assert_true(SSL_CTX_set_app_data(context, origin));
    SSL_CTX_set_info_callback(context, on_state);
    origin->guest.tls = origin->profile;
}

static void
origin_hangs_up(struct origin *origin)
{
    SSL_free(origin->tls);
    close(origin->fd);
    origin->tls = NULL;
    origin->fd = -1;
}

static void
origin_end(struct origin *origin)
{
    tls_profile_unref(origin->profile);
    close(origin->listener);
    tls_peer_close(&origin->paper);
}

/* One connection more; how many round trips its handshake took. */
static uint64_t
trips_of_one(struct bench *bench, struct origin *origin)
{
    uint64_t before = count_of(bench, POOL_STAT_SHAKE_TRIPS);

    origin->steps = 0;
    origin->heard_bytes = 0;
    guest_hold(bench, &origin->guest, "127.0.0.1", origin_port(origin->listener));
    lease_discard(&origin->guest.lease);
    origin_hangs_up(origin);
    return count_of(bench, POOL_STAT_SHAKE_TRIPS) - before;
}

static void
full_one_takes_a_round_trip(void **state)
{
    struct origin origin;

    origin_start(&origin, PACE_STEPS);
    assert_int_equal(trips_of_one(*state, &origin), 1);
    assert_int_equal(origin.steps, 2);
    assert_int_equal(count_of(*state, POOL_STAT_FULL), 1);
    origin_end(&origin);
}

static void
one_may_end_in_its_first_step(void **state)
{
    struct origin origin;

    origin_start(&origin, PACE_AT_ONCE);
    assert_int_equal(trips_of_one(*state, &origin), 1);
    assert_int_equal(origin.steps, 1);
    assert_int_equal(count_of(*state, POOL_STAT_FULL), 1);
    assert_int_equal(count_of(*state, POOL_STAT_SHAKE_FAILED), 0);
    nothing_is_open(*state);
    origin_end(&origin);
}

/* RFC 8446 §4.1.4: HelloRetryRequest. What we offered a key for is not among what it takes. */
static void
other_group_takes_a_round_trip_more(void **state)
{
    for (enum pace pace = PACE_STEPS; pace <= PACE_AT_ONCE; pace++) {
        struct origin origin;

        origin_start(&origin, pace);
        assert_true(SSL_CTX_set1_groups_list(origin.paper.server_context, "P-384"));
        assert_int_equal(trips_of_one(*state, &origin), 2);
        assert_int_equal(origin.steps, pace == PACE_STEPS ? 3 : 1);
        origin_end(&origin);
    }
    assert_int_equal(count_of(*state, POOL_STAT_FULL), 2);
}

/* RFC 5246 §7.3: two round trips, and one where a session is resumed. */
static void
old_version_saves_a_round_trip_by_its_ticket(void **state)
{
    for (enum pace pace = PACE_STEPS; pace <= PACE_AT_ONCE; pace++) {
        struct origin origin;

        origin_start(&origin, PACE_STEPS);
        assert_true(SSL_CTX_set_max_proto_version(origin.paper.server_context, TLS1_2_VERSION));
        assert_int_equal(trips_of_one(*state, &origin), 2);
        origin.pace = pace;
        assert_int_equal(trips_of_one(*state, &origin), 1);
        assert_int_equal(origin.steps, pace == PACE_STEPS ? 2 : 1);
        origin_end(&origin);
    }
    assert_int_equal(count_of(*state, POOL_STAT_FULL), 2);
    assert_int_equal(count_of(*state, POOL_STAT_RESUMED), 2);
}

/* The certificate of the one was not checked for the other. */
static void
names_of_one_address_shake_hands_each_for_itself(void **state)
{
    struct bench *bench = *state;
    struct guest *guest;
    struct origin origin;
    struct origin first;

    bench->settings.share_by_address = true;
    pool_configure(bench->pool, &bench->settings);
    bench_host(bench, "127.0.0.1", "a.test");
    bench_host(bench, "127.0.0.1", "b.test");
    origin_start(&origin, PACE_STEPS);
    guest = &origin.guest;
    guest_hold(bench, guest, "a.test", origin_port(origin.listener));
    guest_park(guest);
    first = origin;
    origin.fd = -1;
    origin.heard_bytes = 0;
    guest_hold(bench, guest, "b.test", origin_port(origin.listener));
    assert_false(lease_facts(guest->lease)->is_reused);
    lease_discard(&guest->lease);
    guest_hold(bench, guest, "a.test", origin_port(origin.listener));
    assert_true(lease_facts(guest->lease)->is_reused);
    lease_discard(&guest->lease);
    origin_hangs_up(&first);
    origin_hangs_up(&origin);
    origin_end(&origin);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(full_one_takes_a_round_trip, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(one_may_end_in_its_first_step, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(other_group_takes_a_round_trip_more, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(old_version_saves_a_round_trip_by_its_ticket,
                                        bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(names_of_one_address_shake_hands_each_for_itself,
                                        bench_setup, bench_teardown),
    };

    /* As the program does: OpenSSL writes without MSG_NOSIGNAL. */
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
