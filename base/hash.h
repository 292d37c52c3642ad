#ifndef CARPOOL_BASE_HASH_H
#define CARPOOL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * SipHash-1-3 of the bytes under a secret drawn once per process, so that peers cannot choose
 * names that collide. Any thread.
 */
uint64_t hash_bytes(const void *bytes, size_t size);

/*
 * Which of so many shards a hash belongs to, 0 to count - 1, all alike likely. By the top bits:
 * the maps inside the shards go by the lowest ones. Any thread.
 */
size_t hash_shard(uint64_t hash, uint32_t count);

#endif
