/*
 * The resolver with real sockets against a scripted name server. The clock that answers age by
 * is moved by hand; waits are for events, with a limit.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/clock.h"
#include "dns/resolver.h"
#include "tests/dns/server.h"

#define PATIENCE_S 20

static const char zone[] = "o.test A 127.0.0.1 ttl=5\n"
                           "o.test AAAA ::1 ttl=60\n"
                           "four.test A 127.0.0.4\n"
                           "six.test AAAA ::6\n"
                           "alias.test CNAME four.test ttl=2\n"
                           "nowhere.test CNAME missing.test\n"
                           "missing.test NXDOMAIN\n"
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
                           "host.one.test AAAA NODATA\n"
                           "lone A 127.0.0.9\n"
                           "*.many.test A 127.0.0.1\n";

static _Thread_local uint64_t clock_ahead_us;

uint64_t __real_clock_now_us(void);
uint64_t __wrap_clock_now_us(void);

uint64_t
__wrap_clock_now_us(void)
{
    return __real_clock_now_us() + clock_ahead_us;
}

struct desk {
    struct server server;
    struct event_base *base;
    struct resolver_settings settings;
    struct resolver *resolver;
    stat_counter stats[DNS_STAT_COUNT];
};

/* What one asker heard. */
struct heard {
    unsigned calls;
    bool is_final;
    enum err err;
    struct answer *answer; /* the last one */
    size_t partial_count;  /* addresses in the one that was not final */
    struct dns_ask *ask;
};

static void
desk_open(struct desk *desk)
{
    assert_int_equal(resolver_new(desk->base, &desk->settings, desk->stats, &desk->resolver),
                     ERR_OK);
}

static int
desk_set_up(void **state)
{
    struct desk *desk = calloc(1, sizeof(*desk));

    server_start(&desk->server, zone);
    server_write(&desk->server, "resolv.conf", "search one.test two.test\n");
    desk->base = event_base_new();
    desk->settings = (struct resolver_settings){
        .timeout_ms = 1000,
        .tries = 3,
        .max_ttl_ms = 3600000,
        .negative_ttl_ms = 10000,
        .cache_size = 1000,
        .max_inflight = 1000,
    };
    strcpy(desk->settings.servers, desk->server.address);
    strcpy(desk->settings.resolv_conf, server_path(&desk->server, "resolv.conf"));
    clock_ahead_us = 0;
    desk_open(desk);
    *state = desk;
    return 0;
}

static int
desk_tear_down(void **state)
{
    struct desk *desk = *state;

    resolver_free(desk->resolver);
    event_base_free(desk->base);
    server_stop(&desk->server);
    free(desk);
    return 0;
}

static void
desk_reopen(struct desk *desk)
{
    resolver_free(desk->resolver);
    desk_open(desk);
}

