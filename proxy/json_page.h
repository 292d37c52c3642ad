#ifndef CARPOOL_PROXY_JSON_PAGE_H
#define CARPOOL_PROXY_JSON_PAGE_H

#include <event2/buffer.h>
#include <jansson.h>

/* Appends the page as one line, and drops the reference. Main thread. */
void json_page_write(json_t *page, struct evbuffer *to);

#endif
