/*
 * A TLS origin that does on demand what others do when they like, for tests. One thread,
 * OpenSSL.
 *
 *     tls_origin CERTIFICATE KEY 1.2|1.3
 *
 * Prints "ready IPV4:PORT" and ends when its stdin closes. How a request is answered:
 *
 *     /cut      a body that the end of the connection ends: FIN, and no close_notify
 *     /whole    the same one, with close_notify, and no FIN until the other side closes
 *     /short    less than the Content-Length, then close_notify
 *     /echo     101 Switching Protocols, and from there on everything comes back
 *     /pour     a body without end, before the request's has come
 *     /late     like others, but half a ticket comes first, and all else with "rest"
 *     others    "connection N request M", and the connection stays
 *
 * Each line on stdin is done to every connection that is open; then it prints "did N", how many
 * these were:
 *
 *     ticket    sends one more session ticket (TLS 1.3)
 *     half      sends the first records of a session ticket of several (TLS 1.3)
 *     rest      … and the others
 *     update    changes its keys and asks for other ones of the other side's (TLS 1.3)
 *     noise     sends an answer that nobody asked for
 *     notify    sends close_notify, and no FIN
 *     cut       sends a FIN, and no close_notify
 *     reset     sends a RST
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/tools/tool.h"

#define PEERS 64
#define HEAD_SIZE 4096
#define BODY "all of it, or is it?"

struct peer {
    SSL *tls; /* NULL: free */
    unsigned number;
    unsigned served;
    bool is_echo;
    bool is_pouring; /* and reads no more */
    BIO *held;       /* what "half" held back; NULL: nothing */
    char head[HEAD_SIZE + 1];
    size_t head_size;
};

struct origin {
    SSL_CTX *context;
    int listener;
    unsigned accepted;
    struct peer peers[PEERS];
};

/* ---- one connection ---- */

/* Without a word, which SSL_free() would not say either. */
static void
peer_end(struct peer *peer)
{
    close(SSL_get_fd(peer->tls));
    SSL_free(peer->tls);
    BIO_free(peer->held);
    *peer = (struct peer){0};
}

static void
peer_reset(struct peer *peer)
{
    tool_reset(SSL_get_fd(peer->tls));
    SSL_free(peer->tls);
    BIO_free(peer->held);
    *peer = (struct peer){0};
}

/* All of it; what the socket does not take is waited for. */
static void
peer_say(struct peer *peer, const char *bytes, size_t size)
{
    struct pollfd room = {.fd = SSL_get_fd(peer->tls), .events = POLLOUT};

    ERR_clear_error();
    while (SSL_write(peer->tls, bytes, (int)size) <= 0) {
        if (SSL_get_error(peer->tls, -1) != SSL_ERROR_WANT_WRITE)
            return; /* it is gone, which reading will tell */
        poll(&room, 1, -1);
    }
}

static void
peer_say_text(struct peer *peer, const char *text)
{
    peer_say(peer, text, strlen(text));
}

/* What is held back goes out, but for its last so many bytes. */
static void
peer_release(struct peer *peer, size_t but)
{
    char bytes[2048];
    size_t size = BIO_ctrl_pending(peer->held) - but;

    if (BIO_read(peer->held, bytes, (int)size) != (int)size ||
        write(SSL_get_fd(peer->tls), bytes, size) != (ssize_t)size)
        errx(2, "a ticket of %zu bytes does not go out", size);
}

/* A ticket that takes several records, and what follows it; only the first record is sent. */
static void
peer_half(struct peer *peer, const char *follows)
{
    BIO *socket = SSL_get_wbio(peer->tls);

    peer->held = BIO_new(BIO_s_mem());
    BIO_up_ref(socket);
    BIO_up_ref(peer->held);
    SSL_set0_wbio(peer->tls, peer->held);
    SSL_set_max_send_fragment(peer->tls, 512);
    SSL_new_session_ticket(peer->tls);
    SSL_do_handshake(peer->tls);
    SSL_set_max_send_fragment(peer->tls, SSL3_RT_MAX_PLAIN_LENGTH);
    if (follows[0] != '\0')
        peer_say_text(peer, follows);
    SSL_set0_wbio(peer->tls, socket);
    /* A record's head, its type and its tag add 22 bytes. */
    peer_release(peer, BIO_ctrl_pending(peer->held) - 512 - 22);
}

