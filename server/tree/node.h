/* What a znode is in memory; for the files of this directory only.
 *
 * A leaf that was never changed is this struct, its name, and a block with its data.
 * Everything that only some nodes have sits elsewhere: the fields that the first
 * setData makes differ from their values at creation stand before the data, and
 * znode_ext holds what parents, ephemerals and the like need. All links are arena
 * handles; 0 is none. */
#ifndef SERVER_TREE_NODE_H
#define SERVER_TREE_NODE_H

#include <stdbool.h>

#include "server/tree/arena.h"
#include "server/tree/tree.h"

/* What a look-up compares stands together, next to the name. */
struct znode {
    zk_zxid czxid;
    int64_t ctime;
    /* From the youngest to the oldest, which is the youngest one's sib_prev. */
    uint32_t sib_next, sib_prev;
    uint32_t ext;  /* struct znode_ext. */
    uint32_t data; /* Block: struct znode_modified if NODE_MODIFIED, then the data. */
    int32_t data_len;
    int32_t acl;
    uint32_t content_crc; /* 0 in nodes that do not count for the digest. */
    uint32_t parent;
    uint32_t hash_next;
    uint32_t name_bits; /* Flags, and the length of the name. */
    uint8_t name[];     /* Or, if NODE_LONG_NAME, the handle of a block with it. */
};

_Static_assert(sizeof(struct znode) == 56, "every znode pays for it");

enum {
    NODE_MODIFIED = 1 << 0,   /* mzxid, mtime, version are of their own. */
    NODE_UNCOUNTED = 1 << 1,  /* Below /zookeeper/: no part in the digest. */
    NODE_QUOTA_TREE = 1 << 2, /* /zookeeper/quota and below. */
    NODE_HAS_LIMITS = 1 << 3, /* Has a child zookeeper_limits: a quota is active. */
    NODE_LONG_NAME = 1 << 4,
    NODE_FLAG_BITS = 5,

    NODE_NAME_LEN_MAX = (1 << (32 - NODE_FLAG_BITS)) - 1,
    /* Longer names leave the node, so that a node is always a direct block. */
    NODE_NAME_INLINE_MAX = 1024,
};

/* At the start of the data block; packed, so that it costs 20 bytes and not 24. */
struct __attribute__((packed)) znode_modified {
    zk_zxid mzxid;
    int64_t mtime;
    int32_t version;
};

/* For nodes that have had children, have an owner, or whose ACL was set. A missing
 * one reads as: no children, cversion and aversion 0, pzxid = czxid, no owner. */
struct znode_ext {
    uint32_t first_child;
    int32_t child_count;
    uint64_t child_names_len;
    zk_zxid pzxid;
    int64_t owner;
    int32_t cversion;
    int32_t aversion;
    uint32_t list_next, list_prev; /* Ephemerals of a session, or all that may expire. */
};

static inline uint32_t node_name_len(const struct znode *n)
{
    return n->name_bits >> NODE_FLAG_BITS;
}

static inline bool node_has(const struct znode *n, uint32_t flag)
{
    return (n->name_bits & flag) != 0;
}

static inline size_t node_bytes(const struct znode *n)
{
    return sizeof *n + (node_has(n, NODE_LONG_NAME) ? sizeof(uint32_t) : node_name_len(n));
}

static inline const uint8_t *node_name_at(const struct arena *a, const struct znode *n)
{
    uint32_t block;

    if (__builtin_expect(!node_has(n, NODE_LONG_NAME), 1))
        return n->name;
    memcpy(&block, n->name, sizeof block);
    return arena_block(a, block, node_name_len(n));
}

static inline size_t node_data_head(const struct znode *n)
{
    return node_has(n, NODE_MODIFIED) ? sizeof(struct znode_modified) : 0;
}

/* Bytes of the data block, 0 if there is none. */
static inline size_t node_data_bytes(const struct znode *n)
{
    return node_data_head(n) + (n->data_len > 0 ? (size_t)n->data_len : 0);
}

static inline struct znode *node_at(const struct arena *a, uint32_t handle)
{
    return arena_at(a, handle);
}

#endif
