/* What proxy/policy/acl promises: who may use the proxy, and where nobody is led to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "proxy/policy/acl.h"

static struct address
at(const char *text)
{
    struct address address;

    assert_int_equal(address_parse(slice_of(text), &address), ERR_OK);
    return address;
}

/* With the presets: clients on loopback and private ones, tunnels to 443. */
static struct rules *presets;

static int
make_presets(void **state)
{
    const struct rules_setup setup = {"", "loopback, private", "", true, false, NULL};
    char why[256];

    (void)state;
    return rules_new(&setup, &presets, why, sizeof(why)) == ERR_OK ? 0 : -1;
}

static int
drop_presets(void **state)
{
    (void)state;
    rules_free(presets);
    return 0;
}

static enum err
reaches_by(bool is_loopback_client, const char *own_text, const char *destination_text,
           bool is_by_dns)
{
    struct address list = at(own_text);
    const struct own_addresses own = {&list, 1};
    const struct config config = {.rules = presets};
    struct address client = at(is_loopback_client ? "127.0.0.1:9" : "10.0.0.9:9");
    struct address destination = at(destination_text);
    const struct rules_question question = {
        .client = &client,
        .host = SLICE("o.test"),
        .port = address_port(&destination),
        .method = SLICE("GET"),
        .address = &destination,
    };

    return acl_reaches(&config, &question, &own, is_by_dns);
}

static enum err
reaches(bool is_loopback_client, const char *own_text, const char *destination_text)
{
    return reaches_by(is_loopback_client, own_text, destination_text, false);
}

static void
own_listener_is_known_in_every_disguise(void **state)
{
    static const struct {
        const char *own;
        const char *destination;
    } rows[] = {
        {"127.0.0.1:3128", "127.0.0.1:3128"},
        {"127.0.0.1:3128", "[::ffff:127.0.0.1]:3128"},
        {"127.0.0.1:3128", "[64:ff9b::7f00:1]:3128"},
        {"127.0.0.1:3128", "0.0.0.0:3128"},
        {"[::1]:3128", "[::1]:3128"},
        {"[::1]:3128", "[::]:3128"},
        {"0.0.0.0:3128", "127.0.0.1:3128"},
        {"0.0.0.0:3128", "127.55.66.77:3128"},
        {"[::]:3128", "[::1]:3128"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (reaches(true, rows[i].own, rows[i].destination) != ERR_SELF)
            fail_msg("%s leads to %s", rows[i].destination, rows[i].own);
}

static void
neighbours_of_the_own_listener_are_reached(void **state)
{
    (void)state;
    assert_int_equal(reaches(true, "127.0.0.1:3128", "127.0.0.1:80"), ERR_OK);
    assert_int_equal(reaches(true, "127.0.0.1:3128", "127.0.0.2:3128"), ERR_OK);
    assert_int_equal(reaches(true, "0.0.0.0:3128", "203.0.113.7:3128"), ERR_OK);
}

static void
strangers_do_not_reach_the_hosts_own_network(void **state)
{
    static const char *inside[] = {
        "127.0.0.1:80",
        "[::1]:80",
        "[::ffff:127.0.0.1]:80",
        "[64:ff9b::7f00:1]:80",
        "169.254.169.254:80",
        "0.0.0.0:80",
        "[fe80::1]:80",
        "[::ffff:169.254.1.1]:80",
        "[::]:80",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
        if (reaches(false, "127.0.0.1:3128", inside[i]) != ERR_FORBIDDEN)
            fail_msg("a stranger reaches %s", inside[i]);
        if (reaches(true, "127.0.0.1:3128", inside[i]) != ERR_OK)
            fail_msg("a client on loopback does not reach %s", inside[i]);
    }
}

static void
private_and_public_destinations_are_open_to_all_clients(void **state)
{
    (void)state;
    assert_int_equal(reaches(false, "127.0.0.1:3128", "10.0.0.1:80"), ERR_OK);
    assert_int_equal(reaches(false, "127.0.0.1:3128", "203.0.113.1:80"), ERR_OK);
}

static void
names_of_others_do_not_lead_to_loopback(void **state)
{
    static const char *inside[] = {
        "127.0.0.1:80",
        "[::1]:80",
        "[::ffff:127.0.0.1]:80",
        "[64:ff9b::7f00:1]:80",
        "169.254.169.254:80",
        "[fe80::1]:80",
        "0.0.0.0:80",
        "[::]:80",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
        if (reaches_by(true, "127.0.0.1:3128", inside[i], true) != ERR_DNS_TO_LOOPBACK)
            fail_msg("a name leads to %s", inside[i]);
    assert_int_equal(reaches_by(true, "127.0.0.1:3128", "192.0.2.1:80", true), ERR_OK);
    assert_int_equal(reaches_by(true, "127.0.0.1:3128", "10.0.0.1:80", true), ERR_OK);
}

static void
multicast_is_reached_by_nobody(void **state)
{
    (void)state;
    assert_int_equal(reaches(true, "127.0.0.1:3128", "224.0.0.1:80"), ERR_FORBIDDEN);
    assert_int_equal(reaches(true, "127.0.0.1:3128", "255.255.255.255:80"), ERR_FORBIDDEN);
}

static void
refusals_are_told_apart_by_their_settings(void **state)
{
    static const struct {
        const char *rules;
        const char *client;
        const char *method;
        enum err err;
    } rows[] = {
        {"", "203.0.113.1:9", "GET", ERR_CLIENT},
        {"", "10.0.0.1:9", "CONNECT", ERR_CONNECT_PORT},
        {"deny method GET", "10.0.0.1:9", "GET", ERR_RULE},
        {"deny method GET", "10.0.0.1:9", "HEAD", ERR_OK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct rules_setup setup = {rows[i].rules, "loopback, private", "", true, false,
                                          NULL};
        struct address client = at(rows[i].client);
        struct config config = {0};
        char why[256];
        const struct rules_question question = {
            .client = &client,
            .host = SLICE("o.test"),
            .port = 80,
            .method = slice_of(rows[i].method),
        };

        assert_int_equal(rules_new(&setup, &config.rules, why, sizeof(why)), ERR_OK);
        assert_int_equal(acl_allows(&config, &question), rows[i].err);
        rules_free(config.rules);
    }
}

/* Takes the process its descriptors but for those it has, and gives them back. */
static void
limit_descriptors(bool is_limited)
{
    static struct rlimit before;
    struct rlimit limit;

    if (is_limited) {
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        limit = before;
        limit.rlim_cur = 0;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    } else {
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    }
}

static void
without_descriptors_nothing_is_called_our_own(void **state)
{
    enum err err;

    (void)state;
    limit_descriptors(true);
    err = reaches_by(false, "0.0.0.0:3128", "192.0.2.1:3128", false);
    limit_descriptors(false);
    assert_int_equal(err, ERR_NO_DESCRIPTORS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_listener_is_known_in_every_disguise),
        cmocka_unit_test(neighbours_of_the_own_listener_are_reached),
        cmocka_unit_test(strangers_do_not_reach_the_hosts_own_network),
        cmocka_unit_test(private_and_public_destinations_are_open_to_all_clients),
        cmocka_unit_test(names_of_others_do_not_lead_to_loopback),
        cmocka_unit_test(multicast_is_reached_by_nobody),
        cmocka_unit_test(without_descriptors_nothing_is_called_our_own),
        cmocka_unit_test(refusals_are_told_apart_by_their_settings),
    };

    return cmocka_run_group_tests(tests, make_presets, drop_presets);
}
