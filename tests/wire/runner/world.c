/* The one loop, the one deadline and the one way to fail. */
#include "tests/wire/runner/world.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/wire/runner/peer.h"
#include "tests/wire/runner/program.h"

#define MOST_POLLED 1024
#define SLICE_MS 100
#define STANDSTILL_MS 400
#define STORY_BYTES 6000 /* how much of carpool's log a failure shows */

int64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
note_end_of_carpool(struct world *world)
{
    if (world->is_running && world->carpool.out == -1 && !world->may_end)
        program_fail(world, &world->carpool, "carpool ended by itself");
}

static int64_t
earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/*
 * Waits a short while at most. A machine that stood still (a virtual one that was stopped, a
 * processor that others had) is no fault of carpool's: such time does not count.
 */
static void
wait_a_while(struct world *world, struct pollfd *polled, nfds_t count, int64_t until_ms)
{
    int64_t before_ms = now_ms();
    int64_t left_ms = until_ms - before_ms;
    int64_t stood_ms;

    if (left_ms > SLICE_MS)
        left_ms = SLICE_MS;
    if (poll(polled, count, left_ms > 0 ? (int)left_ms : 0) == -1 && errno != EINTR)
        world_fail(world, "poll: %s", strerror(errno));
    stood_ms = now_ms() - before_ms - SLICE_MS;
    if (stood_ms > STANDSTILL_MS)
        world->deadline_ms += stood_ms;
}

enum turn
world_turn(struct world *world, int fd, int64_t until_ms)
{
    struct pollfd polled[MOST_POLLED] = {{.fd = fd, .events = POLLIN}};
    struct peer *peers[MOST_POLLED];
    nfds_t count = 1;
    struct peer *peer;

    note_end_of_carpool(world);
    polled[count++] = (struct pollfd){.fd = world->carpool.out, .events = POLLIN};
    polled[count++] = (struct pollfd){.fd = world->carpool.err, .events = POLLIN};
    polled[count++] = (struct pollfd){.fd = world->dns.out, .events = POLLIN};
    polled[count++] = (struct pollfd){.fd = world->dns.err, .events = POLLIN};
    TAILQ_FOREACH (peer, &world->peers, all) {
        if (peer_has_queued(peer) && count < MOST_POLLED) {
            peers[count] = peer;
            polled[count++] = (struct pollfd){.fd = peer->fd, .events = POLLOUT};
        }
    }
    wait_a_while(world, polled, count, earlier(until_ms, world->deadline_ms));
    program_read(&world->carpool, polled[1].revents != 0, polled[2].revents != 0);
    program_read(&world->dns, polled[3].revents != 0, polled[4].revents != 0);
    for (nfds_t i = 5; i < count; i++)
        if (polled[i].revents != 0)
            peer_flush(peers[i]);
    if (polled[0].revents != 0)
        return TURN_READY;
    return now_ms() >= earlier(until_ms, world->deadline_ms) ? TURN_LATE : TURN_OTHER;
}

void
world_complain(struct world *world, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%s:%u: ", world->script.path, world->now != NULL ? world->now->line : 0);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    for (size_t i = 0; i < world->variables.count; i++)
        if (strncmp(world->variables.list[i].name, "each_", 5) == 0)
            fprintf(stderr, "  in the round: %s\n", world->variables.list[i].value);
}

static void
tell_story(const char *name, const struct program *program)
{
    size_t size = program->err_text.size;
    size_t skipped = size > STORY_BYTES ? size - STORY_BYTES : 0;

    if (size == 0)
        return;
    fprintf(stderr, "  %s wrote:\n%s", name, skipped > 0 ? "…" : "");
    fwrite(program->err_text.data + skipped, 1, size - skipped, stderr);
}

void
world_give_up(struct world *world)
{
    if (world->carpool.pid > 0)
        program_linger(&world->carpool);
    tell_story("carpool", &world->carpool);
    tell_story("the DNS server", &world->dns);
    world_clean(world);
    exit(1);
}

void
world_fail(struct world *world, const char *format, ...)
{
    char text[1000];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    world_complain(world, "%s", text);
    world_give_up(world);
}

void
world_clean(struct world *world)
{
    static const char *names[] = {"hosts", "zone", "users", "access.log", "carpool.conf"};
    char path[128];

    program_kill(&world->carpool);
    program_kill(&world->dns);
    peers_free(world);
    for (size_t i = 0; world->folder[0] != '\0' && i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", world->folder, names[i]);
        unlink(path);
    }
    if (world->folder[0] != '\0')
        rmdir(world->folder);
    bytes_free(&world->presets);
    bytes_free(&world->settings);
    bytes_free(&world->zone);
    bytes_free(&world->listeners);
    bytes_free(&world->config);
    bytes_free(&world->users);
    variables_free(&world->variables);
    script_free(&world->script);
}

void
world_message(struct world *world, bool with_marks, struct pattern *pattern)
{
    *pattern = (struct pattern){0};
    for (size_t i = 0; i < world->now->part_count; i++) {
        const struct part *part = &world->now->parts[i];
        const char *wrong = pattern_expand(pattern, &world->variables, part->text, with_marks);

        if (wrong != NULL)
            world_fail(world, "%s: %s", part->text, wrong);
        if (part->is_line) {
            pattern_add(pattern, '\r');
            pattern_add(pattern, '\n');
        }
    }
}

char *
world_text(struct world *world, const char *text)
{
    struct pattern pattern = {0};
    const char *wrong = pattern_expand(&pattern, &world->variables, text, false);
    char *expanded = malloc(pattern.size + 1);

    if (expanded == NULL)
        abort();
    if (wrong != NULL)
        world_fail(world, "%s: %s", text, wrong);
    for (size_t i = 0; i < pattern.size; i++)
        expanded[i] = (char)pattern.items[i];
    expanded[pattern.size] = '\0';
    pattern_free(&pattern);
    return expanded;
}

uint64_t
world_number(struct world *world, const char *text)
{
    static const struct {
        const char *unit;
        uint64_t factor;
    } units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"k", 1024}, {"m", 1048576}};
    char *expanded = world_text(world, text);
    char *end;
    uint64_t number = strtoull(expanded, &end, 10);

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (end != expanded && strcmp(end, units[i].unit) == 0) {
            free(expanded);
            return number * units[i].factor;
        }
    }
    world_fail(world, "%s is not a number", expanded);
}

const char *
world_word(struct world *world, size_t index)
{
    if (index >= world->now->word_count)
        world_fail(world, "%s: a word is missing here", world->now->words[0]);
    return world->now->words[index];
}

bool
world_says(const struct world *world, size_t index, const char *word)
{
    return index < world->now->word_count && strcmp(world->now->words[index], word) == 0;
}
