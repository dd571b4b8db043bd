/* The tree's insides, shared by the files of this directory only.
 *
 *   nodes.c    blocks and links of one znode: create, fill, remove
 *   tree.c     finding and reading
 *   owners.c   ephemerals by session, and the list of what may expire
 *   acls.c     interned ACL lists
 *   quota.c    usage and limits
 *   walk.c     walks of snapshots
 *   load.c     filling a tree from a snapshot
 *   apply.c    txns
 *   txn.c      log payloads */
#ifndef SERVER_TREE_STATE_H
#define SERVER_TREE_STATE_H

#include "server/tree/arena.h"
#include "server/tree/buckets.h"
#include "server/tree/crc.h"
#include "server/tree/namespaces.h"
#include "server/tree/node.h"
#include "server/tree/tree.h"
#include "util/bytes.h"
#include "util/check.h"
#include "util/name_hash.h"

/* One interned list; its id is its index. */
struct acl {
    uint8_t *at; /* Owned; NULL while the id is free. */
    size_t len;
    uint64_t hash;
    int32_t count;
    uint32_t refs; /* Nodes that have it. */
    uint32_t next; /* In its hash chain, or of the free ids. */
};

struct acls {
    struct acl *at; /* [0] is not used. */
    uint32_t count, cap;
    uint32_t free;
    int32_t last; /* What was asked for last: mostly it is asked for again. */
    size_t bytes; /* Held by the lists. */
    struct buckets by_content;
};

/* A session that owns ephemerals: an arena block. */
struct owner {
    zk_session_id session;
    uint64_t count;
    uint32_t first, last; /* Nodes, linked through znode_ext. */
    uint32_t next, prev;  /* Owners, in the order in which they came to own. */
    uint32_t hash_next;
};

struct owners {
    struct buckets by_session;
    uint32_t first, last;
};

/* Containers and TTL nodes, in creation order. */
struct expiring {
    uint32_t first, last;
    uint32_t at; /* Where the next search goes on; 0 is the start. */
};

/* What an ACL id of a snapshot is here: ids are local to a server, so ours can be
 * dense whatever a file brings. */
struct acl_alias {
    int64_t id;
    int32_t ours;
    uint32_t next; /* In its hash chain: index + 1. */
};

/* A node of the path that was loaded last, which is mostly the next one's parent's. */
struct ancestor {
    size_t path_len;
    uint32_t handle;
};

enum { LOADING_LATE = 16 }; /* A power of two. */

/* While a snapshot is loaded. */
struct loading {
    struct acl_alias *aliases;
    uint32_t alias_count, alias_cap;
    struct buckets by_id;
    struct bytes path; /* Of the last node. */
    struct ancestor *ancestors;
    size_t ancestor_count, ancestor_cap;
    /* The last nodes: they enter the hash table some nodes later, so that what the
     * table's memory has to deliver is asked for in time. */
    struct {
        uint64_t hash;
        uint32_t handle;
    } late[LOADING_LATE];
    uint64_t taken;   /* Nodes that came into `late`. */
    uint64_t hashed;  /* Nodes that are in the table. */
    uint64_t checked; /* Nodes that are known to be there once. */
    bool is_twice;    /* A path was there twice. */
};

struct tree {
    struct tree_conf conf;
    struct name_hash hash;
    struct arena arena;
    struct buckets by_name; /* All nodes but the root. */
    uint32_t root;
    uint32_t quota; /* /zookeeper/quota */
    uint64_t digest;
    zk_zxid zxid;
    uint64_t ephemerals;
    uint64_t data_bytes;
    uint64_t quotas; /* Active ones. */
    struct acls acls;
    struct owners owners;
    struct expiring expiring;
    struct tree_walk *walks;
    struct loading loading;
    struct bytes path; /* Scratch: a path that had to be built. */
    struct bytes quota_path;
    struct namespaces namespaces;
};

static inline struct znode *node_of(const struct tree *t, uint32_t handle)
{
    return node_at(&t->arena, handle);
}

static inline uint32_t node_handle(const struct tree *t, const struct znode *n)
{
    return (uint32_t)((size_t)((const uint8_t *)n - t->arena.base) / ARENA_UNIT);
}

/* More than the arena can hold: the size of tables, in address space. */
static inline size_t tree_nodes_max(const struct tree *t)
{
    return t->arena.reserved / sizeof(struct znode);
}

/* NULL if it has none. */
static inline struct znode_ext *node_ext(const struct tree *t, const struct znode *n)
{
    return n->ext != 0 ? arena_at(&t->arena, n->ext) : NULL;
}

/* For nodes that have one: parents, and all with an owner. */
static inline struct znode_ext *node_own_ext(const struct tree *t, const struct znode *n)
{
    return arena_at(&t->arena, n->ext);
}

