/* What base/core promises of text, bytes, addresses, maps and hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/slice.h"

static void
numbers_are_digits_only(void **state)
{
    uint64_t number = 7;

    (void)state;
    assert_int_equal(slice_to_number(SLICE("18446744073709551615"), UINT64_MAX, &number),
                     ERR_OK);
    assert_true(number == UINT64_MAX);
    assert_int_equal(slice_to_number(SLICE("18446744073709551616"), UINT64_MAX, &number),
                     ERR_RANGE);
    assert_int_equal(slice_to_number(SLICE("+1"), UINT64_MAX, &number), ERR_SYNTAX);
    assert_int_equal(slice_to_number(SLICE("1 "), UINT64_MAX, &number), ERR_SYNTAX);
    assert_int_equal(slice_to_number(SLICE(""), UINT64_MAX, &number), ERR_SYNTAX);
    assert_true(number == UINT64_MAX);
}

static void
list_elements_are_trimmed_and_empty_ones_skipped(void **state)
{
    struct slice rest = SLICE(" a, ,b ,\tc d,");
    struct slice element;

    (void)state;
    assert_true(slice_next_element(&rest, &element) && slice_equal(element, SLICE("a")));
    assert_true(slice_next_element(&rest, &element) && slice_equal(element, SLICE("b")));
    assert_true(slice_next_element(&rest, &element) && slice_equal(element, SLICE("c d")));
    assert_false(slice_next_element(&rest, &element));
}

static void
buffer_keeps_its_cap_and_its_bytes(void **state)
{
    struct buf buf;
    char big[600];

    (void)state;
    memset(big, 'x', sizeof(big));
    buf_init(&buf, 1000);
    assert_int_equal(buf_append(&buf, big, 600), ERR_OK);
    assert_int_equal(buf_append(&buf, big, 401), ERR_TOO_LARGE);
    assert_int_equal(buf_size(&buf), 600);
    buf_consume(&buf, 300);
    assert_int_equal(buf_append(&buf, "end", 3), ERR_OK);
    assert_int_equal(buf_append(&buf, big, 600), ERR_OK);
    assert_int_equal(buf_size(&buf), 903);
    assert_memory_equal(buf_bytes(&buf).data + 300, "endx", 4);
    buf_reset(&buf);
    assert_null(buf.memory);
}

static struct address
parsed(const char *text)
{
    struct address address;

    assert_int_equal(address_parse(slice_of(text), &address), ERR_OK);
    return address;
}

static void
addresses_survive_a_round_trip(void **state)
{
    static const char *texts[] = {"127.0.0.1:80", "[::1]:3128", "[2001:db8::7]:65535"};
    char text[ADDRESS_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct address address = parsed(texts[i]);

        assert_string_equal(address_format(&address, text), texts[i]);
    }
}

static void
odd_addresses_are_refused(void **state)
{
    static const char *texts[] = {
        "127.1:80",     "::1:80",          "0x7f.0.0.1:80", "[::1]",   "1.2.3.4",
        "1.2.3.4:",     "1.2.3.4:+1",      "[1.2.3.4]:80",  "[::1:80", "1.2.3.4:65536",
        "localhost:80", "017700000001:80", "[::1%no]:1"};
    struct address address;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (address_parse(slice_of(texts[i]), &address) == ERR_OK)
            fail_msg("%s was taken for an address", texts[i]);
}

static void
disguised_addresses_are_seen_through(void **state)
{
    static const struct {
        const char *text;
        enum address_kind kind;
    } rows[] = {
        {"127.9.9.9:1", ADDRESS_LOOPBACK},
        {"[::1]:1", ADDRESS_LOOPBACK},
        {"[::ffff:127.0.0.1]:1", ADDRESS_LOOPBACK},
        {"[64:ff9b::7f00:1]:1", ADDRESS_LOOPBACK},
        {"[::ffff:169.254.169.254]:1", ADDRESS_LINK_LOCAL},
        {"[fe80::1]:1", ADDRESS_LINK_LOCAL},
        {"0.0.0.0:1", ADDRESS_UNSPECIFIED},
        {"[::]:1", ADDRESS_UNSPECIFIED},
        {"[::ffff:0.0.0.0]:1", ADDRESS_UNSPECIFIED},
        {"10.1.2.3:1", ADDRESS_PRIVATE},
        {"172.31.255.255:1", ADDRESS_PRIVATE},
        {"100.64.0.1:1", ADDRESS_PRIVATE},
        {"[fd00::1]:1", ADDRESS_PRIVATE},
        {"224.0.0.1:1", ADDRESS_MULTICAST},
        {"[ff02::1]:1", ADDRESS_MULTICAST},
        {"172.32.0.1:1", ADDRESS_PUBLIC},
        {"192.0.2.1:1", ADDRESS_PUBLIC},
        {"[2001:db8::1]:1", ADDRESS_PUBLIC},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address address = parsed(rows[i].text);

        if (address_kind(&address) != rows[i].kind)
            fail_msg("%s is of another kind", rows[i].text);
    }
}

static void
ranges_hold_what_they_say(void **state)
{
    struct address_range range;
    struct address inside = parsed("[::ffff:10.127.0.1]:1");
    struct address outside = parsed("10.128.0.1:1");
    struct address disguised = parsed("10.1.2.3:1");

    (void)state;
    assert_int_equal(address_range_parse(SLICE("10.0.0.0/9"), &range), ERR_OK);
    assert_true(address_range_holds(&range, &inside));
    assert_false(address_range_holds(&range, &outside));
    assert_int_equal(address_range_parse(SLICE("::/0"), &range), ERR_OK);
    assert_false(address_range_holds(&range, &outside));
    assert_int_equal(address_range_parse(SLICE("::ffff:10.1.2.3"), &range), ERR_OK);
    assert_true(address_range_holds(&range, &disguised));
    assert_int_equal(address_range_parse(SLICE("64:ff9b::10.1.2.3"), &range), ERR_OK);
    assert_true(address_range_holds(&range, &disguised));
    assert_int_equal(address_range_parse(SLICE("::ffff:0:0/96"), &range), ERR_SYNTAX);
    assert_int_equal(address_range_parse(SLICE("10.0.0.0/33"), &range), ERR_RANGE);
    assert_int_equal(address_range_parse(SLICE("10.0.0.0/"), &range), ERR_SYNTAX);
}

struct number {
    struct map_node node;
    int value;
};

static bool
is_number(const struct map_node *node, const void *key)
{
    return MAP_OWNER(node, struct number, node)->value == *(const int *)key;
}

static void
map_finds_what_is_in_it_and_shrinks_when_emptied(void **state)
{
    enum { COUNT = 10000 };
    struct number *numbers = calloc(COUNT, sizeof(*numbers));
    struct map map = {0};

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        numbers[i].value = i;
        numbers[i].node.hash = hash_bytes(&i, sizeof(i));
        map_insert(&map, &numbers[i].node);
    }
    for (int i = 0; i < COUNT; i++)
        assert_ptr_equal(map_find(&map, numbers[i].node.hash, is_number, &i), &numbers[i].node);
    for (int i = 0; i < COUNT; i++)
        map_remove(&map, &numbers[i].node);
    assert_int_equal(map.size, 0);
    assert_true(map.slot_count <= 8);
    map_fini(&map);
    free(numbers);
}

static void
equal_addresses_have_equal_hashes(void **state)
{
    struct address a = {.v4 = {.sin_family = AF_INET, .sin_port = htons(80)}};
    struct address b;
    struct address other;
    uint64_t hash;

    (void)state;
    memset(&b, 'x', sizeof(b)); /* what lies in the rest of its struct */
    b.v4 = a.v4;
    assert_int_equal(address_parse(SLICE("[::1]:80"), &other), ERR_OK);
    hash = address_hash_two(&a, &other);
    assert_true(address_hash_two(&b, &other) == hash);
    assert_true(address_hash_two(&other, &a) != hash);
    address_set_port(&b, 81);
    assert_true(address_hash_two(&b, &other) != hash);
}

