/* Making a tree, finding in it, reading from it. */
#include "server/tree/tree.h"

#include <errno.h>
#include <stdlib.h>

#include "server/tree/path.h"
#include "server/tree/state.h"

#define EXTENDED_MASK    0xff00000000000000u
#define EXTENDED_FEATURE 0x00ffff0000000000u

static int init(struct tree *t)
{
    int r = arena_init(&t->arena);

    if (r == 0)
        r = buckets_init(&t->by_name, &node_buckets_ops, t, tree_nodes_max(t));
    if (r == 0)
        r = buckets_init(&t->owners.by_session, &owner_buckets_ops, t, tree_nodes_max(t));
    if (r == 0)
        r = acls_init(&t->acls, t);
    return r;
}

int tree_new(struct tree **ret, const struct tree_conf *conf)
{
    zk_assert(ret != NULL && conf != NULL);

    struct tree *t = calloc(1, sizeof *t);

    if (t == NULL)
        return -ENOMEM;
    t->conf = *conf;
    t->hash = name_hash_init(conf->hash_seed);

    int r = init(t);

    if (r < 0) {
        tree_free(t);
        return r;
    }
    tree_add_builtin(t);
    *ret = t;
    return 0;
}

static void done(struct tree *t)
{
    walks_lose(t);
    acls_done(&t->acls);
    buckets_done(&t->owners.by_session);
    buckets_done(&t->by_name);
    arena_done(&t->arena);
    loading_done(t);
    namespaces_done(&t->namespaces);
    bytes_done(&t->path);
    bytes_done(&t->quota_path);
}

struct tree *tree_free(struct tree *t)
{
    if (t == NULL)
        return NULL;
    done(t);
    free(t);
    return NULL;
}

void tree_reset(struct tree *t)
{
    done(t);
    *t = (struct tree){ .conf = t->conf, .hash = t->hash };

    int r = init(t);

    zk_assert(r == 0);
}

/* ---- The built-in nodes. */

static uint32_t need_child(struct tree *t, uint32_t parent, const char *text)
{
    struct jute_bytes path = jute_text(text);
    struct jute_bytes name = path_last(path);
    uint64_t hash;
    uint32_t at = node_find(t, parent, name.at, (size_t)name.len, &hash);

    if (at != 0)
        return at;
    at = node_create(t, parent, name, hash);

    struct znode *n = node_of(t, at);

    n->data_len = 0;
    node_put_content_crc(t, n, path);
    t->digest += node_digest(t, n);
    t->data_bytes += (uint64_t)path.len;
    return at;
}

/* world:anyone may read it, and its aversion is -1 at birth (storage-format 7.3). */
static void add_config(struct tree *t, uint32_t zookeeper)
{
    static const uint8_t readable[] = { 0,   0, 0, 1, 0, 0,   0,   5,   'w', 'o', 'r', 'l',
                                        'd', 0, 0, 0, 6, 'a', 'n', 'y', 'o', 'n', 'e' };
    uint64_t hash;

    if (node_find(t, zookeeper, (const uint8_t *)"config", 6, &hash) != 0)
        return;

    struct znode *n = node_of(t, need_child(t, zookeeper, "/zookeeper/config"));
    struct jute_vector list = { .at = readable, .len = sizeof readable, .count = 1 };

    node_put_acl(t, n, acls_intern(t, list));
    node_need_ext(t, n)->aversion = -1;
}

void tree_add_builtin(struct tree *t)
{
    if (t->root == 0) {
        t->root = node_create(t, 0, jute_text(""), 0);

        struct znode *root = node_of(t, t->root);

        root->data_len = 0;
        node_put_content_crc(t, root, jute_text("/"));
        t->digest += node_digest(t, root);
        t->data_bytes += 1;
    }

    uint32_t zookeeper = need_child(t, t->root, "/zookeeper");

    t->quota = need_child(t, zookeeper, "/zookeeper/quota");
    add_config(t, zookeeper);
}

/* ---- Finding. */

struct znode *tree_find(const struct tree *t, struct jute_bytes path)
{
    if (path.len <= 0)
        return path.len == 0 ? node_of(t, t->root) : NULL;
    if (path.at[0] != '/')
        return NULL;

    const uint8_t *end = path.at + path.len;
    uint32_t at = t->root;

