#ifndef CARPOOL_TESTS_PROXY_PLACE_H
#define CARPOOL_TESTS_PROXY_PLACE_H

#include <stddef.h>

#include "proxy/config.h"

/* A folder with one file of settings, and what became of loading it. */
struct place {
    char folder[64];
    char path[96];
    struct config *config;
    struct complaint complaint;
};

/* A place per test, as cmocka wants it. */
int place_setup(void **state);
int place_teardown(void **state);

void place_write(const char *path, const char *bytes, size_t size);

enum err place_load(struct place *place, const struct config_sources *sources);

/* Loads a file with this text, which must be fine. */
void place_load_text(struct place *place, const char *text);

/* Such a file is refused with this complaint, which is given without the folder's name. */
void place_refuses(struct place *place, const char *text, const char *complaint);
void place_refuses_bytes(struct place *place, const char *bytes, size_t size,
                         const char *complaint);

#endif
