/* The admin's list of connections: which rows a query chooses, and the table for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <cmocka.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "base/mem.h"
#include "pool/lane.h"
#include "proxy/connections_filter.h"
#include "proxy/connections_table.h"
#include "proxy/overview.h"

static enum err
read_filter(const char *text, struct connections_filter *filter, struct complaint *complaint)
{
    struct evkeyvalq query;
    enum err err;

    TAILQ_INIT(&query);
    assert_int_equal(evhttp_parse_query_str(text, &query), 0);
    err = connections_filter_read(filter, &query, complaint);
    evhttp_clear_headers(&query);
    return err;
}

static struct address
parsed(const char *text)
{
    struct address address;

    assert_int_equal(address_parse(slice_of(text), &address), ERR_OK);
    return address;
}

static struct tuple_view
leased_row(void)
{
    return (struct tuple_view){
        .local = parsed("10.0.0.1:40000"),
        .remote = parsed("[2001:db8::2]:80"),
        .client = parsed("127.0.0.1:5000"),
        .id = 12,
        .state = TUPLE_LEASED,
        .host = "www.example.com",
        .port = 80,
    };
}

static bool
takes(const char *query, const struct tuple_view *view)
{
    struct connections_filter filter;
    struct complaint complaint;

    if (read_filter(query, &filter, &complaint) != ERR_OK)
        fail_msg("%s: %s", query, complaint.text);
    return connections_filter_takes(&filter, view);
}

static void
row_is_taken_if_all_that_is_asked_fits(void **state)
{
    static const char *const fitting[] = {
        "",
        "host=www.example.com",
        "host=WWW.Example.com",
        "host=www.example.com.",
        "host=*.example.com",
        "host=www.example.com:80",
        "host=*:80",
        "host=*exam*com",
        "host=*",
        "client=127.0.0.1",
        "client=127.0.0.1:5000",
        "client=127.*",
        "client=*:5000",
        "client=*",
        "local=10.0.0.1:*",
        "remote=2001:db8::2",
        "remote=2001:DB8:0::2",
        "remote=[2001:db8::2]",
        "remote=[2001:db8::2]:80",
        "remote=[*]:80",
        "remote=[2001:db8:*",
        "remote=*:80",
        "state=leased",
        "id=12",
        "host=*&client=*&local=*&remote=*&state=leased&id=12",
    };
    static const char *const others[] = {
        "host=example.com",    "host=www.example.com:81", "host=*.example",
        "client=127.0.0.2",    "client=127.0.0.1:500",    "client=*:50000",
        "local=10.0.0.*:80",   "remote=2001:db8::",       "remote=[2001:db8::2]:8080",
        "state=parked",        "state=waiting",           "id=1",
        "host=*&state=parked",
    };
    struct tuple_view view = leased_row();

    (void)state;
    for (size_t i = 0; i < sizeof(fitting) / sizeof(fitting[0]); i++)
        if (!takes(fitting[i], &view))
            fail_msg("%s does not fit", fitting[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (takes(others[i], &view))
            fail_msg("%s fits", others[i]);
}

static void
no_pattern_fits_what_is_not_there(void **state)
{
    struct tuple_view view = leased_row();

    (void)state;
    view.state = TUPLE_PARKED;
    memset(&view.client, 0, sizeof(view.client));
    assert_true(takes("state=parked", &view));
    assert_false(takes("client=*", &view));
}

static void
ipv6_hosts_have_brackets_beside_a_port(void **state)
{
    struct tuple_view view = leased_row();

    (void)state;
    strcpy(view.host, "2001:db8::2");
    assert_true(takes("host=2001:db8::2", &view));
    assert_true(takes("host=[2001:db8::2]:80", &view));
    assert_false(takes("host=[2001:db8::2]:81", &view));
}

static void
addresses_may_have_a_zone(void **state)
{
    struct tuple_view view = leased_row();

    (void)state;
    view.remote = parsed("[fe80::1%lo]:80");
    assert_true(takes("remote=fe80::1%25lo", &view));
    assert_true(takes("remote=[fe80::1%25lo]:80", &view));
    assert_true(takes("remote=[fe80::1*", &view));
    assert_false(takes("remote=fe80::1", &view));
}

static void
who_waits_has_a_host_and_a_client_alone(void **state)
{
    static const char *const fitting[] = {"", "state=waiting", "host=a.*", "client=127.0.0.1"};
    static const char *const others[] = {"state=leased", "host=b.*", "client=127.0.0.2",
                                         "local=*",      "remote=*", "id=1"};
    struct waiting_view view = {.client = parsed("127.0.0.1:5000"), .host = "a.test"};
    struct connections_filter filter;
    struct complaint complaint;

    (void)state;
    for (size_t i = 0; i < sizeof(fitting) / sizeof(fitting[0]); i++) {
        assert_int_equal(read_filter(fitting[i], &filter, &complaint), ERR_OK);
        assert_true(connections_filter_takes_waiting(&filter, &view));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(read_filter(others[i], &filter, &complaint), ERR_OK);
        assert_false(connections_filter_takes_waiting(&filter, &view));
    }
}

static void
what_is_not_understood_is_named(void **state)
{
    static const struct {
        const char *query;
        const char *complaint;
    } cases[] = {
        {"hosts=a",
         "hosts: unknown parameter; expected host, client, local, remote, state or id"},
        {"host=", "host: \"\" is not accepted; expected NAME or NAME:PORT, where * stands for "
                  "anything"},
        {"host=a/b",
         "host: \"a/b\" is not accepted; expected NAME or NAME:PORT, where * stands "
         "for anything"},
        {"client=me",
         "client: \"me\" is not accepted; expected ADDR or ADDR:PORT, where * stands "
         "for anything"},
        {"local=1.2.3", "local: \"1.2.3\" is not accepted; expected ADDR or ADDR:PORT, where * "
                        "stands for anything"},
        {"remote=x*",
         "remote: \"x*\" is not accepted; expected ADDR or ADDR:PORT, where * stands "
         "for anything"},
        {"state=idle", "state: \"idle\" is not accepted; expected dialing, leased, parked, "
                       "pinned, tunnel or waiting"},
        {"id=-1", "id: \"-1\" is not accepted; expected a number"},
        {"id=0", "id: \"0\" is not accepted; expected a number"},
        {"id=99999999999999999999", "id: \"99999999999999999999\" is not accepted; expected a "
                                    "number"},
        {"host=a&host=b", "host: given twice; expected one of each"},
        {"state=leased&state=leased", "state: given twice; expected one of each"},
        {"id=1&id=1", "id: given twice; expected one of each"},
        {"state=%1b%0a", "state: \"??\" is not accepted; expected dialing, leased, parked, "
                         "pinned, tunnel or waiting"},
    };
    struct connections_filter filter;
    struct complaint complaint;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(read_filter(cases[i].query, &filter, &complaint), ERR_SYNTAX);
        assert_string_equal(complaint.text, cases[i].complaint);
    }
}

/* The page for a query, parsed. */
static json_t *
page_of(struct pool *pool, const char *text)
{
    const struct overview overview = {.pool = pool};
    struct evbuffer *body = evbuffer_new();
    struct evkeyvalq query;
    json_t *page;

    TAILQ_INIT(&query);
    assert_int_equal(evhttp_parse_query_str(text, &query), 0);
    assert_true(connections_write(&overview, &query, body));
    page =
        json_loadb((const char *)evbuffer_pullup(body, -1), evbuffer_get_length(body), 0, NULL);
    assert_non_null(page);
    evhttp_clear_headers(&query);
    evbuffer_free(body);
    return page;
}

