/*
 * Configuration files in any bytes: either it loads or there is one line of complaint, and what
 * has loaded is printed as a file that loads to the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "proxy/config.h"
#include "tests/fuzz/fuzz.h"

static enum err
load(unsigned number, struct slice text, struct config **config, struct complaint *complaint)
{
    struct config_sources sources = {.file = fuzz_file(number, text)};

    return config_load(&sources, config, complaint);
}

static void
check_complaint(const struct complaint *complaint)
{
    size_t size = strnlen(complaint->text, sizeof(complaint->text));

    CHECK(size > 0 && size < sizeof(complaint->text));
    for (size_t i = 0; i < size; i++)
        CHECK((unsigned char)complaint->text[i] >= ' ' && complaint->text[i] != 0x7f);
}

static void
check_same(const struct config *config, const struct config *again)
{
    for (size_t i = 0; i < SETTING_TOTAL; i++) {
        char *before = config_text(config, setting_at(i));
        char *after = config_text(again, setting_at(i));

        CHECK(strcmp(before, after) == 0);
        free(before);
        free(after);
    }
}

static void
check_printed(const struct config *config)
{
    struct complaint complaint = {""};
    struct config *again = NULL;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    CHECK(file != NULL);
    config_print(config, file);
    CHECK(fclose(file) == 0);
    if (load(1, (struct slice){text, size}, &again, &complaint) != ERR_OK) {
        fprintf(stderr, "%s\n%s", complaint.text, text);
        fuzz_fail(__FILE__, __LINE__, "what is printed loads");
    }
    check_same(config, again);
    config_unref(again);
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct complaint complaint = {""};
    struct config *config = NULL;
    enum err err = load(0, (struct slice){(const char *)data, size}, &config, &complaint);

    CHECK((err == ERR_OK) == (config != NULL));
    if (err != ERR_OK) {
        check_complaint(&complaint);
        return 0;
    }
    CHECK(complaint.text[0] == '\0');
    check_printed(config);
    config_unref(config);
    return 0;
}
