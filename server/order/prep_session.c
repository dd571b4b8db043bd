/* closeSession: one txn that takes all ephemerals of the session along (5.3). */
#include "server/order/limits.h"
#include "server/order/prep.h"
#include "server/tree/path.h"
#include "util/check.h"

struct closing {
    struct prep *p;
    size_t count_at; /* Offset of the vector's count in out. */
    size_t begin;    /* Offset of its first element. */
    int32_t count;
    size_t bytes_max;
};

/* The list in the txn is bounded, since ZK can't read a longer entry back. What is left
 * out goes all the same: applying deletes whatever else the session owns. */
static void close_path(struct closing *c, struct jute_bytes path)
{
    struct node_view node;
    struct node_view parent;

    if (!changes_view(c->p->changes, path, &node) ||
        !changes_view(c->p->changes, path_parent(path), &parent))
        return;
    if (c->p->conf->close_session_txn &&
        c->p->out->len - c->begin + (size_t)path.len + 4 <= c->bytes_max) {
        jute_write_str(c->p->out, path);
        c->count++;
    }
    prep_remove(c->p, path, &node, &parent);
}

/* Ephemerals of the tree that are still the session's with all that is under way. */
static void close_committed(struct closing *c)
{
    struct tree *t = c->p->tree;
    struct bytes path = { 0 };

    for (struct znode *n = tree_first_ephemeral(t, c->p->req->session); n != NULL;
         n = tree_next_ephemeral(t, n)) {
        struct node_view node;

        path.len = 0;
        znode_path(t, n, &path);
        struct jute_bytes text = { .at = path.at, .len = (int32_t)path.len };
        if (changes_view(c->p->changes, text, &node) && node.raw.owner == c->p->req->session)
            close_path(c, text);
    }
    bytes_done(&path);
}

enum zk_err prep_close_session(struct prep *p)
{
    struct closing c = { .p = p, .count_at = p->out->len };

    if (p->conf->close_session_txn)
        jute_write_i32(p->out, 0);
    c.begin = p->out->len;
    c.bytes_max = p->conf->entry_max / 2 < ORDER_CLOSE_PATHS_BYTES_MAX
                      ? p->conf->entry_max / 2
                      : ORDER_CLOSE_PATHS_BYTES_MAX;
    close_committed(&c);
    /* Each one closed stops being a pending creation, so the next is again the first. */
    for (;;) {
        struct change *ch = changes_next_owned(p->changes, p->req->session, NULL);
        if (ch == NULL)
            break;
        struct bytes path = { 0 };
        bytes_put(&path, change_path(ch).at, (size_t)change_path(ch).len);
        close_path(&c, (struct jute_bytes){ .at = path.at, .len = (int32_t)path.len });
        bytes_done(&path);
    }
    if (p->conf->close_session_txn)
        (void)jute_store32(p->out->at + c.count_at, (uint32_t)c.count);
    return ZK_OK;
}
