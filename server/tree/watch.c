/* Watches. There are three sets of watchers for a path: of its data, of its children,
 * and of all below it; each is an entry of its own, named by kind and path, so that
 * an event looks at nobody whom it does not concern. The watcher knows its entries.
 *
 * A path's hash is that of its components, one after the other: the walk over the
 * ancestors of a changed node, for recursive watches, gets the hash of each for the
 * price of one path. */
#include "server/tree/watch.h"

#include <stdlib.h>

#include "server/tree/watch_table.h"
#include "util/check.h"

/* ---- Entries. */

static uint64_t hash_of_handle(const void *owner, uint32_t handle)
{
    return watch_entry_at(owner, handle)->hash;
}

static uint32_t *link_of_handle(const void *owner, uint32_t handle)
{
    return &watch_entry_at(owner, handle)->hash_next;
}

static const struct buckets_ops ops = { .hash = hash_of_handle, .link = link_of_handle };

static size_t entry_bytes(size_t len)
{
    return sizeof(struct watch_entry) + (len > WATCH_PATH_INLINE_MAX ? sizeof(uint32_t) : len);
}

static const uint8_t *component_end(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *slash = p < end ? memchr(p, '/', (size_t)(end - p)) : NULL;

    return slash != NULL ? slash : end;
}

static uint64_t path_hash(const struct watch_table *w, enum watch_kind kind, struct jute_bytes path)
{
    const uint8_t *p = path.at;
    const uint8_t *end = path.len > 0 ? path.at + path.len : path.at;
    uint64_t h = (uint64_t)kind;

    for (;;) {
        const uint8_t *stop = component_end(p, end);

        h = name_hash(&w->hash, h, p, (size_t)(stop - p));
        if (stop == end)
            return h;
        p = stop + 1;
    }
}

static uint32_t find_hashed(const struct watch_table *w, enum watch_kind kind,
                            struct jute_bytes path, uint64_t hash)
{
    uint32_t at = buckets_first(&w->by_path, (uint32_t)hash);

    for (; at != 0; at = watch_entry_at(w, at)->hash_next) {
        const struct watch_entry *e = watch_entry_at(w, at);

        if (e->hash == (uint32_t)hash && watch_entry_kind(e) == kind &&
            jute_bytes_equal(watch_entry_path(w, e), path))
            break;
    }
    return at;
}

uint32_t watch_find(const struct watch_table *w, enum watch_kind kind, struct jute_bytes path)
{
    if (w->entries[kind] == 0)
        return 0;
    return find_hashed(w, kind, path, path_hash(w, kind, path));
}

static uint32_t new_entry(struct watch_table *w, enum watch_kind kind, struct jute_bytes path)
{
    size_t len = (size_t)path.len;
    uint64_t hash = path_hash(w, kind, path);
    uint32_t handle = arena_alloc(&w->arena, entry_bytes(len));
    struct watch_entry *e = watch_entry_at(w, handle);

    *e = (struct watch_entry){ .hash = (uint32_t)hash,
                               .len_bits = (uint32_t)len << WATCH_LEN_SHIFT | (uint32_t)kind };
    if (len > WATCH_PATH_INLINE_MAX) {
        uint32_t block = arena_alloc(&w->arena, len);

        e->len_bits |= WATCH_LONG_PATH;
        memcpy(arena_block(&w->arena, block, len), path.at, len);
        memcpy(e->path, &block, sizeof block);
    } else if (len > 0) {
        memcpy(e->path, path.at, len);
    }
    buckets_insert(&w->by_path, e->hash, handle, &e->hash_next);
    w->entries[kind]++;
    w->path_bytes += len;
    if (kind != WATCHED_CHILD && watch_find(w, watch_twin_of(kind), path) != 0)
        w->paths_twice++;
    return handle;
}

static void drop_entry(struct watch_table *w, uint32_t handle)
{
    struct watch_entry *e = watch_entry_at(w, handle);
    enum watch_kind kind = watch_entry_kind(e);
    size_t len = e->len_bits >> WATCH_LEN_SHIFT;

    if (kind != WATCHED_CHILD && watch_find(w, watch_twin_of(kind), watch_entry_path(w, e)) != 0)
        w->paths_twice--;
    w->entries[kind]--;
    w->path_bytes -= len;
    buckets_remove(&w->by_path, e->hash, handle);
    u32set_clear(&w->of_entry, &e->watchers);
    if ((e->len_bits & WATCH_LONG_PATH) != 0) {
        uint32_t block;

        memcpy(&block, e->path, sizeof block);
        arena_free(&w->arena, block, len);
    }
    arena_free(&w->arena, handle, entry_bytes(len));
}

