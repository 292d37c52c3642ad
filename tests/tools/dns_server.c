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
 *     options   ttl=60 in seconds (default 60; of a negative answer: its SOA's), delay=100ms,
 *               times=2 (the line holds for the first two questions, then it is gone)
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

#define NAME_SIZE 256
#define LINE_COUNT 4096
#define LATER_COUNT 4096
#define TCP_COUNT 64
#define MESSAGE_SIZE 16384
#define UDP_SIZE 512 /* RFC 1035 §4.2.1; EDNS is not spoken */
#define CNAME_STEPS 8

enum type { TYPE_NONE, TYPE_A = 1, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_AAAA = 28 };

enum verdict {
    VERDICT_RECORD,
    VERDICT_NXDOMAIN,
    VERDICT_NODATA,
    VERDICT_SERVFAIL,
    VERDICT_REFUSED,
    VERDICT_SILENT,
    VERDICT_TRUNCATE,
    VERDICT_MALFORMED,
    VERDICT_COUNT
};

static const struct {
    const char *word;
    unsigned rcode;
} verdicts[VERDICT_COUNT] = {
    [VERDICT_RECORD] = {"-", 0},          [VERDICT_NXDOMAIN] = {"NXDOMAIN", 3},
    [VERDICT_NODATA] = {"NODATA", 0},     [VERDICT_SERVFAIL] = {"SERVFAIL", 2},
    [VERDICT_REFUSED] = {"REFUSED", 5},   [VERDICT_SILENT] = {"SILENT", 0},
    [VERDICT_TRUNCATE] = {"TRUNCATE", 0}, [VERDICT_MALFORMED] = {"MALFORMED", 0},
};

struct line {
    char name[NAME_SIZE];
    enum type type; /* TYPE_NONE: a verdict for every type */
    enum verdict verdict;
    unsigned char address[16];
    char target[NAME_SIZE]; /* of a CNAME */
    unsigned ttl_s;
    unsigned delay_ms;
    bool is_counted;
    unsigned times_left;
};

struct zone {
    struct line *lines;
    size_t count;
};

struct message {
    unsigned char bytes[MESSAGE_SIZE];
    size_t size;
};

struct question {
    char name[NAME_SIZE];
    unsigned type;
    bool is_tcp;
    size_t size; /* header and question section */
};

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

/* The zone */

static enum type
type_of(const char *word)
{
    if (strcmp(word, "A") == 0)
        return TYPE_A;
    if (strcmp(word, "AAAA") == 0)
        return TYPE_AAAA;
    return strcmp(word, "CNAME") == 0 ? TYPE_CNAME : TYPE_NONE;
}

static bool
parse_data(struct line *line, const char *word)
{
    for (enum verdict verdict = VERDICT_NXDOMAIN; verdict < VERDICT_COUNT; verdict++)
        if (strcmp(word, verdicts[verdict].word) == 0) {
            line->verdict = verdict;
            return true;
        }
    if (line->type == TYPE_CNAME)
        return snprintf(line->target, NAME_SIZE, "%s", word) < NAME_SIZE;
    if (line->type == TYPE_NONE)
        return false;
    return inet_pton(line->type == TYPE_A ? AF_INET : AF_INET6, word, line->address) == 1;
}

static bool
parse_option(struct line *line, const char *word)
{
    int end = 0;

    if (sscanf(word, "ttl=%u%n", &line->ttl_s, &end) == 1 && word[end] == '\0')
        return true;
    if (sscanf(word, "delay=%ums%n", &line->delay_ms, &end) == 1 && word[end] == '\0')
        return true;
    line->is_counted = true;
    return sscanf(word, "times=%u%n", &line->times_left, &end) == 1 && word[end] == '\0';
}

/* 1: a rule, 0: nothing on this line, -1: not understood. */
static int
parse_line(char *text, struct line *line)
{
    char *rest = NULL;
    char *word;

    text[strcspn(text, "#\r\n")] = '\0';
    word = strtok_r(text, " \t", &rest);
    if (word == NULL)
        return 0;
    memset(line, 0, sizeof(*line));
    line->ttl_s = 60;
    if (snprintf(line->name, NAME_SIZE, "%s", word) >= NAME_SIZE)
        return -1;
    word = strtok_r(NULL, " \t", &rest);
    if (word == NULL)
        return -1;
    line->type = type_of(word);
    if (line->type != TYPE_NONE)
        word = strtok_r(NULL, " \t", &rest);
    if (word == NULL || !parse_data(line, word))
        return -1;
    while ((word = strtok_r(NULL, " \t", &rest)) != NULL)
        if (!parse_option(line, word))
            return -1;
    return 1;
}

static bool
zone_read(const char *path, struct zone *zone)
{
    struct zone made = {calloc(LINE_COUNT, sizeof(struct line)), 0};
    FILE *file = fopen(path, "re");
    char text[1024];
    unsigned number = 0;
    bool is_good = file != NULL && made.lines != NULL;

    while (is_good && fgets(text, sizeof(text), file) != NULL) {
        int found = made.count < LINE_COUNT ? parse_line(text, &made.lines[made.count]) : -1;

        number++;
        made.count += found == 1;
        is_good = found >= 0;
    }
    if (file != NULL)
        fclose(file);
    if (!is_good) {
        fprintf(stderr, "dns_server: %s:%u: cannot be read\n", path, number);
        free(made.lines);
        return false;
    }
    free(zone->lines);
    *zone = made;
    return true;
}

/* How well a rule's name fits: 0 not at all, then default, wildcards by length, the name. */
static size_t
fit(const char *pattern, const char *name)
{
    size_t pattern_size = strlen(pattern);
    size_t name_size = strlen(name);

    if (strcmp(pattern, name) == 0)
        return NAME_SIZE;
    if (strcmp(pattern, "default") == 0)
        return 1;
    if (pattern[0] != '*' || name_size < pattern_size)
        return 0;
    return strcmp(name + name_size - (pattern_size - 1), pattern + 1) == 0 ? pattern_size : 0;
}

static const char *
best_pattern(const struct zone *zone, const char *name)
{
    const char *best = NULL;
    size_t best_fit = 0;

    for (size_t i = 0; i < zone->count; i++) {
        size_t how = fit(zone->lines[i].name, name);

        if (how > best_fit) {
            best_fit = how;
            best = zone->lines[i].name;
        }
    }
    return best;
}

/* Messages (RFC 1035 §4) */

static void
put(struct message *message, const void *bytes, size_t size)
{
    if (message->size + size > sizeof(message->bytes))
        die("answer too large");
    memcpy(message->bytes + message->size, bytes, size);
    message->size += size;
}

static void
put_number(struct message *message, uint32_t value, unsigned size)
{
    for (unsigned i = size; i-- > 0;) {
        unsigned char byte = (unsigned char)(value >> (8 * i));

        put(message, &byte, 1);
    }
}

static void
put_name(struct message *message, const char *name)
{
    while (*name != '\0') {
        size_t size = strcspn(name, ".");

        put_number(message, (uint32_t)size, 1);
        put(message, name, size);
        name += size;
        name += *name == '.';
    }
    put_number(message, 0, 1);
}

static void
count_record(struct message *message, unsigned section_at)
{
    unsigned count = (message->bytes[section_at] << 8 | message->bytes[section_at + 1]) + 1u;

    message->bytes[section_at] = (unsigned char)(count >> 8);
    message->bytes[section_at + 1] = (unsigned char)count;
}

static void
put_record_head(struct message *message, const char *name, enum type type, unsigned ttl_s)
{
    put_name(message, name);
    put_number(message, type, 2);
    put_number(message, 1, 2);
    put_number(message, ttl_s, 4);
}

static void
put_record(struct message *message, const char *name, const struct line *line)
{
    unsigned size = line->type == TYPE_A ? 4 : 16;

    put_record_head(message, name, line->type, line->ttl_s);
    if (line->type == TYPE_CNAME) {
        put_number(message, (uint32_t)strlen(line->target) + 2, 2);
        put_name(message, line->target);
    } else {
        put_number(message, size, 2);
        put(message, line->address, size);
    }
    count_record(message, 6);
}

/* The zone's own record, which tells how long a negative answer may be kept (RFC 2308 §3). */
static void
put_soa(struct message *message, unsigned ttl_s)
{
    put_record_head(message, "test", TYPE_SOA, ttl_s);
    put_number(message, 2 * 6 + 5 * 4, 2);
    put_name(message, "test");
    put_name(message, "test");
    for (unsigned i = 0; i < 4; i++)
        put_number(message, 3600, 4);
    put_number(message, ttl_s, 4);
    count_record(message, 8);
}

static bool
read_question(const unsigned char *bytes, size_t size, struct question *question)
{
    size_t at = 12;
    size_t out = 0;

    if (size < 12 || (bytes[2] & 0x80) != 0 || bytes[4] != 0 || bytes[5] != 1)
        return false;
    while (at < size && bytes[at] != 0) {
        size_t label = bytes[at++];

        if (label > 63 || at + label > size || out + label + 2 > NAME_SIZE)
            return false;
        if (out > 0)
            question->name[out++] = '.';
        for (size_t i = 0; i < label; i++, at++) {
            char letter = (char)bytes[at];

            question->name[out++] =
                letter >= 'A' && letter <= 'Z' ? (char)(letter + 32) : letter;
        }
    }
    question->name[out] = '\0';
    question->size = at + 5;
    if (question->size > size)
        return false;
    question->type = (unsigned)(bytes[at + 1] << 8 | bytes[at + 2]);
    return true;
}

/* Answers */

static bool
uses_up(struct line *line)
{
    if (!line->is_counted)
        return true;
    if (line->times_left == 0)
        return false;
    line->times_left--;
    return true;
}

/* Does this rule's verdict, if it is one, hold for the question? */
static bool
has_verdict(const struct line *line, const struct question *question)
{
    if (line->verdict == VERDICT_RECORD)
        return false;
    if (line->type != TYPE_NONE && line->type != question->type)
        return false;
    return line->verdict != VERDICT_TRUNCATE || !question->is_tcp;
}

/*
 * One step: adds what the zone says of name. Returns the next name when only an alias was
 * found. The verdict is RECORD when records were added, and the delay the longest of the lines
 * used.
 */
static const char *
answer_step(struct zone *zone, const char *name, const struct question *question,
            struct message *message, struct line *used)
{
    const char *pattern = best_pattern(zone, name);
    const char *next = NULL;

    used->verdict = pattern == NULL ? VERDICT_NXDOMAIN : VERDICT_NODATA;
    for (size_t i = 0; pattern != NULL && i < zone->count; i++) {
        struct line *line = &zone->lines[i];

        if (strcmp(line->name, pattern) != 0)
            continue;
        if (has_verdict(line, question) && uses_up(line)) {
            unsigned delay_ms = used->delay_ms;

            *used = *line;
            if (used->delay_ms < delay_ms)
                used->delay_ms = delay_ms;
            return NULL;
        }
        if (line->verdict != VERDICT_RECORD ||
            (line->type != question->type && line->type != TYPE_CNAME) || !uses_up(line))
            continue;
        put_record(message, name, line);
        if (line->delay_ms > used->delay_ms)
            used->delay_ms = line->delay_ms;
        used->verdict = VERDICT_RECORD;
        if (line->type == TYPE_CNAME && question->type != TYPE_CNAME)
            next = line->target;
    }
    return next;
}

static void
truncate_message(struct message *message, const struct question *question)
{
    message->size = question->size;
    memset(message->bytes + 6, 0, 6);
    message->bytes[2] |= 0x02;
}

/* Makes the answer in message; false when there is to be none. */
static bool
answer(struct zone *zone, const unsigned char *bytes, const struct question *question,
       struct message *message, unsigned *delay_ms)
{
    struct line used = {.ttl_s = 60};
    const char *name = question->name;

    message->size = 0;
    put(message, bytes, question->size);
    message->bytes[2] = (unsigned char)(0x84 | (bytes[2] & 0x01)); /* QR, AA, RD as asked */
    message->bytes[3] = 0x80;                                      /* RA */
    memset(message->bytes + 6, 0, 6);
    for (unsigned i = 0; i < CNAME_STEPS && name != NULL; i++)
        name = answer_step(zone, name, question, message, &used);
    *delay_ms = used.delay_ms;
    message->bytes[3] |= (unsigned char)verdicts[used.verdict].rcode;
    if (used.verdict == VERDICT_NXDOMAIN || used.verdict == VERDICT_NODATA)
        put_soa(message, used.ttl_s);
    if (used.verdict == VERDICT_MALFORMED) {
        message->bytes[7] = 5;
        put(message, "\xc0\xff\x3f???", 6);
    }
    if (used.verdict == VERDICT_TRUNCATE || (!question->is_tcp && message->size > UDP_SIZE))
        truncate_message(message, question);
    return used.verdict != VERDICT_SILENT;
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

    if (!read_question(bytes, size, &question))
        return;
    log_question(server, &question);
    if (!answer(&server->zone, bytes, &question, &message, &delay_ms))
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
    unsigned char bytes[MESSAGE_SIZE];
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
    unsigned char bytes[MESSAGE_SIZE];
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
