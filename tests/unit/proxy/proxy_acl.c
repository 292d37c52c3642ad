/* What proxy/policy/acl promises: who may use the proxy, and where nobody is led to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/policy/acl.h"

static struct address
at(const char *text)
{
    struct address address;

    assert_int_equal(address_parse(slice_of(text), &address), ERR_OK);
    return address;
}

static enum err
reaches(bool is_loopback_client, const char *own_text, const char *destination_text)
{
    struct address list = at(own_text);
    const struct own_addresses own = {&list, 1};
    struct address destination = at(destination_text);

    return acl_reaches(is_loopback_client, &own, &destination);
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
multicast_is_reached_by_nobody(void **state)
{
    (void)state;
    assert_int_equal(reaches(true, "127.0.0.1:3128", "224.0.0.1:80"), ERR_FORBIDDEN);
    assert_int_equal(reaches(true, "127.0.0.1:3128", "255.255.255.255:80"), ERR_FORBIDDEN);
}

static void
only_listed_ranges_are_admitted(void **state)
{
    struct address_range range;
    struct config config = {.client_ranges = &range, .client_range_count = 1};
    struct address inside = at("[::ffff:10.1.2.3]:9");
    struct address outside = at("203.0.113.1:9");

    (void)state;
    assert_int_equal(address_range_parse(SLICE("10.0.0.0/8"), &range), ERR_OK);
    assert_true(acl_admits(&config, &inside));
    assert_false(acl_admits(&config, &outside));
}

static void
strangers_tunnel_only_to_listed_ports(void **state)
{
    uint16_t port = 8443;
    struct config config = {.connect_ports = &port, .connect_port_count = 1};

    (void)state;
    assert_true(acl_allows_connect(&config, false, 443));
    assert_true(acl_allows_connect(&config, false, 8443));
    assert_false(acl_allows_connect(&config, false, 22));
    assert_true(acl_allows_connect(&config, true, 22));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_listener_is_known_in_every_disguise),
        cmocka_unit_test(neighbours_of_the_own_listener_are_reached),
        cmocka_unit_test(strangers_do_not_reach_the_hosts_own_network),
        cmocka_unit_test(private_and_public_destinations_are_open_to_all_clients),
        cmocka_unit_test(multicast_is_reached_by_nobody),
        cmocka_unit_test(only_listed_ranges_are_admitted),
        cmocka_unit_test(strangers_tunnel_only_to_listed_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
