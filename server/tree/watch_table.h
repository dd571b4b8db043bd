/* The insides of a watch table, shared by watch.c and watch_show.c. */
#ifndef SERVER_TREE_WATCH_TABLE_H
#define SERVER_TREE_WATCH_TABLE_H

#include "server/tree/buckets.h"
#include "server/tree/u32set.h"
#include "server/tree/watch.h"
#include "util/name_hash.h"

enum watch_kind { WATCHED_DATA, WATCHED_CHILD, WATCHED_BELOW };

/* In the elements of an entry's set, beside the watcher. A recursive one has
 * WATCH_IS_PERSISTENT, too. */
#define WATCH_IS_STANDARD   (1u << 30)
#define WATCH_IS_PERSISTENT (1u << 31)
#define WATCH_MASK          (WATCH_IS_STANDARD - 1)

struct watch_entry {
    uint32_t hash_next;
    uint32_t hash;
    uint32_t len_bits; /* Length of the path, and WATCH_LONG_PATH, and the kind. */
    struct u32set watchers;
    uint8_t path[]; /* Or the handle of a block with it. */
};

enum {
    WATCH_KIND_BITS = 2,
    WATCH_LONG_PATH = 1 << WATCH_KIND_BITS,
    WATCH_LEN_SHIFT = WATCH_KIND_BITS + 1,
    WATCH_PATH_INLINE_MAX = 1024,
};

struct watcher {
    struct u32set entries;
    uint32_t data_entries; /* Of kind WATCHED_DATA or WATCHED_BELOW. */
    uint32_t told;         /* Serial of the last event it was a hit of. */
    uint64_t path_bytes;   /* Of the paths of its entries. */
};

struct watch_table {
    struct arena arena;
    struct buckets by_path;
    struct name_hash hash;
    struct u32set_ctx of_entry, of_watcher;
    struct watcher *watchers; /* By id. */
    size_t watcher_cap;
    uint32_t *hits; /* Of the last event. */
    size_t hit_count, hit_cap;
    uint32_t *gone; /* Scratch: watchers that an entry loses. */
    size_t gone_count, gone_cap;
    uint32_t serial;
    uint64_t edges[3];    /* Watchers in entries, by kind. */
    uint64_t entries[3];  /* Entries, by kind. */
    uint64_t twice;       /* Watchers of one path's data that are recursive there, too. */
    uint64_t paths_twice; /* Paths with WATCHED_DATA and WATCHED_BELOW entries. */
    uint64_t data_watchers;
    uint64_t path_bytes; /* Of all entries' paths, each once. */
};

static inline struct watch_entry *watch_entry_at(const struct watch_table *w, uint32_t handle)
{
    return arena_at(&w->arena, handle);
}

static inline enum watch_kind watch_entry_kind(const struct watch_entry *e)
{
    return (enum watch_kind)(e->len_bits & ((1u << WATCH_KIND_BITS) - 1));
}

static inline struct jute_bytes watch_entry_path(const struct watch_table *w,
                                                 const struct watch_entry *e)
{
    uint32_t len = e->len_bits >> WATCH_LEN_SHIFT;
    const uint8_t *at = e->path;

    if ((e->len_bits & WATCH_LONG_PATH) != 0) {
        uint32_t block;

        memcpy(&block, e->path, sizeof block);
        at = arena_block(&w->arena, block, len);
    }
    return (struct jute_bytes){ .at = at, .len = (int32_t)len };
}

/* The kind that counts as the same watch for ZK's totals. */
static inline enum watch_kind watch_twin_of(enum watch_kind kind)
{
    return kind == WATCHED_DATA ? WATCHED_BELOW : WATCHED_DATA;
}

/* The entry, or 0. */
uint32_t watch_find(const struct watch_table *w, enum watch_kind kind, struct jute_bytes path);

/* Whether the watcher is in the twin of this entry. */
static inline bool watch_has_twin(const struct watch_table *w, const struct watch_entry *e,
                                  uint32_t id)
{
    enum watch_kind kind = watch_entry_kind(e);
    uint32_t twin =
        kind != WATCHED_CHILD ? watch_find(w, watch_twin_of(kind), watch_entry_path(w, e)) : 0;

    return twin != 0 && u32set_find(&w->of_entry, &watch_entry_at(w, twin)->watchers, id) != NULL;
}

#endif
