/* One znode: its blocks, its place in the hash table and among its siblings. */
#include "server/tree/state.h"

static uint64_t hash_of_handle(const void *owner, uint32_t handle)
{
    const struct tree *t = owner;
    const struct znode *n = node_of(t, handle);

    return name_hash(&t->hash, n->parent, node_name_at(&t->arena, n), node_name_len(n));
}

static uint32_t *link_of_handle(const void *owner, uint32_t handle)
{
    const struct tree *t = owner;

    return &node_of(t, handle)->hash_next;
}

const struct buckets_ops node_buckets_ops = { .hash = hash_of_handle, .link = link_of_handle };

uint32_t node_find(const struct tree *t, uint32_t parent, const uint8_t *name, size_t len,
                   uint64_t *ret_hash)
{
    uint64_t hash = name_hash(&t->hash, parent, name, len);
    uint32_t at = buckets_first(&t->by_name, hash);

    *ret_hash = hash;
    while (at != 0) {
        const struct znode *n = node_of(t, at);

        if (n->parent == parent && node_name_len(n) == len &&
            memcmp(node_name_at(&t->arena, n), name, len) == 0)
            break;
        at = n->hash_next;
    }
    return at;
}

struct znode_ext *node_need_ext(struct tree *t, struct znode *n)
{
    if (n->ext == 0) {
        n->ext = arena_alloc(&t->arena, sizeof(struct znode_ext));
        *node_own_ext(t, n) = (struct znode_ext){ .pzxid = n->czxid };
    }
    return node_own_ext(t, n);
}

/* The flags that a node has from its place in the tree. */
static uint32_t inherited_flags(const struct tree *t, const struct znode *parent,
                                struct jute_bytes name)
{
    uint32_t flags = parent->name_bits & (NODE_UNCOUNTED | NODE_QUOTA_TREE);

    if (flags == 0 && parent->parent == t->root && node_name_len(parent) == 9 &&
        memcmp(parent->name, "zookeeper", 9) == 0) {
        flags = NODE_UNCOUNTED;
        if (jute_is_text(name, "quota"))
            flags |= NODE_QUOTA_TREE;
    }
    return flags;
}

static uint32_t new_block(struct tree *t, struct jute_bytes name)
{
    uint32_t len = (uint32_t)name.len;
    bool is_long = len > NODE_NAME_INLINE_MAX;
    uint32_t handle =
        arena_alloc(&t->arena, sizeof(struct znode) + (is_long ? sizeof(uint32_t) : len));
    struct znode *n = node_of(t, handle);

    *n = (struct znode){ .data_len = -1, .acl = TREE_ACL_OPEN, .name_bits = len << NODE_FLAG_BITS };
    if (is_long) {
        uint32_t block = arena_alloc(&t->arena, len);

        memcpy(arena_block(&t->arena, block, len), name.at, len);
        memcpy(n->name, &block, sizeof block);
        n->name_bits |= NODE_LONG_NAME;
    } else if (len > 0) {
        memcpy(n->name, name.at, len);
    }
    return handle;
}

/* Siblings stand with the youngest first; the first one's sib_prev is the oldest. So walks do not
 * meet who comes while they are among them, and clients are told the oldest first. */
static void join_siblings(struct tree *t, struct znode_ext *ext, uint32_t handle, bool is_youngest)
{
    struct znode *n = node_of(t, handle);

    ext->child_count++;
    ext->child_names_len += node_name_len(n);
    if (ext->first_child == 0) {
        n->sib_prev = ext->first_child = handle;
        return;
    }

    struct znode *first = node_of(t, ext->first_child);

    n->sib_prev = first->sib_prev;
    first->sib_prev = handle;
    if (is_youngest) {
        n->sib_next = ext->first_child;
        ext->first_child = handle;
    } else {
        node_of(t, n->sib_prev)->sib_next = handle;
    }
}

static uint32_t create(struct tree *t, uint32_t parent, struct jute_bytes name, bool is_youngest)
{
    uint32_t handle = new_block(t, name);
    struct znode *n = node_of(t, handle);

    if (parent == 0) /* The root. */
        return handle;

    struct znode *above = node_of(t, parent);
    struct znode_ext *ext = node_need_ext(t, above);

    n->parent = parent;
    n->name_bits |= inherited_flags(t, above, name);
    join_siblings(t, ext, handle, is_youngest);
    return handle;
}

uint32_t node_create_unhashed(struct tree *t, uint32_t parent, struct jute_bytes name)
{
    return create(t, parent, name, false);
}

uint32_t node_create(struct tree *t, uint32_t parent, struct jute_bytes name, uint64_t hash)
{
    uint32_t handle = create(t, parent, name, true);

    if (parent != 0)
        buckets_insert(&t->by_name, hash, handle, &node_of(t, handle)->hash_next);
    return handle;
}

