/* Settings from all their sources: what is accepted, what is refused and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "dns/resolver.h"
#include "proxy/config.h"

struct place {
    char folder[64];
    char path[96];
    struct config *config;
    struct complaint complaint;
};

static int
setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    snprintf(place->folder, sizeof(place->folder), "/tmp/carpool-config-XXXXXX");
    if (mkdtemp(place->folder) == NULL)
        return -1;
    snprintf(place->path, sizeof(place->path), "%s/c", place->folder);
    *state = place;
    return 0;
}

static int
teardown(void **state)
{
    struct place *place = *state;

    config_unref(place->config);
    unlink(place->path);
    rmdir(place->folder);
    free(place);
    return 0;
}

static void
write_bytes(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static enum err
load(struct place *place, const struct config_sources *sources)
{
    config_unref(place->config);
    place->config = NULL;
    return config_load(sources, &place->config, &place->complaint);
}

static void
load_text(struct place *place, const char *text)
{
    struct config_sources sources = {.file = place->path};

    write_bytes(place->path, text, strlen(text));
    if (load(place, &sources) != ERR_OK)
        fail_msg("%s", place->complaint.text);
}

/* The complaint about a file, without the folder's name. */
static void
assert_refused_bytes(struct place *place, const char *bytes, size_t size, const char *complaint)
{
    struct config_sources sources = {.file = place->path};
    size_t folder = strlen(place->folder) + 1;

    write_bytes(place->path, bytes, size);
    assert_int_equal(load(place, &sources), ERR_SYNTAX);
    assert_memory_equal(place->complaint.text, place->folder, folder - 1);
    assert_string_equal(place->complaint.text + folder, complaint);
}

static void
assert_refused(struct place *place, const char *text, const char *complaint)
{
    assert_refused_bytes(place, text, strlen(text), complaint);
}

static void
presets_are_what_the_manual_promises(void **state)
{
    struct place *place = *state;
    struct config_sources sources = {0};
    char text[ADDRESS_TEXT_SIZE];

    assert_int_equal(load(place, &sources), ERR_OK);
    assert_int_equal(place->config->listener_count, 2);
    assert_string_equal(address_format(&place->config->listeners[0], text), "127.0.0.1:3128");
    assert_string_equal(address_format(&place->config->listeners[1], text), "[::1]:3128");
    assert_true(place->config->has_admin);
    assert_string_equal(address_format(&place->config->admin, text), "127.0.0.1:3129");
    assert_int_equal(place->config->timeout_head, 10000);
    assert_int_equal(place->config->timeout_client_idle, 75000);
    assert_int_equal(place->config->timeout_tunnel_idle, 600000);
    assert_int_equal(place->config->pool_idle_timeout, 60000);
    assert_int_equal(place->config->log_level, LOG_LEVEL_INFO);
    assert_int_equal(place->config->dns_family, DNS_ANY);
    assert_null(place->config->given_at[SETTING_proxy_listen]);
}

static void
a_file_sets_what_it_names_and_nothing_else(void **state)
{
    struct place *place = *state;

    load_text(place, "# comment\n"
                     "pool { idle_timeout = 5s\n max_total = 17 }\n"
                     "http { max_head = \"32k\" }\n"
                     "log { level = debug  access = '/tmp/a b' }\n");
    assert_int_equal(place->config->pool_idle_timeout, 5000);
    assert_int_equal(place->config->pool_max_total, 17);
    assert_true(place->config->http_max_head == 32768);
    assert_int_equal(place->config->log_level, LOG_LEVEL_DEBUG);
    assert_string_equal(place->config->log_access, "/tmp/a b");
    assert_int_equal(place->config->timeout_head, 10000);
}

static void
an_empty_file_changes_nothing(void **state)
{
    load_text(*state, "");
    load_text(*state, "\n# nothing\n");
}

static void
choices_are_in_the_order_of_their_enums(void **state)
{
    struct place *place = *state;

    load_text(place, "log { level = error target = syslog } dns { family = ipv6 }");
    assert_int_equal(place->config->log_level, LOG_LEVEL_ERROR);
    assert_int_equal(place->config->log_target, LOG_TARGET_SYSLOG);
    assert_int_equal(place->config->dns_family, DNS_IPV6);
    load_text(place, "log { level = warn target = stderr } dns { family = ipv4 }");
    assert_int_equal(place->config->log_level, LOG_LEVEL_WARN);
    assert_int_equal(place->config->log_target, LOG_TARGET_STDERR);
    assert_int_equal(place->config->dns_family, DNS_IPV4);
}

