/* A folder of its own for each test of the settings. */
#include "tests/unit/proxy/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

int
place_setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    snprintf(place->folder, sizeof(place->folder), "/tmp/carpool-config-XXXXXX");
    if (mkdtemp(place->folder) == NULL)
        return -1;
    snprintf(place->path, sizeof(place->path), "%s/c", place->folder);
    *state = place;
    return 0;
}

int
place_teardown(void **state)
{
    struct place *place = *state;

    config_unref(place->config);
    unlink(place->path);
    rmdir(place->folder);
    free(place);
    return 0;
}

void
place_write(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

enum err
place_load(struct place *place, const struct config_sources *sources)
{
    config_unref(place->config);
    place->config = NULL;
    return config_load(sources, &place->config, &place->complaint);
}

void
place_load_text(struct place *place, const char *text)
{
    struct config_sources sources = {.file = place->path};

    place_write(place->path, text, strlen(text));
    if (place_load(place, &sources) != ERR_OK)
        fail_msg("%s", place->complaint.text);
}

void
place_refuses_bytes(struct place *place, const char *bytes, size_t size, const char *complaint)
{
    struct config_sources sources = {.file = place->path};
    size_t folder = strlen(place->folder) + 1;

    place_write(place->path, bytes, size);
    assert_int_equal(place_load(place, &sources), ERR_SYNTAX);
    assert_memory_equal(place->complaint.text, place->folder, folder - 1);
    assert_string_equal(place->complaint.text + folder, complaint);
}

void
place_refuses(struct place *place, const char *text, const char *complaint)
{
    place_refuses_bytes(place, text, strlen(text), complaint);
}