    if (path.len == 1)
        return node_of(t, at);
    for (const uint8_t *p = path.at; p != end;) {
        const uint8_t *name = p + 1;
        uint64_t hash;

        p = memchr(name, '/', (size_t)(end - name));
        if (p == NULL)
            p = end;
        if (p == name)
            return NULL;
        at = node_find(t, at, name, (size_t)(p - name), &hash);
        if (at == 0)
            return NULL;
    }
    return node_of(t, at);
}

struct znode *tree_find_parent(const struct tree *t, struct jute_bytes path,
                               struct jute_bytes *ret_name)
{
    const uint8_t *slash = path.len > 0 ? memrchr(path.at, '/', (size_t)path.len) : NULL;

    if (slash == NULL)
        return NULL;

    int32_t len = (int32_t)(slash - path.at);
    /* The text "/" before a last slash ("//a") is not the root. */
    struct znode *parent =
        len == 1 ? NULL : tree_find(t, (struct jute_bytes){ .at = path.at, .len = len });

    *ret_name = (struct jute_bytes){ .at = slash + 1, .len = path.len - len - 1 };
    return parent;
}

struct znode *tree_find_child(const struct tree *t, const struct znode *parent,
                              struct jute_bytes name)
{
    uint64_t hash;

    if (name.len <= 0)
        return NULL;

    uint32_t at = node_find(t, node_handle(t, parent), name.at, (size_t)name.len, &hash);

    return at != 0 ? node_of(t, at) : NULL;
}

struct znode *tree_parent(const struct tree *t, const struct znode *n)
{
    return n->parent != 0 ? node_of(t, n->parent) : NULL;
}

/* ---- Reading. */

struct jute_bytes znode_name(const struct tree *t, const struct znode *n)
{
    return (struct jute_bytes){ .at = node_name_at(&t->arena, n),
                                .len = (int32_t)node_name_len(n) };
}

void znode_path(const struct tree *t, const struct znode *n, struct bytes *out)
{
    size_t len = 0;

    if (n->parent == 0) {
        bytes_put(out, "/", 1);
        return;
    }
    for (const struct znode *at = n; at->parent != 0; at = node_of(t, at->parent))
        len += node_name_len(at) + 1;

    uint8_t *p = bytes_room(out, len) + len;

    for (const struct znode *at = n; at->parent != 0; at = node_of(t, at->parent)) {
        p -= node_name_len(at);
        memcpy(p, node_name_at(&t->arena, at), node_name_len(at));
        *--p = '/';
    }
    bytes_added(out, len);
}

struct jute_bytes znode_data(const struct tree *t, const struct znode *n)
{
    const uint8_t *at = NULL;

    if (n->data_len > 0) {
        at = arena_block(&t->arena, n->data, node_data_bytes(n));
        at += node_data_head(n);
    }
    return (struct jute_bytes){ .at = at, .len = n->data_len };
}

void znode_raw(const struct tree *t, const struct znode *n, struct znode_raw *ret)
{
    const struct znode_ext *ext = node_ext(t, n);

    *ret = (struct znode_raw){ .czxid = n->czxid,
                               .mzxid = n->czxid,
                               .pzxid = n->czxid,
                               .ctime = n->ctime,
                               .mtime = n->ctime };
    if (node_has(n, NODE_MODIFIED)) {
        const struct znode_modified *m = arena_block(&t->arena, n->data, node_data_bytes(n));

        ret->mzxid = m->mzxid;
        ret->mtime = m->mtime;
        ret->version = m->version;
    }
    if (ext != NULL) {
        ret->pzxid = ext->pzxid;
        ret->cversion = ext->cversion;
        ret->aversion = ext->aversion;
        ret->owner = ext->owner;
    }
}

void znode_stat(const struct tree *t, const struct znode *n, struct zk_stat *ret)
{
    struct znode_raw raw;

    znode_raw(t, n, &raw);
    znode_stat_of(t, &raw, n->data_len, znode_child_count(t, n), ret);
}

void znode_stat_of(const struct tree *t, const struct znode_raw *raw, int32_t data_len,
                   int32_t child_count, struct zk_stat *ret)
{
    *ret = (struct zk_stat){
        .czxid = raw->czxid,
        .mzxid = raw->mzxid,
        .ctime_ms = raw->ctime,
        .mtime_ms = raw->mtime,
        .version = raw->version,
        /* Creations and deletions, wrapping (client-protocol 3.4). */
        .cversion = (int32_t)((uint32_t)raw->cversion * 2u - (uint32_t)child_count),
        .aversion = raw->aversion,
        .ephemeral_owner = raw->owner,
        .data_length = data_len > 0 ? data_len : 0,
        .num_children = child_count,
        .pzxid = raw->pzxid,
    };
    if (raw->owner != 0 && znode_kind_of(t, raw->owner) != ZNODE_EPHEMERAL)
        ret->ephemeral_owner = 0;
}

