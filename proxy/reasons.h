#ifndef CARPOOL_PROXY_REASONS_H
#define CARPOOL_PROXY_REASONS_H

#include <stdbool.h>

#include "base/err.h"
#include "proxy/http/head.h"

/* Every way an exchange ends. No free-form reasons. */
enum reason {
#define REASON(symbol, ...) REASON_##symbol,
#include "proxy/reasons.def"
#undef REASON
    REASON_COUNT
};

unsigned reason_status(enum reason reason); /* 0: no answer is sent */
const char *reason_word(enum reason reason);
const char *reason_error(enum reason reason); /* for Proxy-Status; empty without a status */
const char *reason_text(enum reason reason);
const char *reason_advice(enum reason reason); /* what the client may try */

/* Is it how an exchange ends when nothing went wrong? Everything else counts as an error. */
bool reason_is_fine(enum reason reason);

/* The reason that a refused request head, or a lease's error, stands for. */
enum reason reason_of_refusal(enum refusal refusal);
enum reason reason_of_err(enum err err);

/* The reason that an origin's refused head stands for; REFUSAL_NONE where no parser refused it.
 */
enum reason reason_of_answer(enum refusal refusal);

/* What Proxy-Status calls the reason, said as exactly as a checkout's error (or ERR_OK) can. */
const char *reason_error_of(enum reason reason, enum err err);

#endif
