/*
 * carpool health: asks the proxy port itself, so what answers is a worker.
 */
#include <stdio.h>

#include "proxy/commands.h"
#include "proxy/http_ask.h"

#define ANSWER_AT_MOST 65536

int
command_health(const struct config *config, const char *url)
{
    char made[128];
    struct http_got got;
    unsigned status;
    enum err err;

    if (url == NULL && address_port(&config->listeners[0]) == 0) {
        fputs("carpool: the listener's port was picked when it started; expected --url\n",
              stderr);
        return 1;
    }
    if (url == NULL) {
        command_url(&config->listeners[0], "/healthz", made);
        url = made;
    }
    command_bound_time();
    err = http_ask(&(struct http_question){.method = "GET", .url = url}, ANSWER_AT_MOST, &got);
    if (err != ERR_OK) {
        fprintf(stderr, "carpool: %s: %s\n", url, err_text(err));
        return 1;
    }
    status = got.status;
    buf_reset(&got.bytes);
    if (status != 200) {
        fprintf(stderr, "carpool: %s: answered with status %u\n", url, status);
        return 1;
    }
    printf("healthy %s\n", url);
    return 0;
}
