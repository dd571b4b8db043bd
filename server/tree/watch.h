/* Watches: who wants to hear of which path (client-protocol 4). Deterministic, no I/O.
 *
 * A watcher is a connection, named by a small id that the owner of the connections
 * hands out and re-uses. Target: at most 24 bytes a watch, O(1) to set, fire, remove. */
#ifndef SERVER_TREE_WATCH_H
#define SERVER_TREE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jute/codec.h"
#include "util/bytes.h"

struct watch_table;

enum watch_mode {
    WATCH_DATA = 1,       /* One-shot, data table (getData, exists). */
    WATCH_CHILD = 2,      /* One-shot, child table (getChildren). */
    WATCH_PERSISTENT = 4, /* In both tables. */
    WATCH_RECURSIVE = 8,  /* In the data table, covers descendants. */
};

struct watch_table *watch_table_new(uint64_t hash_seed);
struct watch_table *watch_table_free(struct watch_table *w);

/* Setting what is set already changes nothing. Any text is a path here. */
void watch_add(struct watch_table *w, struct jute_bytes path, uint32_t watcher,
               enum watch_mode mode);

/* checkWatches and removeWatches by the wire's watcher type 1..5 (client-protocol 4.7).
 * False when there is none. */
bool watch_has(const struct watch_table *w, struct jute_bytes path, uint32_t watcher,
               int32_t watcher_type);
bool watch_remove(struct watch_table *w, struct jute_bytes path, uint32_t watcher,
                  int32_t watcher_type);

/* The connection is gone: all its watches go, without events. O(its watches). */
void watch_remove_all(struct watch_table *w, uint32_t watcher);

/* Who is to hear of a change at path. One-shot entries at that path are used up. Fills
 * w's scratch list, each watcher once; it is good until the next call. For a deletion
 * the caller fires data with NODE_DELETED, then child with NODE_DELETED passing
 * `skip_last` so that who was just told is left out, then the parent's child table. */
struct watch_hits {
    const uint32_t *watchers;
    size_t count;
};
struct watch_hits watch_fire_data(struct watch_table *w, struct jute_bytes path);
struct watch_hits watch_fire_child(struct watch_table *w, struct jute_bytes path, bool skip_last);
/* Whether any watch could match: lets tree_apply() skip building paths. */
bool watch_table_is_empty(const struct watch_table *w);

/* Bytes of the paths that are watched: in all (each path once a table), and of one
 * watcher. For the limits of who lets clients set watches. */
uint64_t watch_path_bytes(const struct watch_table *w);
uint64_t watch_path_bytes_of(const struct watch_table *w, uint32_t watcher);

struct watch_totals {
    uint64_t watches;      /* ZK's watch_count: both tables. */
    uint64_t data_watches; /* What wchs counts: data table only. */
    uint64_t data_paths;
    uint64_t data_watchers; /* Connections with an entry in the data table. */
    uint64_t memory_bytes;
};
void watch_totals(const struct watch_table *w, struct watch_totals *ret);
/* wchp and wchc: data table, grouped by path or by watcher. */
void watch_each_by_path(const struct watch_table *w,
                        void (*each)(void *ctx, struct jute_bytes path, uint32_t watcher),
                        void *ctx);
void watch_each_by_watcher(const struct watch_table *w,
                           void (*each)(void *ctx, uint32_t watcher, struct jute_bytes path),
                           void *ctx);

#endif
