/* Fast keyed hashes, the same on every machine. The seed makes collisions hard to prepare
 * from outside; tests and the simulator fix it. */
#ifndef UTIL_HASH_H
#define UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "util/name_hash.h"

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    a = (a ^ b) * 0xff51afd7ed558ccdu;
    return a ^ (a >> 32);
}

static inline uint64_t hash_u64(uint64_t seed, uint64_t v)
{
    return hash_mix(hash_mix(seed + 0x9E3779B97F4A7C15u, v), v << 7 | v >> 57);
}

static inline uint64_t hash_bytes(uint64_t seed, const void *at, size_t len)
{
    struct name_hash k = name_hash_init(seed);

    return name_hash(&k, 0, at, len);
}

#endif