/* ---- Watchers. */

static struct watcher *need_watcher(struct watch_table *w, uint32_t id)
{
    if (id >= w->watcher_cap) {
        size_t cap = w->watcher_cap * 2 + 16;

        if (cap <= id)
            cap = (size_t)id + 1;
        w->watchers = zk_xrealloc(w->watchers, cap * sizeof *w->watchers);
        memset(w->watchers + w->watcher_cap, 0, (cap - w->watcher_cap) * sizeof *w->watchers);
        w->watcher_cap = cap;
    }
    return &w->watchers[id];
}

static void count_edge(struct watch_table *w, const struct watch_entry *e, uint32_t id,
                       bool is_added)
{
    enum watch_kind kind = watch_entry_kind(e);
    struct watcher *who = &w->watchers[id];
    uint64_t one = is_added ? 1 : UINT64_MAX;

    w->edges[kind] += one;
    who->path_bytes += one * (e->len_bits >> WATCH_LEN_SHIFT);
    if (kind == WATCHED_CHILD)
        return;
    if (who->data_entries == 0)
        w->data_watchers++;
    who->data_entries += (uint32_t)one;
    if (who->data_entries == 0)
        w->data_watchers--;
    if (watch_has_twin(w, e, id))
        w->twice += one;
}

static void add(struct watch_table *w, enum watch_kind kind, struct jute_bytes path, uint32_t id,
                uint32_t mode)
{
    uint32_t handle = watch_find(w, kind, path);

    if (handle == 0)
        handle = new_entry(w, kind, path);

    struct watch_entry *e = watch_entry_at(w, handle);
    uint32_t *slot = u32set_find(&w->of_entry, &e->watchers, id);

    if (slot != NULL) {
        *slot |= mode;
        return;
    }
    u32set_add(&w->of_entry, &e->watchers, id | mode);
    u32set_add(&w->of_watcher, &need_watcher(w, id)->entries, handle);
    count_edge(w, e, id, true);
}

/* The entry keeps the watcher no longer; an empty entry goes. */
static void forget(struct watch_table *w, uint32_t handle, uint32_t id)
{
    struct watch_entry *e = watch_entry_at(w, handle);

    count_edge(w, e, id, false);
    u32set_remove(&w->of_entry, &e->watchers, id);
    if (u32set_count(&e->watchers) == 0)
        drop_entry(w, handle);
}

static bool remove_modes(struct watch_table *w, enum watch_kind kind, struct jute_bytes path,
                         uint32_t id, uint32_t modes)
{
    uint32_t handle = watch_find(w, kind, path);
    uint32_t *slot =
        handle != 0 ? u32set_find(&w->of_entry, &watch_entry_at(w, handle)->watchers, id) : NULL;

    if (slot == NULL || (*slot & modes) == 0)
        return false;
    *slot &= ~modes;
    if ((*slot & ~WATCH_MASK) == 0) {
        *slot |= WATCH_IS_STANDARD; /* Until it is gone: 0 would be an empty slot. */
        u32set_remove(&w->of_watcher, &w->watchers[id].entries, handle);
        forget(w, handle, id);
    }
    return true;
}

static bool has_modes(const struct watch_table *w, enum watch_kind kind, struct jute_bytes path,
                      uint32_t id, uint32_t modes)
{
    uint32_t handle = watch_find(w, kind, path);
    const uint32_t *slot =
        handle != 0 ? u32set_find(&w->of_entry, &watch_entry_at(w, handle)->watchers, id) : NULL;

    return slot != NULL && (*slot & modes) != 0;
}

/* ---- The interface. */

struct watch_table *watch_table_new(uint64_t hash_seed)
{
    struct watch_table *w = calloc(1, sizeof *w);

    if (w == NULL)
        return NULL;
    w->hash = name_hash_init(hash_seed);
    w->of_entry = (struct u32set_ctx){ &w->arena, WATCH_MASK, (uint32_t)w->hash.s1 };
    w->of_watcher = (struct u32set_ctx){ &w->arena, UINT32_MAX, (uint32_t)(w->hash.s1 >> 32) };
    if (arena_init(&w->arena) < 0 ||
        buckets_init(&w->by_path, &ops, w, w->arena.reserved / sizeof(struct watch_entry)) < 0)
        return watch_table_free(w);
    return w;
}

