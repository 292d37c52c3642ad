/*
 * hosts(5) in memory. Reading a changed file blocks its worker for as long as the file is long;
 * that happens once per change, never per lookup. One thread.
 */
#include "dns/hosts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "dns/name.h"
#include "dns/order.h"

#define LOOK_EVERY_MS 1000

/* Lists of blocked names run to a few hundred thousand lines; past this it is no hosts file. */
#define NAMES_MOST 2000000

/* One line's address for one name; names with several lines have several, in their order. */
struct host_row {
    struct host_row *next;
    struct address address;
};

struct host {
    struct map_node node;
    struct host_row first;
    struct host_row **last;
    size_t name_size;
    char name[];
};

static bool
is_host(const struct map_node *node, const void *key)
{
    const struct host *host = MAP_OWNER(node, struct host, node);

    return slice_equal((struct slice){host->name, host->name_size}, *(const struct slice *)key);
}

static struct host *
hosts_host(const struct hosts *hosts, struct slice name)
{
    struct map_node *node =
        map_find(&hosts->names, hash_bytes(name.data, name.size), is_host, &name);

    return node != NULL ? MAP_OWNER(node, struct host, node) : NULL;
}

static void
hosts_add(struct hosts *hosts, const struct name *name, const struct address *address)
{
    struct slice text = {name->text, name->size};
    struct host *host = hosts_host(hosts, text);
    struct host_row *row;

    if (host != NULL) {
        row = xcalloc(1, sizeof(*row));
        row->address = *address;
        *host->last = row;
        host->last = &row->next;
        return;
    }
    if (hosts->names.size >= NAMES_MOST)
        return;
    host = xcalloc(1, sizeof(*host) + text.size);
    memcpy(host->name, text.data, text.size);
    host->name_size = text.size;
    host->first.address = *address;
    host->last = &host->first.next;
    host->node.hash = hash_bytes(text.data, text.size);
    map_insert(&hosts->names, &host->node);
}

/* "address name alias… # comment"; a line or name that cannot be read is passed over. */
static void
hosts_read_line(struct hosts *hosts, char *line)
{
    struct address address;
    struct name name;
    char *rest = NULL;
    char *word;

    line[strcspn(line, "#\r\n")] = '\0';
    word = strtok_r(line, " \t", &rest);
    if (word == NULL || address_parse_ip(slice_of(word), 0, &address) != ERR_OK)
        return;
    while ((word = strtok_r(NULL, " \t", &rest)) != NULL)
        if (name_read(slice_of(word), &name) == ERR_OK)
            hosts_add(hosts, &name, &address);
}

static void
host_free(struct map_node *node, void *arg)
{
    struct host *host = MAP_OWNER(node, struct host, node);
    struct hosts *hosts = arg;

    map_remove(&hosts->names, node);
    while (host->first.next != NULL) {
        struct host_row *row = host->first.next;

        host->first.next = row->next;
        free(row);
    }
    free(host);
}

static void
hosts_forget(struct hosts *hosts)
{
    map_each(&hosts->names, host_free, hosts);
    map_fini(&hosts->names);
}

static void
hosts_read(struct hosts *hosts)
{
    FILE *file = fopen(hosts->path, "re");
    size_t size = 0;
    char *line = NULL;

    /* What has no descriptor now is no other file: what it said holds until it can be read. */
    if (file == NULL && err_from_errno(errno) == ERR_NO_DESCRIPTORS) {
        hosts->stamp.is_there = false;
        return;
    }
    hosts_forget(hosts);
    if (file == NULL) {
        if (errno != ENOENT)
            log_event(LOG_LEVEL_WARN, "hosts file not read", "file=%s err=%s", hosts->path,
                      err_word(err_from_errno(errno)));
        return;
    }
    while (getline(&line, &size, file) != -1)
        hosts_read_line(hosts, line);
    free(line);
    fclose(file);
    log_event(LOG_LEVEL_DEBUG, "hosts file read", "file=%s names=%zu", hosts->path,
              hosts->names.size);
}

void
hosts_init(struct hosts *hosts, const char *path)
{
    *hosts = (struct hosts){.path = path != NULL && path[0] != '\0' ? path : NULL};
}

void
hosts_fini(struct hosts *hosts)
{
    hosts_forget(hosts);
}

struct answer *
hosts_find(struct hosts *hosts, struct slice name, enum dns_family family)
{
    struct family_list v6 = {.count = 0};
    struct family_list v4 = {.count = 0};
    struct host *host;

    if (hosts->path == NULL)
        return NULL;
    if (file_stamp_changed(&hosts->stamp, hosts->path, LOOK_EVERY_MS))
        hosts_read(hosts);
    host = hosts_host(hosts, name);
    if (host == NULL)
        return NULL;
    for (struct host_row *row = &host->first; row != NULL; row = row->next) {
        bool is_v4 = row->address.any.sa_family == AF_INET;

        if (family == DNS_ANY || (family == DNS_IPV4) == is_v4)
            family_add(is_v4 ? &v4 : &v6, &row->address);
    }
    return order_answer(&v6, &v4);
}
