/* The heads of a chained hash table of 32-bit handles, grown by linear hashing: one
 * bucket more for each element more, split off from one other. No resize stalls, and
 * the table is never held twice; its memory follows the number of elements.
 *
 * The elements belong to the user, who keeps their chains: he tells by struct
 * buckets_ops how to get at the hash and the link of an element. 0 ends a chain. */
#ifndef SERVER_TREE_BUCKETS_H
#define SERVER_TREE_BUCKETS_H

#include <stddef.h>
#include <stdint.h>

struct buckets_ops {
    uint64_t (*hash)(const void *owner, uint32_t handle);
    uint32_t *(*link)(const void *owner, uint32_t handle);
};

struct buckets {
    uint32_t *heads;
    const struct buckets_ops *ops;
    const void *owner;
    size_t mask;  /* 2^k - 1, where 2^k <= count < 2^(k+1). */
    size_t count; /* Buckets in use. */
    size_t elements;
    size_t committed; /* Bytes. */
    size_t reserved;
};

/* Returns 0 or -ENOMEM. `owner` is what the ops are called with; it must not move.
 * `elements_max` is a promise, and costs address space only. */
int buckets_init(struct buckets *b, const struct buckets_ops *ops, const void *owner,
                 size_t elements_max);
void buckets_done(struct buckets *b);
/* Makes room for so many elements at once; only while the table is empty. */
void buckets_presize(struct buckets *b, size_t elements);

static inline size_t buckets_index(const struct buckets *b, uint64_t hash)
{
    size_t at = (size_t)hash & (b->mask * 2 + 1);

    return at < b->count ? at : at & b->mask;
}

static inline uint32_t buckets_first(const struct buckets *b, uint64_t hash)
{
    return b->heads[buckets_index(b, hash)];
}

/* Slow paths of the two below. */
void buckets_split(struct buckets *b);
void buckets_merge(struct buckets *b);

/* Puts an element with that hash into its chain. */
static inline void buckets_insert(struct buckets *b, uint64_t hash, uint32_t handle, uint32_t *link)
{
    uint32_t *head = &b->heads[buckets_index(b, hash)];

    *link = *head;
    *head = handle;
    if (++b->elements > b->count)
        buckets_split(b);
}

/* Takes an element, which must be there, out of its chain. */
void buckets_remove(struct buckets *b, uint64_t hash, uint32_t handle);

#endif