static void
on_answer(void *arg, enum err err, struct answer *answer, bool is_final)
{
    struct heard *heard = arg;

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

static enum err
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

/* Runs the loop until that many calls were heard. */
static void
hear(struct desk *desk, const struct heard *heard, unsigned calls)
{
    struct timeval patience = {PATIENCE_S, 0};
    struct event *limit = evtimer_new(desk->base, on_patience, NULL);

    event_add(limit, &patience);
    while (heard->calls < calls)
        event_base_loop(desk->base, EVLOOP_ONCE);
    event_free(limit);
}

/* Asks, waits for the final word and returns it. */
static enum err
resolve(struct desk *desk, const char *host, struct heard *heard)
{
    assert_int_equal(ask(desk, host, heard), ERR_AGAIN);
    while (!heard->is_final)
        hear(desk, heard, heard->calls + 1);
    return heard->err;
}

static void
forget(struct heard *heard)
{
    answer_unref(heard->answer);
    *heard = (struct heard){.err = ERR_AGAIN};
}

static void
assert_addresses(const struct heard *heard, const char *expected)
{
    char text[ADDRESS_TEXT_SIZE];
    char all[1024] = "";

    assert_non_null(heard->answer);
    for (size_t i = 0; i < heard->answer->count; i++) {
        strcat(all, i > 0 ? " " : "");
        strcat(all, address_format_ip(&heard->answer->addresses[i], text));
    }
    assert_string_equal(all, expected);
}

/* Resolves and compares: addresses, or the error's word. */
static void
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

static void
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

static void
both_families_come_with_ipv6_first(void **state)
{
    assert_resolves(*state, "o.test", "::1 127.0.0.1");
}

static void
case_and_a_trailing_dot_do_not_matter(void **state)
{
    assert_resolves(*state, "Four.TEST.", "127.0.0.4");
    assert_resolves(*state, "FOUR.test", "127.0.0.4");
    assert_known(*state, "four.test", "127.0.0.4");
}

static void
answer_is_remembered_for_its_shortest_ttl(void **state)
{
    struct desk *desk = *state;

    assert_resolves(desk, "o.test", "::1 127.0.0.1");
    clock_ahead_us = 4000000;
    assert_known(desk, "o.test", "::1 127.0.0.1");
    assert_int_equal(server_questions(&desk->server, "o.test "), 2);
    clock_ahead_us = 6000000;
    assert_resolves(desk, "o.test", "::1 127.0.0.1");
    assert_int_equal(server_questions(&desk->server, "o.test "), 4);
    assert_int_equal(stat_read(&desk->stats[DNS_STAT_HITS]), 1);
    assert_int_equal(stat_read(&desk->stats[DNS_STAT_QUERIES]), 4);
}

static void
alias_counts_with_its_own_ttl(void **state)
{
    struct desk *desk = *state;

    assert_resolves(desk, "alias.test", "127.0.0.4");
    clock_ahead_us = 1000000;
    assert_known(desk, "alias.test", "127.0.0.4");
    clock_ahead_us = 3000000;
    assert_resolves(desk, "alias.test", "127.0.0.4");
    assert_int_equal(server_questions(&desk->server, "alias.test A "), 2);
}

static void
ttl_keeps_to_the_settings(void **state)
{
    struct desk *desk = *state;

    desk->settings.min_ttl_ms = 10000;
    desk->settings.max_ttl_ms = 20000;
    desk_reopen(desk);
    assert_resolves(desk, "o.test", "::1 127.0.0.1");
    assert_resolves(desk, "four.test", "127.0.0.4");
    clock_ahead_us = 9000000;
    assert_known(desk, "o.test", "::1 127.0.0.1");
    clock_ahead_us = 21000000;
    assert_resolves(desk, "four.test", "127.0.0.4");
}

static void
missing_name_is_remembered_as_missing(void **state)
{
    struct desk *desk = *state;

    assert_resolves(desk, "missing.test", "dns_not_found");
    clock_ahead_us = 9000000;
    assert_known(desk, "missing.test", "dns_not_found");
    clock_ahead_us = 11000000;
    assert_resolves(desk, "missing.test", "dns_not_found");
    assert_int_equal(server_questions(&desk->server, "missing.test A "), 2);
    assert_int_equal(stat_read(&desk->stats[DNS_STAT_FAILURES]), 3);
}

static void
name_without_addresses_is_not_called_missing(void **state)
{
    assert_resolves(*state, "bare.test", "dns_no_address");
    assert_known(*state, "bare.test", "dns_no_address");
}

static void
alias_to_nowhere_is_missing(void **state)
{
    assert_resolves(*state, "nowhere.test", "dns_not_found");
}

static void
server_failure_is_remembered_for_a_second_only(void **state)
{
    struct desk *desk = *state;

    assert_resolves(desk, "broken.test", "dns_server_failure");
    assert_known(desk, "broken.test", "dns_server_failure");
    clock_ahead_us = 1100000;
    assert_resolves(desk, "broken.test", "dns_server_failure");
}

static void
malformed_answer_is_a_server_failure(void **state)
{
    assert_resolves(*state, "odd.test", "dns_server_failure");
}

static void
unreachable_server_is_a_server_failure(void **state)
{
    struct desk *desk = *state;
    struct server gone;

    server_start(&gone, zone);
    strcpy(desk->settings.servers, gone.address);
    server_stop(&gone);
    desk_reopen(desk);
    assert_resolves(desk, "o.test", "dns_server_failure");
}

static void
silence_becomes_a_timeout_after_all_tries(void **state)
{
    struct desk *desk = *state;

    desk->settings.timeout_ms = 30;
    desk->settings.tries = 2;
    desk_reopen(desk);
    assert_resolves(desk, "silent.test", "dns_timeout");
    assert_int_equal(server_questions(&desk->server, "silent.test A "), 2);
}

static void
lost_question_is_asked_again(void **state)
{
    struct desk *desk = *state;

    desk->settings.timeout_ms = 50;
    desk_reopen(desk);
    assert_resolves(desk, "lossy.test", "127.0.0.1");
}

static void
next_server_is_asked_when_one_is_gone(void **state)
{
    struct desk *desk = *state;
    struct server gone;

    server_start(&gone, zone);
    snprintf(desk->settings.servers, sizeof(desk->settings.servers), "%s, %s", gone.address,
             desk->server.address);
    server_stop(&gone);
    desk_reopen(desk);
    assert_resolves(desk, "four.test", "127.0.0.4");
}

static void
one_family_alone_is_enough(void **state)
{
    struct desk *desk = *state;
    struct heard heard;

    assert_int_equal(resolve(desk, "four.test", &heard), ERR_OK);
    assert_addresses(&heard, "127.0.0.4");
    assert_int_equal(heard.calls, 1);
    forget(&heard);
    assert_resolves(desk, "six.test", "::6");
}

static void
failure_of_one_family_does_not_fail_the_name(void **state)
{
    struct desk *desk = *state;

    assert_resolves(desk, "half.test", "127.0.0.1");
    /* The other is missing for as long as a negative answer, not for the TTL of 60 s. */
    clock_ahead_us = 11000000;
    assert_resolves(desk, "half.test", "127.0.0.1");
}

static void
setting_of_one_family_asks_only_for_that(void **state)
{
    struct desk *desk = *state;

    desk->settings.family = DNS_IPV4;
    desk_reopen(desk);
    assert_resolves(desk, "o.test", "127.0.0.1");
    assert_int_equal(server_questions(&desk->server, "o.test AAAA "), 0);
}

static void
late_ipv6_follows_a_partial_answer_after_the_delay(void **state)
{
    struct desk *desk = *state;
    struct heard heard;
    uint64_t start_us = clock_now_us();

    assert_int_equal(ask(desk, "late6.test", &heard), ERR_AGAIN);
    hear(desk, &heard, 1);
    assert_false(heard.is_final);
    assert_addresses(&heard, "127.0.0.1");
    assert_true(clock_now_us() - start_us >= 45000);
    hear(desk, &heard, 2);
    assert_true(heard.is_final);
    assert_addresses(&heard, "::1 127.0.0.1");
    forget(&heard);
    assert_known(desk, "late6.test", "::1 127.0.0.1");
}

static void
ipv6_is_handed_on_without_waiting_for_ipv4(void **state)
{
    struct desk *desk = *state;
    struct heard heard;

    assert_int_equal(ask(desk, "late4.test", &heard), ERR_AGAIN);
    hear(desk, &heard, 2);
    assert_true(heard.is_final);
    assert_int_equal(heard.partial_count, 1);
    assert_addresses(&heard, "::1 127.0.0.1");
    forget(&heard);
}

static void
late_joiner_hears_the_partial_answer_too(void **state)
{
    struct desk *desk = *state;
    struct heard first;
    struct heard second;

    assert_int_equal(ask(desk, "late6.test", &first), ERR_AGAIN);
    hear(desk, &first, 1);
    assert_int_equal(ask(desk, "late6.test", &second), ERR_AGAIN);
    hear(desk, &second, 2);
    assert_int_equal(second.partial_count, 1);
    assert_addresses(&second, "::1 127.0.0.1");
    assert_int_equal(server_questions(&desk->server, "late6.test "), 2);
    forget(&first);
    forget(&second);
}

static void
hundred_askers_share_one_question(void **state)
{
    enum { ASKERS = 100 };
    struct desk *desk = *state;
    static struct heard heard[ASKERS];

    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(ask(desk, "slow.test", &heard[i]), ERR_AGAIN);
    hear(desk, &heard[ASKERS - 1], 1);
    for (int i = 0; i < ASKERS; i++)
        while (!heard[i].is_final)
            hear(desk, &heard[i], heard[i].calls + 1);
    for (int i = 0; i < ASKERS; i++) {
        assert_addresses(&heard[i], "127.0.0.1");
        forget(&heard[i]);
    }
    assert_int_equal(server_questions(&desk->server, "slow.test "), 2);
    assert_int_equal(stat_read(&desk->stats[DNS_STAT_JOINED]), ASKERS - 1);
}

static void
many_names_at_once_all_get_their_answer(void **state)
{
    enum { NAMES = 300 };
    struct desk *desk = *state;
    static struct heard heard[NAMES];
    char name[64];

    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof(name), "host%d.many.test", i);
        assert_int_equal(ask(desk, name, &heard[i]), ERR_AGAIN);
    }
    for (int i = 0; i < NAMES; i++) {
        while (!heard[i].is_final)
            hear(desk, &heard[i], heard[i].calls + 1);
        assert_addresses(&heard[i], "127.0.0.1");
        forget(&heard[i]);
    }
}