static inline uint32_t node_first_child(const struct tree *t, const struct znode *n)
{
    return n->ext != 0 ? node_own_ext(t, n)->first_child : 0;
}

static inline zk_zxid znode_pzxid(const struct tree *t, const struct znode *n)
{
    return n->ext != 0 ? node_own_ext(t, n)->pzxid : n->czxid;
}

/* Length in UTF-16 units, in which ZK counts path lengths. */
static inline size_t text_units(const uint8_t *p, size_t len)
{
    size_t units = 0;

    for (size_t i = 0; i < len; i++)
        units += (size_t)((p[i] & 0xc0) != 0x80) + (size_t)(p[i] >= 0xf0);
    return units;
}

static inline struct jute_bytes bytes_view(const struct bytes *b)
{
    return (struct jute_bytes){ .at = b->at, .len = (int32_t)b->len };
}

/* ---- nodes.c */

/* The child of that name, or 0. *ret_hash helps node_create() when it is missing. */
uint32_t node_find(const struct tree *t, uint32_t parent, const uint8_t *name, size_t len,
                   uint64_t *ret_hash);
/* Makes a node without data, stat, ACL and owner, first among its siblings. */
uint32_t node_create(struct tree *t, uint32_t parent, struct jute_bytes name, uint64_t hash);
/* The same, but last among its siblings, as a snapshot tells them, and it cannot be found by its
 * name yet. */
uint32_t node_create_unhashed(struct tree *t, uint32_t parent, struct jute_bytes name);
/* Removes a node without children from everywhere; `units` is the length of its path.
 * Its parent's stat is not touched. */
void node_remove(struct tree *t, uint32_t handle, size_t units);
/* Replaces the data, and keeps what stands before it. */
void node_put_data(struct tree *t, struct znode *n, struct jute_bytes data);
/* Replaces data, mzxid, mtime and version. */
void node_put_modified(struct tree *t, struct znode *n, struct jute_bytes data,
                       const struct znode_modified *m);
struct znode_ext *node_need_ext(struct tree *t, struct znode *n);
void node_put_acl(struct tree *t, struct znode *n, int32_t acl);
/* Sets a stat that may be any (loading). The owner is not entered in its list. */
void node_put_raw(struct tree *t, struct znode *n, const struct znode_raw *raw);
extern const struct buckets_ops node_buckets_ops;

/* Next in preorder within the subtree of `top`, or 0. */
uint32_t node_next(const struct tree *t, uint32_t top, uint32_t at);
/* The same without what is below `at`. */
uint32_t node_next_outside(const struct tree *t, uint32_t top, uint32_t at);

/* 0 for nodes that do not count, and when digests are off. */
uint64_t node_digest(const struct tree *t, const struct znode *n);
/* Path and data have changed; the digest is the caller's. */
void node_put_content_crc(struct tree *t, struct znode *n, struct jute_bytes path);

/* ---- owners.c */

/* Enters the node in the list that its owner asks for, or takes it out of there. */
void owner_enter(struct tree *t, uint32_t handle);
void owner_leave(struct tree *t, uint32_t handle);
struct owner *owner_of(const struct tree *t, zk_session_id session);
extern const struct buckets_ops owner_buckets_ops;

/* ---- acls.c */

int acls_init(struct acls *a, struct tree *t);
void acls_done(struct acls *a);
/* The id of the list; TREE_ACL_OPEN for null. The list has no user yet. */
int32_t acls_intern(struct tree *t, struct jute_vector list);
void acls_retain(struct tree *t, int32_t id);
/* The last user's going frees the id. */
void acls_release(struct tree *t, int32_t id);
/* Frees lists without users. */
void acls_sweep(struct tree *t);

/* ---- quota.c */

/* A node was created or is gone, or its data has changed. */
void quota_changed(struct tree *t, struct jute_bytes path, int64_t count, int64_t bytes);
/* A node below /zookeeper/quota was created: is it one of the two? */
void quota_node_created(struct tree *t, struct znode *n, struct jute_bytes path);
/* Before such a node goes. */
void quota_node_going(struct tree *t, struct znode *n);
/* Computes the usage of every active quota anew. */
void quota_recount_all(struct tree *t);

/* ---- tree.c */

/* Adds those of the four built-in nodes that are missing. */
void tree_add_builtin(struct tree *t);
/* Empties the tree altogether: not even a root is left. */
void tree_reset(struct tree *t);

/* ---- walk.c */

/* Before the node goes: no cursor may keep it. */
void walk_node_going(struct tree *t, uint32_t handle);
/* Before the tree goes: its walks are lost. */
void walks_lose(struct tree *t);

/* ---- load.c */

void loading_done(struct tree *t);

#endif
