/*
 * Checks passwords in a thread of its own: see auth.h. One lock guards the table; nothing is
 * hashed, read or mailed under it.
 */
#include "proxy/policy/auth.h"

#include <assert.h>
#include <crypt.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include "base/log.h"
#include "base/mem.h"
#include "proxy/policy/auth_checks.h"

#define SECRET_SIZE 32

struct auth_ask {
    struct letter letter; /* first, so that the letter is the ask */
    LIST_ENTRY(auth_ask) entry;
    struct auth *auth;
    struct check *check; /* under the lock; NULL once the answer is on its way */
    struct mailbox *mailbox;
    enum auth_verdict verdict; /* the thread's, until the letter was read */
    /* the worker's */
    bool is_answered;
    void (*on_answer)(void *arg); /* NULL: it was left, and goes when its letter is read */
    void *arg;
};

struct auth {
    unsigned char secret[SECRET_SIZE]; /* drawn once, then only read */
    pthread_t thread;
    bool is_started;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* something queues, or the end has come */
    struct checks checks;
    struct htpasswd *users;
    unsigned generation; /* of users */
    unsigned remember_ms;
    size_t max_waiting;
    uint64_t hashed;
    bool is_stopping;

    /* the main thread's */
    char *path;
    struct file_stamp tried; /* what was last read, or could not be */
    struct file_stamp seen;  /* by the last look */
};

/* ---- the thread ---- */

static void
on_mail(struct letter *letter)
{
    struct auth_ask *ask = (struct auth_ask *)letter;

    if (ask->on_answer == NULL) {
        free(ask);
        return;
    }
    ask->is_answered = true;
    ask->on_answer(ask->arg);
}

/* Who waits is told when the lock is open: until then they hang on to each other. */
static struct auth_ask *
settle(struct auth *auth, struct check *check, bool is_right)
{
    unsigned for_ms = is_right ? auth->remember_ms : CHECK_BAD_MS;
    size_t most = CHECK_BAD_MOST;
    struct auth_ask *first = LIST_FIRST(&check->asks);
    struct auth_ask *ask;

    LIST_FOREACH(ask, &check->asks, entry)
    {
        ask->check = NULL;
        ask->verdict = is_right ? AUTH_GOOD : AUTH_BAD;
    }
    LIST_INIT(&check->asks);
    /* Everybody has one right password: more than there are users is one of too many. */
    if (is_right)
        most = auth->users != NULL ? htpasswd_count(auth->users) : 0;
    checks_remember(&auth->checks, check, is_right, for_ms, most);
    return first;
}

static void
tell(struct auth_ask *ask)
{
    while (ask != NULL) {
        struct auth_ask *next = LIST_NEXT(ask, entry);

        mailbox_post(ask->mailbox, &ask->letter);
        ask = next;
    }
}

/* Called and left with the lock held, which is open while it takes its time. */
static void
answer(struct auth *auth, struct check *check, struct crypt_data *scratch)
{
    struct htpasswd *users = htpasswd_ref(auth->users);
    unsigned generation = auth->generation;
    struct auth_ask *asks = NULL;
    bool is_right;

    pthread_mutex_unlock(&auth->lock);
    is_right =
        users != NULL && htpasswd_check(users, (struct slice){check->text, check->user_size},
                                        check->text + check->user_size + 1, scratch);
    htpasswd_unref(users);
    pthread_mutex_lock(&auth->lock);
    auth->hashed++;
    /* What was true of the old users need not be true of the new ones. */
    if (generation != auth->generation)
        checks_requeue(&auth->checks, check);
    else
        asks = settle(auth, check, is_right);
    pthread_mutex_unlock(&auth->lock);
    tell(asks);
    pthread_mutex_lock(&auth->lock);
}

static void *
run(void *arg)
{
    struct auth *auth = arg;
    struct crypt_data *scratch = xcalloc(1, sizeof(*scratch));
    struct check *check;

    pthread_mutex_lock(&auth->lock);
    while (!auth->is_stopping) {
        check = checks_next(&auth->checks);
        if (check != NULL)
            answer(auth, check, scratch);
        else
            pthread_cond_wait(&auth->changed, &auth->lock);
    }
    pthread_mutex_unlock(&auth->lock);
    free(scratch);
    return NULL;
}

/* ---- the main thread ---- */

static void
take_users(struct auth *auth, struct htpasswd *users)
{
    struct htpasswd *old;

    pthread_mutex_lock(&auth->lock);
    old = auth->users;
    auth->users = htpasswd_ref(users);
    auth->generation++;
    checks_forget(&auth->checks, true);
    pthread_mutex_unlock(&auth->lock);
    htpasswd_unref(old);
}

void
auth_configure(struct auth *auth, const struct auth_settings *settings)
{
    pthread_mutex_lock(&auth->lock);
    auth->remember_ms = settings->remember_ms;
    auth->max_waiting = settings->max_waiting;
    pthread_mutex_unlock(&auth->lock);
    free(auth->path);
    auth->path = xstrdup(settings->path);
    if (settings->users != NULL)
        auth->seen = auth->tried = *htpasswd_stamp(settings->users);
    take_users(auth, settings->users);
}

enum err
auth_new(const struct auth_settings *settings, struct auth **made)
{
    struct auth *auth = xcalloc(1, sizeof(*auth));
    int number;

    /* Up to 256 bytes come whole once the system's pool is ready (getrandom(2)). */
    if (getrandom(auth->secret, sizeof(auth->secret), 0) != (ssize_t)sizeof(auth->secret))
        abort();
    pthread_mutex_init(&auth->lock, NULL);
    pthread_cond_init(&auth->changed, NULL);
    checks_init(&auth->checks);
    auth_configure(auth, settings);
    number = pthread_create(&auth->thread, NULL, run, auth);
    auth->is_started = number == 0;
    if (number != 0) {
        auth_free(auth);
        return err_from_errno(number);
    }
    *made = auth;
    return ERR_OK;
}

