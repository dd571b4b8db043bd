/* Filling a tree from a snapshot. The file's nodes come in the order of a walk, so
 * the parent of one is mostly that of the last. */
#include <errno.h>
#include <stdlib.h>

#include "server/tree/path.h"
#include "server/tree/state.h"
#include "util/hash.h"

/* No permission for anybody: what a node gets whose list the file does not have. An
 * empty list would be no protection at all. */
static const uint8_t nobody_list[] = { 0,   0, 0, 0, 0, 0,   0,   5,   'w', 'o', 'r', 'l',
                                       'd', 0, 0, 0, 6, 'a', 'n', 'y', 'o', 'n', 'e' };

/* ---- ACLs. */

static uint64_t hash_of_alias(const void *owner, uint32_t handle)
{
    const struct tree *t = owner;

    return hash_u64(t->hash.s0, (uint64_t)t->loading.aliases[handle - 1].id);
}

static uint32_t *link_of_alias(const void *owner, uint32_t handle)
{
    const struct tree *t = owner;

    return &t->loading.aliases[handle - 1].next;
}

static const struct buckets_ops ops = { .hash = hash_of_alias, .link = link_of_alias };

static const struct acl_alias *find_alias(const struct tree *t, int64_t id)
{
    const struct loading *l = &t->loading;
    uint32_t at = buckets_first(&l->by_id, hash_u64(t->hash.s0, (uint64_t)id));

    while (at != 0 && l->aliases[at - 1].id != id)
        at = l->aliases[at - 1].next;
    return at != 0 ? &l->aliases[at - 1] : NULL;
}

int tree_load_acl(struct tree *t, int64_t id, struct jute_vector acls)
{
    struct loading *l = &t->loading;

    if (id < 1)
        return -EINVAL;
    if (find_alias(t, id) != NULL)
        return -EEXIST;
    if (l->alias_count == l->alias_cap) {
        l->alias_cap = l->alias_cap * 2 + 8;
        l->aliases = zk_xrealloc(l->aliases, l->alias_cap * sizeof *l->aliases);
    }

    struct acl_alias *alias = &l->aliases[l->alias_count++];

    *alias = (struct acl_alias){ .id = id, .ours = acls_intern(t, acls) };
    buckets_insert(&l->by_id, hash_u64(t->hash.s0, (uint64_t)id), l->alias_count, &alias->next);
    return 0;
}

/* The id that a node of the file gets here. */
static int our_acl(struct tree *t, int64_t id, int32_t *ret)
{
    const struct acl_alias *alias = find_alias(t, id);
    struct jute_vector nobody = { .at = nobody_list, .len = sizeof nobody_list, .count = 1 };

    if (id == TREE_ACL_OPEN)
        *ret = TREE_ACL_OPEN;
    else
        *ret = alias != NULL ? alias->ours : acls_intern(t, nobody);
    return id == TREE_ACL_OPEN || alias != NULL ? 0 : -ENOKEY;
}

/* ---- Nodes. */

/* ZK refuses feature numbers other than that of TTL (storage-format 7.1). A built-in
 * node has no owner: it would have to go with him. */
static bool owner_is_usable(const struct tree *t, struct jute_bytes path, int64_t owner)
{
    bool is_extended = ((uint64_t)owner & 0xff00000000000000u) == 0xff00000000000000u;

    if (owner != 0 && (path.len == 0 || path_is_reserved(path)))
        return false;
    return !t->conf.extended_types || !is_extended || znode_kind_of(t, owner) == ZNODE_TTL;
}

/* The parent of `path`, whose last slash is at `len`. */
static uint32_t find_parent(struct tree *t, struct jute_bytes path)
{
    struct loading *l = &t->loading;
    struct jute_bytes above = path_parent(path);
    struct jute_bytes name;

    if (l->parent != 0 && jute_bytes_equal(above, bytes_view(&l->parent_path)))
        return l->parent;

    const struct znode *parent = t->root != 0 ? tree_find_parent(t, path, &name) : NULL;

    l->parent = parent != NULL ? node_handle(t, parent) : 0;
    l->parent_path.len = 0;
    bytes_put(&l->parent_path, above.at, (size_t)above.len);
    return l->parent;
}

/* Finds or makes the node. Returns 0 or a negative errno. */
static int take_node(struct tree *t, struct jute_bytes path, uint32_t *ret)
{
    if (path.len == 0) {
        if (t->root == 0)
            t->root = node_create(t, 0, path, 0);
        *ret = t->root;
        return 0;
    }

    uint32_t parent = find_parent(t, path);
    struct jute_bytes name = path_last(path);
    uint64_t hash;

    if (name.len == 0 || name.len > NODE_NAME_LEN_MAX)
        return -EINVAL;
    if (parent == 0)
        return -ENOENT;
    *ret = node_find(t, parent, name.at, (size_t)name.len, &hash);
    if (*ret == 0)
        *ret = node_create(t, parent, name, hash);
    else
        owner_leave(t, *ret); /* A second one with that path overwrites it. */
    return 0;
}

static int32_t data_len(const struct znode *n)
{
    return n->data_len > 0 ? n->data_len : 0;
}

int tree_load_node(struct tree *t, struct jute_bytes path, struct jute_bytes data, int64_t acl,
                   const struct znode_raw *raw)
{
    uint32_t handle;
    int32_t ours;

    /* To ZK a path without a slash is the root. */
    if (path.len <= 0 || memchr(path.at, '/', (size_t)path.len) == NULL)
        path = jute_text("");
    if (!owner_is_usable(t, path, raw->owner))
        return -EINVAL;

    uint64_t before = t->by_name.elements + (t->root != 0);
    int r = take_node(t, path, &handle);

    if (r < 0)
        return r;

    struct znode *n = node_of(t, handle);

    if (t->by_name.elements + 1 > before) /* New. */
        t->data_bytes += path.len > 0 ? text_units(path.at, (size_t)path.len) : 1;
    else
        t->digest -= node_digest(t, n);
    t->data_bytes -= (uint64_t)data_len(n);
    r = our_acl(t, acl, &ours);
    node_put_acl(t, n, ours);
    node_put_raw(t, n, raw);
    if (raw->mzxid != raw->czxid || raw->mtime != raw->ctime || raw->version != 0 ||
        node_has(n, NODE_MODIFIED)) {
        struct znode_modified m = { raw->mzxid, raw->mtime, raw->version };

        node_put_modified(t, n, data, &m);
    } else {
        node_put_data(t, n, data);
    }
    t->data_bytes += (uint64_t)data_len(n);
    owner_enter(t, handle);
    node_put_content_crc(t, n, path);
    t->digest += node_digest(t, n);
    return r;
}

/* ---- The frame. */

void tree_load_begin(struct tree *t, uint64_t expected_nodes)
{
    tree_reset(t);
    buckets_presize(&t->by_name, (size_t)expected_nodes);

    int r = buckets_init(&t->loading.by_id, &ops, t, INT32_MAX / 4);

    zk_assert(r == 0);
}

void loading_done(struct tree *t)
{
    free(t->loading.aliases);
    buckets_done(&t->loading.by_id);
    bytes_done(&t->loading.parent_path);
    t->loading = (struct loading){ 0 };
}

void tree_load_end(struct tree *t, zk_zxid zxid)
{
    loading_done(t);
    tree_add_builtin(t);
    acls_sweep(t);
    quota_recount_all(t);
    t->zxid = zxid;
}
