#ifndef CARPOOL_BASE_HASH_H
#define CARPOOL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * SipHash-1-3 of the bytes under a secret drawn once per process, so that peers cannot choose
 * names that collide. Any thread.
 */
uint64_t hash_bytes(const void *bytes, size_t size);

#endif
