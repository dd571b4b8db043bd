/* An arena of small blocks that are named by 32-bit handles: a pointer of half the
 * size, good for 32 GB. Blocks never move. One reservation of address space holds
 * all of them; memory is committed as it is needed and given back as chunks empty.
 *
 * Blocks of one size class share chunks of 64 KB, so a change of the sizes in use
 * does not strand memory: an empty chunk serves any class, and beyond a small stock
 * its pages return to the system. Blocks above ARENA_DIRECT_MAX bytes come from
 * malloc, and the arena holds a cell that points at them.
 *
 * The caller remembers sizes: a block is freed with the size it was asked for. With
 * ASan freed blocks are poisoned. Running out of memory ends the process. */
#ifndef SERVER_TREE_ARENA_H
#define SERVER_TREE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "util/list.h"

enum {
    ARENA_UNIT = 8,             /* Bytes; what a handle counts. Also the alignment. */
    ARENA_CHUNK_UNITS = 8192,   /* 64 KB. */
    ARENA_STEP_UNITS_MAX = 128, /* Up to 1 KB classes go in steps of one unit. */
    ARENA_DIRECT_MAX = 4096,    /* Bytes. */
    ARENA_CLASSES = ARENA_STEP_UNITS_MAX + 16,
    ARENA_STOCK_MAX = 32, /* Empty chunks that keep their pages. */
};

struct arena_chunk {
    uint32_t free; /* First free block, linked through the blocks themselves. */
    uint32_t next; /* Chunks of the class with room, or stock of empty ones; 0 ends. */
    uint32_t prev;
    uint16_t used;    /* Blocks handed out. */
    uint16_t carved;  /* Blocks that were ever handed out. */
    uint16_t blocks;  /* Blocks that fit. */
    uint8_t class_at; /* Index of the size class. */
};

struct arena {
    uint8_t *base;              /* Handle 0 is here, and is never handed out. */
    struct arena_chunk *chunks; /* Chunk 0 is never used. */
    uint32_t with_room[ARENA_CLASSES];
    uint32_t stock, stock_count; /* Empty chunks with pages. */
    uint32_t spare;              /* Empty chunks without. */
    uint32_t chunk_count;        /* Chunks ever taken, with chunk 0. */
    uint32_t chunk_limit;        /* What the reservation holds. */
    uint32_t committed;          /* Chunks whose memory may be touched. */
    size_t reserved;             /* Bytes. */
    struct list big;             /* Blocks that malloc holds, */
    size_t big_bytes;            /* and their size in all. */
    size_t live_chunks;
};

/* Returns 0 or -ENOMEM. The struct must not move afterwards. */
int arena_init(struct arena *a);
/* Gives everything back, whatever was not freed. */
void arena_done(struct arena *a);

/* Returns the handle of a block of `size` > 0 bytes, not cleared. */
uint32_t arena_alloc(struct arena *a, size_t size);
void arena_free(struct arena *a, uint32_t handle, size_t size);

/* A block of at most ARENA_DIRECT_MAX bytes. */
static inline void *arena_at(const struct arena *a, uint32_t handle)
{
    return a->base + (size_t)handle * ARENA_UNIT;
}

/* A block of any size. */
static inline void *arena_block(const struct arena *a, uint32_t handle, size_t size)
{
    void *at = arena_at(a, handle);

    return __builtin_expect(size <= ARENA_DIRECT_MAX, 1) ? at : *(void **)at;
}

/* Bytes of memory held. */
size_t arena_memory(const struct arena *a);

#endif
