/* Questions to carpool's admin address, its logs and the DNS server. */
#include "tests/wire/runner/look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/wire/runner/peer.h"

#define ASK_AGAIN_MS 5

static bool
contains(const struct bytes *text, const char *part)
{
    return text->size > 0 && memmem(text->data, text->size, part, strlen(part)) != NULL;
}

/* GET path from the admin address: what is behind the head. False if the deadline came first.
 */
static bool
fetch(struct world *world, const char *path, struct bytes *body)
{
    const char *admin = variables_find(&world->variables, "admin", 5);
    struct peer *peer = peer_new(world, "(admin)");
    char request[200];
    const unsigned char *end;
    enum fill fill;

    if (admin == NULL)
        world_fail(world, "carpool has no admin address");
    peer_connect(world, peer, admin, NULL);
    snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, admin);
    peer_queue(peer, request, strlen(request));
    while ((fill = peer_fill(world, peer, WORLD_DEADLINE)) == FILL_BYTES)
        ;
    if (fill == FILL_LATE)
        return false;
    if (peer->in.size < 12 || memcmp(peer->in.data + 9, "200", 3) != 0 ||
        (end = memmem(peer->in.data, peer->in.size, "\r\n\r\n", 4)) == NULL)
        world_fail(world, "the admin address does not answer %s (%s)", path, fill_word(fill));
    end += 4;
    body->size = 0;
    bytes_add(body, end, (size_t)(peer->in.data + peer->in.size - end));
    TAILQ_REMOVE(&world->peers, peer, all);
    peer_close(peer, false);
    free(peer->name);
    free(peer);
    return true;
}

/* Lets a moment pass; false at the deadline. */
static bool
may_ask_again(struct world *world)
{
    int64_t until = now_ms() + ASK_AGAIN_MS;

    while (world_turn(world, -1, until) == TURN_OTHER)
        ;
    return now_ms() < world->deadline_ms;
}

__attribute__((noreturn)) static void
fail_with(struct world *world, const char *what, const struct bytes *text)
{
    world_complain(world, "%s; the last answer was:", what);
    fwrite(text->data, 1, text->size, stderr);
    fputc('\n', stderr);
    world_give_up(world);
}

/* How many rows of /connections have a state, and this one. */
static unsigned
count_rows(const struct bytes *rows, const char *state)
{
    static const char key[] = "\"state\"";
    const char *text = (const char *)rows->data;
    const char *end = text + rows->size;
    unsigned count = 0;

    while (text < end &&
           (text = memmem(text, (size_t)(end - text), key, sizeof(key) - 1)) != NULL) {
        text += sizeof(key) - 1;
        while (text < end && (*text == ' ' || *text == ':' || *text == '"'))
            text++;
        count +=
            (size_t)(end - text) > strlen(state) && memcmp(text, state, strlen(state)) == 0;
    }
    return count;
}

static bool
find_metric(const struct bytes *text, const char *name, double *value)
{
    const char *at = (const char *)text->data;
    const char *end = at + text->size;
    size_t size = strlen(name);

    for (const char *line = at; line < end; line = at + 1) {
        at = memchr(line, '\n', (size_t)(end - line));
        if (at == NULL)
            return false;
        if ((size_t)(at - line) > size + 1 && memcmp(line, name, size) == 0 &&
            line[size] == ' ') {
            *value = strtod(line + size, NULL);
            return true;
        }
    }
    return false;
}

static bool
was_never_parked(struct world *world)
{
    struct bytes text = {0};
    double parked;
    bool is_there;

    is_there = fetch(world, "/metrics", &text) &&
               find_metric(&text, "carpool_upstream_connections_parked_total", &parked);
    bytes_free(&text);
    if (!is_there)
        world_fail(world, "there is no metric of parked connections");
    return parked == 0;
}

