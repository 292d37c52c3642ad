/* Settings from all their sources: which goes before which, and what a file may look like. */
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
#include "tests/unit/proxy/place.h"

static void
presets_are_what_the_manual_promises(void **state)
{
    struct place *place = *state;
    struct config_sources sources = {0};
    char text[ADDRESS_TEXT_SIZE];

    assert_int_equal(place_load(place, &sources), ERR_OK);
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

    place_load_text(place, "# comment\n"
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
    place_load_text(*state, "");
    place_load_text(*state, "\n# nothing\n");
}

static void
an_unknown_key_is_refused_with_the_known_ones(void **state)
{
    place_refuses(*state, "\n\ndrain {\n  timeuot = 5s\n}\n",
                  "c:4: unknown setting drain.timeuot; expected one of timeout");
}

static void
an_unknown_section_is_refused_with_the_known_ones(void **state)
{
    place_refuses(*state, "\npol { idle_timeout = 5s }\n",
                  "c:2: unknown section pol; expected one of proxy, admin, log, timeout, "
                  "http, pool, tcp, dns, access, tls, auth, limit, drain");
}

static void
a_key_outside_of_sections_is_refused(void **state)
{
    place_refuses(*state, "idle_timeout = 5s\n",
                  "c:1: unknown section idle_timeout; expected one of proxy, admin, log, "
                  "timeout, http, pool, tcp, dns, access, tls, auth, limit, drain");
}

static void
syntax_errors_name_their_line(void **state)
{
    struct place *place = *state;

    place_refuses(place, "pool {\n  idle_timeout 5s\n}\n",
                  "c:2: missing equal sign after option 'idle_timeout'; expected sections of "
                  "settings, as in pool { idle_timeout = 60s }");
    place_refuses(place, "log {\n  access = \"abc\n",
                  "c:2: premature end of file; expected sections of settings, as in "
                  "pool { idle_timeout = 60s }");
}

static void
a_setting_outside_its_section_is_refused(void **state)
{
    place_refuses(*state, "\npool|max_total = 5\n",
                  "c:2: max_total stands outside its section; expected sections of settings, "
                  "as in pool { idle_timeout = 60s }");
}

static void
an_unclosed_section_is_refused(void **state)
{
    place_refuses(*state, "pool {\n  max_total = 5\n",
                  "c:2: section pool is not closed; expected }");
    place_refuses(*state, "/* pool {\n}\n",
                  "c:2: something is not closed; expected sections of settings");
}

static void
a_nul_byte_is_refused(void **state)
{
    place_refuses_bytes(*state, "# a\n\0\n", 6, "c:2: a NUL byte; expected a text file");
}

static void
a_missing_file_is_refused(void **state)
{
    struct config_sources sources = {.file = "/nowhere/carpool.conf"};
    struct place *place = *state;

    assert_int_equal(place_load(place, &sources), ERR_NOT_FOUND);
    assert_string_equal(place->complaint.text,
                        "/nowhere/carpool.conf: there is no such thing; expected a "
                        "configuration file that can be read");
}

static void
a_folder_is_no_file(void **state)
{
    struct config_sources sources = {.file = "/tmp"};
    struct place *place = *state;

    assert_int_equal(place_load(place, &sources), ERR_IO);
    assert_string_equal(
        place->complaint.text,
        "/tmp: it cannot be read; expected a configuration file that can be read");
}

static void
an_endless_file_is_refused(void **state)
{
    struct config_sources sources = {.file = "/dev/zero"};
    struct place *place = *state;

    assert_int_equal(place_load(place, &sources), ERR_TOO_LARGE);
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

    place_write(place->path, text, strlen(text));
    assert_int_equal(place_load(place, &sources), ERR_OK);
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
    place_write(place->path, "pool { max_total = 9 }", 22);
    assert_int_equal(place_load(place, &sources), ERR_OK);
    assert_int_equal(place->config->pool_max_total, 9);
}

static void
assert_refused_variable(struct place *place, const char *variable, const char *complaint)
{
    const char *const environment[] = {variable, NULL};
    struct config_sources sources = {.environment = environment};

    assert_int_equal(place_load(place, &sources), ERR_SYNTAX);
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

    assert_int_equal(place_load(place, &sources), ERR_OK);
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

    place_load_text(place,
                    "proxy { listen = \"0.0.0.0:0,[::1]:1\" workers = 3 }\n"
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
    if (place_load(place, &sources) != ERR_OK)
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

    place_load_text(place, "\npool {\n max_total = 7 }");
    config_print(place->config, file);
    fclose(file);
    snprintf(expected, sizeof(expected), "\n    max_total = 7 # %s:3\n", place->path);
    assert_non_null(strstr(text, expected));
    assert_non_null(strstr(text, "\n    max_tunnels = 4096\n"));
    assert_non_null(strstr(text, "\n#   1  deny client !loopback,private  (access.clients)\n"));
    free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(presets_are_what_the_manual_promises),
        TEST(a_file_sets_what_it_names_and_nothing_else),
        TEST(an_empty_file_changes_nothing),
        TEST(an_unknown_key_is_refused_with_the_known_ones),
        TEST(an_unknown_section_is_refused_with_the_known_ones),
        TEST(a_key_outside_of_sections_is_refused),
        TEST(syntax_errors_name_their_line),
        TEST(a_setting_outside_its_section_is_refused),
        TEST(an_unclosed_section_is_refused),
        TEST(a_nul_byte_is_refused),
        TEST(a_missing_file_is_refused),
        TEST(a_folder_is_no_file),
        TEST(an_endless_file_is_refused),
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