static void free_blocks(struct tree *t, uint32_t handle)
{
    struct znode *n = node_of(t, handle);

    if (n->data != 0)
        arena_free(&t->arena, n->data, node_data_bytes(n));
    if (n->ext != 0)
        arena_free(&t->arena, n->ext, sizeof(struct znode_ext));
    if (node_has(n, NODE_LONG_NAME)) {
        uint32_t block;

        memcpy(&block, n->name, sizeof block);
        arena_free(&t->arena, block, node_name_len(n));
    }
    arena_free(&t->arena, handle, node_bytes(n));
}

static void leave_siblings(struct tree *t, struct znode *n)
{
    struct znode_ext *ext = node_own_ext(t, node_of(t, n->parent));

    if (node_of(t, ext->first_child) == n)
        ext->first_child = n->sib_next;
    else
        node_of(t, n->sib_prev)->sib_next = n->sib_next;
    if (n->sib_next != 0)
        node_of(t, n->sib_next)->sib_prev = n->sib_prev;
    else if (ext->first_child != 0)
        node_of(t, ext->first_child)->sib_prev = n->sib_prev;
    ext->child_count--;
    ext->child_names_len -= node_name_len(n);
}

void node_remove(struct tree *t, uint32_t handle, size_t units)
{
    struct znode *n = node_of(t, handle);

    zk_assert(node_first_child(t, n) == 0 && n->parent != 0);
    walk_node_going(t, handle);
    t->digest -= node_digest(t, n);
    t->data_bytes -= units + (n->data_len > 0 ? (size_t)n->data_len : 0);
    owner_leave(t, handle);
    if (node_has(n, NODE_QUOTA_TREE))
        quota_node_going(t, n);
    acls_release(t, n->acl);
    leave_siblings(t, n);
    buckets_remove(&t->by_name, hash_of_handle(t, handle), handle);
    free_blocks(t, handle);
}

/* ---- Data and stat. */

static void resize_data(struct tree *t, struct znode *n, uint32_t flags, int32_t data_len)
{
    size_t old = node_data_bytes(n);

    n->name_bits |= flags;
    n->data_len = data_len;

    size_t size = node_data_bytes(n);

    if (size == old)
        return;
    if (n->data != 0)
        arena_free(&t->arena, n->data, old);
    n->data = size > 0 ? arena_alloc(&t->arena, size) : 0;
}

static void copy_data(struct tree *t, struct znode *n, struct jute_bytes data)
{
    if (data.len > 0) {
        uint8_t *block = arena_block(&t->arena, n->data, node_data_bytes(n));

        memcpy(block + node_data_head(n), data.at, (size_t)data.len);
    }
}

void node_put_modified(struct tree *t, struct znode *n, struct jute_bytes data,
                       const struct znode_modified *m)
{
    resize_data(t, n, NODE_MODIFIED, data.len);
    memcpy(arena_block(&t->arena, n->data, node_data_bytes(n)), m, sizeof *m);
    copy_data(t, n, data);
}

void node_put_data(struct tree *t, struct znode *n, struct jute_bytes data)
{
    if (node_has(n, NODE_MODIFIED)) {
        struct znode_modified m;

        memcpy(&m, arena_block(&t->arena, n->data, node_data_bytes(n)), sizeof m);
        node_put_modified(t, n, data, &m);
    } else {
        resize_data(t, n, 0, data.len);
        copy_data(t, n, data);
    }
}

void node_put_acl(struct tree *t, struct znode *n, int32_t acl)
{
    int32_t old = n->acl;

    acls_retain(t, acl);
    n->acl = acl;
    acls_release(t, old);
}

void node_put_raw(struct tree *t, struct znode *n, const struct znode_raw *raw)
{
    n->czxid = raw->czxid;
    n->ctime = raw->ctime;
    if (raw->cversion != 0 || raw->aversion != 0 || raw->owner != 0 || raw->pzxid != raw->czxid ||
        n->ext != 0) {
        struct znode_ext *ext = node_need_ext(t, n);

        ext->pzxid = raw->pzxid;
        ext->owner = raw->owner;
        ext->cversion = raw->cversion;
        ext->aversion = raw->aversion;
    }
}

/* ---- Digest. */

uint64_t node_digest(const struct tree *t, const struct znode *n)
{
    struct znode_raw raw;

    if (node_has(n, NODE_UNCOUNTED) || !t->conf.digest)
        return 0;
    znode_raw(t, n, &raw);
    return digest_of(n->content_crc, &raw);
}

void node_put_content_crc(struct tree *t, struct znode *n, struct jute_bytes path)
{
    if (!node_has(n, NODE_UNCOUNTED) && t->conf.digest)
        n->content_crc = digest_content_crc(path, znode_data(t, n));
}

/* ---- Preorder. */

uint32_t node_next_outside(const struct tree *t, uint32_t top, uint32_t at)
{
    while (at != top) {
        const struct znode *n = node_of(t, at);

        if (n->sib_next != 0)
            return n->sib_next;
        at = n->parent;
    }
    return 0;
}

uint32_t node_next(const struct tree *t, uint32_t top, uint32_t at)
{
    uint32_t child = node_first_child(t, node_of(t, at));

    return child != 0 ? child : node_next_outside(t, top, at);
}
