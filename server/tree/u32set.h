/* A set of 32-bit values in 8 bytes, for tables with very many sets of which most
 * hold one element. Values are not 0. A `mask` says which bits of a value are its
 * key; the others are the user's to change in place.
 *
 * One element sits in the struct, up to 8 in an array, more in an open hash table.
 * The order of a walk depends on the history and the seed only. */
#ifndef SERVER_TREE_U32SET_H
#define SERVER_TREE_U32SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/tree/arena.h"

struct u32set {
    uint32_t meta; /* Number of elements, and log2 of the slots in the top bits. */
    uint32_t ref;  /* The element, or the arena block with the slots. */
};

enum { U32SET_COUNT_BITS = 27 };

struct u32set_ctx {
    struct arena *arena;
    uint32_t mask;
    uint32_t seed;
};

static inline uint32_t u32set_count(const struct u32set *s)
{
    return s->meta & ((1u << U32SET_COUNT_BITS) - 1);
}

/* The slots; those that are 0 are empty. Good until the set changes. */
static inline uint32_t *u32set_slots(const struct u32set_ctx *c, struct u32set *s,
                                     size_t *ret_count)
{
    unsigned log = s->meta >> U32SET_COUNT_BITS;

    if (log == 0) {
        *ret_count = u32set_count(s);
        return &s->ref;
    }
    *ret_count = (size_t)1 << log;
    return arena_block(c->arena, s->ref, *ret_count * sizeof(uint32_t));
}

/* The slot of the value with that key, or NULL. */
uint32_t *u32set_find(const struct u32set_ctx *c, struct u32set *s, uint32_t key);
/* The key must not be there. */
void u32set_add(const struct u32set_ctx *c, struct u32set *s, uint32_t value);
/* The key must be there. */
void u32set_remove(const struct u32set_ctx *c, struct u32set *s, uint32_t key);
/* Leaves an empty set. */
void u32set_clear(const struct u32set_ctx *c, struct u32set *s);

#endif
