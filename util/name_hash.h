/* A keyed hash for what clients choose: names and paths. Unlike a hash whose
 * collisions are the same under every seed, this one gives an attacker who does not
 * know the seed nothing to prepare: both factors of each multiplication are masked
 * with secrets, and both halves of the product are kept. */
#ifndef UTIL_NAME_HASH_H
#define UTIL_NAME_HASH_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct name_hash {
    uint64_t s0, s1;
};

/* splitmix64: spreads a seed, which may be small, over all bits. */
static inline uint64_t name_hash_spread(uint64_t v)
{
    v += 0x9E3779B97F4A7C15u;
    v = (v ^ (v >> 30)) * 0xBF58476D1CE4E5B9u;
    v = (v ^ (v >> 27)) * 0x94D049BB133111EBu;
    return v ^ (v >> 31);
}

static inline struct name_hash name_hash_init(uint64_t seed)
{
    return (struct name_hash){ name_hash_spread(seed), name_hash_spread(seed + 1) };
}

/* Both halves of the product, folded. */
static inline uint64_t name_hash_fold(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t low = a0 * b0;
    uint64_t mid = a1 * b0 + (low >> 32);
    uint64_t mid2 = a0 * b1 + (uint32_t)mid;

    return (mid2 << 32 | (uint32_t)low) ^ (a1 * b1 + (mid >> 32) + (mid2 >> 32));
#endif
}

static inline uint64_t name_hash_load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

static inline uint64_t name_hash_load32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

/* The hash of a name below what `above` stands for: the handle of a parent, or the
 * hash of the path so far. */
static inline uint64_t name_hash(const struct name_hash *k, uint64_t above, const uint8_t *p,
                                 size_t len)
{
    uint64_t h = k->s0 ^ (above * 0x9E3779B97F4A7C15u);
    uint64_t a = 0;
    uint64_t b = 0;

    if (len > 16) {
        const uint8_t *last = p + len - 16;

        for (; p < last; p += 16)
            h = name_hash_fold(name_hash_load64(p) ^ k->s1, name_hash_load64(p + 8) ^ h);
        a = name_hash_load64(last);
        b = name_hash_load64(last + 8);
    } else if (len >= 8) {
        a = name_hash_load64(p);
        b = name_hash_load64(p + len - 8);
    } else if (len >= 4) {
        a = name_hash_load32(p);
        b = name_hash_load32(p + len - 4);
    } else if (len > 0) {
        a = (uint64_t)p[0] << 16 | (uint64_t)p[len >> 1] << 8 | p[len - 1];
    }
    h = name_hash_fold(a ^ k->s1, b ^ h);
    return name_hash_fold(h ^ k->s0, (uint64_t)len ^ k->s1);
}

#endif
