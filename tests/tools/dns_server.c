/*
 * A scripted name server for tests: UDP and TCP on one loopback port, answers from a zone file.
 * One thread, one poll loop, libc only.
 *
 *     dns_server [--listen 127.0.0.1:0] [--zone FILE] [--log FILE]
 *
 * Prints "ready 127.0.0.1:PORT" on stdout once both sockets are bound. Ends when its stdin
 * closes (so it dies with the test that started it; do not give it /dev/null) or on SIGTERM.
 * SIGHUP reads the zone again and prints "reread"; a zone that cannot be read then is kept as
 * it was. Each question is one line "question NAME TYPE udp|tcp", on stdout, which must then be
 * read, or in the file that --log names.
 *
 * The zone, one line per rule, # begins a comment:
 *
 *     NAME TYPE DATA [option]…      a record; several lines make several records
 *     NAME [TYPE] VERDICT [option]… what questions for the name (and type) get instead
 *
 *     NAME      o.test, or *.many.test for every name below many.test, or default for every
 * name that has no line of its own. Without a default such names do not exist. TYPE      A,
 * AAAA or CNAME; a CNAME is followed inside the zone, 8 steps at most VERDICT   NXDOMAIN  no
 * such name; with an SOA in the authority section NODATA    the name has no such record; with
 * an SOA. Also what a name with lines, but none of the asked type, gets. SERVFAIL, REFUSED
 *               SILENT    no answer at all
 *               TRUNCATE  over UDP an empty answer with TC set; over TCP the name's records
 *               MALFORMED a header that promises records, followed by rubbish
 *               WRONG_ID, WRONG_NAME  127.0.0.1, in the answer to a question that was not asked
 *               LOOP      a record whose name is a pointer to itself
 *               CUT       a record that the message ends in the middle of
 *               MANY      2,000 addresses (127.2.0.0 and on), as many as a message of 64 KiB
 * holds of AAAA options   ttl=60 in seconds (default 60; of a negative answer: its SOA's),
 * delay=100ms, times=2 (the line holds for the first two questions, then it is gone)
 *
 *     o.test A 127.0.0.1 ttl=1
 *     o.test AAAA ::1 delay=100ms
 *     flaky.test SILENT times=1
 *     flaky.test A 127.0.0.1
 *     half.test A 127.0.0.1
 *     half.test AAAA SERVFAIL
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/tools/dns_message.h"

#define LATER_COUNT 4096
#define TCP_COUNT 64

/* An answer that waits for its delay. */
struct later {
    uint64_t due_ms;
    struct sockaddr_in to;
    int tcp_fd; /* -1: UDP */
    unsigned char *bytes;
    size_t size;
};

