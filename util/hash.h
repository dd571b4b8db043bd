/* A fast keyed hash of short strings, the same on every machine. The seed makes
 * collisions hard to prepare from outside; tests and the simulator fix it. */
#ifndef UTIL_HASH_H
#define UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

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
    const uint8_t *p = at;
    uint64_t h = seed + 0x9E3779B97F4A7C15u * (len + 1);
    uint64_t v;

    for (; len >= 8; p += 8, len -= 8) {
        memcpy(&v, p, 8);
        h = hash_mix(h, v);
        h = h << 23 | h >> 41;
    }
    v = 0;
    memcpy(&v, p, len);
    h = hash_mix(h, v ^ ((uint64_t)len << 56));
    return hash_mix(h, h >> 29 ^ seed);
}

#endif
