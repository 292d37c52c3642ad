#ifndef CARPOOL_PROXY_ADMIN_GUARD_H
#define CARPOOL_PROXY_ADMIN_GUARD_H

#include <stdbool.h>

#include <event2/http.h>

#include "base/address.h"
#include "proxy/overview.h"

/* What the admin listens on, as far as it decides who has to show a token. */
struct admin_place {
    bool is_unix;           /* a socket that only our own user may open */
    enum address_kind kind; /* of the address otherwise */
};

/* Why a request is not answered. The text is for people; status 0: nothing is wrong. */
struct objection {
    int status;
    const char *text;
};

struct admin_place admin_place_of(int fd);

/*
 * May this be asked at all? Not with several Host fields. Nobody is led here through the proxy,
 * nor by a name that a web page could own (DNS rebinding); and where either end of the
 * connection has a public address, nothing is shown without the token.
 */
struct objection admin_guard_ask(const struct overview *overview,
                                 struct evhttp_request *request);

/*
 * May it change something, too? Not what a page of another site makes a browser send, and not
 * without the token, if there is one or if others than this machine's users could ask. To be
 * asked after admin_guard_ask().
 */
struct objection admin_guard_change(const struct overview *overview,
                                    const struct admin_place *place,
                                    struct evhttp_request *request);

#endif
