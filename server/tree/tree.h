/* The tree of znodes: state only, deterministic and silent. No clock, no I/O, no log,
 * and no order that depends on addresses or on a seed that was not given.
 *
 * Only tree_apply() (and the loading of a snapshot) changes it. Everything else
 * reads. Nodes are found by path without storing paths: a hash of (parent, name).
 * Memory is counted in bytes: a leaf costs at most ~75 bytes beyond its name and
 * data (see node.h); child sets are O(1) at any size and cost leaves nothing. */
#ifndef SERVER_TREE_TREE_H
#define SERVER_TREE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jute/codec.h"
#include "jute/records.h"
#include "util/bytes.h"
#include "util/ids.h"

struct tree;
struct znode; /* Opaque here; a pointer is good until the next tree_apply(). */
struct watch_table;

struct tree_conf {
    uint64_t hash_seed;
    bool extended_types; /* zookeeper.extendedTypesEnabled: TTL nodes exist. */
    bool emulate_353;    /* zookeeper.emulate353TTLNodes. */
    bool digest;         /* zookeeper.digest.enabled. */
};

/* What is persisted of a node's stat (storage-format 3.1). cversion is raw: the number
 * of creations below it, which is also the next sequence number. */
struct znode_raw {
    zk_zxid czxid, mzxid, pzxid;
    int64_t ctime, mtime; /* ms since 1970. */
    int32_t version, cversion, aversion;
    int64_t owner; /* ephemeralOwner with container and TTL bits. */
};

/* The kinds of ephemeralOwner (client-protocol 3.7). */
enum znode_kind { ZNODE_PERSISTENT, ZNODE_EPHEMERAL, ZNODE_CONTAINER, ZNODE_TTL };

#define ZNODE_CONTAINER_OWNER INT64_MIN
#define ZNODE_TTL_MAX_MS      ((int64_t)0xffffffffff) /* 40 bits. */

/* ACL lists are interned. -1 is world:anyone:31 without a list (storage-format 3.5). An
 * id is free for another list once no node has it any more. */
enum { TREE_ACL_OPEN = -1 };

/* Returns 0 with a pristine tree (/, /zookeeper, /zookeeper/quota, /zookeeper/config),
 * or -ENOMEM. */
int tree_new(struct tree **ret, const struct tree_conf *conf);
struct tree *tree_free(struct tree *t); /* NULL is fine; returns NULL. */

/* ---- Reading. Paths are as clients send them: "" and "/" are the root, an
 * ill-formed path is a missing node. NULL when missing. */
struct znode *tree_find(const struct tree *t, struct jute_bytes path);
/* Finds the parent of `path` (the text before its last '/') and that last name,
 * which need not exist. NULL when the parent is missing or there is no '/'. */
struct znode *tree_find_parent(const struct tree *t, struct jute_bytes path,
                               struct jute_bytes *ret_name);
struct znode *tree_find_child(const struct tree *t, const struct znode *parent,
                              struct jute_bytes name);
struct znode *tree_parent(const struct tree *t, const struct znode *n); /* NULL for the root. */

struct jute_bytes znode_name(const struct tree *t, const struct znode *n);       /* Root: "". */
void znode_path(const struct tree *t, const struct znode *n, struct bytes *out); /* Root: "/". */
struct jute_bytes znode_data(const struct tree *t, const struct znode *n);       /* len -1: null. */
void znode_raw(const struct tree *t, const struct znode *n, struct znode_raw *ret);
/* As clients see it: cversion = 2 * raw - children, owner 0 for containers and TTL. */
void znode_stat(const struct tree *t, const struct znode *n, struct zk_stat *ret);
/* The same from parts: for results of ops whose node has changed since. */
void znode_stat_of(const struct tree *t, const struct znode_raw *raw, int32_t data_len,
                   int32_t child_count, struct zk_stat *ret);
enum znode_kind znode_kind_of(const struct tree *t, int64_t owner);
int64_t znode_ttl_ms_of(const struct tree *t, int64_t owner);
int32_t znode_acl(const struct znode *n); /* An ACL id, or TREE_ACL_OPEN. */
int32_t znode_child_count(const struct tree *t, const struct znode *n);
/* Sum of the lengths of the children's names: sizes a getChildren reply beforehand. */
uint64_t znode_child_names_len(const struct tree *t, const struct znode *n);
/* In the order of creation, also over our own snapshots; those of ZooKeeper have another. */
struct znode *znode_first_child(const struct tree *t, const struct znode *n);
struct znode *znode_next_sibling(const struct tree *t, const struct znode *n);
/* Counts all descendants. O(result). */
int64_t znode_descendant_count(const struct tree *t, const struct znode *n);