static void
cancelled_ask_hears_nothing_and_fills_the_cache(void **state)
{
    struct desk *desk = *state;
    struct heard given_up;
    struct heard other;

    assert_int_equal(ask(desk, "slow.test", &given_up), ERR_AGAIN);
    assert_int_equal(ask(desk, "slow.test", &other), ERR_AGAIN);
    resolver_cancel(&given_up.ask);
    assert_null(given_up.ask);
    while (!other.is_final)
        hear(desk, &other, other.calls + 1);
    assert_int_equal(given_up.calls, 0);
    assert_known(desk, "slow.test", "127.0.0.1");
    forget(&other);
}

static void
question_that_nobody_waits_for_fills_the_cache(void **state)
{
    struct desk *desk = *state;
    struct heard given_up;

    assert_int_equal(ask(desk, "four.test", &given_up), ERR_AGAIN);
    resolver_cancel(&given_up.ask);
    /* Another name, asked after it, has its answer after it. */
    assert_resolves(desk, "slow.test", "127.0.0.1");
    assert_int_equal(given_up.calls, 0);
    assert_known(desk, "four.test", "127.0.0.4");
}

struct canceller {
    struct heard heard;
    struct dns_ask **victim;
};

static void
on_answer_cancel(void *arg, enum err err, struct answer *answer, bool is_final)
{
    struct canceller *canceller = arg;

    on_answer(&canceller->heard, err, answer, is_final);
    if (is_final)
        resolver_cancel(canceller->victim);
}

