/*
 * Chained hash map that grows and shrinks by doubling. Under its owner's lock or thread.
 */
#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#define MAP_LEAST_SLOTS 8

static struct map_node **
map_slot(const struct map *map, uint64_t hash)
{
    return &map->slots[hash & (map->slot_count - 1)];
}

static void
map_resize(struct map *map, size_t slot_count)
{
    struct map old = *map;

    map->slots = xcalloc(slot_count, sizeof(struct map_node *));
    map->slot_count = slot_count;
    for (size_t i = 0; i < old.slot_count; i++) {
        struct map_node *node = old.slots[i];

        while (node != NULL) {
            struct map_node *next = node->next;
            struct map_node **slot = map_slot(map, node->hash);

            node->next = *slot;
            *slot = node;
            node = next;
        }
    }
    free(old.slots);
}

void
map_fini(struct map *map)
{
    free(map->slots);
    *map = (struct map){0};
}

struct map_node *
map_find(const struct map *map, uint64_t hash, map_match *match, const void *key)
{
    if (map->size == 0)
        return NULL;
    for (struct map_node *node = *map_slot(map, hash); node != NULL; node = node->next)
        if (node->hash == hash && match(node, key))
            return node;
    return NULL;
}

void
map_insert(struct map *map, struct map_node *node)
{
    struct map_node **slot;

    if (map->size >= map->slot_count)
        map_resize(map, map->slot_count == 0 ? MAP_LEAST_SLOTS : map->slot_count * 2);
    slot = map_slot(map, node->hash);
    node->next = *slot;
    *slot = node;
    map->size++;
}

void
map_remove(struct map *map, struct map_node *node)
{
    struct map_node **link = map_slot(map, node->hash);

    while (*link != node) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    map->size--;
    /* Memory follows what the map holds: a crawl's peak must not stay for ever. */
    if (map->slot_count > MAP_LEAST_SLOTS && map->size < map->slot_count / 8)
        map_resize(map, map->slot_count / 2);
}

void
map_each(struct map *map, void (*visit)(struct map_node *node, void *arg), void *arg)
{
    struct map_node **nodes;
    size_t count = 0;

    if (map->size == 0)
        return;
    /* A copy of the list, since a visitor's removal may resize the slots. */
    nodes = xcalloc(map->size, sizeof(struct map_node *));
    for (size_t i = 0; i < map->slot_count; i++)
        for (struct map_node *node = map->slots[i]; node != NULL; node = node->next)
            nodes[count++] = node;
    for (size_t i = 0; i < count; i++)
        visit(nodes[i], arg);
    free(nodes);
}
