/* What single settings accept, refuse and come to mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "dns/resolver.h"
#include "tests/unit/proxy/place.h"

static void
choices_are_in_the_order_of_their_enums(void **state)
{
    struct place *place = *state;

    place_load_text(place, "log { level = error target = syslog } dns { family = ipv6 }");
    assert_int_equal(place->config->log_level, LOG_LEVEL_ERROR);
    assert_int_equal(place->config->log_target, LOG_TARGET_SYSLOG);
    assert_int_equal(place->config->dns_family, DNS_IPV6);
    place_load_text(place, "log { level = warn target = stderr } dns { family = ipv4 }");
    assert_int_equal(place->config->log_level, LOG_LEVEL_WARN);
    assert_int_equal(place->config->log_target, LOG_TARGET_STDERR);
    assert_int_equal(place->config->dns_family, DNS_IPV4);
}

static void
a_bad_time_is_refused_with_its_line_and_range(void **state)
{
    place_refuses(*state, "pool {\n\n  idle_timeout = 5x\n}\n",
                  "c:3: pool.idle_timeout: \"5x\" is not accepted; expected a time from 100ms "
                  "to 1d, such as 500ms, 30s, 10m or 1h");
}

static void
values_outside_their_range_are_refused(void **state)
{
    place_refuses(*state, "pool { idle_timeout = 99ms }",
                  "c:1: pool.idle_timeout: \"99ms\" is not accepted; expected a time from "
                  "100ms to 1d, such as 500ms, 30s, 10m or 1h");
    place_refuses(*state, "pool { idle_timeout = 25h }",
                  "c:1: pool.idle_timeout: \"25h\" is not accepted; expected a time from "
                  "100ms to 1d, such as 500ms, 30s, 10m or 1h");
    place_refuses(*state, "http { max_head = 2m }",
                  "c:1: http.max_head: \"2m\" is not accepted; expected a size from 1k to 1m, "
                  "such as 512, 64k or 1m");
    place_refuses(*state, "proxy { workers = 1025 }",
                  "c:1: proxy.workers: \"1025\" is not accepted; expected a whole number from "
                  "0 to 1024");
    place_refuses(
        *state, "dns { tries = 0 }",
        "c:1: dns.tries: \"0\" is not accepted; expected a whole number from 1 to 10");
}

static void
a_bad_choice_is_refused_with_the_choices(void **state)
{
    place_refuses(*state, "log { level = loud }",
                  "c:1: log.level: \"loud\" is not accepted; expected error, warn, info or "
                  "debug");
}

static void
a_bad_address_is_named_alone(void **state)
{
    place_refuses(*state, "proxy {\nlisten = \"127.0.0.1:1, localhost:2\" }",
                  "c:2: proxy.listen: \"localhost:2\" is not accepted; expected addresses as "
                  "ADDR:PORT or [ADDR]:PORT, separated by commas");
    place_refuses(*state, "proxy { listen = \"\" }",
                  "c:1: proxy.listen: \"\" is not accepted; expected addresses as ADDR:PORT or "
                  "[ADDR]:PORT, separated by commas");
    place_refuses(*state, "admin { listen = \"::1:5\" }",
                  "c:1: admin.listen: \"::1:5\" is not accepted; expected off, an address "
                  "as ADDR:PORT or [ADDR]:PORT, or unix:/PATH");
    place_refuses(*state, "admin { listen = \"unix:here\" }",
                  "c:1: admin.listen: \"unix:here\" is not accepted; expected off, an address "
                  "as ADDR:PORT or [ADDR]:PORT, or unix:/PATH");
}

static void
min_ttl_above_max_ttl_is_refused_where_it_was_given(void **state)
{
    place_refuses(*state, "dns {\n  min_ttl = 2h\n}\n",
                  "c:2: dns.min_ttl (2h) must not be above dns.max_ttl (1h)");
}

static void
clients_and_ports_become_rules(void **state)
{
    struct place *place = *state;

    place_load_text(place,
                    "access {\n clients = \"private , 192.0.2.0/24\"\n connect_ports = \"563, "
                    "8443\"\n private_destinations = off\n}");
    assert_string_equal(rule_text(rules_at(place->config->rules, 0)),
                        "deny client !private,192.0.2.0/24");
    assert_string_equal(rule_text(rules_at(place->config->rules, 1)),
                        "deny client !loopback scheme https");
    assert_string_equal(rule_text(rules_at(place->config->rules, 2)),
                        "deny client !loopback method CONNECT port !443,563,8443");
    assert_string_equal(rule_text(rules_at(place->config->rules, 4)), "deny address private");
    assert_string_equal(rule_text(rules_at(place->config->rules, 5)), "allow");
    assert_null(rules_at(place->config->rules, 6));
}

static void
rules_may_stand_on_lines(void **state)
{
    struct place *place = *state;

    place_load_text(place, "access { rules = '\n  allow host a.test # ours; not theirs\n\n"
                           "\tdeny host .test;deny port 25\n' }");
    assert_string_equal(rule_text(rules_at(place->config->rules, 0)), "allow host a.test");
    assert_string_equal(rule_text(rules_at(place->config->rules, 1)), "deny host .test");
    assert_string_equal(rule_text(rules_at(place->config->rules, 2)), "deny port 25");
    assert_int_equal(rule_origin(rules_at(place->config->rules, 3)), RULE_CLIENTS);
}

static void
a_bad_rule_is_named_by_its_number(void **state)
{
    place_refuses(*state, "access {\n rules = 'allow; deny hots x.test'\n}",
                  "c:2: access.rules: rule 2: \"hots\" is not accepted; expected listener, "
                  "client, user, host, address, port, method or scheme");
}

static void
a_bad_line_of_a_host_list_is_named(void **state)
{
    struct place *place = *state;
    char list[128];
    char text[256];
    char expected[256];
    struct config_sources sources = {.file = place->path};

    snprintf(list, sizeof(list), "%s.list", place->path);
    place_write(list, "# ours\na.test\nb c.test\n", 24);
    snprintf(text, sizeof(text), "access { rules = 'deny host file:%s' }", list);
    place_write(place->path, text, strlen(text));
    assert_int_equal(place_load(place, &sources), ERR_SYNTAX);
    snprintf(expected, sizeof(expected), "%s:3: \"b c.test\" is no host", list);
    unlink(list);
    assert_non_null(strstr(place->complaint.text, expected));
}

static void
a_bad_range_of_clients_is_refused(void **state)
{
    place_refuses(*state, "access { clients = \"loopback, 10.0.0.0/33\" }",
                  "c:1: access.clients: \"10.0.0.0/33\" is not accepted; expected loopback, "
                  "private, all, addresses, or ranges as ADDR/BITS, separated by commas");
}

static void
a_bad_port_for_connect_is_refused(void **state)
{
    struct place *place = *state;

    place_refuses(place, "access { connect_ports = \"0\" }",
                  "c:1: access.connect_ports: \"0\" is not accepted; expected port numbers "
                  "from 1 to 65535, separated by commas");
}

static void
a_name_in_via_is_one_word_and_a_realm_fits_quotes(void **state)
{
    struct place *place = *state;

    place_load_text(place, "http { via = \"gate-7.example\" forwarded = rfc7239 }");
    assert_string_equal(place->config->http_via, "gate-7.example");
    assert_int_equal(place->config->http_forwarded, FORWARDED_RFC7239);
    place_refuses(place, "http { via = \"a b\" }",
                  "c:1: http.via: \"a b\" is not accepted; expected off, or a name of letters, "
                  "digits, \"-\", \"_\" and \".\"");
    place_refuses(place, "auth { realm = 'the \"office\"' }",
                  "c:1: auth.realm: \"the \"office\"\" is not accepted; expected visible ASCII "
                  "without quotes and backslashes, not empty");
}

static void
each_name_of_the_admin_is_one_host(void **state)
{
    struct place *place = *state;

    place_load_text(place, "admin { hosts = \"carpool, Metrics.internal.\" }");
    place_refuses(place, "admin { hosts = \"carpool, a b\" }",
                  "c:1: admin.hosts: \"a b\" is not accepted; expected host names, separated "
                  "by commas");
    place_refuses(place, "admin { hosts = \"carpool:3129\" }",
                  "c:1: admin.hosts: \"carpool:3129\" is not accepted; expected host names, "
                  "separated by commas");
}

static void
name_servers_get_their_port(void **state)
{
    struct place *place = *state;

    place_load_text(place,
                    "dns { servers = \"192.0.2.1,::1, 127.0.0.1:5353,[2001:db8::1]:54\" }");
    assert_string_equal(place->config->dns_servers,
                        "192.0.2.1:53, [::1]:53, 127.0.0.1:5353, [2001:db8::1]:54");
}

static void
what_no_name_server_has_is_refused(void **state)
{
    static const char *const bad[] = {",",          "0.0.0.0", "::",         "224.0.0.1",
                                      "fe80::1%lo", "ns.test", "192.0.2.1:0"};
    struct place *place = *state;
    char text[1024] = "dns { servers = \"192.0.2.1";
    char complaint[512];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char one[64];

        snprintf(one, sizeof(one), "dns { servers = \"%s\" }", bad[i]);
        snprintf(complaint, sizeof(complaint),
                 "c:1: dns.servers: \"%s\" is not accepted; expected at most 16 addresses as "
                 "ADDR, ADDR:PORT or [ADDR]:PORT, separated by commas",
                 bad[i]);
        place_refuses(place, one, complaint);
    }
    for (size_t size = strlen(text), i = 2; i <= 17; i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size, ", 192.0.2.%zu%s", i,
                                 i == 17 ? "\" }" : "");
    place_refuses(place, text,
                  "c:1: dns.servers: \"192.0.2.17\" is not accepted; expected at most 16 "
                  "addresses as ADDR, ADDR:PORT or [ADDR]:PORT, separated by commas");
}

static void
admin_can_be_off(void **state)
{
    struct place *place = *state;

    place_load_text(place, "admin { listen = off }");
    assert_false(place->config->has_admin);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(choices_are_in_the_order_of_their_enums),
        TEST(a_bad_time_is_refused_with_its_line_and_range),
        TEST(values_outside_their_range_are_refused),
        TEST(a_bad_choice_is_refused_with_the_choices),
        TEST(a_bad_address_is_named_alone),
        TEST(min_ttl_above_max_ttl_is_refused_where_it_was_given),
        TEST(clients_and_ports_become_rules),
        TEST(rules_may_stand_on_lines),
        TEST(a_bad_rule_is_named_by_its_number),
        TEST(a_bad_line_of_a_host_list_is_named),
        TEST(a_bad_range_of_clients_is_refused),
        TEST(a_bad_port_for_connect_is_refused),
        TEST(a_name_in_via_is_one_word_and_a_realm_fits_quotes),
        TEST(each_name_of_the_admin_is_one_host),
        TEST(name_servers_get_their_port),
        TEST(what_no_name_server_has_is_refused),
        TEST(admin_can_be_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
