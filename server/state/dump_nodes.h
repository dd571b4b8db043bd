/* What a snapshot file and a snapshot stream have in common, which is all but their frame:
 * sessions, ACLs, nodes. Internal to the floor. */
#ifndef SERVER_STATE_DUMP_NODES_H
#define SERVER_STATE_DUMP_NODES_H

#include <stdbool.h>
#include <stddef.h>

#include "server/state/recover.h"
#include "util/bytes.h"

/* Appends sessions and ACL lists, in one go. */
void dump_put_head(struct bytes *out, struct state *s);

/* The nodes, in the order of a walk. */
struct dump_nodes {
    struct tree_walk walk;
    /* Path of the parent of the last node: mostly that of the next, too. Only trusted
     * until the tree may have changed, since pointers are. */
    const struct znode *parent;
    struct bytes parent_path; /* Without a slash at its end. */
};

/* Stays where it is until dump_nodes_end(). */
void dump_nodes_begin(struct dump_nodes *d, struct tree *t);
/* The tree may have changed since. -ECANCELED: it is gone; else 0. */
int dump_nodes_resume(struct dump_nodes *d);
/* Appends nodes: at most `count`, and until they make up `bytes`. False: these were all. */
bool dump_nodes_put(struct dump_nodes *d, struct bytes *out, size_t bytes, int count);
void dump_nodes_end(struct dump_nodes *d);

#endif
