/*
 * Users: the Basic credentials of a request (RFC 9110 §11.7, RFC 7617). A part of ADMIT; the
 * worker's thread. A password is here only while it is read: the field's value is wiped, and
 * what is still to be checked is the auth thread's.
 */
#include "proxy/login.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "base/mem.h"
#include "proxy/http/basic.h"
#include "proxy/policy/auth.h"

static void
on_answer(void *arg)
{
    exchange_run(arg);
}

/* The head is the exchange's own memory. */
static void
wipe_value(struct exchange *exchange, const struct field *field)
{
    struct field *own = &exchange->head.fields[field - exchange->head.fields];

    OPENSSL_cleanse((char *)own->value.data, own->value.size);
    own->value = SLICE("");
}

static bool
take_answer(struct exchange *exchange, enum auth_verdict verdict, enum step *step)
{
    switch (verdict) {
    case AUTH_GOOD:
        exchange->user = slice_of(exchange->user_name);
        return true;
    case AUTH_BAD:
        *step = exchange_fail(exchange, REASON_LOGIN_REFUSED, NULL);
        return false;
    case AUTH_FULL:
        *step = exchange_fail(exchange, REASON_LOGIN_BUSY, NULL);
        return false;
    case AUTH_WAITING:
        break;
    }
    *step = exchange->client->is_gone ? exchange_end(exchange, REASON_CLIENT_GONE, FATE_ABORT)
                                      : STEP_WAIT;
    return false;
}

static enum auth_verdict
ask(struct exchange *exchange, const struct basic *basic)
{
    const struct auth_request request = {
        .text = basic->text,
        .user_size = basic->user_size,
        .client = &exchange->client->peer,
        .mailbox = exchange->worker->mailbox,
        .on_answer = on_answer,
        .arg = exchange,
    };
    enum auth_verdict verdict = auth_ask(exchange->worker->auth, &request, &exchange->ask);

    exchange->user_name = xcalloc(1, basic->user_size + 1);
    memcpy(exchange->user_name, basic->text, basic->user_size);
    if (verdict == AUTH_WAITING) {
        worker_count(exchange->worker, PROXY_STAT_LOGINS_ASKED, 1);
        client_set_deadline(exchange->client, exchange->config->timeout_queue);
    } else if (verdict != AUTH_FULL) {
        worker_count(exchange->worker, PROXY_STAT_LOGINS_REMEMBERED, 1);
    }
    return verdict;
}

static bool
begin(struct exchange *exchange, const struct field *field, enum step *step)
{
    struct basic basic;
    bool is_read = basic_parse(field->value, &basic) == PARSE_DONE;
    enum auth_verdict verdict = AUTH_BAD;

    wipe_value(exchange, field);
    if (is_read)
        verdict = ask(exchange, &basic);
    OPENSSL_cleanse(&basic, sizeof(basic));
    if (is_read)
        return take_answer(exchange, verdict, step);
    *step = exchange_fail(exchange, REASON_LOGIN_REFUSED,
                          "Proxy-Authorization is not Basic with a user name and a password");
    return false;
}

bool
login_check(struct exchange *exchange, enum step *step)
{
    static const struct slice name = {"Proxy-Authorization", 19};
    const struct field *field = head_field(&exchange->head, name);
    enum target_form form = exchange->target.form;

    /* Our own pages are for everybody who may speak to us, health checks above all. */
    if (exchange->config->users == NULL || field == NULL || exchange->user.size > 0 ||
        form == TARGET_ORIGIN || form == TARGET_ASTERISK)
        return true;
    if (exchange->ask != NULL)
        return take_answer(exchange, auth_answer(exchange->ask), step);
    if (head_count(&exchange->head, name) > 1) {
        *step = exchange_fail(exchange, REASON_SYNTAX, "Proxy-Authorization is there twice");
        return false;
    }
    return begin(exchange, field, step);
}

enum step
login_late(struct exchange *exchange)
{
    return exchange_fail(exchange, REASON_LOGIN_BUSY, NULL);
}

void
login_end(struct exchange *exchange)
{
    auth_leave(&exchange->ask);
}