struct server {
    int udp_fd;
    int listen_fd;
    int signal_fd;
    int tcp_fds[TCP_COUNT];
    size_t tcp_count;
    const char *zone_path;
    struct zone zone;
    FILE *log;
    struct later later[LATER_COUNT];
    size_t later_count;
};

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("dns_server: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

static uint64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void
log_question(struct server *server, const struct question *question)
{
    char number[16];
    const char *type = number;

    if (question->type == TYPE_A)
        type = "A";
    else if (question->type == TYPE_AAAA)
        type = "AAAA";
    else
        snprintf(number, sizeof(number), "TYPE%u", question->type);
    fprintf(server->log, "question %s %s %s\n", question->name, type,
            question->is_tcp ? "tcp" : "udp");
    fflush(server->log);
}

static void
send_answer(struct server *server, const struct later *later)
{
    unsigned char prefix[2] = {(unsigned char)(later->size >> 8), (unsigned char)later->size};

    /* An asker that has gone is no failure of ours. */
    if (later->tcp_fd == -1) {
        sendto(server->udp_fd, later->bytes, later->size, 0,
               (const struct sockaddr *)&later->to, sizeof(later->to));
        return;
    }
    if (send(later->tcp_fd, prefix, 2, MSG_NOSIGNAL | MSG_MORE) == 2)
        (void)send(later->tcp_fd, later->bytes, later->size, MSG_NOSIGNAL);
}

static void
on_question(struct server *server, const unsigned char *bytes, size_t size,
            const struct sockaddr_in *from, int tcp_fd)
{
    static struct message message;
    struct question question = {.is_tcp = tcp_fd != -1};
    struct later later = {.tcp_fd = tcp_fd, .to = *from};
    unsigned delay_ms;

    if (!question_read(bytes, size, &question))
        return;
    log_question(server, &question);
    if (!answer_make(&server->zone, bytes, &question, &message, &delay_ms))
        return;
    later.bytes = message.bytes;
    later.size = message.size;
    if (delay_ms == 0) {
        send_answer(server, &later);
        return;
    }
    if (server->later_count == LATER_COUNT)
        die("too many delayed answers");
    later.due_ms = now_ms() + delay_ms;
    later.bytes = malloc(message.size);
    if (later.bytes == NULL)
        die("out of memory");
    memcpy(later.bytes, message.bytes, message.size);
    server->later[server->later_count++] = later;
}

/* Sends what is due; returns how long poll may wait for the next, -1 for no limit. */
static int
send_due(struct server *server)
{
    uint64_t now = now_ms();
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < server->later_count;) {
        struct later *later = &server->later[i];

        if (later->due_ms > now) {
            next = later->due_ms < next ? later->due_ms : next;
            i++;
            continue;
        }
        send_answer(server, later);
        free(later->bytes);
        *later = server->later[--server->later_count];
    }
    return next == UINT64_MAX ? -1 : (int)(next - now);
}

/* Sockets */

static void
on_udp(struct server *server)
{
    unsigned char bytes[DNS_MESSAGE_SIZE];
    struct sockaddr_in from;
    socklen_t from_size = sizeof(from);
    ssize_t size = recvfrom(server->udp_fd, bytes, sizeof(bytes), MSG_DONTWAIT,
                            (struct sockaddr *)&from, &from_size);

    if (size > 0)
        on_question(server, bytes, (size_t)size, &from, -1);
}

static void
on_tcp_client(struct server *server)
{
    int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd == -1)
        return;
    if (server->tcp_count == TCP_COUNT)
        close(fd);
    else
        server->tcp_fds[server->tcp_count++] = fd;
}

/* False when the asker has closed. Its questions are small and written whole. */
static bool
on_tcp(struct server *server, int fd)
{
    static const struct sockaddr_in nobody;
    unsigned char bytes[DNS_MESSAGE_SIZE];
    size_t size;

    if (recv(fd, bytes, 2, MSG_WAITALL) != 2)
        return false;
    size = (size_t)(bytes[0] << 8 | bytes[1]);
    if (size > sizeof(bytes) || recv(fd, bytes, size, MSG_WAITALL) != (ssize_t)size)
        return false;
    on_question(server, bytes, size, &nobody, fd);
    return true;
}

static void
tcp_close(struct server *server, size_t index)
{
    int fd = server->tcp_fds[index];

    for (size_t i = 0; i < server->later_count;)
        if (server->later[i].tcp_fd == fd) {
            free(server->later[i].bytes);
            server->later[i] = server->later[--server->later_count];
        } else {
            i++;
        }
    close(fd);
    server->tcp_fds[index] = server->tcp_fds[--server->tcp_count];
}

/* UDP and TCP on the same port; where the system picks it, TCP may find it taken. */
static void
bind_both(struct server *server, struct sockaddr_in *at)
{
    bool is_picked = at->sin_port == 0;
    socklen_t size = sizeof(*at);
    int one = 1;

    for (unsigned tries = 0; tries < 20; tries++) {
        server->udp_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        setsockopt(server->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(server->udp_fd, (struct sockaddr *)at, size) == 0 &&
            getsockname(server->udp_fd, (struct sockaddr *)at, &size) == 0 &&
            bind(server->listen_fd, (struct sockaddr *)at, size) == 0 &&
            listen(server->listen_fd, TCP_COUNT) == 0)
            return;
        if (!is_picked)
            break;
        close(server->udp_fd);
        close(server->listen_fd);
        at->sin_port = 0;
    }
    die("cannot bind: %s", strerror(errno));
}

