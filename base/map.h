#ifndef CARPOOL_BASE_MAP_H
#define CARPOOL_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A hash map of nodes that are embedded in their owners' objects. The map owns the slots, never
 * the objects. Hashes come from hash_bytes(); equality is always asked of the caller, in full.
 * Not locked: the owner's lock or thread guards it.
 *
 *     slots ─► node ─► node        the chain holds every node whose hash lands here
 */
struct map_node {
    struct map_node *next;
    uint64_t hash;
};

struct map {
    struct map_node **slots;
    size_t slot_count; /* a power of two, or 0 before the first insert */
    size_t size;
};

/* The object that embeds a node. */
#define MAP_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

typedef bool map_match(const struct map_node *node, const void *key);

/* Frees the slots. The map must be empty, or the nodes' owners freed elsewhere. */
void map_fini(struct map *map);

/* The node with this hash for which match says yes, or NULL. */
struct map_node *map_find(const struct map *map, uint64_t hash, map_match *match,
                          const void *key);

/* Adds a node whose hash is set. The caller made sure that no equal one is there. */
void map_insert(struct map *map, struct map_node *node);

/* Takes a node out that is in the map. */
void map_remove(struct map *map, struct map_node *node);

/* Calls visit for each node; visit may remove and free the node that it is given. */
void map_each(struct map *map, void (*visit)(struct map_node *node, void *arg), void *arg);

#endif