void
auth_look(struct auth *auth)
{
    struct file_stamp now = {0};
    struct htpasswd *users;
    bool is_settled;
    char why[600];

    pthread_mutex_lock(&auth->lock);
    checks_forget(&auth->checks, false);
    pthread_mutex_unlock(&auth->lock);
    if (auth->path[0] == '\0')
        return;
    file_stamp_take(&now, auth->path);
    /* Whoever writes it may not be done: what is still changing is left for the next look. */
    is_settled = file_stamp_equal(&now, &auth->seen);
    auth->seen = now;
    if (!is_settled || file_stamp_equal(&now, &auth->tried))
        return;
    auth->tried = now;
    if (htpasswd_load(auth->path, &users, why, sizeof(why)) != ERR_OK) {
        log_event(LOG_LEVEL_WARN, "users stay as they were", "why=\"%s\"", why);
        return;
    }
    take_users(auth, users);
    log_event(LOG_LEVEL_INFO, "users read again", "file=\"%s\" users=%zu", auth->path,
              htpasswd_count(users));
    htpasswd_unref(users);
}

void
auth_stop(struct auth *auth)
{
    if (!auth->is_started)
        return;
    pthread_mutex_lock(&auth->lock);
    auth->is_stopping = true;
    pthread_cond_signal(&auth->changed);
    pthread_mutex_unlock(&auth->lock);
    pthread_join(auth->thread, NULL);
    auth->is_started = false;
}

void
auth_free(struct auth *auth)
{
    if (auth == NULL)
        return;
    auth_stop(auth);
    checks_fini(&auth->checks);
    htpasswd_unref(auth->users);
    pthread_cond_destroy(&auth->changed);
    pthread_mutex_destroy(&auth->lock);
    OPENSSL_cleanse(auth->secret, sizeof(auth->secret));
    free(auth->path);
    free(auth);
}

void
auth_figures(struct auth *auth, struct auth_figures *figures)
{
    pthread_mutex_lock(&auth->lock);
    *figures = (struct auth_figures){
        .hashed = auth->hashed,
        .waiting = auth->checks.waiting,
        .remembered = auth->checks.good_count + auth->checks.bad_count,
    };
    pthread_mutex_unlock(&auth->lock);
}

/* ---- workers ---- */

static void
digest_of(const struct auth *auth, const char *text, unsigned char *digest)
{
    unsigned size = CHECK_DIGEST_SIZE;

    if (HMAC(EVP_sha256(), auth->secret, sizeof(auth->secret), (const unsigned char *)text,
             strlen(text), digest, &size) == NULL)
        abort(); /* only for want of memory */
}

static struct auth_ask *
join(struct auth *auth, struct check *check, const struct auth_request *request)
{
    struct auth_ask *ask = xcalloc(1, sizeof(*ask));

    ask->letter.on_mail = on_mail;
    ask->auth = auth;
    ask->check = check;
    ask->mailbox = request->mailbox;
    ask->on_answer = request->on_answer;
    ask->arg = request->arg;
    LIST_INSERT_HEAD(&check->asks, ask, entry);
    return ask;
}

/* Under the lock. The same credentials are checked once, however many ask. */
static enum auth_verdict
look_up(struct auth *auth, const struct auth_request *request, const unsigned char *digest,
        struct auth_ask **ask)
{
    struct check *check = checks_find(&auth->checks, digest);

    if (check != NULL && check->state == CHECK_GOOD)
        return AUTH_GOOD;
    if (check != NULL && check->state == CHECK_BAD)
        return AUTH_BAD;
    if (check == NULL) {
        check = checks_queue(&auth->checks, digest, request->text, request->client,
                             auth->max_waiting);
        if (check == NULL)
            return AUTH_FULL;
        check->user_size = request->user_size;
        pthread_cond_signal(&auth->changed);
    }
    *ask = join(auth, check, request);
    return AUTH_WAITING;
}

enum auth_verdict
auth_ask(struct auth *auth, const struct auth_request *request, struct auth_ask **ask)
{
    unsigned char digest[CHECK_DIGEST_SIZE];
    enum auth_verdict verdict;

    digest_of(auth, request->text, digest);
    pthread_mutex_lock(&auth->lock);
    verdict = look_up(auth, request, digest, ask);
    pthread_mutex_unlock(&auth->lock);
    return verdict;
}

enum auth_verdict
auth_answer(const struct auth_ask *ask)
{
    return ask->is_answered ? ask->verdict : AUTH_WAITING;
}

/* Is it out of the thread's hands, or taken out of them now? */
static bool
withdraw(struct auth_ask *ask)
{
    struct auth *auth = ask->auth;
    struct check *check;

    if (ask->is_answered)
        return true;
    pthread_mutex_lock(&auth->lock);
    check = ask->check;
    if (check != NULL) {
        LIST_REMOVE(ask, entry);
        if (LIST_EMPTY(&check->asks) && check->state == CHECK_QUEUED)
            checks_drop(&auth->checks, check);
    }
    pthread_mutex_unlock(&auth->lock);
    return check != NULL;
}

void
auth_leave(struct auth_ask **owned)
{
    struct auth_ask *ask = *owned;

    *owned = NULL;
    if (ask == NULL)
        return;
    /* An answer that is on its way takes the ask along. */
    if (withdraw(ask))
        free(ask);
    else
        ask->on_answer = NULL;
}
