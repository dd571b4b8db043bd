#include "client/watches.h"

#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "util/hash.h"

enum { BUCKETS_MIN = 64 };

static void make_buckets(struct watches *w, size_t count)
{
    w->buckets = zk_xcalloc(count, sizeof *w->buckets);
    w->buckets_count = count;
    for (size_t i = 0; i < count; i++)
        list_init(&w->buckets[i]);
}

void watches_init(struct watches *w, uint64_t seed)
{
    *w = (struct watches){ .seed = seed };
    for (int kind = 0; kind < WATCH_KINDS; kind++)
        list_init(&w->all[kind]);
    make_buckets(w, BUCKETS_MIN);
}

static void drop(struct watches *w, struct watch *it)
{
    list_remove(&it->in_all);
    list_remove(&it->in_bucket);
    w->counts[it->kind]--;
    w->count--;
    free(it);
}

void watches_done(struct watches *w)
{
    for (int kind = 0; kind < WATCH_KINDS; kind++) {
        list_each_safe(at, &w->all[kind])
        {
            drop(w, list_entry(at, struct watch, in_all));
        }
    }
    free(w->buckets);
    w->buckets = NULL;
}

static struct list *bucket_of(const struct watches *w, const char *path, size_t len)
{
    return &w->buckets[hash_bytes(w->seed, path, len) & (w->buckets_count - 1)];
}

static void grow(struct watches *w)
{
    free(w->buckets);
    make_buckets(w, w->buckets_count * 2);
    for (int kind = 0; kind < WATCH_KINDS; kind++) {
        list_each(at, &w->all[kind])
        {
            struct watch *it = list_entry(at, struct watch, in_all);

            list_append(bucket_of(w, it->path, it->path_len), &it->in_bucket);
        }
    }
}

static bool is_same(const struct zabc_watcher *a, const struct zabc_watcher *b)
{
    return a->tell == b->tell && a->arg == b->arg;
}

static bool is_at(const struct watch *it, enum watch_kind kind, const char *path, size_t len)
{
    return it->kind == kind && it->path_len == len && memcmp(it->path, path, len) == 0;
}

bool watches_has(const struct watches *w, enum watch_kind kind, const char *path,
                 const struct zabc_watcher *watcher)
{
    size_t len = strlen(path);

    list_each(at, bucket_of(w, path, len))
    {
        const struct watch *it = list_entry(at, struct watch, in_bucket);

        if (is_at(it, kind, path, len) && (watcher == NULL || is_same(&it->watcher, watcher)))
            return true;
    }
    return false;
}

bool watches_has_other(const struct watches *w, enum watch_kind kind, const char *path,
                       const struct zabc_watcher *watcher)
{
    size_t len = strlen(path);

    list_each(at, bucket_of(w, path, len))
    {
        const struct watch *it = list_entry(at, struct watch, in_bucket);

        if (is_at(it, kind, path, len) && !is_same(&it->watcher, watcher))
            return true;
    }
    return false;
}

void watches_add(struct watches *w, enum watch_kind kind, const char *path,
                 const struct zabc_watcher *watcher)
{
    size_t len = strlen(path);

    if (watches_has(w, kind, path, watcher))
        return;
    if (w->count >= w->buckets_count)
        grow(w);

    struct watch *it = zk_xmalloc(sizeof *it + len + 1);

    it->kind = kind;
    it->watcher = *watcher;
    it->path_len = len;
    memcpy(it->path, path, len + 1);
    list_append(&w->all[kind], &it->in_all);
    list_append(bucket_of(w, path, len), &it->in_bucket);
    w->counts[kind]++;
    w->count++;
}

static void add_once(struct bytes *to, const struct zabc_watcher *watcher)
{
    for (size_t at = 0; at < to->len; at += sizeof *watcher) {
        struct zabc_watcher other;

        memcpy(&other, to->at + at, sizeof other);
        if (is_same(&other, watcher))
            return;
    }
    bytes_put(to, watcher, sizeof *watcher);
}

size_t watches_remove(struct watches *w, enum watch_kind kind, const char *path,
                      const struct zabc_watcher *watcher, struct bytes *gone)
{
    size_t len = strlen(path);
    size_t count = 0;

    list_each_safe(at, bucket_of(w, path, len))
    {
        struct watch *it = list_entry(at, struct watch, in_bucket);

        if (!is_at(it, kind, path, len) || (watcher != NULL && !is_same(&it->watcher, watcher)))
            continue;
        if (gone != NULL)
            add_once(gone, &it->watcher);
        drop(w, it);
        count++;
    }
    return count;
}

/* Those at the first `len` bytes of the path. */
static void add_staying(const struct watches *w, enum watch_kind kind, const char *path, size_t len,
                        struct bytes *told)
{
    list_each(at, bucket_of(w, path, len))
    {
        const struct watch *it = list_entry(at, struct watch, in_bucket);

        if (is_at(it, kind, path, len))
            add_once(told, &it->watcher);
    }
}

/* A recursive watch hears of everything below it but not of lists of children: those are sent
 * for somebody else's child watch. */
static void add_recursive(const struct watches *w, const char *path, struct bytes *told)
{
    size_t len = strlen(path);

    if (w->counts[WATCH_RECURSIVE] == 0)
        return;
    while (len > 1) {
        add_staying(w, WATCH_RECURSIVE, path, len, told);
        do
            len--;
        while (len > 0 && path[len] != '/');
    }
    add_staying(w, WATCH_RECURSIVE, "/", 1, told);
}

void watches_fire(struct watches *w, enum zk_event type, const char *path, struct bytes *told)
{
    bool is_of_children = type == ZK_EVENT_NODE_CHILDREN_CHANGED;

    if (!is_of_children) {
        (void)watches_remove(w, WATCH_DATA, path, NULL, told);
        (void)watches_remove(w, WATCH_EXIST, path, NULL, told);
    }
    if (is_of_children || type == ZK_EVENT_NODE_DELETED)
        (void)watches_remove(w, WATCH_CHILD, path, NULL, told);
    add_staying(w, WATCH_PERSISTENT, path, strlen(path), told);
    if (!is_of_children)
        add_recursive(w, path, told);
}