static void
peer_rest(struct peer *peer)
{
    if (peer->held == NULL)
        return;
    peer_release(peer, 0);
    BIO_free(peer->held);
    peer->held = NULL;
}

static void
peer_answer(struct peer *peer, const char *path)
{
    char body[64];
    char answer[160];

    if (strncmp(path, "/cut ", 5) == 0) {
        peer_say_text(peer, "HTTP/1.1 200 OK\r\n\r\n" BODY);
        shutdown(SSL_get_fd(peer->tls), SHUT_WR);
    } else if (strncmp(path, "/whole ", 7) == 0) {
        peer_say_text(peer, "HTTP/1.1 200 OK\r\n\r\n" BODY);
        SSL_shutdown(peer->tls);
    } else if (strncmp(path, "/short ", 7) == 0) {
        peer_say_text(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" BODY);
        SSL_shutdown(peer->tls);
    } else if (strncmp(path, "/echo ", 6) == 0) {
        peer->is_echo = true;
        peer_say_text(peer, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                            "Upgrade: websocket\r\n\r\n");
    } else if (strncmp(path, "/pour ", 6) == 0) {
        peer->is_pouring = true;
        peer_say_text(peer, "HTTP/1.1 200 OK\r\n\r\n");
    } else {
        int size = snprintf(body, sizeof(body), "connection %u request %u", peer->number,
                            ++peer->served);

        snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s",
                 size, body);
        if (strncmp(path, "/late ", 6) == 0)
            peer_half(peer, answer);
        else
            peer_say_text(peer, answer);
    }
}

/* Requests have no body, or their connection serves no other one. */
static void
peer_take(struct peer *peer)
{
    char *path;

    peer->head[peer->head_size] = '\0';
    if (strstr(peer->head, "\r\n\r\n") == NULL)
        return;
    peer->head_size = 0;
    path = strchr(peer->head, ' ');
    peer_answer(peer, path != NULL ? path + 1 : "");
}

static void
peer_read(struct peer *peer)
{
    int got;

    ERR_clear_error();
    while ((got = SSL_read(peer->tls, peer->head + peer->head_size,
                           (int)(HEAD_SIZE - peer->head_size))) > 0) {
        if (peer->is_echo) {
            peer_say(peer, peer->head, (size_t)got);
            continue;
        }
        peer->head_size += (size_t)got;
        peer_take(peer);
        if (peer->is_pouring)
            return;
    }
    switch (SSL_get_error(peer->tls, got)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return;
    case SSL_ERROR_ZERO_RETURN:
        SSL_shutdown(peer->tls);
        break;
    default:
        break;
    }
    peer_end(peer);
}

/* As much as the socket takes now. */
static void
peer_pour(struct peer *peer)
{
    static const char much[16384];
    int result;

    ERR_clear_error();
    do
        result = SSL_write(peer->tls, much, sizeof(much));
    while (result > 0);
    if (SSL_get_error(peer->tls, result) != SSL_ERROR_WANT_WRITE)
        peer_end(peer);
}

static void
peer_serve(struct peer *peer)
{
    if (peer->is_pouring)
        peer_pour(peer);
    else
        peer_read(peer);
}

