/*
 * One request over one connection, for carpool's own commands: they run in a process of their
 * own.
 */
#include "proxy/http_ask.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/bind_unix.h"

struct url {
    struct slice authority; /* as written, for the Host field */
    struct slice path;
    char host[256];
    char port[8];
};

/* "HOST", "HOST:PORT", "[::1]:PORT"; the port's digits are getaddrinfo()'s to check. */
static enum err
split_authority(struct slice authority, struct url *url)
{
    const char *colon = memrchr(authority.data, ':', authority.size);
    struct slice host = authority;
    struct slice port = SLICE("80");

    if (colon != NULL && memchr(colon, ']', authority.data + authority.size - colon) == NULL) {
        host.size = (size_t)(colon - authority.data);
        port = (struct slice){colon + 1, authority.size - host.size - 1};
    }
    if (host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']')
        host = (struct slice){host.data + 1, host.size - 2};
    if (host.size == 0 || !slice_copy(host, url->host, sizeof(url->host)) ||
        !slice_copy(port, url->port, sizeof(url->port)))
        return ERR_SYNTAX;
    return ERR_OK;
}

static enum err
split_url(const char *text, struct url *url)
{
    static const char scheme[] = "http://";
    size_t size;

    if (strncmp(text, scheme, sizeof(scheme) - 1) != 0)
        return ERR_SYNTAX;
    text += sizeof(scheme) - 1;
    size = strcspn(text, "/");
    url->authority = (struct slice){text, size};
    url->path = text[size] == '/' ? slice_of(text + size) : SLICE("/");
    return split_authority(url->authority, url);
}

/* The first of the host's addresses that takes a connection. */
static enum err
connect_to(const struct url *url, int *fd)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list;
    enum err err = ERR_DNS_NOT_FOUND;

    if (getaddrinfo(url->host, url->port, &hints, &list) != 0)
        return err;
    for (struct addrinfo *one = list; one != NULL && err != ERR_OK; one = one->ai_next) {
        int made = socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (made != -1 && connect(made, one->ai_addr, one->ai_addrlen) == 0) {
            *fd = made;
            err = ERR_OK;
            continue;
        }
        err = err_from_errno(errno);
        if (made != -1)
            close(made);
    }
    freeaddrinfo(list);
    return err;
}

static enum err
send_request(int fd, const struct http_question *question, const struct url *url)
{
    struct buf request;
    struct slice bytes;
    ssize_t sent;
    enum err err;

    buf_init(&request, 4096);
    err = buf_printf(&request, "%s %.*s HTTP/1.0\r\nHost: %.*s\r\n%s\r\n", question->method,
                     SLICE_ARGS(url->path), SLICE_ARGS(url->authority),
                     question->fields != NULL ? question->fields : "");
    bytes = buf_bytes(&request);
    /* Fits into an empty socket buffer, so a blocking send takes all of it. */
    if (err == ERR_OK) {
        sent = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent == -1)
            err = err_from_errno(errno);
        else if ((size_t)sent != bytes.size)
            err = ERR_IO;
    }
    buf_reset(&request);
    return err;
}

static enum err
read_answer(int fd, struct buf *bytes)
{
    char *space;
    ssize_t size;
    enum err err;

    do {
        err = buf_space(bytes, 16384, &space);
        if (err != ERR_OK)
            return err;
        size = recv(fd, space, 16384, 0);
        if (size == -1 && errno != EINTR)
            return err_from_errno(errno);
        if (size > 0)
            buf_grew(bytes, (size_t)size);
    } while (size != 0);
    return ERR_OK;
}

static enum err
split_answer(struct http_got *got)
{
    struct slice bytes = buf_bytes(&got->bytes);
    const char *end = memmem(bytes.data, bytes.size, "\r\n\r\n", 4);
    uint64_t status;

    if (end == NULL || memcmp(bytes.data, "HTTP/1.", 7) != 0)
        return ERR_SYNTAX;
    if (bytes.size < 12 ||
        slice_to_number((struct slice){bytes.data + 9, 3}, 999, &status) != ERR_OK)
        return ERR_SYNTAX;
    got->status = (unsigned)status;
    got->body.data = end + 4;
    got->body.size = bytes.size - (size_t)(end + 4 - bytes.data);
    return ERR_OK;
}

enum err
http_ask(const struct http_question *question, size_t at_most, struct http_got *got)
{
    struct http_got made = {.status = 0};
    struct url parts;
    int fd = -1;
    enum err err;

    buf_init(&made.bytes, at_most);
    err = split_url(question->url, &parts);
    if (err == ERR_OK)
        err = question->socket_path != NULL ? connect_unix(question->socket_path, &fd)
                                            : connect_to(&parts, &fd);
    if (err == ERR_OK)
        err = send_request(fd, question, &parts);
    if (err == ERR_OK)
        err = read_answer(fd, &made.bytes);
    if (err == ERR_OK)
        err = split_answer(&made);
    if (fd != -1)
        close(fd);
    if (err == ERR_OK)
        *got = made;
    else
        buf_reset(&made.bytes);
    return err;
}
