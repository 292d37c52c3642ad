/* What keys promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pool/key.h"
#include "tests/unit/pool/rig.h"

static void
spellings_of_one_host_are_one_key(void **state)
{
    static const char *const spellings[] = {"example.test", "EXAMPLE.test", "example.TEST."};
    struct pool_key first = rig_key(spellings[0]);

    (void)state;
    for (size_t i = 1; i < 3; i++) {
        struct pool_key key = rig_key(spellings[i]);

        assert_true(pool_key_equal(&first, &key));
    }
}

static void
brackets_are_no_part_of_a_key(void **state)
{
    struct pool_key key = rig_key("[2001:DB8::1]");

    (void)state;
    assert_string_equal(key.host, "2001:db8::1");
}

static void
other_ports_and_hosts_are_other_keys(void **state)
{
    struct pool_key key = rig_key("a.test");
    struct pool_key host = rig_key("b.test");
    struct pool_key port;

    (void)state;
    memset(&port, 0, sizeof(port));
    assert_int_equal(pool_key_init(&port, SLICE("a.test"), 81), ERR_OK);
    assert_false(pool_key_equal(&key, &host));
    assert_false(pool_key_equal(&key, &port));
    host.hash = key.hash;
    port.hash = key.hash;
    assert_false(pool_key_equal(&key, &host));
    assert_false(pool_key_equal(&key, &port));
}

static struct address
parsed_ip(const char *text)
{
    struct address address;

    assert_int_equal(address_parse_ip(slice_of(text), 0, &address), ERR_OK);
    return address;
}

static void
other_sources_are_other_keys(void **state)
{
    struct address v4[] = {parsed_ip("10.0.0.1"), parsed_ip("10.0.0.2")};
    struct address v6 = parsed_ip("fd00::1");
    struct pool_key keys[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        keys[i] = rig_key("a.test");
    assert_true(pool_key_equal(&keys[0], &keys[1]));
    pool_key_set_source(&keys[1], &v4[0], NULL);
    pool_key_set_source(&keys[2], &v4[1], NULL);
    pool_key_set_source(&keys[3], &v4[0], &v6);
    for (size_t i = 0; i < 4; i++)
        for (size_t other = 0; other < i; other++) {
            assert_int_not_equal(keys[i].hash, keys[other].hash);
            /* Also where the hash is the same by chance. */
            keys[other].hash = keys[i].hash;
            assert_false(pool_key_equal(&keys[i], &keys[other]));
        }
    pool_key_set_source(&keys[1], NULL, NULL);
    keys[0] = rig_key("a.test");
    assert_true(pool_key_equal(&keys[0], &keys[1]));
}

static void
shared_keys_go_by_address_and_port(void **state)
{
    struct address one = parsed_ip("10.0.0.1");
    struct address mapped = parsed_ip("::ffff:10.0.0.1");
    struct address two = parsed_ip("fd00::2");
    struct pool_key a = rig_key("a.test");
    struct pool_key b = rig_key("b.test");
    struct pool_key plain = a;
    struct address address;

    (void)state;
    assert_false(pool_key_shared(&a, &address));
    pool_key_share(&a, &one);
    pool_key_share(&b, &mapped);
    assert_true(pool_key_equal(&a, &b));
    assert_string_equal(b.host, "b.test");
    assert_true(pool_key_shared(&b, &address));
    address_set_port(&one, 80);
    assert_true(address_equal(&address, &one));
    /* Never with a key that goes by name, also where the hash is the same by chance. */
    plain.hash = a.hash;
    assert_false(pool_key_equal(&a, &plain));
    pool_key_set_source(&b, &one, NULL);
    assert_false(pool_key_equal(&a, &b));
    b = rig_key("a.test");
    pool_key_share(&b, &two);
    b.hash = a.hash;
    assert_false(pool_key_equal(&a, &b));
    assert_true(pool_key_is_below(&a, &b));
    assert_false(pool_key_is_below(&b, &a));
}

static void
source_is_given_by_family(void **state)
{
    struct address v4 = parsed_ip("10.0.0.1");
    struct address v6 = parsed_ip("fe80::1%lo");
    struct pool_key key = rig_key("a.test");
    struct address source;

    (void)state;
    assert_false(pool_key_has_source(&key));
    assert_false(pool_key_source(&key, AF_INET, &source));
    pool_key_set_source(&key, NULL, &v6);
    assert_true(pool_key_has_source(&key));
    assert_false(pool_key_source(&key, AF_INET, &source));
    assert_true(pool_key_source(&key, AF_INET6, &source));
    assert_true(address_equal(&source, &v6));
    pool_key_set_source(&key, &v4, NULL);
    assert_false(pool_key_source(&key, AF_INET6, &source));
    assert_true(pool_key_source(&key, AF_INET, &source));
    assert_true(address_equal(&source, &v4));
}

static void
names_that_cannot_be_are_refused(void **state)
{
    char longest[POOL_HOST_SIZE + 1];
    struct pool_key key;

    (void)state;
    memset(longest, 'a', sizeof(longest));
    assert_int_equal(pool_key_init(&key, SLICE(""), 80), ERR_DNS_NAME);
    assert_int_equal(pool_key_init(&key, SLICE("."), 80), ERR_DNS_NAME);
    assert_int_equal(pool_key_init(&key, SLICE("[]"), 80), ERR_DNS_NAME);
    assert_int_equal(pool_key_init(&key, SLICE("a\0b"), 80), ERR_DNS_NAME);
    assert_int_equal(pool_key_init(&key, (struct slice){longest, POOL_HOST_SIZE}, 80),
                     ERR_DNS_NAME);
    assert_int_equal(pool_key_init(&key, (struct slice){longest, POOL_HOST_SIZE - 1}, 80),
                     ERR_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_of_one_host_are_one_key),
        cmocka_unit_test(brackets_are_no_part_of_a_key),
        cmocka_unit_test(other_ports_and_hosts_are_other_keys),
        cmocka_unit_test(other_sources_are_other_keys),
        cmocka_unit_test(shared_keys_go_by_address_and_port),
        cmocka_unit_test(source_is_given_by_family),
        cmocka_unit_test(names_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