static void
answer_may_cancel_another_ask_of_the_same_question(void **state)
{
    struct desk *desk = *state;
    struct heard second;
    struct canceller first = {.victim = &second.ask};
    struct dns_ask *first_ask;
    struct answer *none;

    assert_int_equal(resolver_ask(desk->resolver, SLICE("four.test"), on_answer_cancel, &first,
                                  &none, &first_ask),
                     ERR_AGAIN);
    assert_int_equal(ask(desk, "four.test", &second), ERR_AGAIN);
    hear(desk, &first.heard, 1);
    assert_resolves(desk, "six.test", "::6");
    assert_false(second.is_final);
    forget(&second);
    forget(&first.heard);
}

static void
refusal_inside_c_ares_is_still_told_from_the_loop(void **state)
{
    struct desk *desk = *state;
    struct heard heard;

    /* c-ares answers for .onion names itself, inside the ask (RFC 7686). */
    assert_int_equal(ask(desk, "hidden.onion", &heard), ERR_AGAIN);
    assert_int_equal(heard.calls, 0);
    hear(desk, &heard, 1);
    assert_int_equal(heard.err, ERR_DNS_NOT_FOUND);
    assert_int_equal(server_questions(&desk->server, ""), 0);
    forget(&heard);
}

static void
freeing_ends_questions_as_cancelled(void **state)
{
    struct desk *desk = *state;
    struct heard heard;

    assert_int_equal(ask(desk, "slow.test", &heard), ERR_AGAIN);
    resolver_free(desk->resolver);
    assert_int_equal(heard.calls, 1);
    assert_true(heard.is_final);
    assert_int_equal(heard.err, ERR_CANCELLED);
    desk_open(desk);
}

static void
question_under_way_survives_a_reload(void **state)
{
    struct desk *desk = *state;
    struct server other;
    struct heard old;

    server_start(&other, "slow.test A 127.0.0.77\n");
    assert_int_equal(ask(desk, "slow.test", &old), ERR_AGAIN);
    strcpy(desk->settings.servers, other.address);
    assert_int_equal(resolver_reload(desk->resolver, &desk->settings), ERR_OK);
    assert_resolves(desk, "slow.test", "127.0.0.77");
    while (!old.is_final)
        hear(desk, &old, old.calls + 1);
    assert_addresses(&old, "127.0.0.1");
    assert_known(desk, "slow.test", "127.0.0.77");
    forget(&old);
    server_stop(&other);
}

