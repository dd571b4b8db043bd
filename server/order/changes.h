/* The state as it will be when every write that is under way is applied: what differs
 * from the tree, by path. Writes are prepared against it (client-protocol 3.2), and it
 * carries the tree digest that each txn promises. Deterministic. */
#ifndef SERVER_ORDER_CHANGES_H
#define SERVER_ORDER_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jute/codec.h"
#include "server/tree/tree.h"
#include "util/ids.h"

struct changes;
struct change;

/* A node as the next write sees it. */
struct node_view {
    struct change *change; /* Its pending change, or NULL: it is as in the tree. */
    bool exists;
    bool counts; /* In the digest. */
    int32_t child_count;
    int32_t data_len;
    uint32_t content_crc;
    struct znode_raw raw;
    struct jute_vector acls; /* Good until the next change or apply. */
    int32_t acl_id;          /* In the tree; OWN_ACL: only here so far. */
    uint64_t digest;         /* Of the node as it is now; 0 when it does not count. */
};

enum { OWN_ACL = -2 }; /* Ids of the tree are -1 and above. */

struct changes *changes_new(struct tree *tree, bool digest_on, uint64_t hash_seed);
struct changes *changes_free(struct changes *c);

/* Looks a path up; "" is "/". False (and ret->exists false) when there is no such node.
 * ret->change is set even for a node that is pending deletion. */
bool changes_view(struct changes *c, struct jute_bytes path, struct node_view *ret);

/* Notes that txn zxid leaves the node as `now` says (exists false: deleted). `was` is
 * what changes_view() said. With acl_id OWN_ACL now->acls is copied. */
void changes_put(struct changes *c, zk_zxid zxid, struct jute_bytes path,
                 const struct node_view *was, struct node_view *now);

/* The digest of the tree after all that is under way. */
uint64_t changes_digest(const struct changes *c);

/* Everything since the mark can be taken back: a multi that fails half-way. One mark
 * at a time. */
void changes_mark(struct changes *c);
void changes_keep(struct changes *c);
void changes_undo(struct changes *c);

/* Txns up to zxid are in the tree now: their changes are forgotten. */
void changes_applied(struct changes *c, zk_zxid zxid);

/* Nodes whose creation by this session is pending, oldest first; NULL at the end. */
struct change *changes_next_owned(struct changes *c, zk_session_id session, struct change *prev);
struct jute_bytes change_path(const struct change *ch);

#endif
