#include "tests/sim/watches.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jute/opcodes.h"
#include "util/check.h"

void watches_done(struct watches *w)
{
    free(w->at);
    *w = (struct watches){ 0 };
}

static bool is_at(const struct watch_entry *e, enum watch_list list, const char *path)
{
    return e->list == list && strcmp(e->path, path) == 0;
}

static struct watch_entry *find(const struct watches *w, enum watch_list list, const char *path)
{
    for (size_t i = 0; i < w->count; i++)
        if (is_at(&w->at[i], list, path))
            return &w->at[i];
    return NULL;
}

void watches_add(struct watches *w, enum watch_list list, const char *path, zk_zxid zxid)
{
    struct watch_entry *e = find(w, list, path);

    if (e != NULL)
        return; /* Set since longer, so it would see even more. */
    if (w->count == w->cap) {
        w->cap = w->cap * 2 + 8;
        w->at = zk_xrealloc(w->at, w->cap * sizeof *w->at);
    }
    e = &w->at[w->count++];
    *e = (struct watch_entry){ .list = list, .zxid = zxid };
    (void)snprintf(e->path, sizeof e->path, "%s", path);
}

static bool take(struct watches *w, enum watch_list list, const char *path)
{
    struct watch_entry *e = find(w, list, path);

    if (e == NULL)
        return false;
    *e = w->at[--w->count];
    return true;
}

bool watches_fire(struct watches *w, int32_t type, const char *path)
{
    bool data = false;
    bool exist = false;
    bool child = false;

    if (type != ZK_EVENT_NODE_CHILDREN_CHANGED) {
        data = take(w, WATCHES_DATA, path);
        exist = take(w, WATCHES_EXIST, path);
    }
    if (type == ZK_EVENT_NODE_CHILDREN_CHANGED || type == ZK_EVENT_NODE_DELETED)
        child = take(w, WATCHES_CHILD, path);
    return data || exist || child;
}

const struct watch_entry *watches_slept(const struct watches *w, const char *path, bool exists,
                                        zk_zxid mzxid)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct watch_entry *e = &w->at[i];

        if (strcmp(e->path, path) != 0)
            continue;
        if (e->list == WATCHES_DATA && (!exists || mzxid > e->zxid))
            return e;
        /* Reads may come from the past, but not from before what was seen. */
        if (e->list == WATCHES_EXIST && exists)
            return e;
        if (e->list == WATCHES_CHILD && !exists)
            return e;
    }
    return NULL;
}

const struct watch_entry *watches_slept_children(const struct watches *w, const char *path,
                                                 zk_zxid pzxid)
{
    const struct watch_entry *e = find(w, WATCHES_CHILD, path);

    return e != NULL && pzxid > e->zxid ? e : NULL;
}

const struct watch_entry *watches_slept_at_all(const struct watches *w, const struct tree *t)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct watch_entry *e = &w->at[i];
        const struct znode *n = tree_find(t, jute_text(e->path));
        struct znode_raw raw = { 0 };

        if (n != NULL)
            znode_raw(t, n, &raw);
        if (e->list == WATCHES_EXIST
                ? n != NULL
                : n == NULL || e->zxid < (e->list == WATCHES_DATA ? raw.mzxid : raw.pzxid))
            return e;
    }
    return NULL;
}

void watches_write(const struct watches *w, zk_zxid since, struct bytes *out)
{
    jute_write_i64(out, since);
    for (enum watch_list list = WATCHES_DATA; list < WATCHES_LISTS; list++) {
        size_t count_at = out->len;
        uint32_t count = 0;

        jute_write_i32(out, 0);
        for (size_t i = 0; i < w->count; i++)
            if (w->at[i].list == list) {
                jute_write_str(out, jute_text(w->at[i].path));
                count++;
            }
        (void)jute_store32(out->at + count_at, count);
    }
}