static void
reload_with_unreadable_servers_changes_nothing(void **state)
{
    struct desk *desk = *state;
    struct resolver_settings bad = desk->settings;

    assert_resolves(desk, "four.test", "127.0.0.4");
    strcpy(bad.servers, "127.0.0.1:53, nonsense");
    assert_int_equal(resolver_reload(desk->resolver, &bad), ERR_SYNTAX);
    assert_known(desk, "four.test", "127.0.0.4");
    assert_resolves(desk, "o.test", "::1 127.0.0.1");
}

static void
more_questions_than_allowed_are_refused(void **state)
{
    struct desk *desk = *state;
    struct heard first;
    struct heard second;

    desk->settings.max_inflight = 3;
    desk_reopen(desk);
    assert_int_equal(ask(desk, "slow.test", &first), ERR_AGAIN);
    assert_int_equal(ask(desk, "o.test", &second), ERR_DNS_BUSY);
    while (!first.is_final)
        hear(desk, &first, first.calls + 1);
    assert_resolves(desk, "o.test", "::1 127.0.0.1");
    forget(&first);
}

static void
single_label_is_searched_for_in_order(void **state)
{
    struct desk *desk = *state;

    assert_resolves(desk, "host", "127.0.0.2");
    assert_int_equal(server_questions(&desk->server, "host.one.test A "), 1);
    assert_int_equal(server_questions(&desk->server, "host A "), 0);
    assert_known(desk, "host", "127.0.0.2");
}

static void
single_label_is_asked_as_it_is_last(void **state)
{
    struct desk *desk = *state;

    assert_resolves(desk, "lone", "127.0.0.9");
    assert_int_equal(server_questions(&desk->server, "lone.two.test A "), 1);
}

static void
trailing_dot_and_dotted_names_are_not_searched_for(void **state)
{
    struct desk *desk = *state;

    assert_resolves(desk, "host.", "dns_not_found");
    assert_resolves(desk, "deep.host", "dns_not_found");
    assert_int_equal(server_questions(&desk->server, "host.one.test"), 0);
    assert_int_equal(server_questions(&desk->server, "deep.host.one.test"), 0);
}

static void
ndots_of_resolv_conf_is_heeded(void **state)
{
    struct desk *desk = *state;

    server_write(&desk->server, "resolv.conf", "search two.test\noptions ndots:2\n");
    desk_reopen(desk);
    assert_resolves(desk, "deep.host", "127.0.0.3");
    assert_int_equal(server_questions(&desk->server, "deep.host A "), 0);
}

static void
changed_resolv_conf_is_followed(void **state)
{
    struct desk *desk = *state;

    server_write(&desk->server, "resolv.conf", "search one.test\n");
    clock_ahead_us = 3000000;
    assert_resolves(desk, "host", "dns_no_address");
    server_write(&desk->server, "resolv.conf", "search one.test two.test # longer\n");
    assert_known(desk, "host", "dns_no_address");
    clock_ahead_us = 20000000;
    assert_resolves(desk, "host", "127.0.0.2");
}

static void
truncated_answer_is_fetched_over_tcp(void **state)
{
    struct desk *desk = *state;

    assert_resolves(desk, "cut.test", "127.0.0.1");
    assert_int_equal(server_questions(&desk->server, "cut.test A tcp"), 1);
}

static void
hosts_file_needs_no_question(void **state)
{
    struct desk *desk = *state;

    server_write(&desk->server, "hosts", "127.0.0.50 o.test printer # upstairs\n");
    strcpy(desk->settings.hosts_file, server_path(&desk->server, "hosts"));
    desk_reopen(desk);
    assert_known(desk, "O.test", "127.0.0.50");
    assert_known(desk, "printer", "127.0.0.50");
    assert_int_equal(server_questions(&desk->server, ""), 0);
    assert_int_equal(stat_read(&desk->stats[DNS_STAT_LOCAL]), 2);
}

static void
literals_and_localhost_need_no_question(void **state)
{
    struct desk *desk = *state;

    assert_known(desk, "192.0.2.7", "192.0.2.7");
    assert_known(desk, "[2001:db8::7]", "2001:db8::7");
    assert_known(desk, "localhost", "::1 127.0.0.1");
    assert_known(desk, "Any.LocalHost.", "::1 127.0.0.1");
    assert_int_equal(server_questions(&desk->server, ""), 0);
}

