/*
 * The script of a scripted name server: rules by name.
 */
#include "tests/tools/dns_zone.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_COUNT 4096

static const char *const verdict_words[VERDICT_COUNT] = {
    [VERDICT_RECORD] = "-",          [VERDICT_NXDOMAIN] = "NXDOMAIN",
    [VERDICT_NODATA] = "NODATA",     [VERDICT_SERVFAIL] = "SERVFAIL",
    [VERDICT_REFUSED] = "REFUSED",   [VERDICT_SILENT] = "SILENT",
    [VERDICT_TRUNCATE] = "TRUNCATE", [VERDICT_MALFORMED] = "MALFORMED",
    [VERDICT_WRONG_ID] = "WRONG_ID", [VERDICT_WRONG_NAME] = "WRONG_NAME",
    [VERDICT_LOOP] = "LOOP",         [VERDICT_CUT] = "CUT",
    [VERDICT_MANY] = "MANY",
};

static enum type
type_of(const char *word)
{
    if (strcmp(word, "A") == 0)
        return TYPE_A;
    if (strcmp(word, "AAAA") == 0)
        return TYPE_AAAA;
    return strcmp(word, "CNAME") == 0 ? TYPE_CNAME : TYPE_NONE;
}

static bool
parse_data(struct line *line, const char *word)
{
    for (enum verdict verdict = VERDICT_NXDOMAIN; verdict < VERDICT_COUNT; verdict++)
        if (strcmp(word, verdict_words[verdict]) == 0) {
            line->verdict = verdict;
            return true;
        }
    if (line->type == TYPE_CNAME)
        return snprintf(line->target, DNS_NAME_SIZE, "%s", word) < DNS_NAME_SIZE;
    if (line->type == TYPE_NONE)
        return false;
    return inet_pton(line->type == TYPE_A ? AF_INET : AF_INET6, word, line->address) == 1;
}

static bool
parse_option(struct line *line, const char *word)
{
    int end = 0;

    if (sscanf(word, "ttl=%u%n", &line->ttl_s, &end) == 1 && word[end] == '\0')
        return true;
    if (sscanf(word, "delay=%ums%n", &line->delay_ms, &end) == 1 && word[end] == '\0')
        return true;
    line->is_counted = true;
    return sscanf(word, "times=%u%n", &line->times_left, &end) == 1 && word[end] == '\0';
}

/* 1: a rule, 0: nothing on this line, -1: not understood. */
static int
parse_line(char *text, struct line *line)
{
    char *rest = NULL;
    char *word;

    text[strcspn(text, "#\r\n")] = '\0';
    word = strtok_r(text, " \t", &rest);
    if (word == NULL)
        return 0;
    memset(line, 0, sizeof(*line));
    line->ttl_s = 60;
    if (snprintf(line->name, DNS_NAME_SIZE, "%s", word) >= DNS_NAME_SIZE)
        return -1;
    word = strtok_r(NULL, " \t", &rest);
    if (word == NULL)
        return -1;
    line->type = type_of(word);
    if (line->type != TYPE_NONE)
        word = strtok_r(NULL, " \t", &rest);
    if (word == NULL || !parse_data(line, word))
        return -1;
    while ((word = strtok_r(NULL, " \t", &rest)) != NULL)
        if (!parse_option(line, word))
            return -1;
    return 1;
}

bool
zone_read(const char *path, struct zone *zone)
{
    struct zone made = {calloc(LINE_COUNT, sizeof(struct line)), 0};
    FILE *file = fopen(path, "re");
    char text[1024];
    unsigned number = 0;
    bool is_good = file != NULL && made.lines != NULL;

    while (is_good && fgets(text, sizeof(text), file) != NULL) {
        int found = made.count < LINE_COUNT ? parse_line(text, &made.lines[made.count]) : -1;

        number++;
        made.count += found == 1;
        is_good = found >= 0;
    }
    if (file != NULL)
        fclose(file);
    if (!is_good) {
        fprintf(stderr, "dns_server: %s:%u: cannot be read\n", path, number);
        free(made.lines);
        return false;
    }
    free(zone->lines);
    *zone = made;
    return true;
}

/* How well a rule's name fits: 0 not at all, then default, wildcards by length, the name. */
static size_t
fit(const char *pattern, const char *name)
{
    size_t pattern_size = strlen(pattern);
    size_t name_size = strlen(name);

    if (strcmp(pattern, name) == 0)
        return DNS_NAME_SIZE;
    if (strcmp(pattern, "default") == 0)
        return 1;
    if (pattern[0] != '*' || name_size < pattern_size)
        return 0;
    return strcmp(name + name_size - (pattern_size - 1), pattern + 1) == 0 ? pattern_size : 0;
}

const char *
zone_pattern(const struct zone *zone, const char *name)
{
    const char *best = NULL;
    size_t best_fit = 0;

    for (size_t i = 0; i < zone->count; i++) {
        size_t how = fit(zone->lines[i].name, name);

        if (how > best_fit) {
            best_fit = how;
            best = zone->lines[i].name;
        }
    }
    return best;
}