static void
shows(struct pool *pool, const char *query, json_int_t total, size_t rows)
{
    json_t *page = page_of(pool, query);

    assert_int_equal(json_integer_value(json_object_get(page, "total")), total);
    assert_int_equal(json_array_size(json_object_get(page, "connections")), rows);
    json_decref(page);
}

static void
long_list_is_cut_and_counted_but_filtered_whole(void **state)
{
    enum { ROWS = 66000, PORTS = 60000 };
    const struct pool_settings settings = {.max_per_host = 1};
    struct pool *pool = pool_new(&settings);
    struct tuple_row **rows = xcalloc(ROWS, sizeof(void *));
    struct address local = parsed("10.0.0.1:1");
    struct address remote = parsed("10.0.0.2:80");
    struct pool_key key;

    (void)state;
    for (unsigned i = 0; i < ROWS; i++) {
        assert_int_equal(pool_key_init(&key, i % 2 ? SLICE("a.test") : SLICE("b.test"), 80),
                         ERR_OK);
        address_set_port(&local, (uint16_t)(1 + i % PORTS));
        address_set_port(&remote, (uint16_t)(80 + i / PORTS));
        rows[i] = tuple_insert(pool->table, &key, &local, &remote);
    }
    shows(pool, "", ROWS, 65536);
    shows(pool, "host=a.test", ROWS / 2, ROWS / 2);
    shows(pool, "remote=*:81", ROWS - PORTS, ROWS - PORTS);
    for (uint64_t id = 1; id <= ROWS; id += 6007) {
        char query[32];

        snprintf(query, sizeof(query), "id=%llu", (unsigned long long)id);
        shows(pool, query, 1, 1);
    }
    for (unsigned i = 0; i < ROWS; i++)
        tuple_remove(pool->table, rows[i]);
    free(rows);
    pool_free(pool);
}

