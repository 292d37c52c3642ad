/*
 * The ways an exchange ends. The table is reasons.def. Pure, any thread.
 */
#include "proxy/reasons.h"

#include <stddef.h>

static const struct {
    unsigned status;
    const char *word;
    const char *error;
    const char *text;
    const char *advice;
} reasons[REASON_COUNT] = {
#define REASON(symbol, status, word, error, text, advice)                                      \
    [REASON_##symbol] = {status, word, error, text, advice},
#include "proxy/reasons.def"
#undef REASON
};

unsigned
reason_status(enum reason reason)
{
    return reasons[reason].status;
}

const char *
reason_word(enum reason reason)
{
    return reasons[reason].word;
}

const char *
reason_error(enum reason reason)
{
    return reasons[reason].error;
}

const char *
reason_error_of(enum reason reason, enum err err)
{
    /* How reaching an origin failed, where RFC 9209 has a word for it. */
    static const char *const of_dial[ERR_COUNT] = {
        [ERR_CLOSED] = "connection_terminated",
        [ERR_RESET] = "connection_terminated",
        [ERR_REFUSED] = "connection_refused",
        [ERR_UNREACHABLE] = "destination_ip_unroutable",
    };

    if (reason == REASON_CONNECT_FAILED && of_dial[err] != NULL)
        return of_dial[err];
    return reason_error(reason);
}

const char *
reason_text(enum reason reason)
{
    return reasons[reason].text;
}

const char *
reason_advice(enum reason reason)
{
    return reasons[reason].advice;
}

bool
reason_is_fine(enum reason reason)
{
    return reason == REASON_DONE || reason == REASON_OWN_PAGE || reason == REASON_TUNNEL_DONE ||
           reason == REASON_TUNNEL_IDLE || reason == REASON_CLIENT_GONE ||
           reason == REASON_DRAINED;
}

enum reason
reason_of_refusal(enum refusal refusal)
{
    switch (refusal) {
    case REFUSAL_METHOD_TOO_LONG:
        return REASON_METHOD_TOO_LONG;
    case REFUSAL_LINE_TOO_LONG:
        return REASON_LINE_TOO_LONG;
    case REFUSAL_HEAD_TOO_LARGE:
    case REFUSAL_TOO_MANY_FIELDS:
        return REASON_HEAD_TOO_LARGE;
    case REFUSAL_VERSION:
        return REASON_VERSION;
    case REFUSAL_TARGET:
        return REASON_TARGET;
    case REFUSAL_SCHEME:
        return REASON_SCHEME;
    case REFUSAL_HOST:
        return REASON_HOST;
    case REFUSAL_FRAMING:
        return REASON_FRAMING;
    case REFUSAL_CODING:
        return REASON_CODING;
    case REFUSAL_NONE:
    case REFUSAL_SYNTAX:
        break;
    }
    return REASON_SYNTAX;
}

enum reason
reason_of_answer(enum refusal refusal)
{
    if (refusal == REFUSAL_LINE_TOO_LONG || refusal == REFUSAL_HEAD_TOO_LARGE ||
        refusal == REFUSAL_TOO_MANY_FIELDS)
        return REASON_ORIGIN_HEAD_TOO_LARGE;
    return refusal == REFUSAL_CODING ? REASON_ORIGIN_CODING : REASON_ORIGIN_BROKEN;
}

/* Errors of a checkout: DNS, dial, caps and rules. What cannot come from one is INTERNAL. */
static const enum reason of_err[ERR_COUNT] = {
    [ERR_CLOSED] = REASON_CONNECT_FAILED,
    [ERR_RESET] = REASON_CONNECT_FAILED,
    [ERR_REFUSED] = REASON_CONNECT_FAILED,
    [ERR_UNREACHABLE] = REASON_CONNECT_FAILED,
    [ERR_NO_ADDRESS] = REASON_CONNECT_FAILED,
    [ERR_PERMISSION] = REASON_CONNECT_FAILED,
    [ERR_IO] = REASON_CONNECT_FAILED,
    [ERR_TIMEOUT] = REASON_CONNECT_TIMEOUT,
    [ERR_NO_DESCRIPTORS] = REASON_NO_DESCRIPTORS,
    [ERR_NO_PORTS] = REASON_BUSY,
    [ERR_NO_MEMORY] = REASON_BUSY,
    [ERR_NO_SOURCE] = REASON_SOURCE,
    [ERR_SOURCE_FAMILY] = REASON_SOURCE,
    [ERR_FORBIDDEN] = REASON_FORBIDDEN,
    [ERR_CLIENT] = REASON_CLIENT_DENIED,
    [ERR_CONNECT_PORT] = REASON_CONNECT_PORT,
    [ERR_RULE] = REASON_RULE_DENIED,
    [ERR_PRIVATE] = REASON_PRIVATE_DENIED,
    [ERR_DNS_TO_LOOPBACK] = REASON_DNS_TO_LOOPBACK,
    [ERR_SELF] = REASON_SELF,
    [ERR_USER] = REASON_LOGIN_NEEDED,
    [ERR_DNS_NAME] = REASON_DNS_FAILED,
    [ERR_DNS_NOT_FOUND] = REASON_DNS_FAILED,
    [ERR_DNS_NO_ADDRESS] = REASON_DNS_FAILED,
    [ERR_DNS_SERVER] = REASON_DNS_FAILED,
    [ERR_DNS_TIMEOUT] = REASON_DNS_TIMEOUT,
    [ERR_DNS_BUSY] = REASON_BUSY,
    [ERR_HTTPS] = REASON_HTTPS_DENIED,
    [ERR_TLS_CERTIFICATE] = REASON_TLS_CERTIFICATE,
    [ERR_TLS_EXPIRED] = REASON_TLS_CERTIFICATE,
    [ERR_TLS_NOT_YET_VALID] = REASON_TLS_CERTIFICATE,
    [ERR_TLS_SELF_SIGNED] = REASON_TLS_CERTIFICATE,
    [ERR_TLS_UNKNOWN_CA] = REASON_TLS_CERTIFICATE,
    [ERR_TLS_WRONG_HOST] = REASON_TLS_CERTIFICATE,
    [ERR_TLS_PURPOSE] = REASON_TLS_CERTIFICATE,
    [ERR_TLS_CHAIN] = REASON_TLS_CERTIFICATE,
    [ERR_TLS_WEAK] = REASON_TLS_CERTIFICATE,
    [ERR_TLS_VERSION] = REASON_TLS_FAILED,
    [ERR_TLS_PROTOCOL] = REASON_TLS_FAILED,
    [ERR_TLS_CUT] = REASON_TLS_FAILED,
    [ERR_TLS_ALERT] = REASON_TLS_REFUSED,
    [ERR_TLS_TIMEOUT] = REASON_TLS_TIMEOUT,
    [ERR_TLS_SETUP] = REASON_TLS_SETUP,
    [ERR_QUEUE_TIMEOUT] = REASON_QUEUE_TIMEOUT,
    [ERR_QUEUE_FULL] = REASON_BUSY,
    [ERR_TUNNELS_FULL] = REASON_TUNNELS_FULL,
    [ERR_PINS_FULL] = REASON_PINS_FULL,
};

enum reason
reason_of_err(enum err err)
{
    /* 0 is DONE, which no error is: rows that are missing above. */
    return of_err[err] != REASON_DONE ? of_err[err] : REASON_INTERNAL;
}
