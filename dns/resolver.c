/*
 * What the other layers ask: literals, localhost, hosts file, cache, and then the wire, where
 * everybody who asks for a name shares one question. Its base's thread only.
 *
 *     ask ──► question ──► query A, query AAAA ──► c-ares
 *      ▲          │ changed
 *      └── on_turn ◄┘   everything that callers hear comes from here: a loop turn of its own,
 * so that nobody is called inside resolver_ask() and nothing that callers do then happens
 * inside c-ares
 */
#include "dns/resolver.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event_struct.h>

#include "base/file_stamp.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "dns/answer.h"
#include "dns/cache.h"
#include "dns/channel.h"
#include "dns/hosts.h"
#include "dns/name.h"
#include "dns/order.h"
#include "dns/question.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_CONF_LOOK_MS 2000

struct resolver {
    struct question_home home; /* first: on_change gets it back */
    struct resolver_settings settings;
    struct cache cache;
    struct hosts hosts;
    struct channel *channel;
    struct file_stamp resolv_conf;
    struct map joinable; /* questions by name */
    TAILQ_HEAD(question_list, question) questions;
    struct question_list changed; /* by change_link */
    struct event turn;
    bool is_freeing;
};

struct dns_ask {
    TAILQ_ENTRY(dns_ask) link;
    struct ask_list *list; /* where it is */
    dns_on_answer *on_answer;
    void *arg;
};

static struct slice
name_text(const struct name *name)
{
    /* A trailing dot makes it another question, one without search domains: count the NUL in.
     */
    return (struct slice){name->text, name->size + (name->is_absolute ? 1 : 0)};
}

static bool
is_question(const struct map_node *node, const void *key)
{
    const struct question *question = MAP_OWNER(node, struct question, node);

    return slice_equal(name_text(&question->name), *(const struct slice *)key);
}

static const char *
resolv_conf_path(const struct resolver *resolver)
{
    const char *path = resolver->settings.resolv_conf;

    return path[0] != '\0' ? path : RESOLV_CONF;
}

/* Callers hear of it in the next turn of the loop. */
static void
on_change(struct question_home *home, struct question *question)
{
    static const struct timeval now = {0, 0};
    struct resolver *resolver = MAP_OWNER(home, struct resolver, home);

    if (question->is_changed)
        return;
    question->is_changed = true;
    TAILQ_INSERT_TAIL(&resolver->changed, question, change_link);
    event_add(&resolver->turn, &now);
}

static void
ask_move(struct dns_ask *ask, struct ask_list *to)
{
    if (ask->list != NULL)
        TAILQ_REMOVE(ask->list, ask, link);
    ask->list = to;
    if (to != NULL)
        TAILQ_INSERT_TAIL(to, ask, link);
}

/* Tells those who heard nothing yet. Whoever they make ask anew waits for the next turn. */
static void
tell_partial(struct question *question)
{
    struct ask_list fresh = TAILQ_HEAD_INITIALIZER(fresh);
    struct answer *answer = NULL;
    struct dns_ask *ask;
    uint64_t ttl_ms;

    while ((ask = TAILQ_FIRST(&question->fresh)) != NULL)
        ask_move(ask, &fresh);
    if (TAILQ_EMPTY(&fresh))
        return;
    if (question_outcome(question, &answer, &ttl_ms) != ERR_OK)
        abort(); /* partial means that there is an address */
    while ((ask = TAILQ_FIRST(&fresh)) != NULL) {
        ask_move(ask, &question->partial);
        ask->on_answer(ask->arg, ERR_OK, answer, false);
    }
    answer_unref(answer);
}

/* Nobody may join any more. */
static void
question_close(struct resolver *resolver, struct question *question)
{
    if (question->is_joinable)
        map_remove(&resolver->joinable, &question->node);
    question->is_joinable = false;
}

static void
tell_all(struct resolver *resolver, struct ask_list *asks, enum err err, struct answer *answer)
{
    struct dns_ask *ask;

    while ((ask = TAILQ_FIRST(asks)) != NULL) {
        dns_on_answer *on_answer = ask->on_answer;
        void *arg = ask->arg;

        TAILQ_REMOVE(asks, ask, link);
        assert(TAILQ_FIRST(asks) != ask); /* clang's analyzer cannot see that by itself */
        free(ask);
        if (err != ERR_OK)
            stat_add(&resolver->home.stats[DNS_STAT_FAILURES], 1);
        on_answer(arg, err, answer, true);
    }
}

