/*
 * What a name server answers, in any bytes, and resolv.conf. The first byte of an input
 * chooses: even for an answer to both halves of a question, odd for resolv.conf. Nothing is
 * sent: the question is never started.
 */
#include <stdlib.h>

#include <ares.h>
#include <event2/event.h>

#include "base/mem.h"
#include "dns/negative.h"
#include "dns/question.h"
#include "tests/fuzz/fuzz.h"

static struct resolver_settings settings = {
    .servers = "127.0.0.1:9",
    .timeout_ms = 1000,
    .tries = 1,
    .min_ttl_ms = 1000,
    .max_ttl_ms = 3600000,
    .negative_ttl_ms = 10000,
    .max_negative_ttl_ms = 60000,
    .cache_size = 10,
    .max_inflight = 10,
};

/* Kept over all inputs: none of them may change it. */
struct desk {
    struct event_base *base;
    struct channel *channel;
    struct question_home home;
    stat_counter stats[DNS_STAT_COUNT];
};

static void
on_change(struct question_home *home, struct question *question)
{
    (void)home;
    (void)question;
}

static struct desk *
desk_open(void)
{
    static struct desk desk;

    if (desk.base == NULL) {
        CHECK(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
        desk.base = event_base_new();
        CHECK(desk.base != NULL);
        CHECK(channel_new(desk.base, &settings, &desk.channel) == ERR_OK);
        desk.home = (struct question_home){
            .base = desk.base,
            .settings = &settings,
            .stats = desk.stats,
            .on_change = on_change,
        };
    }
    return &desk;
}

static void
check_half(const struct question_half *half)
{
    CHECK(half->is_done);
    CHECK(half->err != ERR_OK || half->found.count > 0);
    CHECK(half->found.count <= FAMILY_MOST);
    for (size_t i = 0; i < half->found.count; i++) {
        const struct address *address = &half->found.addresses[i];

        CHECK(address->any.sa_family == (half->family == DNS_IPV4 ? AF_INET : AF_INET6));
        CHECK(address_port(address) == 0);
    }
}

static void
check_answer(struct slice bytes)
{
    struct desk *desk = desk_open();
    struct question *question;
    struct cache_outcome outcome;
    struct name name;
    char *copy = fuzz_copy(bytes);
    uint32_t ttl_s;

    if (negative_ttl((const unsigned char *)copy, bytes.size, &ttl_s))
        CHECK(ttl_s <= INT32_MAX);
    CHECK(name_read(SLICE("o.test"), &name) == ERR_OK);
    question = question_new(&desk->home, desk->channel, &name);
    stat_add(&desk->stats[DNS_STAT_INFLIGHT], 2);
    question->v4.query.on_reply(&question->v4.query, ARES_SUCCESS, (unsigned char *)copy,
                                (int)bytes.size);
    question->v6.query.on_reply(&question->v6.query, ARES_SUCCESS, (unsigned char *)copy,
                                (int)bytes.size);
    CHECK(stat_read(&desk->stats[DNS_STAT_INFLIGHT]) == 0);
    check_half(&question->v4);
    check_half(&question->v6);
    if (question->v4.found.count + question->v6.found.count > 0) {
        question_outcome(question, &outcome);
        CHECK(outcome.err == ERR_OK);
        CHECK(outcome.answer->count == question->v4.found.count + question->v6.found.count);
        CHECK(outcome.ttl_ms >= settings.min_ttl_ms && outcome.ttl_ms <= settings.max_ttl_ms);
        answer_unref(outcome.answer);
    }
    question_free(question);
    free(copy);
}

static void
check_resolv_conf(struct slice bytes)
{
    struct resolver_settings ours = settings;
    struct desk *desk = desk_open();
    struct channel *channel = NULL;
    struct name name;
    char candidate[NAME_SIZE];
    unsigned number = 0;
    unsigned tried = 0;

    ours.servers[0] = '\0';
    slice_copy(slice_of(fuzz_file(0, bytes)), ours.resolv_conf, sizeof(ours.resolv_conf));
    if (channel_new(desk->base, &ours, &channel) != ERR_OK)
        return;
    CHECK(name_read(SLICE("single"), &name) == ERR_OK);
    while (channel_candidate(channel, &name, &number, candidate)) {
        CHECK(strnlen(candidate, sizeof(candidate)) < sizeof(candidate));
        CHECK(strncmp(candidate, "single", 6) == 0);
        CHECK(++tried < 1000);
    }
    /* The name as it is is always among them, and last. */
    CHECK(tried > 0 && strcmp(candidate, "single.") == 0);
    channel_unref(channel);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = {(const char *)data, size};
    struct slice first = fuzz_cut(&bytes, 1);

    if (first.size > 0 && first.data[0] % 2 != 0)
        check_resolv_conf(bytes);
    else
        check_answer(bytes);
    return 0;
}
