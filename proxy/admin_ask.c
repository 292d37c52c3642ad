/*
 * Asking the admin of a running carpool, for commands: a whole process, which blocks.
 */
#include "proxy/admin_ask.h"

#include <stdio.h>
#include <string.h>

#include "proxy/commands.h"
#include "proxy/http_ask.h"

#define ANSWER_AT_MOST (64u << 20)

bool
admin_url(const struct config *config, const char *path, char *url)
{
    if (config->admin_path == NULL &&
        (!config->has_admin || address_port(&config->admin) == 0)) {
        fputs("carpool: the admin address is not known; expected --admin ADDR:PORT\n", stderr);
        return false;
    }
    if (config->admin_path != NULL)
        snprintf(url, ADMIN_URL_SIZE, "http://localhost%s", path);
    else
        command_url(&config->admin, path, url);
    return true;
}

/* What the admin said of a request that it did not answer with 200, in one line. */
static int
refused(const char *url, const struct http_got *got)
{
    char why[256];
    size_t size = got->body.size < sizeof(why) ? got->body.size : sizeof(why) - 1;

    memcpy(why, got->body.data, size);
    why[size] = '\0';
    why[strcspn(why, "\r\n")] = '\0';
    for (char *c = why; *c != '\0'; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
    fprintf(stderr, "carpool: %s: answered with status %u: %s\n", url, got->status, why);
    return 1;
}

/* With the token, if there is one; says what went wrong. */
static enum err
ask_admin(const struct config *config, const char *method, const char *url,
          struct http_got *got)
{
    char fields[1024];
    const struct http_question question = {
        .method = method, .url = url, .fields = fields, .socket_path = config->admin_path};
    enum err err;

    if (config->admin_token != NULL)
        snprintf(fields, sizeof(fields), "Authorization: Bearer %s\r\n", config->admin_token);
    else
        snprintf(fields, sizeof(fields), "X-Requested-With: carpool\r\n");
    err = http_ask(&question, ANSWER_AT_MOST, got);
    explicit_bzero(fields, sizeof(fields));
    if (err != ERR_OK)
        fprintf(stderr, "carpool: %s: %s\n", url, err_text(err));
    return err;
}

int
admin_show(const struct config *config, const char *method, const char *url,
           int (*print)(const json_t *answer, const char *url))
{
    struct http_got got;
    json_t *answer;
    int result = 1;

    if (ask_admin(config, method, url, &got) != ERR_OK)
        return 1;
    if (got.status != 200) {
        result = refused(url, &got);
    } else if (print == NULL) {
        fwrite(got.body.data, 1, got.body.size, stdout);
        result = 0;
    } else {
        answer = json_loadb(got.body.data, got.body.size, 0, NULL);
        result = print(answer, url);
        json_decref(answer);
    }
    buf_reset(&got.bytes);
    return result;
}
