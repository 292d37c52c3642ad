#ifndef CARPOOL_PROXY_ADMIN_H
#define CARPOOL_PROXY_ADMIN_H

#include <event2/event.h>

#include "base/err.h"
#include "proxy/overview.h"

/*
 * The pages for operators, on an address of their own: /, /healthz, /metrics, /connections,
 * which only show; and POST /connections/close. admin_guard.h says who may ask. Main thread.
 */
struct admin;

/* fd is bound and listening; the admin owns it from now on. The overview is borrowed. */
struct admin *admin_new(struct event_base *base, int fd, const struct overview *overview);

void admin_free(struct admin *admin);

#endif
