/* The snapshot's walk. The cursor is the node to be handed out next; when it goes,
 * its successor takes its place. A node that is created later stands before its
 * siblings, so a walk that is among them does not meet it, and nothing can be met
 * twice: what is deleted and created again is at the head, too. */
#include "server/tree/state.h"

void walk_node_going(struct tree *t, uint32_t handle)
{
    if (t->walk.next == handle)
        t->walk.next = node_next_outside(t, t->root, handle);
}

void tree_walk_begin(struct tree *t)
{
    t->walk.next = t->root;
}

struct znode *tree_walk_next(struct tree *t)
{
    uint32_t at = t->walk.next;

    if (at == 0)
        return NULL;
    t->walk.next = node_next(t, t->root, at);
    return node_of(t, at);
}

void tree_walk_end(struct tree *t)
{
    t->walk.next = 0;
}
