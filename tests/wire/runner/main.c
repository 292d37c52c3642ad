/*
 * Runs one wire conversation against the real carpool:
 *
 *     wire CARPOOL DNS_SERVER FILE.wire
 *
 * One thread, one poll, one deadline. Exit status 0: it went as the file says; 1: it did not,
 * and stderr says where; 77: it cannot run here.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/wire/runner/network.h"
#include "tests/wire/runner/peer.h"
#include "tests/wire/runner/program.h"
#include "tests/wire/runner/verbs.h"

#define DEADLINE_MS 10000

static void run_statements(struct world *world, size_t from, size_t to);

/* each NAME: the statements up to its end once for each line, which $NAME stands for. */
static void
run_each(struct world *world, const struct statement *loop, size_t from, size_t to)
{
    char name[100];

    if (loop->word_count != 2 || loop->part_count == 0)
        world_fail(world, "each NAME, followed by | lines");
    /* what carpool's start tells must outlive the round */
    if (!world->is_running)
        carpool_start(world);
    for (size_t i = 0; i < loop->part_count; i++) {
        size_t count = world->variables.count;

        snprintf(name, sizeof(name), "each_%s", loop->words[1]);
        variables_set(&world->variables, name, loop->parts[i].text);
        variables_set(&world->variables, loop->words[1], loop->parts[i].text);
        run_statements(world, from, to);
        variables_forget(&world->variables, count);
    }
}

static size_t
run_loop(struct world *world, size_t index)
{
    const struct statement *loop = &world->script.statements[index];
    size_t end = script_loop_end(&world->script, index);

    if (end == 0)
        world_fail(world, "%s without its end", loop->words[0]);
    if (strcmp(loop->words[0], "each") == 0) {
        run_each(world, loop, index + 1, end - 1);
    } else {
        uint64_t rounds = world_number(world, world_word(world, 1));

        for (uint64_t i = 0; i < rounds; i++)
            run_statements(world, index + 1, end - 1);
    }
    return end;
}

static void
run_statements(struct world *world, size_t from, size_t to)
{
    while (from < to) {
        const char *word = world->script.statements[from].words[0];

        world->now = &world->script.statements[from];
        if (strcmp(word, "repeat") == 0 || strcmp(word, "each") == 0) {
            from = run_loop(world, from);
        } else {
            verbs_run(world);
            from++;
        }
    }
}

/* Machines and sanitizers differ in speed; the default is for an ordinary build. */
static int64_t
deadline_ms(void)
{
    const char *text = getenv("WIRE_DEADLINE_MS");
    int64_t deadline = text != NULL ? atoll(text) : 0;

    return deadline > 0 ? deadline : DEADLINE_MS;
}

static void
run(struct world *world)
{
    run_statements(world, 0, world->script.count);
    /* what follows is about the conversation as a whole: say it of its last line */
    peers_check_silence(world);
    peers_close_all(world);
    if (world->carpool.pid != 0)
        carpool_finish(world);
    else if (!world->may_end)
        world_fail(world, "nothing happens in this conversation");
}

int
main(int argc, char **argv)
{
    struct world world = {
        .carpool = {.in = -1, .out = -1, .err = -1},
        .dns = {.in = -1, .out = -1, .err = -1},
        .folder = "",
        .workers = 2,
    };
    const char *wrong;
    unsigned line;

    if (argc != 4) {
        fprintf(stderr, "usage: %s CARPOOL DNS_SERVER FILE.wire\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    TAILQ_INIT(&world.peers);
    TAILQ_INIT(&world.origins);
    world.carpool_path = argv[1];
    world.dns_path = argv[2];
    world.deadline_ms = now_ms() + deadline_ms();
    wrong = script_read(argv[3], &world.script, &line);
    if (wrong != NULL) {
        fprintf(stderr, "%s:%u: %s\n", argv[3], line, wrong);
        script_free(&world.script);
        return 2;
    }
    network_check(&world);
    peer_new(&world, "client");
    run(&world);
    world_clean(&world);
    return 0;
}
