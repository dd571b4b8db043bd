/* A seeded generator (xorshift64*): equal seeds give equal sequences. Not for secrets. */
#ifndef UTIL_RAND_H
#define UTIL_RAND_H

#include <stdint.h>

struct rand_state {
    uint64_t s; /* Never 0. */
};

static inline void rand_seed(struct rand_state *r, uint64_t seed)
{
    r->s = seed * 0x9E3779B97F4A7C15u + 0xD1B54A32D192ED03u;
    if (r->s == 0)
        r->s = 1;
}

static inline uint64_t rand_next(struct rand_state *r)
{
    r->s ^= r->s >> 12;
    r->s ^= r->s << 25;
    r->s ^= r->s >> 27;
    return r->s * 0x2545F4914F6CDD1Du;
}

/* Uniform in [0, bound); bound must not be 0. */
static inline uint64_t rand_below(struct rand_state *r, uint64_t bound)
{
    return rand_next(r) % bound;
}

#endif