static void
hashes_depend_on_every_byte(void **state)
{
    char text[32] = "0123456789abcdefghijklmnopqrstu";
    uint64_t whole = hash_bytes(text, 31);

    (void)state;
    assert_true(hash_bytes(text, 31) == whole);
    for (size_t i = 0; i < 31; i++) {
        text[i] ^= 1;
        assert_true(hash_bytes(text, 31) != whole);
        text[i] ^= 1;
    }
    assert_true(hash_bytes(text, 30) != whole);
}

/* And so leave the lowest ones to the maps inside. */
static void
shards_are_chosen_evenly_by_the_top_bits(void **state)
{
    static const uint32_t counts[] = {1, 3, 16, 64};

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        uint64_t part = UINT64_MAX / counts[i];

        for (uint32_t shard = 0; shard < counts[i]; shard++)
            assert_int_equal(hash_shard(part * shard + part / 2, counts[i]), shard);
        assert_int_equal(hash_shard(0, counts[i]), 0);
        assert_int_equal(hash_shard(UINT32_MAX, counts[i]), 0);
        assert_int_equal(hash_shard(UINT64_MAX, counts[i]), counts[i] - 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_digits_only),
        cmocka_unit_test(list_elements_are_trimmed_and_empty_ones_skipped),
        cmocka_unit_test(buffer_keeps_its_cap_and_its_bytes),
        cmocka_unit_test(addresses_survive_a_round_trip),
        cmocka_unit_test(odd_addresses_are_refused),
        cmocka_unit_test(disguised_addresses_are_seen_through),
        cmocka_unit_test(ranges_hold_what_they_say),
        cmocka_unit_test(map_finds_what_is_in_it_and_shrinks_when_emptied),
        cmocka_unit_test(equal_addresses_have_equal_hashes),
        cmocka_unit_test(hashes_depend_on_every_byte),
        cmocka_unit_test(shards_are_chosen_evenly_by_the_top_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
