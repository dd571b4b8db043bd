/* Filling a tree from a snapshot, as fast as it comes: parents are known without a
 * look-up, since the file's nodes come in the order of a walk, and no node waits for
 * the memory of the hash table. */
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

/* ---- The late way into the hash table. */

static void enter_one(struct tree *t)
{
    struct loading *l = &t->loading;
    size_t i = l->hashed++ % LOADING_LATE;
    struct znode *n = node_of(t, l->late[i].handle);

    buckets_insert(&t->by_name, l->late[i].hash, l->late[i].handle, &n->hash_next);
    if (n->hash_next != 0)
        __builtin_prefetch(node_of(t, n->hash_next));
}

/* Behind a node in its chain are those that came before it. */
static void check_one(struct tree *t)
{
    struct loading *l = &t->loading;
    const struct znode *n = node_of(t, l->late[l->checked++ % LOADING_LATE].handle);

    for (uint32_t at = n->hash_next; at != 0;) {
        const struct znode *other = node_of(t, at);
        uint32_t len = node_name_len(n);

        if (other->parent == n->parent && node_name_len(other) == len &&
            memcmp(node_name_at(&t->arena, other), node_name_at(&t->arena, n), len) == 0)
            l->is_twice = true;
        at = other->hash_next;
    }
}

static void enter_all(struct tree *t)
{
    struct loading *l = &t->loading;

    while (l->hashed < l->taken)
        enter_one(t);
    while (l->checked < l->taken)
        check_one(t);
}

static void enter_late(struct tree *t, uint32_t handle, uint64_t hash)
{
    struct loading *l = &t->loading;

    if (l->taken - l->checked == LOADING_LATE)
        check_one(t);
    l->late[l->taken % LOADING_LATE].handle = handle;
    l->late[l->taken % LOADING_LATE].hash = hash;
    l->taken++;
    __builtin_prefetch(&t->by_name.heads[buckets_index(&t->by_name, hash)], 1);
    if (l->taken - l->hashed > LOADING_LATE / 2)
        enter_one(t);
}

/* ---- Nodes. */

static void push_ancestor(struct loading *l, size_t path_len, uint32_t handle)
{
    if (l->ancestor_count == l->ancestor_cap) {
        l->ancestor_cap = l->ancestor_cap * 2 + 16;
        l->ancestors = zk_xrealloc(l->ancestors, l->ancestor_cap * sizeof *l->ancestors);
    }
    l->ancestors[l->ancestor_count++] = (struct ancestor){ path_len, handle };
}

/* The parent of `path`, or 0. In a file that is in the order of a walk it is one of
 * the last node's ancestors, or that node. */
static uint32_t find_parent(struct tree *t, struct jute_bytes path)
{
    struct loading *l = &t->loading;
    size_t len = (size_t)path_parent(path).len;
    struct jute_bytes name;

    while (l->ancestor_count > 0 && l->ancestors[l->ancestor_count - 1].path_len > len)
        l->ancestor_count--;
    if (l->ancestor_count > 0 && l->ancestors[l->ancestor_count - 1].path_len == len &&
        (len == 0 || memcmp(l->path.at, path.at, len) == 0)) {
        l->path.len = len;
        return l->ancestors[l->ancestor_count - 1].handle;
    }
    l->ancestor_count = 0;
    l->path.len = 0;
    bytes_put(&l->path, path.at, len);
    enter_all(t);

    const struct znode *parent = t->root != 0 ? tree_find_parent(t, path, &name) : NULL;

    if (parent == NULL)
        return 0;
    push_ancestor(l, len, node_handle(t, parent));
    return node_handle(t, parent);
}

/* Makes the node. Returns 0 or a negative errno. */
static int new_node(struct tree *t, struct jute_bytes path, uint32_t *ret)
{
    struct loading *l = &t->loading;

    if (path.len == 0) {
        if (t->root != 0)
            return -EEXIST;
        t->root = node_create(t, 0, path, 0);
        *ret = t->root;
        push_ancestor(l, 0, t->root);
        return 0;
    }

    uint32_t parent = find_parent(t, path);
    struct jute_bytes name = path_last(path);

    if (name.len == 0 || name.len > NODE_NAME_LEN_MAX)
        return -EINVAL;
    if (parent == 0)
        return -ENOENT;
    *ret = node_create_unhashed(t, parent, name);
    enter_late(t, *ret, name_hash(&t->hash, parent, name.at, (size_t)name.len));
    bytes_put(&l->path, path.at + l->path.len, (size_t)path.len - l->path.len);
    push_ancestor(l, (size_t)path.len, *ret);
    return 0;
}

int tree_load_node(struct tree *t, struct jute_bytes path, struct jute_bytes data, int64_t acl,
                   const struct znode_raw *raw)
{
    uint32_t handle;
    int32_t ours;

    /* To ZK a path without a slash is the root. */
    if (path.len <= 0 || memchr(path.at, '/', (size_t)path.len) == NULL)
        path = jute_text("");
    if (t->loading.is_twice)
        return -EEXIST;
    if (!owner_is_usable(t, path, raw->owner))
        return -EINVAL;

    int r = new_node(t, path, &handle);

    if (r < 0)
        return r;

    struct znode *n = node_of(t, handle);

    r = our_acl(t, acl, &ours);
    node_put_acl(t, n, ours);
    node_put_raw(t, n, raw);
    if (raw->mzxid != raw->czxid || raw->mtime != raw->ctime || raw->version != 0) {
        struct znode_modified m = { raw->mzxid, raw->mtime, raw->version };

        node_put_modified(t, n, data, &m);
    } else {
        node_put_data(t, n, data);
    }
    owner_enter(t, handle);
    node_put_content_crc(t, n, path);
    t->digest += node_digest(t, n);
    t->data_bytes += path.len > 0 ? text_units(path.at, (size_t)path.len) : 1;
    t->data_bytes += data.len > 0 ? (uint64_t)data.len : 0;
    return r;
}

/* ---- The frame. */

void tree_load_begin(struct tree *t, uint64_t expected_nodes)
{
    tree_reset(t);
    buckets_presize(&t->by_name, (size_t)expected_nodes);

    int r = buckets_init(&t->loading.by_id, &ops, t, tree_nodes_max(t));

    zk_assert(r == 0);
}

void loading_done(struct tree *t)
{
    free(t->loading.aliases);
    buckets_done(&t->loading.by_id);
    free(t->loading.ancestors);
    bytes_done(&t->loading.path);
    t->loading = (struct loading){ 0 };
}

int tree_load_end(struct tree *t, zk_zxid zxid)
{
    enter_all(t);

    bool is_twice = t->loading.is_twice;

    loading_done(t);
    tree_add_builtin(t);
    acls_sweep(t);
    quota_recount_all(t);
    t->zxid = zxid;
    return is_twice ? -EEXIST : 0;
}