static void
an_unknown_key_is_refused_with_the_known_ones(void **state)
{
    assert_refused(*state, "\n\ndrain {\n  timeuot = 5s\n}\n",
                   "c:4: unknown setting drain.timeuot; expected one of timeout");
}

static void
an_unknown_section_is_refused_with_the_known_ones(void **state)
{
    assert_refused(*state, "\npol { idle_timeout = 5s }\n",
                   "c:2: unknown section pol; expected one of proxy, admin, log, timeout, "
                   "http, pool, tcp, dns, access, tls, auth, limit, drain");
}

static void
a_key_outside_of_sections_is_refused(void **state)
{
    assert_refused(*state, "idle_timeout = 5s\n",
                   "c:1: unknown section idle_timeout; expected one of proxy, admin, log, "
                   "timeout, http, pool, tcp, dns, access, tls, auth, limit, drain");
}

static void
a_bad_time_is_refused_with_its_line_and_range(void **state)
{
    assert_refused(*state, "pool {\n\n  idle_timeout = 5x\n}\n",
                   "c:3: pool.idle_timeout: \"5x\" is not accepted; expected a time from 100ms "
                   "to 1d, such as 500ms, 30s, 10m or 1h");
}

static void
values_outside_their_range_are_refused(void **state)
{
    assert_refused(*state, "pool { idle_timeout = 99ms }",
                   "c:1: pool.idle_timeout: \"99ms\" is not accepted; expected a time from "
                   "100ms to 1d, such as 500ms, 30s, 10m or 1h");
    assert_refused(*state, "pool { idle_timeout = 25h }",
                   "c:1: pool.idle_timeout: \"25h\" is not accepted; expected a time from "
                   "100ms to 1d, such as 500ms, 30s, 10m or 1h");
    assert_refused(*state, "http { max_head = 2m }",
                   "c:1: http.max_head: \"2m\" is not accepted; expected a size from 1k to 1m, "
                   "such as 512, 64k or 1m");
    assert_refused(*state, "proxy { workers = 1025 }",
                   "c:1: proxy.workers: \"1025\" is not accepted; expected a whole number from "
                   "0 to 1024");
    assert_refused(
        *state, "dns { tries = 0 }",
        "c:1: dns.tries: \"0\" is not accepted; expected a whole number from 1 to 10");
}

static void
a_bad_choice_is_refused_with_the_choices(void **state)
{
    assert_refused(*state, "log { level = loud }",
                   "c:1: log.level: \"loud\" is not accepted; expected error, warn, info or "
                   "debug");
}

static void
a_bad_address_is_named_alone(void **state)
{
    assert_refused(*state, "proxy {\nlisten = \"127.0.0.1:1, localhost:2\" }",
                   "c:2: proxy.listen: \"localhost:2\" is not accepted; expected addresses as "
                   "ADDR:PORT or [ADDR]:PORT, separated by commas");
    assert_refused(
        *state, "proxy { listen = \"\" }",
        "c:1: proxy.listen: \"\" is not accepted; expected addresses as ADDR:PORT or "
        "[ADDR]:PORT, separated by commas");
    assert_refused(*state, "admin { listen = \"::1:5\" }",
                   "c:1: admin.listen: \"::1:5\" is not accepted; expected off, an address "
                   "as ADDR:PORT or [ADDR]:PORT, or unix:/PATH");
    assert_refused(*state, "admin { listen = \"unix:here\" }",
                   "c:1: admin.listen: \"unix:here\" is not accepted; expected off, an address "
                   "as ADDR:PORT or [ADDR]:PORT, or unix:/PATH");
}

static void
syntax_errors_name_their_line(void **state)
{
    struct place *place = *state;

    assert_refused(place, "pool {\n  idle_timeout 5s\n}\n",
                   "c:2: missing equal sign after option 'idle_timeout'; expected sections of "
                   "settings, as in pool { idle_timeout = 60s }");
    assert_refused(place, "log {\n  access = \"abc\n",
                   "c:2: premature end of file; expected sections of settings, as in "
                   "pool { idle_timeout = 60s }");
}