static void
disguised_addresses_are_no_names(void **state)
{
    struct desk *desk = *state;

    assert_known(desk, "2130706433", "dns_bad_name");
    assert_known(desk, "127.1", "dns_bad_name");
    assert_int_equal(server_questions(&desk->server, ""), 0);
}

static void *
resolve_on_a_thread(void *arg)
{
    struct desk desk = {.base = event_base_new(), .settings = *(struct resolver_settings *)arg};
    struct heard heard;
    char name[64];
    uintptr_t count = 0;

    if (resolver_new(desk.base, &desk.settings, desk.stats, &desk.resolver) != ERR_OK)
        return NULL;
    for (unsigned i = 0; i < 50; i++) {
        heard = (struct heard){.err = ERR_AGAIN};
        snprintf(name, sizeof(name), "h%u.many.test", i);
        if (ask(&desk, name, &heard) != ERR_AGAIN)
            break;
        while (!heard.is_final)
            event_base_loop(desk.base, EVLOOP_ONCE);
        count += heard.err == ERR_OK;
        answer_unref(heard.answer);
    }
    resolver_free(desk.resolver);
    event_base_free(desk.base);
    return (void *)count;
}

static void
resolvers_of_several_threads_do_not_meet(void **state)
{
    enum { THREADS = 3 };
    struct desk *desk = *state;
    pthread_t threads[THREADS];
    void *count;

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, resolve_on_a_thread, &desk->settings), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &count), 0);
        assert_int_equal((uintptr_t)count, 50);
    }
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, desk_set_up, desk_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(both_families_come_with_ipv6_first),
        CLAIM(case_and_a_trailing_dot_do_not_matter),
        CLAIM(answer_is_remembered_for_its_shortest_ttl),
        CLAIM(alias_counts_with_its_own_ttl),
        CLAIM(ttl_keeps_to_the_settings),
        CLAIM(missing_name_is_remembered_as_missing),
        CLAIM(name_without_addresses_is_not_called_missing),
        CLAIM(alias_to_nowhere_is_missing),
        CLAIM(server_failure_is_remembered_for_a_second_only),
        CLAIM(malformed_answer_is_a_server_failure),
        CLAIM(unreachable_server_is_a_server_failure),
        CLAIM(silence_becomes_a_timeout_after_all_tries),
        CLAIM(lost_question_is_asked_again),
        CLAIM(next_server_is_asked_when_one_is_gone),
        CLAIM(one_family_alone_is_enough),
        CLAIM(failure_of_one_family_does_not_fail_the_name),
        CLAIM(setting_of_one_family_asks_only_for_that),
        CLAIM(late_ipv6_follows_a_partial_answer_after_the_delay),
        CLAIM(ipv6_is_handed_on_without_waiting_for_ipv4),
        CLAIM(late_joiner_hears_the_partial_answer_too),
        CLAIM(hundred_askers_share_one_question),
        CLAIM(many_names_at_once_all_get_their_answer),
        CLAIM(cancelled_ask_hears_nothing_and_fills_the_cache),
        CLAIM(question_that_nobody_waits_for_fills_the_cache),
        CLAIM(answer_may_cancel_another_ask_of_the_same_question),
        CLAIM(refusal_inside_c_ares_is_still_told_from_the_loop),
        CLAIM(freeing_ends_questions_as_cancelled),
        CLAIM(question_under_way_survives_a_reload),
        CLAIM(reload_with_unreadable_servers_changes_nothing),
        CLAIM(more_questions_than_allowed_are_refused),
        CLAIM(single_label_is_searched_for_in_order),
        CLAIM(single_label_is_asked_as_it_is_last),
        CLAIM(trailing_dot_and_dotted_names_are_not_searched_for),
        CLAIM(ndots_of_resolv_conf_is_heeded),
        CLAIM(changed_resolv_conf_is_followed),
        CLAIM(truncated_answer_is_fetched_over_tcp),
        CLAIM(hosts_file_needs_no_question),
        CLAIM(literals_and_localhost_need_no_question),
        CLAIM(disguised_addresses_are_no_names),
        CLAIM(resolvers_of_several_threads_do_not_meet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
