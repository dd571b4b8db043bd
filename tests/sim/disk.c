#include "tests/sim/disk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/state/dump_nodes.h"
#include "server/state/load.h"
#include "util/check.h"

void disk_init(struct disk *d)
{
    *d = (struct disk){ 0 };
}

static void drop_snapshot(struct disk *d, size_t index)
{
    bytes_done(&d->snapshots[index].image);
    d->snapshot_count--;
    memmove(&d->snapshots[index], &d->snapshots[index + 1],
            (d->snapshot_count - index) * sizeof *d->snapshots);
}

void disk_done(struct disk *d)
{
    disk_cut(d, 0);
    free(d->log);
    while (d->snapshot_count > 0)
        drop_snapshot(d, d->snapshot_count - 1);
    free(d->snapshots);
    bytes_done(&d->config);
    bytes_done(&d->last_seen);
}

/* ---- The log. */

static bool follows(zk_zxid last, zk_zxid zxid)
{
    return zxid == last + 1 || (zxid_epoch(zxid) > zxid_epoch(last) && zxid_counter(zxid) == 1);
}

void disk_append(struct disk *d, const struct wal_batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const struct wal_txn *t = &b->txns[i];
        uint8_t *copy = zk_xmalloc(t->len + 1);

        memcpy(copy, b->payload.at + t->at, t->len);
        if (d->count == d->cap) {
            d->cap = d->cap * 2 + 64;
            d->log = zk_xrealloc(d->log, d->cap * sizeof *d->log);
        }
        d->log[d->count++] = (struct disk_entry){ .zxid = t->zxid, .at = copy, .len = t->len };
    }
}

static zk_zxid newest_snapshot(const struct disk *d)
{
    return d->snapshot_count > 0 ? d->snapshots[d->snapshot_count - 1].zxid : 0;
}

static zk_zxid last_of(const struct disk *d, size_t count)
{
    zk_zxid of_log = count > 0 ? d->log[count - 1].zxid : 0;
    zk_zxid of_snapshot = newest_snapshot(d);

    return of_log > of_snapshot ? of_log : of_snapshot;
}

zk_zxid disk_last(const struct disk *d)
{
    return last_of(d, d->count);
}

zk_zxid disk_last_durable(const struct disk *d)
{
    return last_of(d, d->durable);
}

zk_zxid disk_last_before(const struct disk *d, uint32_t epoch)
{
    size_t count = d->count;

    while (count > 0 && zxid_epoch(d->log[count - 1].zxid) >= epoch)
        count--;
    return last_of(d, count);
}