static void
a_setting_outside_its_section_is_refused(void **state)
{
    assert_refused(*state, "\npool|max_total = 5\n",
                   "c:2: max_total stands outside its section; expected sections of settings, "
                   "as in pool { idle_timeout = 60s }");
}

static void
an_unclosed_section_is_refused(void **state)
{
    assert_refused(*state, "pool {\n  max_total = 5\n",
                   "c:2: section pool is not closed; expected }");
    assert_refused(*state, "/* pool {\n}\n",
                   "c:2: something is not closed; expected sections of settings");
}

static void
a_nul_byte_is_refused(void **state)
{
    assert_refused_bytes(*state, "# a\n\0\n", 6, "c:2: a NUL byte; expected a text file");
}

static void
a_missing_file_is_refused(void **state)
{
    struct config_sources sources = {.file = "/nowhere/carpool.conf"};
    struct place *place = *state;

    assert_int_equal(load(place, &sources), ERR_NOT_FOUND);
    assert_string_equal(place->complaint.text,
                        "/nowhere/carpool.conf: there is no such thing; expected a "
                        "configuration file that can be read");
}

static void
a_folder_is_no_file(void **state)
{
    struct config_sources sources = {.file = "/tmp"};
    struct place *place = *state;

    assert_int_equal(load(place, &sources), ERR_IO);
    assert_string_equal(
        place->complaint.text,
        "/tmp: it cannot be read; expected a configuration file that can be read");
}

static void
an_endless_file_is_refused(void **state)
{
    struct config_sources sources = {.file = "/dev/zero"};
    struct place *place = *state;

    assert_int_equal(load(place, &sources), ERR_TOO_LARGE);
}

static void
min_ttl_above_max_ttl_is_refused_where_it_was_given(void **state)
{
    assert_refused(*state, "dns {\n  min_ttl = 2h\n}\n",
                   "c:2: dns.min_ttl (2h) must not be above dns.max_ttl (1h)");
}