static void
peer_obey(struct peer *peer, const char *order)
{
    if (strcmp(order, "ticket\n") == 0)
        SSL_new_session_ticket(peer->tls);
    else if (strcmp(order, "half\n") == 0)
        peer_half(peer, "");
    else if (strcmp(order, "rest\n") == 0)
        peer_rest(peer);
    else if (strcmp(order, "update\n") == 0)
        SSL_key_update(peer->tls, SSL_KEY_UPDATE_REQUESTED);
    else if (strcmp(order, "noise\n") == 0)
        peer_say_text(peer, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen");
    else if (strcmp(order, "notify\n") == 0)
        SSL_shutdown(peer->tls);
    else if (strcmp(order, "cut\n") == 0)
        shutdown(SSL_get_fd(peer->tls), SHUT_WR);
    else if (strcmp(order, "reset\n") == 0)
        peer_reset(peer);
    else
        errx(2, "no such order: %s", order);
    if (peer->tls != NULL)
        SSL_do_handshake(peer->tls); /* sends what waits behind it, if anything does */
}

/* ---- all of them ---- */

/* What a ticket carries, so that it takes more than one small record. */
static int
on_new_ticket(SSL *tls, void *arg)
{
    static const char much[1000];

    (void)arg;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(tls), much, sizeof(much));
}

static void
on_order(struct origin *origin)
{
    char order[32];
    unsigned count = 0;

    if (fgets(order, sizeof(order), stdin) == NULL)
        exit(0);
    for (struct peer *peer = origin->peers; peer < origin->peers + PEERS; peer++) {
        if (peer->tls == NULL)
            continue;
        peer_obey(peer, order);
        count++;
    }
    printf("did %u\n", count);
    fflush(stdout);
}

static void
on_connection(struct origin *origin)
{
    int fd = accept4(origin->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct peer *peer = origin->peers;

    if (fd == -1)
        return;
    while (peer->tls != NULL)
        if (++peer == origin->peers + PEERS)
            errx(2, "more than %d connections", PEERS);
    *peer = (struct peer){.tls = SSL_new(origin->context), .number = ++origin->accepted};
    if (peer->tls == NULL || SSL_set_fd(peer->tls, fd) != 1)
        errx(2, "no memory");
    SSL_set_accept_state(peer->tls);
}

static void
serve(struct origin *origin)
{
    struct pollfd polled[PEERS + 2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                       {.fd = origin->listener, .events = POLLIN}};

    for (;;) {
        for (unsigned i = 0; i < PEERS; i++) {
            const struct peer *peer = &origin->peers[i];

            polled[i + 2] =
                (struct pollfd){.fd = peer->tls != NULL ? SSL_get_fd(peer->tls) : -1,
                                .events = peer->is_pouring ? POLLOUT : POLLIN};
        }
        if (poll(polled, PEERS + 2, -1) == -1 && errno != EINTR)
            errx(2, "poll: %s", strerror(errno));
        for (unsigned i = 0; i < PEERS; i++)
            if (polled[i + 2].revents != 0)
                peer_serve(&origin->peers[i]);
        if (polled[1].revents != 0)
            on_connection(origin);
        if (polled[0].revents != 0)
            on_order(origin);
    }
}

int
main(int argc, char **argv)
{
    struct origin origin = {.context = SSL_CTX_new(TLS_server_method())};
    struct sockaddr_in address = tool_address("127.0.0.1:0", true);
    int version = TLS1_3_VERSION;

    if (argc != 4 || (strcmp(argv[3], "1.2") != 0 && strcmp(argv[3], "1.3") != 0))
        errx(2, "usage: tls_origin CERTIFICATE KEY 1.2|1.3");
    if (strcmp(argv[3], "1.2") == 0)
        version = TLS1_2_VERSION;
    if (origin.context == NULL ||
        SSL_CTX_use_certificate_chain_file(origin.context, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(origin.context, argv[2], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_set_min_proto_version(origin.context, version) != 1 ||
        SSL_CTX_set_max_proto_version(origin.context, version) != 1)
        errx(2, "cannot use %s with %s", argv[1], argv[2]);
    SSL_CTX_set_session_ticket_cb(origin.context, on_new_ticket, NULL, NULL);
    setvbuf(stdin, NULL, _IONBF, 0); /* poll() sees what is left */
    signal(SIGPIPE, SIG_IGN);
    origin.listener = tool_listen(&address, PEERS);
    tool_say_ready(&address);
    serve(&origin);
}