static bool
on_signal(struct server *server)
{
    struct signalfd_siginfo info;

    if (read(server->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return true;
    if (info.ssi_signo == SIGTERM)
        return false;
    if (server->zone_path != NULL && zone_read(server->zone_path, &server->zone)) {
        puts("reread");
        fflush(stdout);
    }
    return true;
}

static bool
stdin_is_closed(void)
{
    char byte[64];

    return read(STDIN_FILENO, byte, sizeof(byte)) <= 0;
}

static void
serve(struct server *server)
{
    enum { STDIN, SIGNAL, UDP, LISTEN, FIXED };
    struct pollfd polled[FIXED + TCP_COUNT];

    for (;;) {
        int wait_ms = send_due(server);
        size_t tcp_count = server->tcp_count;

        polled[STDIN] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
        polled[SIGNAL] = (struct pollfd){.fd = server->signal_fd, .events = POLLIN};
        polled[UDP] = (struct pollfd){.fd = server->udp_fd, .events = POLLIN};
        polled[LISTEN] = (struct pollfd){.fd = server->listen_fd, .events = POLLIN};
        for (size_t i = 0; i < tcp_count; i++)
            polled[FIXED + i] = (struct pollfd){.fd = server->tcp_fds[i], .events = POLLIN};
        if (poll(polled, FIXED + tcp_count, wait_ms) == -1)
            die("poll: %s", strerror(errno));
        if (polled[STDIN].revents != 0 && stdin_is_closed())
            return;
        if (polled[SIGNAL].revents != 0 && !on_signal(server))
            return;
        if (polled[UDP].revents != 0)
            on_udp(server);
        for (size_t i = tcp_count; i-- > 0;)
            if (polled[FIXED + i].revents != 0 && !on_tcp(server, polled[FIXED + i].fd))
                tcp_close(server, i);
        if (polled[LISTEN].revents != 0)
            on_tcp_client(server);
    }
}

static void
parse_listen(const char *text, struct sockaddr_in *at)
{
    char ip[64];
    unsigned port;

    if (sscanf(text, "%63[0-9.]:%u", ip, &port) != 2 || port > UINT16_MAX ||
        inet_pton(AF_INET, ip, &at->sin_addr) != 1)
        die("--listen wants ADDR:PORT");
    at->sin_port = htons((uint16_t)port);
}

static void
parse_arguments(int count, char **words, struct server *server, struct sockaddr_in *at)
{
    for (int i = 1; i < count; i++) {
        const char *value = i + 1 < count ? words[i + 1] : NULL;

        if (value == NULL)
            die("usage: dns_server [--listen ADDR:PORT] [--zone FILE] [--log FILE]");
        if (strcmp(words[i], "--listen") == 0)
            parse_listen(value, at);
        else if (strcmp(words[i], "--zone") == 0)
            server->zone_path = value;
        else if (strcmp(words[i], "--log") == 0)
            server->log = fopen(value, "ae");
        else
            die("%s is not understood", words[i]);
        if (server->log == NULL)
            die("%s: %s", value, strerror(errno));
        i++;
    }
}

int
main(int count, char **words)
{
    static struct server server;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    sigset_t signals;

    server.log = stdout;
    parse_arguments(count, words, &server, &at);
    if (server.zone_path != NULL && !zone_read(server.zone_path, &server.zone))
        return 2;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    server.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    if (server.signal_fd == -1)
        die("signalfd: %s", strerror(errno));
    bind_both(&server, &at);
    printf("ready %s:%u\n", inet_ntoa(at.sin_addr), ntohs(at.sin_port));
    fflush(stdout);
    serve(&server);
    free(server.zone.lines);
    return 0;
}