/* ---- ACLs. tree_acl() of TREE_ACL_OPEN gives world:anyone:31. The vector is good
 * until the next tree_apply(). */
struct jute_vector tree_acl(const struct tree *t, int32_t id);

/* ---- Digest, version 2 (storage-format 6). */
uint64_t tree_digest(const struct tree *t); /* 0 when digests are off. */
/* CRC-32 of path and data, the static part of a node's digest. Kept in the node; 0 in
 * nodes that do not count, and when digests are off. */
uint32_t znode_content_crc(const struct znode *n);
uint32_t digest_content_crc(struct jute_bytes path, struct jute_bytes data);
/* A node's digest from its static part and stat. The caller passes 0 itself for nodes
 * that do not count: see digest_counts(). */
uint64_t digest_of(uint32_t content_crc, const struct znode_raw *raw);
/* False at and below /zookeeper/: such nodes have digest 0 ("/zookeeper" itself counts). */
bool digest_counts(struct jute_bytes path);

/* ---- Totals. */
struct tree_totals {
    uint64_t nodes;      /* With the root once. ZK prints one more. */
    uint64_t ephemerals; /* Ephemeral nodes. */
    uint64_t data_bytes; /* ZK's approximate_data_size: path lengths + data lengths. */
    uint64_t sessions_with_ephemerals;
    uint64_t memory_bytes; /* Held by the tree, tables included. */
};
void tree_totals(const struct tree *t, struct tree_totals *ret);

/* ---- Ephemerals by session, in creation order. NULL at the end. */
struct znode *tree_first_ephemeral(const struct tree *t, zk_session_id session);
struct znode *tree_next_ephemeral(const struct tree *t, const struct znode *n);
uint64_t tree_ephemeral_count(const struct tree *t, zk_session_id session);
/* Sessions that own ephemerals, in the order in which they came to. 0 at the end, and
 * when prev owns none any more; start with prev = 0. */
zk_session_id tree_next_owner(const struct tree *t, zk_session_id prev);

/* ---- Containers and TTL nodes: candidates of the reaper (client-protocol 3.8). Calls
 * `each` with the path of each candidate, at most `max` of them, going on from where
 * the last call ended. now and never_used in ms; never_used 0 is off. Each call looks
 * at a bounded number of nodes; true says that the round is not over and the caller
 * should call again, after other work. */
bool tree_expired(struct tree *t, int64_t now_ms, int64_t never_used_ms, size_t max,
                  void (*each)(void *ctx, struct jute_bytes path), void *ctx);

/* ---- Quotas (client-protocol 3.18). */
struct tree_quota {
    int64_t count_soft, count_hard, bytes_soft, bytes_hard; /* -1: no limit. */
    int64_t count_used, bytes_used;
    bool has_usage; /* There is a zookeeper_stats node: without one nothing is enforced. */
};
/* The deepest quota that covers `path`. False when none does. Unparsable text is no limit.
 * ret_path is the path it is set on: the front part of `path`. */
bool tree_quota_of(const struct tree *t, struct jute_bytes path, struct tree_quota *ret,
                   struct jute_bytes *ret_path);
/* Every active quota, for the metrics; in path order. */
void tree_each_quota(const struct tree *t,
                     void (*each)(void *ctx, struct jute_bytes path, const struct tree_quota *q),
                     void *ctx);

/* ---- Applying. One txn as it is in the log (storage-format 2.2, 2.9). */
struct txn {
    struct txn_header head;
    struct jute_in body; /* The record, borrowed. */
    uint64_t digest;     /* Of the tree after it; valid if has_digest. */
    bool has_digest;
};

/* Splits a log payload. False when the head is short, the type is unknown or the
 * record does not parse (close_session and pre-3.5 creates have the fallbacks of
 * storage-format 2.5, 11.10). */
bool txn_parse(struct txn *ret, const uint8_t *payload, size_t len);

/* What one op did, for the reply. Paths are borrowed from the txn. */
struct tree_result {
    /* Txn type of the op (within a multi: of the member). All members of a failed multi
     * have ZK_OP_ERROR, since that is what their replies say, and no path. */
    int32_t type;
    int32_t err;            /* enum zk_err; 0 when it was applied. */
    struct jute_bytes path; /* len -1 when the op has none. */
    struct zk_stat stat;    /* create*, set_data, set_acl, reconfig: right after the op. */
};

/* A change that watchers may want to hear of. */
struct tree_event {
    int32_t type; /* ZK_EVENT_… */
    zk_zxid zxid;
    struct jute_bytes path; /* Borrowed for the call. */
    int32_t acl;            /* Of the node that decides who may see it (client-protocol 4.3). */
};