static void
tell_final(struct resolver *resolver, struct question *question)
{
    struct answer *answer = NULL;
    uint64_t ttl_ms = 0;
    enum err err = question_outcome(question, &answer, &ttl_ms);

    /* One from before a reload tells its own askers only. */
    if (question->is_joinable)
        cache_put(&resolver->cache, name_text(&question->name), err, answer, ttl_ms);
    question_close(resolver, question);
    TAILQ_REMOVE(&resolver->questions, question, link);
    log_event(LOG_LEVEL_DEBUG, "name resolved", "name=%s err=%s addresses=%zu ttl_ms=%llu",
              question->name.text, err_word(err), answer != NULL ? answer->count : 0,
              (unsigned long long)ttl_ms);
    tell_all(resolver, &question->partial, err, answer);
    tell_all(resolver, &question->fresh, err, answer);
    question_free(question);
    answer_unref(answer);
}

static void
tell_news(struct resolver *resolver, struct question *question)
{
    enum question_state state;

    question->is_changed = false;
    state = question_look(question);
    if (state == QUESTION_PARTIAL)
        tell_partial(question);
    else if (state == QUESTION_DONE)
        tell_final(resolver, question);
}

static void
on_turn(evutil_socket_t none, short what, void *arg)
{
    struct resolver *resolver = arg;
    struct question_list changed = TAILQ_HEAD_INITIALIZER(changed);
    struct question *question;

    (void)none;
    (void)what;
    /* Only what is there now: a caller that asks again and again must not hold up the loop. */
    TAILQ_CONCAT(&changed, &resolver->changed, change_link);
    while ((question = TAILQ_FIRST(&changed)) != NULL) {
        TAILQ_REMOVE(&changed, question, change_link);
        tell_news(resolver, question);
    }
}

enum err
resolver_new(struct event_base *base, const struct resolver_settings *settings,
             stat_counter *stats, struct resolver **resolver)
{
    struct resolver *made = xcalloc(1, sizeof(*made));
    enum err err;

    made->settings = *settings;
    made->home = (struct question_home){
        .base = base,
        .settings = &made->settings,
        .stats = stats,
        .on_change = on_change,
    };
    cache_init(&made->cache, settings->cache_size);
    hosts_init(&made->hosts, made->settings.hosts_file);
    TAILQ_INIT(&made->questions);
    TAILQ_INIT(&made->changed);
    evtimer_assign(&made->turn, base, on_turn, made);
    /* Before c-ares reads it: a change in between is seen as one. */
    file_stamp_take(&made->resolv_conf, resolv_conf_path(made));
    err = channel_new(base, settings, &made->channel);
    if (err == ERR_OK)
        *resolver = made;
    else
        resolver_free(made);
    return err;
}

void
resolver_free(struct resolver *resolver)
{
    struct question *question;

    if (resolver == NULL)
        return;
    resolver->is_freeing = true;
    TAILQ_FOREACH (question, &resolver->questions, link) {
        channel_cancel(question->channel);
    }
    while ((question = TAILQ_FIRST(&resolver->questions)) != NULL) {
        TAILQ_REMOVE(&resolver->questions, question, link);
        question_close(resolver, question);
        tell_all(resolver, &question->partial, ERR_CANCELLED, NULL);
        tell_all(resolver, &question->fresh, ERR_CANCELLED, NULL);
        question_free(question);
    }
    event_del(&resolver->turn);
    channel_unref(resolver->channel);
    hosts_fini(&resolver->hosts);
    cache_clear(&resolver->cache);
    map_fini(&resolver->joinable);
    free(resolver);
}

enum err
resolver_reload(struct resolver *resolver, const struct resolver_settings *settings)
{
    struct resolver_settings copy = *settings; /* it may be our own */
    struct channel *channel;
    struct question *question;
    enum err err = channel_new(resolver->home.base, &copy, &channel);

    if (err != ERR_OK)
        return err;
    channel_unref(resolver->channel);
    resolver->channel = channel;
    resolver->settings = copy;
    file_stamp_take(&resolver->resolv_conf, resolv_conf_path(resolver));
    TAILQ_FOREACH (question, &resolver->questions, link) {
        question_close(resolver, question);
    }
    cache_clear(&resolver->cache);
    resolver->cache.at_most = copy.cache_size;
    hosts_fini(&resolver->hosts);
    hosts_init(&resolver->hosts, resolver->settings.hosts_file);
    return ERR_OK;
}

/* Both loopback addresses, or the one that the family setting allows. */
static struct answer *
localhost(enum dns_family family)
{
    struct address v4 = {
        .v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    struct address v6 = {.v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}};
    struct address both[2] = {v6, v4};

    if (family == DNS_IPV4)
        return answer_new(&v4, 1);
    return answer_new(both, family == DNS_IPV6 ? 1 : 2);
}

