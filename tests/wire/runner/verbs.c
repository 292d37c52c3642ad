/* The language: what each word of a conversation does. README.md is its page for people. */
#include "tests/wire/runner/verbs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/wire/runner/look.h"
#include "tests/wire/runner/message.h"
#include "tests/wire/runner/network.h"
#include "tests/wire/runner/peer.h"
#include "tests/wire/runner/program.h"
#include "tests/wire/runner/users.h"

/* What a statement that begins with a word of the language does. */
struct verb {
    const char *word;
    bool is_preparation; /* comes before carpool is started */
    void (*run)(struct world *world);
};

static void
claim(struct world *world)
{
    if (world->now != &world->script.statements[0])
        world_fail(world, "a conversation has one claim");
}

static void
add_text(struct world *world, struct bytes *to, const char *text, size_t with_end)
{
    char *expanded = world_text(world, text);

    bytes_add(to, expanded, strlen(expanded) + with_end);
    free(expanded);
}

static void
set(struct world *world)
{
    add_text(world, &world->settings, world->now->rest, 1);
}

static void
dns(struct world *world)
{
    add_text(world, &world->zone, world->now->rest, 0);
    bytes_add(&world->zone, "\n", 1);
}

static void
listen_on(struct world *world)
{
    add_text(world, &world->listeners, world_word(world, 1), 1);
}

static void
workers(struct world *world)
{
    world->workers = (unsigned)world_number(world, world_word(world, 1));
}

static void
deadline(struct world *world)
{
    world->deadline_ms = now_ms() + (int64_t)world_number(world, world_word(world, 1));
}

static void
clients(struct world *world)
{
    for (size_t i = 1; i < world->now->word_count; i++)
        peer_new(world, world->now->words[i]);
}

static void
config(struct world *world)
{
    world->config.size = 0;
    world->has_config = true;
    for (size_t i = 0; i < world->now->part_count; i++) {
        add_text(world, &world->config, world->now->parts[i].text, 0);
        bytes_add(&world->config, "\n", 1);
    }
    if (world->is_running)
        program_write_config(world);
}

static void
pause_for(struct world *world)
{
    int64_t until = now_ms() + (int64_t)world_number(world, world_word(world, 1));

    while (now_ms() < until)
        if (world_turn(world, -1, until) == TURN_LATE && now_ms() >= world->deadline_ms)
            world_fail(world, "the deadline of the conversation passed in a pause");
}

static void
send_signal(struct world *world)
{
    static const struct {
        const char *word;
        int number;
    } signals[] = {{"HUP", SIGHUP},
                   {"TERM", SIGTERM},
                   {"INT", SIGINT},
                   {"STOP", SIGSTOP},
                   {"CONT", SIGCONT}};

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (world_says(world, 1, signals[i].word)) {
            world->may_end |= signals[i].number == SIGTERM || signals[i].number == SIGINT;
            kill(world->carpool.pid, signals[i].number);
            return;
        }
    }
    world_fail(world, "signal HUP, TERM, INT, STOP or CONT");
}

static void
expect_exit(struct world *world)
{
    if (!world->may_end)
        world_fail(world, "nobody told carpool to end");
    carpool_finish(world);
}

static const struct verb verbs[] = {
    {"claim", true, claim},
    {"set", true, set},
    {"dns", true, dns},
    {"listen", true, listen_on},
    {"workers", true, workers},
    {"network", true, network_enter},
    {"deadline", true, deadline},
    {"origin", true, origin_declare},
    {"clients", true, clients},
    {"config", true, config},
    {"users", true, users_declare},
    {"shelf", false, look_shelf},
    {"metric", false, look_metric},
    {"says", false, look_says},
    {"log", false, look_log},
    {"asked", false, look_asked},
    {"pause", false, pause_for},
    {"signal", false, send_signal},
    {"expect-exit", false, expect_exit},
};

/* connect [to ADDRESS:PORT] [from ADDRESS] */
static void
connect_peer(struct world *world, struct peer *peer)
{
    char *to = NULL;
    char *from = NULL;

    for (size_t i = 2; i + 1 < world->now->word_count; i += 2) {
        if (world_says(world, i, "to") && to == NULL)
            to = world_text(world, world->now->words[i + 1]);
        else if (world_says(world, i, "from") && from == NULL)
            from = world_text(world, world->now->words[i + 1]);
        else
            world_fail(world, "connect [to ADDRESS:PORT] [from ADDRESS]");
    }
    if (to == NULL)
        to = world_text(world, "$proxy");
    if (peer->has_ended || peer->was_reset)
        peer_close(peer, false);
    peer_connect(world, peer, to, from);
    free(to);
    free(from);
}