void
look_shelf(struct world *world)
{
    bool is_unused = world_says(world, 1, "unused");
    struct bytes rows = {0};
    const char *state = "parked";
    uint64_t wanted = 0;

    if (!is_unused && !world_says(world, 1, "empty")) {
        wanted = world_number(world, world_word(world, 1));
        if (world_says(world, 2, "pinned") || world_says(world, 2, "dialing"))
            state = world_word(world, 2);
        else if (!world_says(world, 2, "parked"))
            world_fail(world,
                       "shelf N parked, N pinned or N dialing, shelf empty, or shelf unused");
    }
    do {
        if (!fetch(world, "/connections", &rows))
            break;
        if (count_rows(&rows, "") == wanted && count_rows(&rows, state) == wanted) {
            bytes_free(&rows);
            if (is_unused && !was_never_parked(world))
                world_fail(world, "a connection was parked");
            return;
        }
    } while (may_ask_again(world));
    fail_with(world, "the upstream connections are not as expected", &rows);
}

void
look_metric(struct world *world)
{
    bool is_least = world_says(world, 2, "at-least");
    char *name = world_text(world, world_word(world, 1));
    double wanted = (double)world_number(world, world_word(world, 2 + is_least));
    struct bytes text = {0};
    double value;

    do {
        if (!fetch(world, "/metrics", &text))
            break;
        if (find_metric(&text, name, &value) &&
            (value == wanted || (is_least && value > wanted))) {
            free(name);
            bytes_free(&text);
            return;
        }
    } while (may_ask_again(world));
    fail_with(world, "the metric is not as expected", &text);
}

/* All strings of the statement, in this text? */
static bool
has_all(struct world *world, const struct bytes *text)
{
    for (size_t i = 0; i < world->now->part_count; i++) {
        char *part = world_text(world, world->now->parts[i].text);
        bool is_there = contains(text, part);

        free(part);
        if (!is_there)
            return false;
    }
    return world->now->part_count > 0;
}

void
look_says(struct world *world)
{
    struct bytes *said = &world->carpool.err_text;

    for (;;) {
        while (world->carpool.err_read < said->size) {
            unsigned char *line = said->data + world->carpool.err_read;
            unsigned char *end = memchr(line, '\n', said->size - world->carpool.err_read);
            struct bytes view = {.data = line};

            if (end == NULL)
                break;
            view.size = (size_t)(end - line);
            world->carpool.err_read += view.size + 1;
            if (has_all(world, &view))
                return;
        }
        if (world_turn(world, -1, WORLD_DEADLINE) == TURN_LATE)
            world_fail(world, "carpool's log does not say so");
    }
}

/* The next whole line of the access log; false when there is none yet. */
static bool
read_log_line(struct world *world, struct bytes *line)
{
    char path[128];
    FILE *file;
    char *text = NULL;
    size_t room = 0;
    ssize_t size;

    snprintf(path, sizeof(path), "%s/access.log", world->folder);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    fseek(file, (long)world->log_read, SEEK_SET);
    size = getline(&text, &room, file);
    fclose(file);
    line->size = 0;
    if (size > 0 && text[size - 1] == '\n') {
        bytes_add(line, text, (size_t)size - 1);
        world->log_read += size;
    }
    free(text);
    return line->size > 0;
}

void
look_log(struct world *world)
{
    struct bytes line = {0};

    while (!read_log_line(world, &line))
        if (!may_ask_again(world))
            world_fail(world, "no further line comes in the access log");
    if (!has_all(world, &line))
        fail_with(world, "the line in the access log is not as expected", &line);
    bytes_free(&line);
}

/* How often a text lies in what was written. */
static uint64_t
count_of(const struct bytes *bytes, const char *text)
{
    size_t size = strlen(text);
    uint64_t count = 0;

    for (size_t at = 0; at < bytes->size; at++)
        count += bytes->size - at >= size && memcmp(bytes->data + at, text, size) == 0;
    return count;
}

void
look_asked(struct world *world)
{
    uint64_t wanted = world_number(world, world_word(world, 1));
    struct bytes *said = &world->dns.out_text;
    char line[300];
    char *question;

    if (world->now->part_count != 1)
        world_fail(world, "asked N \"name type\"");
    question = world_text(world, world->now->parts[0].text);
    snprintf(line, sizeof(line), "question %s ", question);
    free(question);
    /* the server writes before it answers, so what was answered is in the pipe by now */
    world_turn(world, -1, now_ms());
    /* but names are also asked for while nobody waits */
    while (count_of(said, line) < wanted && may_ask_again(world))
        continue;
    if (count_of(said, line) != wanted)
        fail_with(world, "the DNS server was not asked so", said);
}