/* What needs no DNS; NULL if the name is none of these. */
static struct answer *
resolver_find_local(struct resolver *resolver, const struct name *name)
{
    if (name_is_localhost(name))
        return localhost(resolver->settings.family);
    return hosts_find(&resolver->hosts, (struct slice){name->text, name->size},
                      resolver->settings.family);
}

static void
resolver_follow_resolv_conf(struct resolver *resolver)
{
    const char *path = resolv_conf_path(resolver);
    enum err err;

    if (!file_stamp_changed(&resolver->resolv_conf, path, RESOLV_CONF_LOOK_MS) ||
        !resolver->resolv_conf.is_there)
        return;
    err = resolver_reload(resolver, &resolver->settings);
    if (err == ERR_OK)
        log_event(LOG_LEVEL_INFO, "name servers read again", "file=%s", path);
    else
        log_event(LOG_LEVEL_WARN, "name servers not read again", "file=%s err=%s", path,
                  err_word(err));
}

/* The question under way for a name, or a new one. ERR_DNS_BUSY. */
static enum err
resolver_question(struct resolver *resolver, const struct name *name,
                  struct question **question)
{
    struct slice text = name_text(name);
    uint64_t hash = hash_bytes(text.data, text.size);
    unsigned inflight = resolver->home.inflight;
    struct map_node *node = map_find(&resolver->joinable, hash, is_question, &text);
    struct question *made;

    if (node != NULL) {
        stat_add(&resolver->home.stats[DNS_STAT_JOINED], 1);
        *question = MAP_OWNER(node, struct question, node);
        return ERR_OK;
    }
    /* A limit of one must still let both families of a name be asked for. */
    if (inflight > 0 && inflight + question_queries(resolver->settings.family) >
                            resolver->settings.max_inflight)
        return ERR_DNS_BUSY;
    made = question_new(&resolver->home, resolver->channel, name);
    made->node.hash = hash;
    made->is_joinable = true;
    map_insert(&resolver->joinable, &made->node);
    TAILQ_INSERT_TAIL(&resolver->questions, made, link);
    question_start(made);
    *question = made;
    return ERR_OK;
}

static enum err
resolver_ask_servers(struct resolver *resolver, const struct name *name,
                     dns_on_answer *on_answer, void *arg, struct dns_ask **ask)
{
    struct question *question;
    struct dns_ask *made;
    enum err err;

    resolver_follow_resolv_conf(resolver);
    err = resolver_question(resolver, name, &question);
    if (err != ERR_OK)
        return err;
    made = xcalloc(1, sizeof(*made));
    made->on_answer = on_answer;
    made->arg = arg;
    ask_move(made, &question->fresh);
    /* Who joins late hears at once what the others have heard already. */
    if (question->is_partial_due)
        on_change(&resolver->home, question);
    *ask = made;
    return ERR_AGAIN;
}

static enum err
resolver_ask_name(struct resolver *resolver, const struct name *name, dns_on_answer *on_answer,
                  void *arg, struct answer **answer, struct dns_ask **ask)
{
    struct answer *found = resolver_find_local(resolver, name);
    enum err err;

    if (found != NULL) {
        stat_add(&resolver->home.stats[DNS_STAT_LOCAL], 1);
        found->is_local = true;
        *answer = found;
        return ERR_OK;
    }
    if (!cache_find(&resolver->cache, name_text(name), &err, &found))
        return resolver_ask_servers(resolver, name, on_answer, arg, ask);
    stat_add(&resolver->home.stats[DNS_STAT_HITS], 1);
    if (err == ERR_OK) {
        answer_ref(found);
        *answer = found;
    }
    return err;
}

enum err
resolver_ask(struct resolver *resolver, struct slice host, dns_on_answer *on_answer, void *arg,
             struct answer **answer, struct dns_ask **ask)
{
    struct address literal;
    struct name name;
    enum err err;

    if (resolver->is_freeing)
        return ERR_CANCELLED;
    if (address_parse_ip(host, 0, &literal) == ERR_OK) {
        stat_add(&resolver->home.stats[DNS_STAT_LOCAL], 1);
        *answer = answer_new(&literal, 1);
        (*answer)->is_local = true;
        return ERR_OK;
    }
    err = name_read(host, &name);
    if (err == ERR_OK)
        err = resolver_ask_name(resolver, &name, on_answer, arg, answer, ask);
    if (err != ERR_OK && err != ERR_AGAIN)
        stat_add(&resolver->home.stats[DNS_STAT_FAILURES], 1);
    return err;
}

void
resolver_cancel(struct dns_ask **ask)
{
    struct dns_ask *given_up = *ask;

    *ask = NULL;
    if (given_up == NULL)
        return;
    ask_move(given_up, NULL);
    free(given_up);
}
