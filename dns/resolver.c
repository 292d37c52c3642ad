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
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "dns/answer.h"
#include "dns/resolver_inside.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_CONF_LOOK_MS 2000

struct dns_ask {
    TAILQ_ENTRY(dns_ask) link;
    struct ask_list *list; /* where it is */
    dns_on_answer *on_answer;
    void *arg;
};

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
tell_partial(struct resolver *resolver, struct question *question)
{
    struct ask_list fresh = TAILQ_HEAD_INITIALIZER(fresh);
    struct answer *answer = question_partial(question);
    struct dns_ask *ask;

    /* Those of other threads as well; once, since a second part would be all of it. */
    if (question->reserved > 0 && !question->is_published)
        cache_publish(resolver->cache, &question->claim, answer);
    question->is_published = true;
    while ((ask = TAILQ_FIRST(&question->fresh)) != NULL)
        ask_move(ask, &fresh);
    while ((ask = TAILQ_FIRST(&fresh)) != NULL) {
        ask_move(ask, &question->partial);
        ask->on_answer(ask->arg, ERR_OK, answer, false);
    }
    answer_unref(answer);
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
    struct cache_outcome outcome;

    question_outcome(question, &outcome);
    if (question->reserved > 0) {
        cache_settle(resolver->cache, &question->claim, &outcome);
        log_event(LOG_LEVEL_DEBUG, "name resolved",
                  "name=%s err=%s addresses=%zu ttl_ms=%llu stale=%d", question->name.text,
                  err_word(outcome.err), outcome.answer != NULL ? outcome.answer->count : 0,
                  (unsigned long long)outcome.ttl_ms, outcome.is_stale);
    }
    if (outcome.is_stale)
        stat_add(&resolver->home.stats[DNS_STAT_STALE], 1);
    /* Whoever asks from inside on_answer finds it in the cache. */
    inquiry_close(resolver, question);
    tell_all(resolver, &question->partial, outcome.err, outcome.answer);
    tell_all(resolver, &question->fresh, outcome.err, outcome.answer);
    inquiry_end(resolver, question);
    answer_unref(outcome.answer);
}

static void
tell_news(struct resolver *resolver, struct question *question)
{
    enum question_state state;

    question->is_changed = false;
    state = question_look(question);
    if (state == QUESTION_PARTIAL)
        tell_partial(resolver, question);
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
resolver_new(const struct resolver_setup *setup, const struct resolver_settings *settings,
             struct resolver **resolver)
{
    struct resolver *made = xcalloc(1, sizeof(*made));
    enum err err;

    made->settings = *settings;
    made->cache = setup->cache;
    made->mailbox = setup->mailbox;
    made->home = (struct question_home){
        .base = setup->base,
        .settings = &made->settings,
        .stats = setup->stats,
        .on_change = on_change,
    };
    hosts_init(&made->hosts, made->settings.hosts_file);
    TAILQ_INIT(&made->questions);
    TAILQ_INIT(&made->changed);
    evtimer_assign(&made->turn, setup->base, on_turn, made);
    /* Before c-ares reads it: a change in between is seen as one. */
    file_stamp_take(&made->resolv_conf, resolv_conf_path(made));
    err = channel_new(setup->base, settings, &made->channel);
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
        inquiry_close(resolver, question);
        tell_all(resolver, &question->partial, ERR_CANCELLED, NULL);
        tell_all(resolver, &question->fresh, ERR_CANCELLED, NULL);
        inquiry_end(resolver, question);
    }
    event_del(&resolver->turn);
    channel_unref(resolver->channel);
    hosts_fini(&resolver->hosts);
    map_fini(&resolver->joinable);
    free(resolver);
}

static bool
settings_equal(const struct resolver_settings *a, const struct resolver_settings *b)
{
    return strcmp(a->servers, b->servers) == 0 && strcmp(a->hosts_file, b->hosts_file) == 0 &&
           strcmp(a->resolv_conf, b->resolv_conf) == 0 && a->family == b->family &&
           a->timeout_ms == b->timeout_ms && a->tries == b->tries &&
           a->min_ttl_ms == b->min_ttl_ms && a->max_ttl_ms == b->max_ttl_ms &&
           a->negative_ttl_ms == b->negative_ttl_ms &&
           a->max_negative_ttl_ms == b->max_negative_ttl_ms &&
           a->serve_stale_ms == b->serve_stale_ms && a->cache_size == b->cache_size &&
           a->max_inflight == b->max_inflight;
}

/* Begins anew with these settings: nothing that was found out under others holds. */
static enum err
resolver_restart(struct resolver *resolver, const struct resolver_settings *settings)
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
        inquiry_close(resolver, question);
    }
    cache_clear(resolver->cache, &copy);
    hosts_fini(&resolver->hosts);
    hosts_init(&resolver->hosts, resolver->settings.hosts_file);
    return ERR_OK;
}

enum err
resolver_reload(struct resolver *resolver, const struct resolver_settings *settings)
{
    struct file_stamp now;

    file_stamp_take(&now, resolv_conf_path(resolver));
    if (!settings_equal(settings, &resolver->settings) ||
        !file_stamp_equal(&now, &resolver->resolv_conf))
        return resolver_restart(resolver, settings);
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
    err = resolver_restart(resolver, &resolver->settings);
    if (err == ERR_OK)
        log_event(LOG_LEVEL_INFO, "name servers read again", "file=%s", path);
    else
        log_event(LOG_LEVEL_WARN, "name servers not read again", "file=%s err=%s", path,
                  err_word(err));
}

/* Its time is nearly up and it is in use. Whoever asks now has the old answer and goes on. */
static void
resolver_refresh(struct resolver *resolver, const struct name *name)
{
    struct question *question;

    /* Where there is no room now, there may be when its time is up. */
    if (inquiry_find(resolver, name, true, &question) == ERR_OK)
        stat_add(&resolver->home.stats[DNS_STAT_REFRESHES], 1);
}

static enum err
resolver_ask_servers(struct resolver *resolver, const struct name *name,
                     dns_on_answer *on_answer, void *arg, struct dns_ask **ask)
{
    struct question *question;
    struct dns_ask *made;
    enum err err;

    resolver_follow_resolv_conf(resolver);
    err = inquiry_find(resolver, name, false, &question);
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
    bool is_due = false;
    enum err err;

    if (found != NULL) {
        stat_add(&resolver->home.stats[DNS_STAT_LOCAL], 1);
        found->is_local = true;
        *answer = found;
        return ERR_OK;
    }
    if (!cache_find(resolver->cache, inquiry_name(name), &err, answer, &is_due))
        return resolver_ask_servers(resolver, name, on_answer, arg, ask);
    stat_add(&resolver->home.stats[DNS_STAT_HITS], 1);
    if (is_due)
        resolver_refresh(resolver, name);
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

enum err
resolver_look(struct resolver *resolver, struct slice host, struct answer **answer)
{
    struct name name;
    bool is_due = false;
    enum err err = name_read(host, &name);

    if (err != ERR_OK)
        return err;
    if (resolver->is_freeing)
        return ERR_CANCELLED;
    *answer = resolver_find_local(resolver, &name);
    if (*answer != NULL) {
        (*answer)->is_local = true;
        return ERR_OK;
    }
    if (!cache_find(resolver->cache, inquiry_name(&name), &err, answer, &is_due)) {
        /* Who looks less often than answers last would otherwise never see one. */
        if (!cache_recall(resolver->cache, inquiry_name(&name), &err, answer))
            err = ERR_AGAIN;
        is_due = true;
    }
    if (is_due)
        resolver_refresh(resolver, &name);
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