static void
half_close(struct world *world, struct peer *peer)
{
    peer_flush_all(world, peer);
    if (shutdown(peer->fd, SHUT_WR) == -1)
        world_fail(world, "%s: %s", peer->name, strerror(errno));
}

/* A close with unread bytes would be a reset. */
static void
close_peer(struct world *world, struct peer *peer)
{
    peer_flush_all(world, peer);
    if (peer->fd != -1)
        peer_fill(world, peer, now_ms());
    if (peer->in.size > 0) {
        world_complain(world, "%s closes with unread bytes:", peer->name);
        bytes_print(stderr, peer->in.data, peer->in.size > 2000 ? 2000 : peer->in.size);
        world_give_up(world);
    }
    peer_close(peer, false);
}

static void
reset_peer(struct world *world, struct peer *peer)
{
    (void)world;
    peer_close(peer, true);
}

static const struct {
    const char *word;
    void (*run)(struct world *world, struct peer *peer);
} peer_verbs[] = {
    {"connect", connect_peer},
    {"send", message_send},
    {"send-bytes", message_send_bytes},
    {"expect", message_expect},
    {"expect-bytes", message_expect_bytes},
    {"expect-head", message_expect_head},
    {"expect-status", message_expect_status},
    {"keep", message_keep},
    {"expect-body", message_expect_body},
    {"expect-cut", message_expect_cut},
    {"expect-close", message_expect_close},
    {"expect-reset", message_expect_reset},
    {"expect-gone", message_expect_gone},
    {"expect-blocked", message_expect_blocked},
    {"expect-some", message_expect_some},
    {"expect-nothing", message_expect_nothing},
    {"half-close", half_close},
    {"close", close_peer},
    {"reset", reset_peer},
};

static void
run_peer(struct world *world, struct peer *peer, const char *verb)
{
    bool is_connect = strcmp(verb, "connect") == 0;

    for (size_t i = 0; i < sizeof(peer_verbs) / sizeof(peer_verbs[0]); i++) {
        if (strcmp(peer_verbs[i].word, verb) != 0)
            continue;
        if (peer->fd == -1 && strcmp(verb, "send") == 0)
            peer_connect(world, peer, variables_find(&world->variables, "proxy", 5), NULL);
        if (peer->fd == -1 && !is_connect)
            world_fail(world, "%s is not connected", peer->name);
        peer_verbs[i].run(world, peer);
        return;
    }
    world_fail(world, "%s: there is no such word", verb);
}

/* Words that are about an origin as such; false where it is about its connection. */
static bool
run_origin(struct world *world, struct origin *origin, const char *verb)
{
    uint64_t wanted = 0;

    if (strcmp(verb, "accept") == 0) {
        origin_accept(world, origin,
                      world_says(world, 2, "as") ? world_word(world, 3) : origin->name);
    } else if (strcmp(verb, "listen") == 0) {
        origin_listen(world, origin);
    } else if (strcmp(verb, "stop") == 0) {
        origin_stop(origin);
    } else if (strcmp(verb, "untouched") == 0 || strcmp(verb, "accepted") == 0) {
        if (verb[0] == 'a')
            wanted = world_number(world, world_word(world, 2));
        if (origin_count(world, origin) != wanted)
            world_fail(world, "%s: %u connections came", origin->name,
                       origin_count(world, origin));
    } else {
        return false;
    }
    return true;
}

void
verbs_run(struct world *world)
{
    const char *word = world->now->words[0];
    struct origin *origin;
    struct peer *peer;

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].word, word) != 0)
            continue;
        if (verbs[i].is_preparation && world->is_running && verbs[i].run != config &&
            verbs[i].run != users_declare)
            world_fail(world, "%s: too late, carpool runs already", word);
        if (!verbs[i].is_preparation && !world->is_running)
            carpool_start(world);
        verbs[i].run(world);
        return;
    }
    if (!world->is_running)
        carpool_start(world);
    origin = origin_find(world, word);
    if (origin != NULL && run_origin(world, origin, world_word(world, 1)))
        return;
    peer = origin != NULL ? origin->current : peer_find(world, word);
    if (peer == NULL)
        world_fail(world, "%s: there is nobody of this name%s", word,
                   origin != NULL ? " yet: it accepted no connection" : "");
    run_peer(world, peer, world_word(world, 1));
}
