/* What names resolve to, and for how long that is remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/dns/desk.h"

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
answer_says_how_long_it_may_be_kept(void **state)
{
    struct desk *desk = *state;
    struct heard heard;
    uint64_t asked_us = clock_now_us();

    assert_int_equal(resolve(desk, "o.test", &heard), ERR_OK);
    assert_int_equal(heard.answer->ttl_us, 5000000);
    assert_in_range(heard.answer->until_us, asked_us + 5000000, clock_now_us() + 5000000);
    forget(&heard);
    assert_int_equal(ask(desk, "127.0.0.1", &heard), ERR_OK);
    assert_int_equal(heard.answer->ttl_us, 0);
    forget(&heard);
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
missing_name_is_missing_for_as_long_as_its_zone_says(void **state)
{
    struct desk *desk = *state;

    assert_resolves(desk, "missing.test", "dns_not_found");
    clock_ahead_us = 14000000;
    assert_known(desk, "missing.test", "dns_not_found");
    clock_ahead_us = 16000000;
    assert_resolves(desk, "missing.test", "dns_not_found");
    assert_int_equal(server_questions(&desk->server, "missing.test A "), 2);
    assert_int_equal(stat_read(&desk->stats[DNS_STAT_FAILURES]), 3);
}

static void
missing_name_is_missing_no_longer_than_the_setting_allows(void **state)
{
    struct desk *desk = *state;

    desk->settings.max_negative_ttl_ms = 5000;
    desk_reopen(desk);
    assert_resolves(desk, "missing.test", "dns_not_found");
    clock_ahead_us = 4000000;
    assert_known(desk, "missing.test", "dns_not_found");
    clock_ahead_us = 6000000;
    assert_resolves(desk, "missing.test", "dns_not_found");
}

static void
old_answer_stands_in_for_silent_servers(void **state)
{
    struct desk *desk = *state;
    struct heard heard;

    assert_resolves(desk, "four.test", "127.0.0.4");
    clock_ahead_us = 1000000000;
    server_stop(&desk->server);
    assert_int_equal(ask(desk, "four.test", &heard), ERR_AGAIN);
    while (!heard.is_final)
        hear(desk, &heard, heard.calls + 1);
    assert_addresses(&heard, "127.0.0.4");
    forget(&heard);
    assert_int_equal(stat_read(&desk->stats[DNS_STAT_STALE]), 1);
    server_start(&desk->server, desk_zone);
}

static void
name_in_use_is_asked_for_ahead_of_its_end(void **state)
{
    struct desk *desk = *state;

    assert_resolves(desk, "o.test", "::1 127.0.0.1");
    clock_ahead_us = 4600000;
    assert_known(desk, "o.test", "::1 127.0.0.1");
    assert_int_equal(stat_read(&desk->stats[DNS_STAT_REFRESHES]), 1);
    /* Asked after it, so its answer comes after it. */
    assert_resolves(desk, "slow.test", "127.0.0.1");
    clock_ahead_us = 5500000;
    assert_known(desk, "o.test", "::1 127.0.0.1");
    assert_int_equal(server_questions(&desk->server, "o.test "), 4);
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
refusing_server_is_a_failure_at_once(void **state)
{
    struct desk *desk = *state;
    struct server gone;

    server_start(&gone, desk_zone);
    set_text(desk->settings.servers, gone.address);
    server_stop(&gone);
    desk->settings.timeout_ms = 60000; /* longer than the test's patience */
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
next_server_is_asked_at_once_when_one_refuses(void **state)
{
    struct desk *desk = *state;
    struct server gone;

    server_start(&gone, desk_zone);
    snprintf(desk->settings.servers, sizeof(desk->settings.servers), "%s, %s", gone.address,
             desk->server.address);
    server_stop(&gone);
    desk->settings.timeout_ms = 60000; /* longer than the test's patience */
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

/* Containers are given ndots:5: each name of the web would be told to all search domains. */
static void
dotted_names_are_not_searched_for_whatever_ndots_says(void **state)
{
    struct desk *desk = *state;

    server_write(&desk->server, "resolv.conf", "search two.test\noptions ndots:5\n");
    desk_reopen(desk);
    assert_resolves(desk, "deep.host", "dns_not_found");
    assert_int_equal(server_questions(&desk->server, "deep.host.two.test"), 0);
    assert_resolves(desk, "host", "127.0.0.2");
}

static void
single_label_is_not_searched_for_where_ndots_is_0(void **state)
{
    struct desk *desk = *state;

    server_write(&desk->server, "resolv.conf", "search two.test\noptions ndots:0\n");
    desk_reopen(desk);
    assert_resolves(desk, "host", "dns_not_found");
    assert_int_equal(server_questions(&desk->server, "host.two.test"), 0);
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
    set_text(desk->settings.hosts_file, server_path(&desk->server, "hosts"));
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(both_families_come_with_ipv6_first),
        CLAIM(case_and_a_trailing_dot_do_not_matter),
        CLAIM(answer_is_remembered_for_its_shortest_ttl),
        CLAIM(answer_says_how_long_it_may_be_kept),
        CLAIM(alias_counts_with_its_own_ttl),
        CLAIM(ttl_keeps_to_the_settings),
        CLAIM(missing_name_is_missing_for_as_long_as_its_zone_says),
        CLAIM(missing_name_is_missing_no_longer_than_the_setting_allows),
        CLAIM(old_answer_stands_in_for_silent_servers),
        CLAIM(name_in_use_is_asked_for_ahead_of_its_end),
        CLAIM(name_without_addresses_is_not_called_missing),
        CLAIM(alias_to_nowhere_is_missing),
        CLAIM(server_failure_is_remembered_for_a_second_only),
        CLAIM(malformed_answer_is_a_server_failure),
        CLAIM(refusing_server_is_a_failure_at_once),
        CLAIM(silence_becomes_a_timeout_after_all_tries),
        CLAIM(lost_question_is_asked_again),
        CLAIM(next_server_is_asked_at_once_when_one_refuses),
        CLAIM(one_family_alone_is_enough),
        CLAIM(failure_of_one_family_does_not_fail_the_name),
        CLAIM(setting_of_one_family_asks_only_for_that),
        CLAIM(single_label_is_searched_for_in_order),
        CLAIM(single_label_is_asked_as_it_is_last),
        CLAIM(trailing_dot_and_dotted_names_are_not_searched_for),
        CLAIM(dotted_names_are_not_searched_for_whatever_ndots_says),
        CLAIM(single_label_is_not_searched_for_where_ndots_is_0),
        CLAIM(changed_resolv_conf_is_followed),
        CLAIM(truncated_answer_is_fetched_over_tcp),
        CLAIM(hosts_file_needs_no_question),
        CLAIM(literals_and_localhost_need_no_question),
        CLAIM(disguised_addresses_are_no_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