/* Where effects go; all members may be NULL (replay). */
struct tree_sink {
    void *ctx;
    /* Watchers of one event, in no particular order; each connection at most once.
     * For types and order see client-protocol 4.2. */
    void (*event)(void *ctx, const struct tree_event *ev, const uint32_t *watchers, size_t count);
    /* Once for each op: for a multi once for each member in order; for a failed multi
     * every member with its err (0 before the failing one, then its error, then -2). */
    void (*result)(void *ctx, const struct tree_result *result);
};

/* Applies a txn by the idempotent rules of storage-format 4.3, which on a live server
 * (prepared against the same state) never find a surprise. Errors of single ops are
 * results, not failures. Session txns only touch what the tree holds of them.
 * watches may be NULL. Afterwards tree_zxid() is max(itself, zxid).
 * Better than ZK: a replayed create always links the child and repairs the parent's
 * cversion and pzxid, whatever its type; a replayed delete of a node with children
 * takes the subtree along, since what survives is created again by later txns. */
void tree_apply(struct tree *t, const struct txn *txn, struct watch_table *watches,
                const struct tree_sink *sink);
zk_zxid tree_zxid(const struct tree *t);
void tree_set_zxid(struct tree *t, zk_zxid zxid);

/* Removes the ephemerals of a session that is not known any more, without a txn, as
 * ZK does at start (storage-format 4.1.6): parent pzxid becomes tree_zxid(). Returns
 * how many nodes went. */
uint64_t tree_kill_session(struct tree *t, zk_session_id session);
/* The membership text of /zookeeper/config, set without a txn (storage-format 7.3). */
void tree_set_config(struct tree *t, struct jute_bytes text, zk_zxid version, int64_t now_ms);

/* ---- What was read and written below each child of the root, in bytes, since the last
 * tree_forget_use() (client-protocol 7.5). Writes are counted as they are applied. */
struct tree_use {
    bool is_seen; /* There was one, ever. */
    uint64_t count, sum, min, max;
};
struct tree_namespace {
    struct jute_bytes name;
    struct tree_use read, written;
    uint64_t quota_exceeded; /* Writes that a quota forbade. */
};
void tree_note_read(struct tree *t, struct jute_bytes path, uint64_t bytes);
void tree_note_quota_exceeded(struct tree *t, struct jute_bytes path);
void tree_each_namespace(const struct tree *t,
                         void (*each)(void *ctx, const struct tree_namespace *n), void *ctx);
void tree_forget_use(struct tree *t);

/* ---- Loading a snapshot into a tree from tree_new(). Parents come before children. */
void tree_load_begin(struct tree *t, uint64_t expected_nodes); /* Drops the pristine nodes. */
/* 0, -EEXIST for a second list with that id, -EINVAL for an id < 1. */
int tree_load_acl(struct tree *t, int64_t id, struct jute_vector acls);
/* 0, -ENOENT without parent, -EINVAL for an unusable path or owner, -EEXIST when it was
 * found that some path came twice (no server writes that); an ACL id that is not in the
 * map: the node loads with a list that nobody matches (-ENOKEY is not fatal). After any
 * other error the tree is good for tree_free() only. */
int tree_load_node(struct tree *t, struct jute_bytes path, struct jute_bytes data, int64_t acl,
                   const struct znode_raw *raw);
/* Adds built-in nodes that are missing, forgets unused ACLs, computes quotas. 0, or
 * -EEXIST as above, for the last nodes. */
int tree_load_end(struct tree *t, zk_zxid zxid);

/* ---- Walking while the tree changes: depth first, parents before children, each node
 * that exists during the whole walk exactly once. New children may be missed (the
 * log has them). Any number of walks at a time, each in memory of its own that stays where it
 * is until the walk is ended; all cost a removal a look. A tree that is freed ends its walks:
 * they are lost then. */
struct tree_walk {
    struct tree *tree;      /* NULL: not begun, ended, or lost. */
    struct tree_walk *next; /* Of the same tree. */
    uint32_t at;            /* The node to be handed out next; 0 at the end. */
};

void tree_walk_begin(struct tree *t, struct tree_walk *w);
struct znode *tree_walk_next(struct tree_walk *w); /* NULL at the end. Not on one that is lost. */
void tree_walk_end(struct tree_walk *w);           /* An ended or lost one, too. */
static inline bool tree_walk_is_lost(const struct tree_walk *w)
{
    return w->tree == NULL;
}
/* Every ACL list in use with its id: copied into the snapshot before the walk. */
void tree_each_acl(const struct tree *t,
                   void (*each)(void *ctx, int32_t id, struct jute_vector acls), void *ctx);

#endif
