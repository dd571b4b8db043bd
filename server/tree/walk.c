/* Walks of snapshots. The cursor is the node to be handed out next; when it goes,
 * its successor takes its place. A node that is created later stands before its
 * siblings, so a walk that is among them does not meet it, and nothing can be met
 * twice: what is deleted and created again is at the head, too. */
#include "server/tree/state.h"

void walk_node_going(struct tree *t, uint32_t handle)
{
    for (struct tree_walk *w = t->walks; w != NULL; w = w->next) {
        if (w->at == handle)
            w->at = node_next_outside(t, t->root, handle);
    }
}

void walks_lose(struct tree *t)
{
    while (t->walks != NULL)
        tree_walk_end(t->walks);
}

void tree_walk_begin(struct tree *t, struct tree_walk *w)
{
    *w = (struct tree_walk){ .tree = t, .next = t->walks, .at = t->root };
    t->walks = w;
}

struct znode *tree_walk_next(struct tree_walk *w)
{
    uint32_t at = w->at;

    zk_assert(w->tree != NULL);
    if (at == 0)
        return NULL;
    w->at = node_next(w->tree, w->tree->root, at);
    return node_of(w->tree, at);
}

void tree_walk_end(struct tree_walk *w)
{
    if (w->tree == NULL)
        return;

    struct tree_walk **p = &w->tree->walks;

    while (*p != w)
        p = &(*p)->next;
    *p = w->next;
    *w = (struct tree_walk){ .tree = NULL };
}
