/*
 * What the admin's pages in JSON share. Main thread.
 */
#include "proxy/json_page.h"

#include <stdlib.h>
#include <string.h>

static void
on_text_sent(const void *bytes, size_t size, void *text)
{
    (void)bytes;
    (void)size;
    free(text);
}

void
json_page_write(json_t *page, struct evbuffer *to)
{
    char *text = json_dumps(page, JSON_COMPACT | JSON_REAL_PRECISION(6));

    json_decref(page);
    if (text == NULL)
        abort(); /* only for want of memory */
    evbuffer_add_reference(to, text, strlen(text), on_text_sent, text);
    evbuffer_add(to, "\n", 1);
}
