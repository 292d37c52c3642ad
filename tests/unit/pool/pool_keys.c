/* What keys and the table of 4-tuples promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pool/key.h"
#include "pool/tuple_table.h"
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

static struct address
parsed(const char *text)
{
    struct address address;

    assert_int_equal(address_parse(slice_of(text), &address), ERR_OK);
    return address;
}

static void
table_finds_a_connection_by_both_ends(void **state)
{
    struct tuple_table *table = tuple_table_new();
    struct pool_key key = rig_key("a.test");
    struct address local = parsed("10.0.0.1:40000");
    struct address remote = parsed("10.0.0.2:80");
    struct address other = parsed("10.0.0.2:81");
    struct tuple_row *row = tuple_insert(table, &key, &local, &remote);

    (void)state;
    assert_true(tuple_holds(table, &local, &remote));
    assert_false(tuple_holds(table, &remote, &local));
    assert_false(tuple_holds(table, &local, &other));
    tuple_remove(table, row);
    assert_false(tuple_holds(table, &local, &remote));
    tuple_table_free(table);
}

static void
table_sees_through_ipv4_in_ipv6_clothes(void **state)
{
    struct tuple_table *table = tuple_table_new();
    struct pool_key key = rig_key("a.test");
    struct address plain_local = parsed("127.0.0.1:40000");
    struct address plain_remote = parsed("127.0.0.1:3128");
    struct address mapped_local = parsed("[::ffff:127.0.0.1]:40000");
    struct address mapped_remote = parsed("[::ffff:127.0.0.1]:3128");
    struct tuple_row *row = tuple_insert(table, &key, &mapped_local, &mapped_remote);

    (void)state;
    assert_true(tuple_holds(table, &plain_local, &plain_remote));
    tuple_remove(table, row);
    row = tuple_insert(table, &key, &plain_local, &plain_remote);
    assert_true(tuple_holds(table, &mapped_local, &mapped_remote));
    tuple_remove(table, row);
    tuple_table_free(table);
}

static void
ids_are_never_used_again(void **state)
{
    struct tuple_table *table = tuple_table_new();
    struct pool_key key = rig_key("a.test");
    struct address local = parsed("[::1]:40000");
    struct address remote = parsed("[::1]:80");
    uint64_t last_id = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct tuple_row *row = tuple_insert(table, &key, &local, &remote);

        assert_true(row->id > last_id);
        last_id = row->id;
        tuple_remove(table, row);
    }
    tuple_table_free(table);
}

struct seen {
    size_t rows;
    struct tuple_view last;
};

static void
on_view(const struct tuple_view *view, void *arg)
{
    struct seen *seen = arg;

    seen->rows++;
    seen->last = *view;
}

static void
view_shows_what_the_owner_wrote(void **state)
{
    struct tuple_table *table = tuple_table_new();
    struct pool_key key = rig_key("a.test");
    struct address local = parsed("10.0.0.1:40000");
    struct address remote = parsed("10.0.0.2:80");
    struct tuple_row *row = tuple_insert(table, &key, &local, &remote);
    struct seen seen = {0};

    (void)state;
    tuple_set_state(row, TUPLE_LEASED);
    tuple_add(&row->uses, 3);
    tuple_add(&row->sent_bytes, 10);
    tuple_add(&row->received_bytes, 20);
    tuple_set_path(row, &(struct stream_path){.rtt_us = 300, .rtt_min_us = 200, .cwnd = 10});
    rig_advance_ms(7);
    tuple_each(table, on_view, &seen);
    assert_int_equal(seen.rows, 1);
    assert_string_equal(seen.last.host, "a.test");
    assert_int_equal(seen.last.port, 80);
    assert_string_equal(tuple_state_word(seen.last.state), "leased");
    assert_int_equal(seen.last.uses, 3);
    assert_int_equal(seen.last.sent_bytes, 10);
    assert_int_equal(seen.last.received_bytes, 20);
    assert_int_equal(seen.last.path.rtt_us, 300);
    assert_int_equal(seen.last.path.rtt_min_us, 200);
    assert_int_equal(seen.last.path.cwnd, 10);
    assert_null(seen.last.tls);
    assert_int_equal(seen.last.age_ms, 7);
    assert_int_equal(seen.last.idle_ms, 0);
    assert_true(address_equal(&seen.last.local, &local));
    assert_true(address_equal(&seen.last.remote, &remote));
    tuple_remove(table, row);
    tuple_table_free(table);
}

static void
client_is_shown_until_the_connection_is_parked(void **state)
{
    struct tuple_table *table = tuple_table_new();
    struct pool_key key = rig_key("a.test");
    struct address local = parsed("10.0.0.1:40000");
    struct address remote = parsed("10.0.0.2:80");
    struct address first = parsed("10.0.0.3:50000");
    struct address second = parsed("[2001:db8::3]:50000");
    struct tuple_row *row = tuple_insert(table, &key, &local, &remote);
    struct seen seen = {0};

    (void)state;
    tuple_each(table, on_view, &seen);
    assert_int_equal(seen.last.client.any.sa_family, AF_UNSPEC);
    tuple_set_client(table, row, &first);
    tuple_each(table, on_view, &seen);
    assert_true(address_equal(&seen.last.client, &first));
    tuple_set_state(row, TUPLE_PARKED);
    tuple_each(table, on_view, &seen);
    assert_int_equal(seen.last.client.any.sa_family, AF_UNSPEC);
    tuple_set_client(table, row, &second);
    tuple_set_state(row, TUPLE_LEASED);
    tuple_each(table, on_view, &seen);
    assert_true(address_equal(&seen.last.client, &second));
    tuple_remove(table, row);
    tuple_table_free(table);
}

static void
every_row_is_shown_once(void **state)
{
    enum { ROWS = 100 };
    struct tuple_table *table = tuple_table_new();
    struct pool_key key = rig_key("a.test");
    struct address local = parsed("10.0.0.1:40000");
    struct address remote = parsed("10.0.0.2:80");
    struct tuple_row *rows[ROWS];
    struct seen seen = {0};

    (void)state;
    for (int i = 0; i < ROWS; i++) {
        address_set_port(&local, (uint16_t)(40000 + i));
        rows[i] = tuple_insert(table, &key, &local, &remote);
    }
    tuple_each(table, on_view, &seen);
    assert_int_equal(seen.rows, ROWS);
    for (int i = 0; i < ROWS; i++)
        tuple_remove(table, rows[i]);
    tuple_table_free(table);
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
        cmocka_unit_test(table_finds_a_connection_by_both_ends),
        cmocka_unit_test(table_sees_through_ipv4_in_ipv6_clothes),
        cmocka_unit_test(ids_are_never_used_again),
        cmocka_unit_test(view_shows_what_the_owner_wrote),
        cmocka_unit_test(client_is_shown_until_the_connection_is_parked),
        cmocka_unit_test(every_row_is_shown_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
