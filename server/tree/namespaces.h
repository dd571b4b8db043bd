/* What is read and written below each child of the root: ZooKeeper's read_per_namespace and
 * write_per_namespace. Internal to the floor, but for tree_each_namespace(). */
#ifndef SERVER_TREE_NAMESPACES_H
#define SERVER_TREE_NAMESPACES_H

#include <stddef.h>
#include <stdint.h>

#include "server/tree/tree.h"

/* Namespaces that are counted; those that come later are not. */
enum { NAMESPACES_MAX = 4096 };

struct namespaces {
    struct tree_namespace *items; /* In order of their first use. */
    uint32_t count, cap;
    uint32_t last;   /* The one that was used last: mostly the next as well. */
    uint32_t *slots; /* Hash table of index + 1; 0: free. */
    uint32_t slot_count;
};

void namespaces_done(struct namespaces *n);
/* NULL: the root itself, or one too many. */
struct tree_namespace *namespaces_at(struct tree *t, struct jute_bytes path);
/* A write of a node at `path` with so many bytes of data. */
void namespaces_wrote(struct tree *t, struct jute_bytes path, int64_t bytes);

#endif
