/* Times, sizes and rates as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/units.h"

struct row {
    const char *text;
    uint64_t value;
};

static void
times_are_read_with_their_units(void **state)
{
    static const struct row rows[] = {
        {"0", 0},        {"0s", 0},       {"500ms", 500},    {"30s", 30000},
        {"10m", 600000}, {"1h", 3600000}, {"2d", 172800000}, {"30S", 30000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = UINT64_MAX;

        assert_int_equal(unit_read_msec(slice_of(rows[i].text), &value), ERR_OK);
        assert_int_equal(value, rows[i].value);
    }
}

static void
times_without_or_with_odd_units_are_refused(void **state)
{
    static const char *texts[] = {"",     "30",    "s",     "-1s", "+1s", "1.5s",
                                  "30 s", "30sec", "1h30m", "ms",  "1k"};
    uint64_t value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (unit_read_msec(slice_of(texts[i]), &value) != ERR_SYNTAX)
            fail_msg("%s was taken for a time", texts[i]);
    assert_int_equal(value, 7);
}

static void
sizes_are_powers_of_1024(void **state)
{
    static const struct row rows[] = {
        {"0", 0},        {"512", 512},       {"64k", 65536},
        {"64K", 65536},  {"64kb", 65536},    {"64KiB", 65536},
        {"1m", 1048576}, {"2g", 2147483648}, {"1t", 1ull << 40},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t value = UINT64_MAX;

        assert_int_equal(unit_read_size(slice_of(rows[i].text), &value), ERR_OK);
        assert_int_equal(value, rows[i].value);
    }
}

static void
odd_sizes_are_refused(void **state)
{
    static const char *texts[] = {"",     "k",    "-1",    "1.5k", "64 k",
                                  "64kk", "64ib", "64xib", "0x10", "10s"};
    uint64_t value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (unit_read_size(slice_of(texts[i]), &value) != ERR_SYNTAX)
            fail_msg("%s was taken for a size", texts[i]);
    assert_int_equal(value, 7);
}

static void
rates_are_told_per_hour(void **state)
{
    static const struct {
        const char *text;
        uint64_t per_hour;
        const char *written;
    } rows[] = {
        {"10/s", 36000, "10/s"}, {"60/m", 3600, "1/s"}, {"90/m", 5400, "90/m"},
        {"7/h", 7, "7/h"},       {"120/h", 120, "2/m"}, {"0", 0, "0"},
    };
    char text[UNIT_TEXT_SIZE];
    uint64_t value;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(unit_read_rate(slice_of(rows[i].text), &value), ERR_OK);
        assert_true(value == rows[i].per_hour);
        assert_string_equal(unit_write_rate(value, text), rows[i].written);
    }
}

static void
odd_rates_are_refused(void **state)
{
    static const char *const texts[] = {"",     "10",    "/s",   "10/",
                                        "10/d", "10 /s", "-1/s", "1.5/s"};
    uint64_t value;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (unit_read_rate(slice_of(texts[i]), &value) != ERR_SYNTAX)
            fail_msg("%s was taken for a rate", texts[i]);
}

static void
numbers_that_do_not_fit_are_out_of_range(void **state)
{
    uint64_t value = 7;

    (void)state;
    assert_int_equal(unit_read_size(SLICE("16777215t"), &value), ERR_OK);
    assert_int_equal(unit_read_size(SLICE("16777216t"), &value), ERR_RANGE);
    assert_int_equal(unit_read_msec(SLICE("18446744073709551615ms"), &value), ERR_OK);
    assert_int_equal(unit_read_msec(SLICE("18446744073709552s"), &value), ERR_RANGE);
    assert_int_equal(unit_read_msec(SLICE("99999999999999999999999ms"), &value), ERR_RANGE);
}

static void
what_is_written_reads_as_the_same_value(void **state)
{
    static const uint64_t values[] = {0,       1,          999,       1000,
                                      1024,    1500,       60000,     3600000,
                                      3660000, 2147483648, 172800000, UINT64_MAX};
    char text[UNIT_TEXT_SIZE];
    uint64_t value;

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        assert_int_equal(unit_read_msec(slice_of(unit_write_msec(values[i], text)), &value),
                         ERR_OK);
        assert_true(value == values[i]);
        assert_int_equal(unit_read_size(slice_of(unit_write_size(values[i], text)), &value),
                         ERR_OK);
        assert_true(value == values[i]);
    }
}

static void
values_are_written_with_the_greatest_unit_that_fits(void **state)
{
    char text[UNIT_TEXT_SIZE];

    (void)state;
    assert_string_equal(unit_write_msec(90000, text), "90s");
    assert_string_equal(unit_write_msec(3600000, text), "1h");
    assert_string_equal(unit_write_msec(1500, text), "1500ms");
    assert_string_equal(unit_write_size(65536, text), "64k");
    assert_string_equal(unit_write_size(1000, text), "1000");
}

static void
spans_are_as_exact_as_people_read_them(void **state)
{
    static const struct {
        uint64_t us;
        const char *text;
    } spans[] = {
        {0, "0 us"},
        {52, "52 us"},
        {999, "999 us"},
        {1000, "1.0 ms"},
        {12345, "12.3 ms"},
        {999949, "999.9 ms"},
        {999950, "1.00 s"},
        {4560000, "4.56 s"},
        {59994999, "59.99 s"},
        {59995000, "1 min 0 s"},
        {200000000, "3 min 20 s"},
        {UINT64_C(3599600000), "1 h 0 min"},
        {UINT64_C(187200000000), "2 d 4 h"},
        {UINT64_MAX, "213503982 d 8 h"},
    };
    char text[UNIT_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
        assert_string_equal(unit_write_span(spans[i].us, text), spans[i].text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_with_their_units),
        cmocka_unit_test(times_without_or_with_odd_units_are_refused),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(odd_sizes_are_refused),
        cmocka_unit_test(rates_are_told_per_hour),
        cmocka_unit_test(odd_rates_are_refused),
        cmocka_unit_test(numbers_that_do_not_fit_are_out_of_range),
        cmocka_unit_test(what_is_written_reads_as_the_same_value),
        cmocka_unit_test(values_are_written_with_the_greatest_unit_that_fits),
        cmocka_unit_test(spans_are_as_exact_as_people_read_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