struct watch_table *watch_table_free(struct watch_table *w)
{
    if (w == NULL)
        return NULL;
    buckets_done(&w->by_path);
    arena_done(&w->arena);
    free(w->watchers);
    free(w->hits);
    free(w->gone);
    free(w);
    return NULL;
}

/* A null path is stored as the empty one. */
static struct jute_bytes some(struct jute_bytes path)
{
    return path.len < 0 ? jute_text("") : path;
}

void watch_add(struct watch_table *w, struct jute_bytes path, uint32_t watcher,
               enum watch_mode mode)
{
    zk_assert(watcher <= WATCH_MASK && path.len < 1 << (32 - WATCH_LEN_SHIFT));
    path = some(path);
    if ((mode & WATCH_DATA) != 0)
        add(w, WATCHED_DATA, path, watcher, WATCH_IS_STANDARD);
    if ((mode & WATCH_CHILD) != 0)
        add(w, WATCHED_CHILD, path, watcher, WATCH_IS_STANDARD);
    if ((mode & WATCH_PERSISTENT) != 0) {
        add(w, WATCHED_DATA, path, watcher, WATCH_IS_PERSISTENT);
        add(w, WATCHED_CHILD, path, watcher, WATCH_IS_PERSISTENT);
    }
    if ((mode & WATCH_RECURSIVE) != 0)
        add(w, WATCHED_BELOW, path, watcher, WATCH_IS_PERSISTENT);
}

/* Types of the wire: children, data, any, persistent, recursive. */
bool watch_has(const struct watch_table *w, struct jute_bytes path, uint32_t watcher,
               int32_t watcher_type)
{
    const uint32_t any = WATCH_IS_STANDARD | WATCH_IS_PERSISTENT;

    path = some(path);
    switch (watcher_type) {
    case 1:
        return has_modes(w, WATCHED_CHILD, path, watcher, WATCH_IS_STANDARD);
    case 2:
        return has_modes(w, WATCHED_DATA, path, watcher, WATCH_IS_STANDARD);
    case 3:
        return has_modes(w, WATCHED_DATA, path, watcher, any) ||
               has_modes(w, WATCHED_CHILD, path, watcher, any) ||
               has_modes(w, WATCHED_BELOW, path, watcher, any);
    case 4:
        return has_modes(w, WATCHED_DATA, path, watcher, WATCH_IS_PERSISTENT);
    case 5:
        return has_modes(w, WATCHED_BELOW, path, watcher, WATCH_IS_PERSISTENT);
    default:
        return false;
    }
}

static bool remove_all_modes(struct watch_table *w, struct jute_bytes path, uint32_t id,
                             uint32_t modes)
{
    bool data = remove_modes(w, WATCHED_DATA, path, id, modes);
    bool child = remove_modes(w, WATCHED_CHILD, path, id, modes);

    return data || child;
}

bool watch_remove(struct watch_table *w, struct jute_bytes path, uint32_t watcher,
                  int32_t watcher_type)
{
    path = some(path);
    switch (watcher_type) {
    case 1:
        return remove_modes(w, WATCHED_CHILD, path, watcher, WATCH_IS_STANDARD);
    case 2:
        return remove_modes(w, WATCHED_DATA, path, watcher, WATCH_IS_STANDARD);
    case 3: {
        bool exact = remove_all_modes(w, path, watcher, WATCH_IS_STANDARD | WATCH_IS_PERSISTENT);

        return remove_modes(w, WATCHED_BELOW, path, watcher, WATCH_IS_PERSISTENT) || exact;
    }
    case 4:
        return remove_all_modes(w, path, watcher, WATCH_IS_PERSISTENT);
    case 5:
        return remove_modes(w, WATCHED_BELOW, path, watcher, WATCH_IS_PERSISTENT);
    default:
        return false;
    }
}

void watch_remove_all(struct watch_table *w, uint32_t watcher)
{
    if (watcher >= w->watcher_cap)
        return;

    struct watcher *who = &w->watchers[watcher];
    size_t slots;
    const uint32_t *at = u32set_slots(&w->of_watcher, &who->entries, &slots);

    for (size_t i = 0; i < slots; i++)
        if (at[i] != 0)
            forget(w, at[i], watcher);
    u32set_clear(&w->of_watcher, &who->entries);
}

uint64_t watch_path_bytes(const struct watch_table *w)
{
    return w->path_bytes;
}

uint64_t watch_path_bytes_of(const struct watch_table *w, uint32_t watcher)
{
    return watcher < w->watcher_cap ? w->watchers[watcher].path_bytes : 0;
}

