#ifndef CARPOOL_PROXY_ADMIN_ASK_H
#define CARPOOL_PROXY_ADMIN_ASK_H

#include <stdbool.h>

#include <jansson.h>

#include "proxy/config.h"

/*
 * For the commands that ask the admin of a running carpool: each says on stderr what went
 * wrong, and the exit code is the command's. The caller bounds the time.
 */

/* Room for the address of a page. */
#define ADMIN_URL_SIZE 128

/* The address of a page, as this machine reaches it. False: it is not known where. */
bool admin_url(const struct config *config, const char *path, char *url);

/*
 * Asks, with the token if there is one, and prints: as it came (print is NULL), or as print
 * does, which returns the exit code and says what it expected of an answer (NULL: no JSON).
 */
int admin_show(const struct config *config, const char *method, const char *url,
               int (*print)(const json_t *answer, const char *url));

#endif
