#include "server/state/dump_nodes.h"

#include <errno.h>

#include "jute/records.h"

enum { STAT_BYTES = 60 };

/* ---- Sessions and ACLs. */

static void put_session(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    struct bytes *out = ctx;

    jute_write_i64(out, id);
    jute_write_i32(out, timeout_ms);
}

struct acl_dump {
    struct bytes *out;
    int32_t count;
};

static void put_acl(void *ctx, int32_t id, struct jute_vector acls)
{
    struct acl_dump *a = ctx;

    jute_write_i64(a->out, id);
    jute_write_acls(a->out, acls);
    a->count++;
}

void dump_put_head(struct bytes *out, struct state *s)
{
    struct acl_dump acls = { .out = out };

    jute_write_i32(out, (int32_t)session_book_count(s->sessions));
    session_book_each(s->sessions, put_session, out);

    size_t count_at = out->len;

    jute_write_i32(out, 0);
    tree_each_acl(s->tree, put_acl, &acls);
    (void)jute_store32(out->at + count_at, (uint32_t)acls.count);
}

/* ---- Nodes. */

void dump_nodes_begin(struct dump_nodes *d, struct tree *t)
{
    *d = (struct dump_nodes){ .parent = NULL };
    tree_walk_begin(t, &d->walk);
}

int dump_nodes_resume(struct dump_nodes *d)
{
    d->parent = NULL;
    return tree_walk_is_lost(&d->walk) ? -ECANCELED : 0;
}

void dump_nodes_end(struct dump_nodes *d)
{
    tree_walk_end(&d->walk);
    bytes_done(&d->parent_path);
}

/* The path as a snapshot has it: the root is "". */
static size_t put_path(struct dump_nodes *d, struct bytes *out, const struct znode *n)
{
    const struct tree *t = d->walk.tree;
    const struct znode *parent = tree_parent(t, n);
    struct jute_bytes name = znode_name(t, n);

    if (parent == NULL) {
        jute_write_i32(out, 0);
        return 4;
    }
    if (parent != d->parent) {
        d->parent = parent;
        d->parent_path.len = 0;
        if (tree_parent(t, parent) != NULL)
            znode_path(t, parent, &d->parent_path);
    }

    size_t len = d->parent_path.len + 1 + (size_t)name.len;

    jute_write_i32(out, (int32_t)len);
    bytes_put(out, d->parent_path.at, d->parent_path.len);
    bytes_put(out, "/", 1);
    bytes_put(out, name.at, (size_t)name.len);
    return 4 + len;
}

/* Returns the bytes it took. */
static size_t put_node(struct dump_nodes *d, struct bytes *out, const struct znode *n)
{
    const struct tree *t = d->walk.tree;
    struct znode_raw raw;
    struct jute_bytes data = znode_data(t, n);
    size_t path_bytes = put_path(d, out, n);

    jute_write_buf(out, data);
    znode_raw(t, n, &raw);

    uint8_t *p = bytes_room(out, 8 + STAT_BYTES);

    p = jute_store64(p, (uint64_t)(int64_t)znode_acl(n));
    p = jute_store64(p, (uint64_t)raw.czxid);
    p = jute_store64(p, (uint64_t)raw.mzxid);
    p = jute_store64(p, (uint64_t)raw.ctime);
    p = jute_store64(p, (uint64_t)raw.mtime);
    p = jute_store32(p, (uint32_t)raw.version);
    p = jute_store32(p, (uint32_t)raw.cversion);
    p = jute_store32(p, (uint32_t)raw.aversion);
    p = jute_store64(p, (uint64_t)raw.owner);
    (void)jute_store64(p, (uint64_t)raw.pzxid);
    bytes_added(out, 8 + STAT_BYTES);
    return path_bytes + jute_size_buf(data) + 8 + STAT_BYTES;
}

bool dump_nodes_put(struct dump_nodes *d, struct bytes *out, size_t bytes, int count)
{
    size_t put = 0;

    for (int i = 0; i < count && put < bytes; i++) {
        const struct znode *n = tree_walk_next(&d->walk);

        if (n == NULL)
            return false;
        put += put_node(d, out, n);
    }
    return true;
}