/* A feature number other than TTL's is refused when it is loaded, and no txn makes
 * one; it would count as a session here. */
enum znode_kind znode_kind_of(const struct tree *t, int64_t owner)
{
    uint64_t bits = (uint64_t)owner;

    if (owner == 0)
        return ZNODE_PERSISTENT;
    if (owner == ZNODE_CONTAINER_OWNER)
        return ZNODE_CONTAINER;
    if (t->conf.extended_types &&
        ((t->conf.emulate_353 && owner < 0) ||
         ((bits & EXTENDED_MASK) == EXTENDED_MASK && (bits & EXTENDED_FEATURE) == 0)))
        return ZNODE_TTL;
    return ZNODE_EPHEMERAL;
}

int64_t znode_ttl_ms_of(const struct tree *t, int64_t owner)
{
    return znode_kind_of(t, owner) == ZNODE_TTL ? owner & ZNODE_TTL_MAX_MS : 0;
}

int32_t znode_acl(const struct znode *n)
{
    return n->acl;
}

int32_t znode_child_count(const struct tree *t, const struct znode *n)
{
    return n->ext != 0 ? node_own_ext(t, n)->child_count : 0;
}

uint64_t znode_child_names_len(const struct tree *t, const struct znode *n)
{
    return n->ext != 0 ? node_own_ext(t, n)->child_names_len : 0;
}

struct znode *znode_first_child(const struct tree *t, const struct znode *n)
{
    uint32_t youngest = node_first_child(t, n);

    return youngest != 0 ? node_of(t, node_of(t, youngest)->sib_prev) : NULL;
}

struct znode *znode_next_sibling(const struct tree *t, const struct znode *n)
{
    if (n->parent == 0)
        return NULL;

    const struct znode *youngest = node_of(t, node_first_child(t, node_of(t, n->parent)));

    return n != youngest ? node_of(t, n->sib_prev) : NULL;
}

int64_t znode_descendant_count(const struct tree *t, const struct znode *n)
{
    uint32_t top = node_handle(t, n);
    int64_t count = 0;

    if (top == t->root)
        return (int64_t)t->by_name.elements;
    for (uint32_t at = node_next(t, top, top); at != 0; at = node_next(t, top, at))
        count++;
    return count;
}

/* ---- Digest and totals. */

uint64_t tree_digest(const struct tree *t)
{
    return t->digest;
}

uint32_t znode_content_crc(const struct znode *n)
{
    return n->content_crc;
}

uint32_t digest_content_crc(struct jute_bytes path, struct jute_bytes data)
{
    uint32_t crc = 0;

    if (path.len > 1) /* The root's path is empty here. */
        crc = crc_more(crc, path.at, (size_t)path.len);
    if (data.len > 0)
        crc = crc_more(crc, data.at, (size_t)data.len);
    return crc;
}

uint64_t digest_of(uint32_t content_crc, const struct znode_raw *raw)
{
    return crc_more_stat(content_crc, raw);
}

bool digest_counts(struct jute_bytes path)
{
    static const char prefix[] = "/zookeeper/";

    return path.len < (int32_t)sizeof prefix - 1 || memcmp(path.at, prefix, sizeof prefix - 1) != 0;
}

void tree_totals(const struct tree *t, struct tree_totals *ret)
{
    *ret = (struct tree_totals){
        .nodes = t->by_name.elements + 1,
        .ephemerals = t->ephemerals,
        .data_bytes = t->data_bytes,
        .sessions_with_ephemerals = t->owners.by_session.elements,
        .memory_bytes = arena_memory(&t->arena) + t->by_name.committed +
                        t->owners.by_session.committed + t->acls.by_content.committed +
                        t->acls.cap * sizeof *t->acls.at + t->acls.bytes + sizeof *t,
    };
}

zk_zxid tree_zxid(const struct tree *t)
{
    return t->zxid;
}

void tree_set_zxid(struct tree *t, zk_zxid zxid)
{
    t->zxid = zxid;
}
