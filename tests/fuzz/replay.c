/*
 * Runs a fuzz target once on each file of the folders that are named: what was found once is
 * tried again in every build. Ends with 1 where there is nothing to run.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

/* No input of ours comes near. */
#define INPUT_AT_MOST ((size_t)1024 * 1024)

static size_t
replay_file(const char *path, char *bytes)
{
    FILE *file = fopen(path, "re");
    size_t size;
    char *copy;

    if (file == NULL) {
        perror(path);
        exit(1);
    }
    size = fread(bytes, 1, INPUT_AT_MOST, file);
    fclose(file);
    copy = fuzz_copy((struct slice){bytes, size});
    /* Before the run, so that a crash has a name. */
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput((const uint8_t *)copy, size);
    free(copy);
    return 1;
}

static int
is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static size_t
replay_folder(const char *folder, char *bytes)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_visible, alphasort);
    size_t replayed = 0;
    char path[4096];

    if (count == -1) {
        perror(folder);
        exit(1);
    }
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        replayed += replay_file(path, bytes);
        free(entries[i]);
    }
    free(entries);
    return replayed;
}

int
main(int count, char **arguments)
{
    char *bytes = xcalloc(1, INPUT_AT_MOST);
    size_t replayed = 0;

    LLVMFuzzerInitialize(&count, &arguments);
    for (int i = 1; i < count; i++)
        replayed += replay_folder(arguments[i], bytes);
    free(bytes);
    printf("replayed %zu\n", replayed);
    return replayed > 0 ? 0 : 1;
}
