/* What the table of 4-tuples promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pool/tuple_table.h"
#include "tests/unit/pool/rig.h"

static struct address
parsed(const char *text)
{
    struct address address;

    assert_int_equal(address_parse(slice_of(text), &address), ERR_OK);
    return address;
}

struct fixture {
    struct tuple_table *table;
    struct address local;
    struct address remote;
};

static int
set_up(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){.table = tuple_table_new(),
                               .local = parsed("10.0.0.1:40000"),
                               .remote = parsed("10.0.0.2:80")};
    *state = &fixture;
    return 0;
}

/* Which has to be empty again. */
static int
tear_down(void **state)
{
    tuple_table_free(((struct fixture *)*state)->table);
    return 0;
}

static struct tuple_row *
insert(struct fixture *fixture, const struct address *local, const struct address *remote)
{
    struct pool_key key = rig_key("a.test");

    return tuple_insert(fixture->table, &key, local, remote);
}

static void
table_finds_a_connection_by_both_ends(void **state)
{
    struct fixture *fixture = *state;
    struct address other = parsed("10.0.0.2:81");
    struct tuple_row *row = insert(fixture, &fixture->local, &fixture->remote);

    assert_true(tuple_holds(fixture->table, &fixture->local, &fixture->remote));
    assert_false(tuple_holds(fixture->table, &fixture->remote, &fixture->local));
    assert_false(tuple_holds(fixture->table, &fixture->local, &other));
    tuple_remove(fixture->table, row);
    assert_false(tuple_holds(fixture->table, &fixture->local, &fixture->remote));
}

static void
table_sees_through_ipv4_in_ipv6_clothes(void **state)
{
    struct fixture *fixture = *state;
    struct address plain_local = parsed("127.0.0.1:40000");
    struct address plain_remote = parsed("127.0.0.1:3128");
    struct address mapped_local = parsed("[::ffff:127.0.0.1]:40000");
    struct address mapped_remote = parsed("[::ffff:127.0.0.1]:3128");
    struct tuple_row *row = insert(fixture, &mapped_local, &mapped_remote);

    assert_true(tuple_holds(fixture->table, &plain_local, &plain_remote));
    tuple_remove(fixture->table, row);
    row = insert(fixture, &plain_local, &plain_remote);
    assert_true(tuple_holds(fixture->table, &mapped_local, &mapped_remote));
    tuple_remove(fixture->table, row);
}

static void
ids_are_never_used_again(void **state)
{
    struct fixture *fixture = *state;
    uint64_t last_id = 0;

    for (int i = 0; i < 3; i++) {
        struct tuple_row *row = insert(fixture, &fixture->local, &fixture->remote);

        assert_true(row->id > last_id);
        last_id = row->id;
        tuple_remove(fixture->table, row);
    }
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
    struct fixture *fixture = *state;
    struct tuple_row *row = insert(fixture, &fixture->local, &fixture->remote);
    struct seen seen = {0};

    tuple_set_state(row, TUPLE_LEASED);
    tuple_add(&row->uses, 3);
    tuple_add(&row->sent_bytes, 10);
    tuple_add(&row->received_bytes, 20);
    tuple_set_path(row, &(struct stream_path){.rtt_us = 300, .rtt_min_us = 200, .cwnd = 10});
    rig_advance_ms(7);
    tuple_each(fixture->table, on_view, &seen);
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
    assert_true(address_equal(&seen.last.local, &fixture->local));
    assert_true(address_equal(&seen.last.remote, &fixture->remote));
    tuple_remove(fixture->table, row);
}

static void
client_is_shown_until_the_connection_is_parked(void **state)
{
    struct fixture *fixture = *state;
    struct address first = parsed("10.0.0.3:50000");
    struct address second = parsed("[2001:db8::3]:50000");
    struct tuple_row *row = insert(fixture, &fixture->local, &fixture->remote);
    struct seen seen = {0};

    tuple_each(fixture->table, on_view, &seen);
    assert_int_equal(seen.last.client.any.sa_family, AF_UNSPEC);
    tuple_set_client(fixture->table, row, &first);
    tuple_each(fixture->table, on_view, &seen);
    assert_true(address_equal(&seen.last.client, &first));
    tuple_set_state(row, TUPLE_PARKED);
    tuple_each(fixture->table, on_view, &seen);
    assert_int_equal(seen.last.client.any.sa_family, AF_UNSPEC);
    tuple_set_client(fixture->table, row, &second);
    tuple_set_state(row, TUPLE_LEASED);
    tuple_each(fixture->table, on_view, &seen);
    assert_true(address_equal(&seen.last.client, &second));
    tuple_remove(fixture->table, row);
}

static void
every_row_is_shown_once(void **state)
{
    enum { ROWS = 100 };
    struct fixture *fixture = *state;
    struct tuple_row *rows[ROWS];
    struct seen seen = {0};

    for (int i = 0; i < ROWS; i++) {
        address_set_port(&fixture->local, (uint16_t)(40000 + i));
        rows[i] = insert(fixture, &fixture->local, &fixture->remote);
    }
    tuple_each(fixture->table, on_view, &seen);
    assert_int_equal(seen.rows, ROWS);
    for (int i = 0; i < ROWS; i++)
        tuple_remove(fixture->table, rows[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(table_finds_a_connection_by_both_ends),
        TEST(table_sees_through_ipv4_in_ipv6_clothes),
        TEST(ids_are_never_used_again),
        TEST(view_shows_what_the_owner_wrote),
        TEST(client_is_shown_until_the_connection_is_parked),
        TEST(every_row_is_shown_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
