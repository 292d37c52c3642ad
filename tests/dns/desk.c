/*
 * A resolver with real sockets and a scripted name server. The clock that answers age by is
 * moved by hand; waits are for events, with a limit.
 */
#include "tests/dns/desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mailbox.h"
#include "dns/cache.h"

#define PATIENCE_S 10

const char desk_zone[] = "o.test A 127.0.0.1 ttl=5\n"
                         "o.test AAAA ::1 ttl=60\n"
                         "four.test A 127.0.0.4\n"
                         "six.test AAAA ::6\n"
                         "alias.test CNAME four.test ttl=2\n"
                         "nowhere.test CNAME missing.test\n"
                         "missing.test NXDOMAIN ttl=15\n"
                         "bare.test NODATA\n"
                         "broken.test SERVFAIL\n"
                         "half.test A 127.0.0.1\n"
                         "half.test AAAA SERVFAIL\n"
                         "silent.test SILENT\n"
                         "lossy.test SILENT times=2\n"
                         "lossy.test A 127.0.0.1\n"
                         "late6.test A 127.0.0.1\n"
                         "late6.test AAAA ::1 delay=400ms\n"
                         "late4.test A 127.0.0.1 delay=400ms\n"
                         "late4.test AAAA ::1\n"
                         "slow.test A 127.0.0.1 delay=200ms\n"
                         "cut.test TRUNCATE\n"
                         "cut.test A 127.0.0.1\n"
                         "odd.test MALFORMED\n"
                         "host.two.test A 127.0.0.2\n"
                         "deep.host.two.test A 127.0.0.3\n"
                         "host.one.test AAAA NODATA ttl=10\n"
                         "lone A 127.0.0.9\n"
                         "*.many.test A 127.0.0.1\n";

_Thread_local uint64_t clock_ahead_us;

/* A test that failed left its askers' memory behind: nothing may be noted there any more. */
static bool is_closing;

uint64_t __real_clock_now_us(void);
uint64_t __wrap_clock_now_us(void);

uint64_t
__wrap_clock_now_us(void)
{
    return __real_clock_now_us() + clock_ahead_us;
}

void
desk_open(struct desk *desk)
{
    const struct resolver_setup setup = {desk->base, desk->mailbox, desk->cache, desk->stats};

    assert_int_equal(resolver_new(&setup, &desk->settings, &desk->resolver), ERR_OK);
}

int
desk_set_up(void **state)
{
    struct desk *desk = calloc(1, sizeof(*desk));

    server_start(&desk->server, desk_zone);
    server_write(&desk->server, "resolv.conf", "search one.test two.test\n");
    desk->base = event_base_new();
    desk->settings = (struct resolver_settings){
        .timeout_ms = 1000,
        .tries = 3,
        .max_ttl_ms = 3600000,
        .negative_ttl_ms = 10000,
        .max_negative_ttl_ms = 60000,
        .serve_stale_ms = 3600000,
        .cache_size = 1000,
        .max_inflight = 1000,
    };
    set_text(desk->settings.servers, desk->server.address);
    set_text(desk->settings.resolv_conf, server_path(&desk->server, "resolv.conf"));
    clock_ahead_us = 0;
    is_closing = false;
    desk->mailbox = mailbox_new(desk->base);
    desk->cache = cache_new(&desk->settings);
    desk_open(desk);
    *state = desk;
    return 0;
}

int
desk_tear_down(void **state)
{
    struct desk *desk = *state;

    is_closing = true;
    mailbox_free(desk->mailbox);
    resolver_free(desk->resolver);
    cache_free(desk->cache);
    event_base_free(desk->base);
    server_stop(&desk->server);
    free(desk);
    return 0;
}

void
desk_reopen(struct desk *desk)
{
    resolver_free(desk->resolver);
    cache_clear(desk->cache, &desk->settings);
    desk_open(desk);
}

void
on_answer(void *arg, enum err err, struct answer *answer, bool is_final)
{
    struct heard *heard = arg;

    if (is_closing)
        return;
    assert_false(heard->is_final);
    heard->calls++;
    heard->err = err;
    heard->is_final = is_final;
    if (!is_final)
        heard->partial_count = answer->count;
    answer_unref(heard->answer);
    heard->answer = answer;
    if (answer != NULL)
        answer_ref(answer);
}

enum err
ask(struct desk *desk, const char *host, struct heard *heard)
{
    *heard = (struct heard){.err = ERR_AGAIN};
    return resolver_ask(desk->resolver, slice_of(host), on_answer, heard, &heard->answer,
                        &heard->ask);
}

static void
on_patience(evutil_socket_t none, short what, void *arg)
{
    (void)none;
    (void)what;
    (void)arg;
    fail_msg("nothing was heard in time");
}

void
hear(struct desk *desk, const struct heard *heard, unsigned calls)
{
    struct timeval patience = {PATIENCE_S, 0};
    struct event *limit = evtimer_new(desk->base, on_patience, NULL);

    event_add(limit, &patience);
    while (heard->calls < calls)
        event_base_loop(desk->base, EVLOOP_ONCE);
    event_free(limit);
}

enum err
resolve(struct desk *desk, const char *host, struct heard *heard)
{
    assert_int_equal(ask(desk, host, heard), ERR_AGAIN);
    while (!heard->is_final)
        hear(desk, heard, heard->calls + 1);
    return heard->err;
}

void
forget(struct heard *heard)
{
    answer_unref(heard->answer);
    *heard = (struct heard){.err = ERR_AGAIN};
}

void
assert_addresses(const struct heard *heard, const char *expected)
{
    char text[ADDRESS_TEXT_SIZE];
    char all[1024] = "";

    assert_non_null(heard->answer);
    for (size_t i = 0, size = 0; i < heard->answer->count; i++)
        size += (size_t)snprintf(all + size, sizeof(all) - size, "%s%s", i > 0 ? " " : "",
                                 address_format_ip(&heard->answer->addresses[i], text));
    assert_string_equal(all, expected);
}

void
assert_resolves(struct desk *desk, const char *host, const char *expected)
{
    struct heard heard;
    enum err err = resolve(desk, host, &heard);

    if (err == ERR_OK)
        assert_addresses(&heard, expected);
    else
        assert_string_equal(err_word(err), expected);
    forget(&heard);
}

void
assert_known(struct desk *desk, const char *host, const char *expected)
{
    struct heard heard;
    enum err err = ask(desk, host, &heard);

    if (err == ERR_OK)
        assert_addresses(&heard, expected);
    else
        assert_string_equal(err_word(err), expected);
    forget(&heard);
}
