#ifndef CARPOOL_PROXY_CONFIG_SET_H
#define CARPOOL_PROXY_CONFIG_SET_H

#include "base/err.h"
#include "proxy/complaint.h"
#include "proxy/config.h"

/*
 * Inside the loader: one setting of a config that nobody else has seen yet. given_at is copied;
 * NULL for the preset. ERR_SYNTAX with a complaint when the text is not accepted.
 */
enum err config_set(struct config *config, const struct setting *setting, const char *text,
                    const char *given_at, struct complaint *complaint);

/* Every setting that the file gives. */
enum err config_read_file(struct config *config, const char *path, struct complaint *complaint);

/* Every setting that the environment gives. */
enum err config_read_environment(struct config *config, const char *const *environment,
                                 struct complaint *complaint);

/* CARPOOL_CONFIG, or NULL. */
const char *config_file_of_environment(const char *const *environment);

/*
 * What the texts among the settings mean, each into its own members of config. On failure *bad
 * is the part that was not understood (borrowed from the text).
 */
enum err config_understand(struct config *config, const struct setting *setting,
                           struct slice *bad);

/* Reads the file of admin.token_file, if there is to be one. ERR_SYNTAX with a complaint. */
enum err config_read_token(struct config *config, struct complaint *complaint);

#endif
