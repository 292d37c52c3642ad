#ifndef CARPOOL_PROXY_EXPLAIN_H
#define CARPOOL_PROXY_EXPLAIN_H

#include <stdio.h>

#include "base/err.h"
#include "proxy/complaint.h"
#include "proxy/config.h"

#define EXPLAIN_ADDRESSES_MOST 16

/* A request that nobody sends, as the command line puts it. Texts are borrowed. */
struct explain {
    const char *request;  /* "GET http://host/path" or "CONNECT host:port"; NULL: none */
    const char *listener; /* where the client connects to; NULL: the first listener */
    const char *client;   /* an address */
    const char *user;     /* who has logged in; NULL: nobody is named */
    const char *addresses[EXPLAIN_ADDRESSES_MOST]; /* of the host, as if DNS had said so */
    size_t address_count;                          /* 0: look the host up */
};

/*
 * Prints step by step what the rules say of the request, asked as the data plane asks them, and
 * what the client would get. *is_allowed: it would be led to at least one address. ERR_SYNTAX
 * with a complaint, and nothing printed, if this is no request or no client.
 */
enum err explain_print(const struct config *config, const struct explain *explain, FILE *to,
                       bool *is_allowed, struct complaint *complaint);

#endif
