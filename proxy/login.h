#ifndef CARPOOL_PROXY_LOGIN_H
#define CARPOOL_PROXY_LOGIN_H

#include "proxy/exchange.h"

/*
 * Who sends this request? Where there are users (auth.users_file) and the request names one,
 * the password is checked and exchange->user set; nobody is named where the request names
 * nobody, which the rules may mind. False where the exchange has to wait or is over: the step
 * is then in *step.
 */
bool login_check(struct exchange *exchange, enum step *step);

/* The deadline of the wait has passed. */
enum step login_late(struct exchange *exchange);

/* The exchange ends: whatever is still asked is not waited for. */
void login_end(struct exchange *exchange);

#endif
