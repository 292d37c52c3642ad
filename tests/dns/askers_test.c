/* What those who ask hear, and when. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mailbox.h"
#include "dns/cache.h"
#include "tests/dns/desk.h"

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
    enum { NAMES = 100 };
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
on_partial_give_up(void *arg, enum err err, struct answer *answer, bool is_final)
{
    struct canceller *canceller = arg;

    on_answer(&canceller->heard, err, answer, is_final);
    resolver_cancel(canceller->victim);
}

static void
partial_answer_may_be_enough_for_its_asker(void **state)
{
    struct desk *desk = *state;
    struct dns_ask *own;
    struct canceller asker = {.victim = &own};
    struct heard other;
    struct answer *none;

    assert_int_equal(resolver_ask(desk->resolver, SLICE("late6.test"), on_partial_give_up,
                                  &asker, &none, &own),
                     ERR_AGAIN);
    assert_int_equal(ask(desk, "late6.test", &other), ERR_AGAIN);
    hear(desk, &other, 2);
    assert_int_equal(asker.heard.calls, 1);
    forget(&asker.heard);
    forget(&other);
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

struct stubborn {
    struct desk *desk;
    struct heard heard;
    enum err again;
};

static void
on_answer_ask_again(void *arg, enum err err, struct answer *answer, bool is_final)
{
    struct stubborn *stubborn = arg;
    struct heard next;

    on_answer(&stubborn->heard, err, answer, is_final);
    stubborn->again = ask(stubborn->desk, "four.test", &next);
    forget(&next);
}

static void
resolver_that_is_freed_takes_no_question(void **state)
{
    struct desk *desk = *state;
    struct stubborn stubborn = {.desk = desk};
    struct dns_ask *own;
    struct answer *none;

    assert_int_equal(resolver_ask(desk->resolver, SLICE("slow.test"), on_answer_ask_again,
                                  &stubborn, &none, &own),
                     ERR_AGAIN);
    resolver_free(desk->resolver);
    assert_int_equal(stubborn.again, ERR_CANCELLED);
    desk_open(desk);
}

static void
answer_may_ask_for_the_same_name_again(void **state)
{
    struct desk *desk = *state;
    struct stubborn stubborn = {.desk = desk};
    struct dns_ask *own;
    struct answer *none;

    assert_int_equal(resolver_ask(desk->resolver, SLICE("four.test"), on_answer_ask_again,
                                  &stubborn, &none, &own),
                     ERR_AGAIN);
    hear(desk, &stubborn.heard, 1);
    assert_int_equal(stubborn.again, ERR_OK);
    forget(&stubborn.heard);
}

static void
question_under_way_survives_a_reload(void **state)
{
    struct desk *desk = *state;
    struct server other;
    struct heard old;

    server_start(&other, "slow.test A 127.0.0.77\n");
    assert_int_equal(ask(desk, "slow.test", &old), ERR_AGAIN);
    set_text(desk->settings.servers, other.address);
    assert_int_equal(resolver_reload(desk->resolver, &desk->settings), ERR_OK);
    assert_resolves(desk, "slow.test", "127.0.0.77");
    while (!old.is_final)
        hear(desk, &old, old.calls + 1);
    assert_addresses(&old, "127.0.0.1");
    assert_known(desk, "slow.test", "127.0.0.77");
    forget(&old);
    server_stop(&other);
}

/* Old answers as well, which may be all that there is while no name server answers. */
static void
reload_of_the_same_settings_keeps_what_is_known(void **state)
{
    struct desk *desk = *state;

    assert_resolves(desk, "four.test", "127.0.0.4");
    assert_int_equal(resolver_reload(desk->resolver, &desk->settings), ERR_OK);
    assert_known(desk, "four.test", "127.0.0.4");
}

static void
reload_with_unreadable_servers_changes_nothing(void **state)
{
    struct desk *desk = *state;
    struct resolver_settings bad = desk->settings;

    assert_resolves(desk, "four.test", "127.0.0.4");
    set_text(bad.servers, "127.0.0.1:53, nonsense");
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

struct job {
    unsigned resolved;
    struct desk desk;
};

static void *
resolve_on_a_thread(void *arg)
{
    struct job *job = arg;
    struct desk *desk = &job->desk;
    struct heard heard;
    char name[64];

    for (unsigned i = 0; i < 50; i++) {
        heard = (struct heard){.err = ERR_AGAIN};
        snprintf(name, sizeof(name), "h%u.many.test", i);
        if (ask(desk, name, &heard) == ERR_OK)
            heard.err = ERR_OK;
        else
            while (!heard.is_final)
                event_base_loop(desk->base, EVLOOP_ONCE);
        job->resolved += heard.err == ERR_OK && heard.answer->count == 1;
        answer_unref(heard.answer);
    }
    return NULL;
}

static void
job_open(struct job *job, const struct desk *desk)
{
    memset(job, 0, sizeof(*job));
    job->desk.settings = desk->settings;
    job->desk.cache = desk->cache;
    job->desk.base = event_base_new();
    job->desk.mailbox = mailbox_new(job->desk.base);
    desk_open(&job->desk);
}

static void
job_close(struct job *job)
{
    mailbox_free(job->desk.mailbox);
    resolver_free(job->desk.resolver);
    event_base_free(job->desk.base);
}

static void
name_is_asked_for_once_by_all_threads(void **state)
{
    enum { THREADS = 3 };
    struct desk *desk = *state;
    pthread_t threads[THREADS];
    struct job jobs[THREADS];

    for (int i = 0; i < THREADS; i++)
        job_open(&jobs[i], desk);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, resolve_on_a_thread, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(jobs[i].resolved, 50);
    }
    /* One A and one AAAA each. */
    assert_int_equal(server_questions(&desk->server, "h"), 100);
    for (int i = 0; i < THREADS; i++)
        job_close(&jobs[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(late_ipv6_follows_a_partial_answer_after_the_delay),
        CLAIM(ipv6_is_handed_on_without_waiting_for_ipv4),
        CLAIM(late_joiner_hears_the_partial_answer_too),
        CLAIM(hundred_askers_share_one_question),
        CLAIM(many_names_at_once_all_get_their_answer),
        CLAIM(cancelled_ask_hears_nothing_and_fills_the_cache),
        CLAIM(question_that_nobody_waits_for_fills_the_cache),
        CLAIM(answer_may_cancel_another_ask_of_the_same_question),
        CLAIM(partial_answer_may_be_enough_for_its_asker),
        CLAIM(refusal_inside_c_ares_is_still_told_from_the_loop),
        CLAIM(freeing_ends_questions_as_cancelled),
        CLAIM(resolver_that_is_freed_takes_no_question),
        CLAIM(answer_may_ask_for_the_same_name_again),
        CLAIM(question_under_way_survives_a_reload),
        CLAIM(reload_of_the_same_settings_keeps_what_is_known),
        CLAIM(reload_with_unreadable_servers_changes_nothing),
        CLAIM(more_questions_than_allowed_are_refused),
        CLAIM(name_is_asked_for_once_by_all_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