bool watch_table_is_empty(const struct watch_table *w)
{
    return w->by_path.elements == 0;
}

/* ---- Firing. */

static void push(uint32_t **list, size_t *count, size_t *cap, uint32_t id)
{
    if (*count == *cap) {
        *cap = *cap * 2 + 16;
        *list = zk_xrealloc(*list, *cap * sizeof **list);
    }
    (*list)[(*count)++] = id;
}

static void hit(struct watch_table *w, uint32_t id)
{
    struct watcher *who = &w->watchers[id];

    if (who->told == w->serial)
        return;
    who->told = w->serial;
    push(&w->hits, &w->hit_count, &w->hit_cap, id);
}

/* A new event: nobody has been told of it. */
static void next_serial(struct watch_table *w)
{
    if (++w->serial != 0)
        return;
    for (size_t i = 0; i < w->watcher_cap; i++)
        w->watchers[i].told = 0;
    w->serial = 1;
}

/* Standard watches at the entry are used up. */
static void use_up(struct watch_table *w, uint32_t handle)
{
    struct watch_entry *e = watch_entry_at(w, handle);
    size_t slots;
    uint32_t *at = u32set_slots(&w->of_entry, &e->watchers, &slots);

    w->gone_count = 0;
    for (size_t i = 0; i < slots; i++) {
        if ((at[i] & WATCH_IS_PERSISTENT) != 0)
            at[i] &= ~WATCH_IS_STANDARD;
        else if (at[i] != 0)
            push(&w->gone, &w->gone_count, &w->gone_cap, at[i] & WATCH_MASK);
    }

    bool all = w->gone_count == u32set_count(&e->watchers);

    for (size_t i = 0; i < w->gone_count; i++) {
        uint32_t id = w->gone[i];

        count_edge(w, e, id, false);
        u32set_remove(&w->of_watcher, &w->watchers[id].entries, handle);
        if (!all)
            u32set_remove(&w->of_entry, &e->watchers, id);
    }
    if (all)
        drop_entry(w, handle);
}

static void fire_entry(struct watch_table *w, uint32_t handle)
{
    struct watch_entry *e = watch_entry_at(w, handle);
    size_t slots;
    const uint32_t *at = u32set_slots(&w->of_entry, &e->watchers, &slots);
    uint32_t modes = 0;

    for (size_t i = 0; i < slots; i++) {
        if (at[i] == 0)
            continue;
        modes |= at[i];
        hit(w, at[i] & WATCH_MASK);
    }
    if ((modes & WATCH_IS_STANDARD) != 0)
        use_up(w, handle);
}

static void fire_prefix(struct watch_table *w, struct jute_bytes path, uint64_t hash)
{
    uint32_t handle = find_hashed(w, WATCHED_BELOW, path, hash);

    if (handle != 0)
        fire_entry(w, handle);
}

/* Those who watch the path or what is above it recursively. */
static void fire_recursive(struct watch_table *w, struct jute_bytes path)
{
    if (path.len < 1 || path.at[0] != '/')
        return;

    const uint8_t *end = path.at + path.len;
    uint64_t empty = name_hash(&w->hash, WATCHED_BELOW, path.at, 0);
    uint64_t h = empty;

    fire_prefix(w, jute_text("/"), name_hash(&w->hash, empty, path.at, 0));
    for (const uint8_t *p = path.at; p != end && path.len > 1;) {
        const uint8_t *stop = component_end(p + 1, end);

        h = name_hash(&w->hash, h, p + 1, (size_t)(stop - p - 1));
        fire_prefix(w, (struct jute_bytes){ .at = path.at, .len = (int32_t)(stop - path.at) }, h);
        p = stop;
    }
}

static struct watch_hits hits_of(const struct watch_table *w)
{
    return (struct watch_hits){ .watchers = w->hits, .count = w->hit_count };
}

struct watch_hits watch_fire_data(struct watch_table *w, struct jute_bytes path)
{
    next_serial(w);
    w->hit_count = 0;

    uint32_t handle = watch_find(w, WATCHED_DATA, path);

    if (handle != 0)
        fire_entry(w, handle);
    if (w->entries[WATCHED_BELOW] > 0)
        fire_recursive(w, path);
    return hits_of(w);
}

struct watch_hits watch_fire_child(struct watch_table *w, struct jute_bytes path, bool skip_last)
{
    if (!skip_last)
        next_serial(w);
    w->hit_count = 0;

    uint32_t handle = watch_find(w, WATCHED_CHILD, path);

    if (handle != 0)
        fire_entry(w, handle);
    return hits_of(w);
}
