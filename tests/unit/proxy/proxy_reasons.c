/* The table of reasons, and what refusals and errors become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/reasons.h"

static void
words_are_unique(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASON_COUNT; i++)
        for (unsigned j = i + 1; j < REASON_COUNT; j++)
            assert_string_not_equal(reason_word(i), reason_word(j));
}

static void
statuses_are_errors_or_none(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        unsigned status = reason_status(i);

        assert_true(status == 0 || (status >= 400 && status <= 599));
        assert_true(strlen(reason_text(i)) > 0);
    }
}

/* Those registered by RFC 9209 §2.3. */
static const char *const error_types[] = {
    "dns_timeout",
    "dns_error",
    "destination_not_found",
    "destination_unavailable",
    "destination_ip_prohibited",
    "destination_ip_unroutable",
    "connection_refused",
    "connection_terminated",
    "connection_timeout",
    "connection_read_timeout",
    "connection_write_timeout",
    "connection_limit_reached",
    "tls_protocol_error",
    "tls_certificate_error",
    "tls_alert_received",
    "http_request_error",
    "http_request_denied",
    "http_response_incomplete",
    "http_response_header_section_size",
    "http_response_header_size",
    "http_response_body_size",
    "http_response_trailer_section_size",
    "http_response_trailer_size",
    "http_response_transfer_coding",
    "http_response_content_coding",
    "http_response_timeout",
    "http_upgrade_failed",
    "http_protocol_error",
    "proxy_internal_response",
    "proxy_internal_error",
    "proxy_configuration_error",
    "proxy_loop_detected",
};

static bool
is_registered(const char *type)
{
    for (size_t i = 0; i < sizeof(error_types) / sizeof(error_types[0]); i++)
        if (strcmp(type, error_types[i]) == 0)
            return true;
    return false;
}

static void
every_status_has_a_registered_error_type(void **state)
{
    (void)state;
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (reason_status(i) == 0)
            assert_string_equal(reason_error(i), "");
        else if (!is_registered(reason_error(i)))
            fail_msg("%s: \"%s\"", reason_word(i), reason_error(i));
    }
}

static void
failed_checkouts_have_registered_error_types(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ERR_COUNT; i++)
        assert_true(is_registered(reason_error_of(reason_of_err(i), i)));
    assert_string_equal(reason_error_of(REASON_CONNECT_FAILED, ERR_REFUSED),
                        "connection_refused");
    assert_string_equal(reason_error_of(REASON_CONNECT_FAILED, ERR_IO),
                        "destination_unavailable");
}

static void
refusals_get_the_statuses_of_their_comments(void **state)
{
    static const struct {
        enum refusal refusal;
        unsigned status;
    } rows[] = {
        {REFUSAL_SYNTAX, 400},
        {REFUSAL_LINE_TOO_LONG, 414},
        {REFUSAL_METHOD_TOO_LONG, 501},
        {REFUSAL_HEAD_TOO_LARGE, 431},
        {REFUSAL_TOO_MANY_FIELDS, 431},
        {REFUSAL_VERSION, 505},
        {REFUSAL_TARGET, 400},
        {REFUSAL_SCHEME, 400},
        {REFUSAL_HOST, 400},
        {REFUSAL_FRAMING, 400},
        {REFUSAL_CODING, 501},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(reason_status(reason_of_refusal(rows[i].refusal)), rows[i].status);
}

static void
errors_of_a_checkout_get_their_reasons(void **state)
{
    static const struct {
        enum err err;
        enum reason reason;
    } rows[] = {
        {ERR_REFUSED, REASON_CONNECT_FAILED},
        {ERR_UNREACHABLE, REASON_CONNECT_FAILED},
        {ERR_TIMEOUT, REASON_CONNECT_TIMEOUT},
        {ERR_FORBIDDEN, REASON_FORBIDDEN},
        {ERR_SELF, REASON_SELF},
        {ERR_DNS_NOT_FOUND, REASON_DNS_FAILED},
        {ERR_DNS_NO_ADDRESS, REASON_DNS_FAILED},
        {ERR_DNS_TIMEOUT, REASON_DNS_TIMEOUT},
        {ERR_QUEUE_TIMEOUT, REASON_QUEUE_TIMEOUT},
        {ERR_QUEUE_FULL, REASON_BUSY},
        {ERR_TUNNELS_FULL, REASON_TUNNELS_FULL},
        {ERR_PINS_FULL, REASON_PINS_FULL},
        {ERR_NO_DESCRIPTORS, REASON_NO_DESCRIPTORS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(reason_of_err(rows[i].err), rows[i].reason);
}

static void
every_error_is_answered_with_a_status(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ERR_COUNT; i++)
        assert_true(reason_status(reason_of_err(i)) >= 400);
}

static void
only_what_went_well_is_no_error(void **state)
{
    (void)state;
    assert_true(reason_is_fine(REASON_DONE));
    assert_true(reason_is_fine(REASON_TUNNEL_DONE));
    assert_true(reason_is_fine(REASON_CLIENT_GONE));
    assert_false(reason_is_fine(REASON_ORIGIN_CUT));
    for (unsigned i = 0; i < REASON_COUNT; i++)
        assert_false(reason_is_fine(i) && reason_status(i) != 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_unique),
        cmocka_unit_test(statuses_are_errors_or_none),
        cmocka_unit_test(every_status_has_a_registered_error_type),
        cmocka_unit_test(failed_checkouts_have_registered_error_types),
        cmocka_unit_test(refusals_get_the_statuses_of_their_comments),
        cmocka_unit_test(errors_of_a_checkout_get_their_reasons),
        cmocka_unit_test(every_error_is_answered_with_a_status),
        cmocka_unit_test(only_what_went_well_is_no_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
