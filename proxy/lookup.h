#ifndef CARPOOL_PROXY_LOOKUP_H
#define CARPOOL_PROXY_LOOKUP_H

#include "base/err.h"
#include "base/slice.h"
#include "dns/resolver.h"
#include "proxy/config.h"

/*
 * The addresses of a host, found as a worker would find them: hosts file, name servers and
 * families are those of the config. For carpool's own commands: it runs an event loop of its
 * own until the answer is complete, at most for timeout.connect (then ERR_DNS_TIMEOUT). The
 * caller owns the answer's one reference.
 */
enum err lookup_host(const struct config *config, struct slice host, struct answer **answer);

#endif