static void
clients_and_ports_become_rules(void **state)
{
    struct place *place = *state;

    load_text(place, "access {\n clients = \"private , 192.0.2.0/24\"\n connect_ports = \"563, "
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

    load_text(place, "access { rules = '\n  allow host a.test # ours; not theirs\n\n"
                     "\tdeny host .test;deny port 25\n' }");
    assert_string_equal(rule_text(rules_at(place->config->rules, 0)), "allow host a.test");
    assert_string_equal(rule_text(rules_at(place->config->rules, 1)), "deny host .test");
    assert_string_equal(rule_text(rules_at(place->config->rules, 2)), "deny port 25");
    assert_int_equal(rule_origin(rules_at(place->config->rules, 3)), RULE_CLIENTS);
}

static void
a_bad_rule_is_named_by_its_number(void **state)
{
    assert_refused(*state, "access {\n rules = 'allow; deny hots x.test'\n}",
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
    write_bytes(list, "# ours\na.test\nb c.test\n", 24);
    snprintf(text, sizeof(text), "access { rules = 'deny host file:%s' }", list);
    write_bytes(place->path, text, strlen(text));
    assert_int_equal(load(place, &sources), ERR_SYNTAX);
    snprintf(expected, sizeof(expected), "%s:3: \"b c.test\" is no host", list);
    unlink(list);
    assert_non_null(strstr(place->complaint.text, expected));
}

static void
a_bad_range_of_clients_is_refused(void **state)
{
    assert_refused(*state, "access { clients = \"loopback, 10.0.0.0/33\" }",
                   "c:1: access.clients: \"10.0.0.0/33\" is not accepted; expected loopback, "
                   "private, all, addresses, or ranges as ADDR/BITS, separated by commas");
}

static void
a_bad_port_for_connect_is_refused(void **state)
{
    struct place *place = *state;

    assert_refused(place, "access { connect_ports = \"0\" }",
                   "c:1: access.connect_ports: \"0\" is not accepted; expected port numbers "
                   "from 1 to 65535, separated by commas");
}

static void
a_name_in_via_is_one_word_and_a_realm_fits_quotes(void **state)
{
    struct place *place = *state;

    load_text(place, "http { via = \"gate-7.example\" forwarded = rfc7239 }");
    assert_string_equal(place->config->http_via, "gate-7.example");
    assert_int_equal(place->config->http_forwarded, FORWARDED_RFC7239);
    assert_refused(
        place, "http { via = \"a b\" }",
        "c:1: http.via: \"a b\" is not accepted; expected off, or a name of letters, "
        "digits, \"-\", \"_\" and \".\"");
    assert_refused(
        place, "auth { realm = 'the \"office\"' }",
        "c:1: auth.realm: \"the \"office\"\" is not accepted; expected visible ASCII "
        "without quotes and backslashes, not empty");
}

static void
each_name_of_the_admin_is_one_host(void **state)
{
    struct place *place = *state;

    load_text(place, "admin { hosts = \"carpool, Metrics.internal.\" }");
    assert_refused(place, "admin { hosts = \"carpool, a b\" }",
                   "c:1: admin.hosts: \"a b\" is not accepted; expected host names, separated "
                   "by commas");
    assert_refused(place, "admin { hosts = \"carpool:3129\" }",
                   "c:1: admin.hosts: \"carpool:3129\" is not accepted; expected host names, "
                   "separated by commas");
}

static void
name_servers_get_their_port(void **state)
{
    struct place *place = *state;

    load_text(place, "dns { servers = \"192.0.2.1,::1, 127.0.0.1:5353,[2001:db8::1]:54\" }");
    assert_string_equal(place->config->dns_servers,
                        "192.0.2.1:53, [::1]:53, 127.0.0.1:5353, [2001:db8::1]:54");
}

static void
admin_can_be_off(void **state)
{
    struct place *place = *state;

    load_text(place, "admin { listen = off }");
    assert_false(place->config->has_admin);
}

static void
each_source_goes_before_the_one_above_it(void **state)
{
    struct place *place = *state;
    static const char *const environment[] = {"CARPOOL_POOL_MAX_USES=3",
                                              "CARPOOL_POOL_MAX_TOTAL=4", "HOME=/", NULL};
    struct assignment assignment = {.setting = setting_at(SETTING_pool_max_total),
                                    .text = "5",
                                    .given_at = "--set pool.max_total"};
    struct config_sources sources = {.file = place->path,
                                     .environment = environment,
                                     .assignments = &assignment,
                                     .assignment_count = 1};
    const char *text = "pool { max_tunnels = 2 max_uses = 2 max_total = 2 }";

    write_bytes(place->path, text, strlen(text));
    assert_int_equal(load(place, &sources), ERR_OK);
    assert_int_equal(place->config->pool_max_tunnels, 2);
    assert_int_equal(place->config->pool_max_uses, 3);
    assert_int_equal(place->config->pool_max_total, 5);
    assert_string_equal(place->config->given_at[SETTING_pool_max_uses],
                        "environment CARPOOL_POOL_MAX_USES");
    assert_string_equal(place->config->given_at[SETTING_pool_max_total],
                        "--set pool.max_total");
}

static void
the_environment_can_name_the_file(void **state)
{
    struct place *place = *state;
    char variable[128];
    const char *const environment[] = {variable, NULL};
    struct config_sources sources = {.environment = environment};

    snprintf(variable, sizeof(variable), "CARPOOL_CONFIG=%s", place->path);
    write_bytes(place->path, "pool { max_total = 9 }", 22);
    assert_int_equal(load(place, &sources), ERR_OK);
    assert_int_equal(place->config->pool_max_total, 9);
}

static void
assert_refused_variable(struct place *place, const char *variable, const char *complaint)
{
    const char *const environment[] = {variable, NULL};
    struct config_sources sources = {.environment = environment};

    assert_int_equal(load(place, &sources), ERR_SYNTAX);
    assert_string_equal(place->complaint.text, complaint);
}

static void
bad_variables_are_refused_by_name(void **state)
{
    assert_refused_variable(
        *state, "CARPOOL_DNS_TRIES=many",
        "environment CARPOOL_DNS_TRIES: dns.tries: \"many\" is not accepted; "
        "expected a whole number from 1 to 10");
    assert_refused_variable(*state, "CARPOOL_DNS_TRYS=1",
                            "environment CARPOOL_DNS_TRYS: unknown setting; expected "
                            "CARPOOL_SECTION_KEY with a setting that carpool --help lists");
}

static void
variables_that_orchestrators_set_have_no_effect(void **state)
{
    struct place *place = *state;
    static const char *const environment[] = {
        "CARPOOL_SERVICE_HOST=10.0.0.1", "CARPOOL_CONFIG=", "CARPOOL_PORT=tcp://10.0.0.1:3128",
        NULL};
    struct config_sources sources = {.environment = environment};
    size_t position = 0;

    assert_int_equal(load(place, &sources), ERR_OK);
    assert_string_equal(config_stray_variable(environment, &position), environment[0]);
    assert_string_equal(config_stray_variable(environment, &position), environment[2]);
    assert_null(config_stray_variable(environment, &position));
}

static void
a_complaint_stays_one_line(void **state)
{
    assert_refused_variable(*state, "CARPOOL_LOG_ACCESS=a\nb",
                            "environment CARPOOL_LOG_ACCESS: log.access: \"a?b\" is not "
                            "accepted; expected off, - for stdout, or the path of a file");
}

static void
assert_equal_settings(const struct config *a, const struct config *b)
{
    for (size_t i = 0; i < SETTING_TOTAL; i++) {
        char *text_a = config_text(a, setting_at(i));
        char *text_b = config_text(b, setting_at(i));

        assert_string_equal(text_a, text_b);
        free(text_a);
        free(text_b);
    }
}

static void
what_is_printed_loads_to_the_same_settings(void **state)
{
    struct place *place = *state;
    struct config_sources sources = {.file = place->path};
    struct config *printed;
    FILE *file;

    load_text(place, "proxy { listen = \"0.0.0.0:0,[::1]:1\" workers = 3 }\n"
                     "log { access = '/tmp/it\\'s \\\\ ${HOME} \"#1\"' target = syslog }\n"
                     "pool { idle_timeout = 1500ms max_age = 0 }\n"
                     "http { max_replay = 1000 } dns { servers = '::1' hosts_file = '' }\n"
                     "access { rules = '\n  allow host a.test\n  deny ; allow # all\n' }\n");
    assert_string_equal(place->config->log_access, "/tmp/it's \\ ${HOME} \"#1\"");
    printed = place->config;
    config_ref(printed);
    file = fopen(place->path, "w");
    config_print(printed, file);
    assert_int_equal(fclose(file), 0);
    if (load(place, &sources) != ERR_OK)
        fail_msg("%s", place->complaint.text);
    assert_equal_settings(place->config, printed);
    config_unref(printed);
}

static void
printed_values_say_where_they_were_given(void **state)
{
    struct place *place = *state;
    char expected[160];
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    load_text(place, "\npool {\n max_total = 7 }");
    config_print(place->config, file);
    fclose(file);
    snprintf(expected, sizeof(expected), "\n    max_total = 7 # %s:3\n", place->path);
    assert_non_null(strstr(text, expected));
    assert_non_null(strstr(text, "\n    max_tunnels = 4096\n"));
    assert_non_null(strstr(text, "\n#   1  deny client !loopback,private  (access.clients)\n"));
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(presets_are_what_the_manual_promises),
        TEST(a_file_sets_what_it_names_and_nothing_else),
        TEST(an_empty_file_changes_nothing),
        TEST(choices_are_in_the_order_of_their_enums),
        TEST(an_unknown_key_is_refused_with_the_known_ones),
        TEST(an_unknown_section_is_refused_with_the_known_ones),
        TEST(a_key_outside_of_sections_is_refused),
        TEST(a_bad_time_is_refused_with_its_line_and_range),
        TEST(values_outside_their_range_are_refused),
        TEST(a_bad_choice_is_refused_with_the_choices),
        TEST(a_bad_address_is_named_alone),
        TEST(syntax_errors_name_their_line),
        TEST(a_setting_outside_its_section_is_refused),
        TEST(an_unclosed_section_is_refused),
        TEST(a_nul_byte_is_refused),
        TEST(a_missing_file_is_refused),
        TEST(a_folder_is_no_file),
        TEST(an_endless_file_is_refused),
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
        TEST(admin_can_be_off),
        TEST(each_source_goes_before_the_one_above_it),
        TEST(the_environment_can_name_the_file),
        TEST(bad_variables_are_refused_by_name),
        TEST(variables_that_orchestrators_set_have_no_effect),
        TEST(a_complaint_stays_one_line),
        TEST(what_is_printed_loads_to_the_same_settings),
        TEST(printed_values_say_where_they_were_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
