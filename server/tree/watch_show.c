/* What operators see of the watches (client-protocol 7.1). */
#include "server/tree/watch_table.h"

void watch_totals(const struct watch_table *w, struct watch_totals *ret)
{
    uint64_t data = w->edges[WATCHED_DATA] + w->edges[WATCHED_BELOW] - w->twice;

    *ret = (struct watch_totals){
        .watches = data + w->edges[WATCHED_CHILD],
        .data_watches = data,
        .data_paths = w->entries[WATCHED_DATA] + w->entries[WATCHED_BELOW] - w->paths_twice,
        .data_watchers = w->data_watchers,
        .memory_bytes = arena_memory(&w->arena) + w->by_path.committed +
                        w->watcher_cap * sizeof *w->watchers + w->hit_cap * sizeof *w->hits +
                        sizeof *w,
    };
}

struct by_path {
    void (*each)(void *ctx, struct jute_bytes path, uint32_t watcher);
    void *ctx;
};

/* The watchers of an entry, without those of `but`. */
static void each_of(const struct watch_table *w, struct watch_entry *e, struct watch_entry *but,
                    const struct by_path *to)
{
    size_t slots;
    const uint32_t *at = u32set_slots(&w->of_entry, &e->watchers, &slots);

    for (size_t i = 0; i < slots; i++) {
        uint32_t id = at[i] & WATCH_MASK;

        if (at[i] != 0 && (but == NULL || u32set_find(&w->of_entry, &but->watchers, id) == NULL))
            to->each(to->ctx, watch_entry_path(w, e), id);
    }
}

void watch_each_by_path(const struct watch_table *w,
                        void (*each)(void *ctx, struct jute_bytes path, uint32_t watcher),
                        void *ctx)
{
    struct by_path to = { each, ctx };

    for (size_t i = 0; i < w->by_path.count; i++) {
        for (uint32_t at = w->by_path.heads[i]; at != 0; at = watch_entry_at(w, at)->hash_next) {
            struct watch_entry *e = watch_entry_at(w, at);

            if (watch_entry_kind(e) == WATCHED_CHILD)
                continue;

            uint32_t twin =
                watch_find(w, watch_twin_of(watch_entry_kind(e)), watch_entry_path(w, e));

            if (watch_entry_kind(e) == WATCHED_BELOW && twin != 0)
                continue; /* Shown with the path's data. */
            each_of(w, e, NULL, &to);
            if (twin != 0)
                each_of(w, watch_entry_at(w, twin), e, &to);
        }
    }
}

void watch_each_by_watcher(const struct watch_table *w,
                           void (*each)(void *ctx, uint32_t watcher, struct jute_bytes path),
                           void *ctx)
{
    for (size_t id = 0; id < w->watcher_cap; id++) {
        size_t slots;
        const uint32_t *at = u32set_slots(&w->of_watcher, &w->watchers[id].entries, &slots);

        for (size_t i = 0; i < slots; i++) {
            const struct watch_entry *e = at[i] != 0 ? watch_entry_at(w, at[i]) : NULL;

            if (e != NULL &&
                (watch_entry_kind(e) == WATCHED_DATA ||
                 (watch_entry_kind(e) == WATCHED_BELOW && !watch_has_twin(w, e, (uint32_t)id))))
                each(ctx, (uint32_t)id, watch_entry_path(w, e));
        }
    }
}