/* The index of the first entry after zxid. */
static size_t first_after(const struct disk *d, zk_zxid zxid)
{
    size_t low = 0;
    size_t high = d->count;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (d->log[mid].zxid <= zxid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct disk_entry *disk_find(const struct disk *d, zk_zxid zxid)
{
    size_t i = first_after(d, zxid);

    return i > 0 && d->log[i - 1].zxid == zxid ? &d->log[i - 1] : NULL;
}

bool disk_holds(const struct disk *d, zk_zxid zxid)
{
    const struct disk_entry *e = disk_find(d, zxid);

    return zxid <= newest_snapshot(d) || (e != NULL && e < d->log + d->durable);
}

const struct disk_entry *disk_next(const struct disk *d, zk_zxid zxid)
{
    size_t i = first_after(d, zxid);

    return i < d->count ? &d->log[i] : NULL;
}

bool disk_is_whole(const struct disk *d, zk_zxid zxid)
{
    for (size_t i = first_after(d, zxid); i < d->count; i++)
        if (i > 0 && !follows(d->log[i - 1].zxid, d->log[i].zxid))
            return false;
    return true;
}

void disk_cut(struct disk *d, size_t keep)
{
    while (d->count > keep)
        free(d->log[--d->count].at);
    if (d->durable > d->count)
        d->durable = d->count;
}

void disk_truncate(struct disk *d, zk_zxid zxid)
{
    while (d->snapshot_count > 0 && newest_snapshot(d) > zxid)
        drop_snapshot(d, d->snapshot_count - 1);
    disk_cut(d, first_after(d, zxid));
    d->durable = d->count;
}

static void drop_first(struct disk *d, size_t count)
{
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        free(d->log[i].at);
    memmove(d->log, d->log + count, (d->count - count) * sizeof *d->log);
    d->count -= count;
    d->durable = d->durable > count ? d->durable - count : 0;
}

/* ---- Snapshots. */

void disk_forget(struct disk *d, size_t count)
{
    drop_first(d, count);
    while (d->snapshot_count > 1)
        drop_snapshot(d, 0);
}

bool disk_is_foreign(const struct disk *d)
{
    return d->snapshot_count > 0 && d->snapshots[d->snapshot_count - 1].is_foreign;
}

void disk_put_snapshot(struct disk *d, zk_zxid zxid, zk_zxid tail, bool is_foreign,
                       struct bytes *image)
{
    /* One that is written again replaces itself. */
    if (d->snapshot_count > 0 && newest_snapshot(d) >= zxid)
        drop_snapshot(d, d->snapshot_count - 1);
    if (d->snapshot_count == d->snapshot_cap) {
        d->snapshot_cap = d->snapshot_cap * 2 + 4;
        d->snapshots = zk_xrealloc(d->snapshots, d->snapshot_cap * sizeof *d->snapshots);
    }
    d->snapshots[d->snapshot_count++] = (struct disk_snapshot){
        .zxid = zxid, .tail = tail, .is_foreign = is_foreign, .image = *image
    };
    *image = (struct bytes){ 0 };
}

void disk_purge(struct disk *d, size_t keep)
{
    while (d->snapshot_count > keep)
        drop_snapshot(d, 0);

    size_t old = d->snapshot_count > 0 ? first_after(d, d->snapshots[0].zxid) : 0;

    drop_first(d, old < d->durable ? old : d->durable);
}

/* ---- Small files. */

void disk_put_config(struct bytes *file, const struct zab_config *c)
{
    file->len = 0;
    if (c != NULL)
        zab_config_print(c, file);
}

/* ---- A start. */

static int replay(const struct disk *d, struct state *s, char why[STORE_WHY_MAX])
{
    static const struct tree_sink nowhere;
    zk_zxid last = tree_zxid(s->tree);

    for (size_t i = first_after(d, last); i < d->count; i++) {
        const struct disk_entry *e = &d->log[i];
        struct txn txn;

        if (!follows(last, e->zxid) || !txn_parse(&txn, e->at, e->len)) {
            (void)snprintf(why, STORE_WHY_MAX, "log: 0x%" PRIx64 " after 0x%" PRIx64,
                           (uint64_t)e->zxid, (uint64_t)last);
            return -EBADMSG;
        }
        state_apply(s, &txn, NULL, &nowhere);
        last = e->zxid;
    }
    return 0;
}

int disk_recover(const struct disk *d, const struct tree_conf *conf, struct state *ret,
                 char why[STORE_WHY_MAX])
{
    struct state s;

    if (d->snapshot_count == 0)
        return -ENOENT;

    const struct disk_snapshot *newest = &d->snapshots[d->snapshot_count - 1];
    int r = image_load(&s, conf, &newest->image, newest->zxid);

    zk_assert(r == 0); /* We wrote it. */
    r = replay(d, &s, why);
    if (r == 0 && newest->tail > tree_zxid(s.tree)) {
        (void)snprintf(why, STORE_WHY_MAX,
                       "the log ends at 0x%" PRIx64 ", but snapshot 0x%" PRIx64
                       " has traces of 0x%" PRIx64,
                       (uint64_t)tree_zxid(s.tree), (uint64_t)newest->zxid, (uint64_t)newest->tail);
        r = -EBADMSG;
    }
    if (r == 0)
        *ret = s;
    else
        state_done(&s);
    return r;
}

/* ---- Images. */

static void put_node(struct bytes *out, const struct tree *t, const struct znode *n)
{
    struct bytes path = { 0 };
    struct znode_raw raw;

    if (tree_parent(t, n) != NULL)
        znode_path(t, n, &path);
    jute_write_i32(out, (int32_t)path.len);
    bytes_put(out, path.at, path.len);
    bytes_done(&path);
    jute_write_buf(out, znode_data(t, n));
    jute_write_i64(out, znode_acl(n));
    znode_raw(t, n, &raw);
    bytes_put(out, &raw, sizeof raw);
}

static struct znode *next_in_preorder(const struct tree *t, struct znode *n)
{
    struct znode *next = znode_first_child(t, n);

    while (next == NULL && n != NULL) {
        next = znode_next_sibling(t, n);
        if (next == NULL)
            n = tree_parent(t, n);
    }
    return next;
}

void image_take(struct bytes *out, struct state *s)
{
    dump_put_head(out, s);
    for (struct znode *n = tree_find(s->tree, jute_text("/")); n != NULL;
         n = next_in_preorder(s->tree, n))
        put_node(out, s->tree, n);
}

static int load_nodes(struct tree *t, struct jute_in *in)
{
    int r = 0;

    while (jute_left(in) > 0 && (r == 0 || r == -ENOKEY)) {
        struct jute_bytes path;
        struct jute_bytes data;
        struct znode_raw raw;
        int64_t acl;

        jute_read_str(in, &path);
        jute_read_buf(in, &data);
        jute_read_i64(in, &acl);
        const uint8_t *p = jute_take(in, sizeof raw);
        zk_assert(p != NULL);
        memcpy(&raw, p, sizeof raw);
        r = tree_load_node(t, path, data, acl, &raw);
    }
    return r == -ENOKEY ? 0 : r;
}

int image_load(struct state *ret, const struct tree_conf *conf, const struct bytes *image,
               zk_zxid zxid)
{
    struct jute_in in = jute_in(image->at, image->len);
    int32_t count;
    int r = state_new(ret, conf);

    zk_assert(r == 0);
    jute_read_i32(&in, &count);
    for (int32_t i = 0; i < count; i++) {
        zk_session_id id;
        int32_t timeout_ms;

        jute_read_i64(&in, &id);
        jute_read_i32(&in, &timeout_ms);
        session_book_put(ret->sessions, id, timeout_ms);
    }
    tree_load_begin(ret->tree, 64);
    jute_read_i32(&in, &count);
    for (int32_t i = 0; i < count; i++) {
        struct jute_vector acls;
        int64_t id;

        jute_read_i64(&in, &id);
        jute_read_acls(&in, &acls);
        r = tree_load_acl(ret->tree, id, acls);
        zk_assert(r == 0);
    }
    r = load_nodes(ret->tree, &in);
    return r < 0 ? r : tree_load_end(ret->tree, zxid);
}