/* Which table a list makes; to be freed. NULL: none. */
static char *
table_of(const char *text)
{
    json_t *list = json_loads(text, 0, NULL);
    char *table;
    size_t size;
    FILE *to = open_memstream(&table, &size);
    enum err err;

    assert_non_null(list);
    assert_non_null(to);
    err = connections_table_print(list, to);
    assert_int_equal(fclose(to), 0);
    json_decref(list);
    if (err == ERR_OK)
        return table;
    assert_string_equal(table, "");
    free(table);
    return NULL;
}

static void
table_is_as_wide_as_its_rows_and_in_order(void **state)
{
    static const char list[] =
        "{\"total\":5,\"connections\":["
        "{\"id\":2,\"state\":\"parked\",\"host\":\"b.test\",\"port\":80,\"local\":"
        "\"10.0.0.1:40000\",\"remote\":\"10.0.0.2:80\",\"client\":null,\"age_ms\":90000,"
        "\"idle_ms\":1500,\"uses\":7,\"sent_bytes\":1023,\"received_bytes\":3565158,"
        "\"rtt_us\":999,\"cwnd\":10,\"resent\":0,\"tls\":null},"
        "{\"id\":null,\"state\":\"waiting\",\"host\":\"a.test\",\"port\":80,\"local\":null,"
        "\"remote\":null,\"client\":\"[::1]:5000\",\"age_ms\":40},"
        "{\"id\":11,\"state\":\"leased\",\"host\":\"a.test\",\"port\":80,\"local\":"
        "\"10.0.0.1:40001\",\"remote\":\"10.0.0.2:80\",\"client\":\"[::1]:5001\",\"age_ms\":"
        "172800000,\"idle_ms\":0,\"uses\":1,\"sent_bytes\":0,\"received_bytes\":1024,"
        "\"rtt_us\":12345,\"cwnd\":10,\"resent\":3,\"tls\":null},"
        "{\"id\":1,\"state\":\"leased\",\"host\":\"a\\u001b[2J\",\"port\":8080}]}";
    static const char expected[] =
        "ID  STATE    HOST    PORT  LOCAL           REMOTE       CLIENT       AGE  IDLE  USES  "
        "SENT  RECEIVED    RTT  CWND  RESENT  TLS\n"
        " 1  leased   a?[2J   8080  -               -            -              -     -     -  "
        "   -         -      -     -       -  -\n"
        "11  leased   a.test    80  10.0.0.1:40001  10.0.0.2:80  [::1]:5001    2d     -     1  "
        "   0        1k   12ms    10       3  -\n"
        " -  waiting  a.test    80  -               -            [::1]:5000  40ms     -     -  "
        "   -         -      -     -       -  -\n"
        " 2  parked   b.test    80  10.0.0.1:40000  10.0.0.2:80  -           1.5m  1.5s     7  "
        "1023      3.4M  999us    10       0  -\n"
        "3 connections: 2 leased, 1 parked; 1 waiting; 1 more rows are not listed\n";
    char *table = table_of(list);

    (void)state;
    assert_string_equal(table, expected);
    free(table);
}

static void
nothing_is_a_table_too(void **state)
{
    char *table = table_of("{\"total\":0,\"connections\":[]}");

    (void)state;
    assert_non_null(strstr(table, "\n0 connections\n"));
    free(table);
}

static void
other_answers_are_no_list(void **state)
{
    (void)state;
    assert_null(table_of("[]"));
    assert_null(table_of("{\"total\":1}"));
    assert_null(table_of("{\"total\":1,\"connections\":[1]}"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_is_taken_if_all_that_is_asked_fits),
        cmocka_unit_test(no_pattern_fits_what_is_not_there),
        cmocka_unit_test(ipv6_hosts_have_brackets_beside_a_port),
        cmocka_unit_test(addresses_may_have_a_zone),
        cmocka_unit_test(who_waits_has_a_host_and_a_client_alone),
        cmocka_unit_test(what_is_not_understood_is_named),
        cmocka_unit_test(long_list_is_cut_and_counted_but_filtered_whole),
        cmocka_unit_test(table_is_as_wide_as_its_rows_and_in_order),
        cmocka_unit_test(nothing_is_a_table_too),
        cmocka_unit_test(other_answers_are_no_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
