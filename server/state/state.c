/* What a txn does to a state. */
#include "jute/opcodes.h"
#include "server/state/recover.h"

void state_done(struct state *s)
{
    s->tree = tree_free(s->tree);
    s->sessions = session_book_free(s->sessions);
}

void state_apply(struct state *s, const struct txn *txn, struct watch_table *watches,
                 const struct tree_sink *sink)
{
    struct create_session_txn create;
    struct jute_in body = txn->body;

    if (txn->head.type == ZK_OP_CREATE_SESSION) {
        jute_read_create_session_txn(&body, &create);
        session_book_put(s->sessions, txn->head.session_id, create.timeout_ms);
    } else if (txn->head.type == ZK_OP_CLOSE_SESSION) {
        (void)session_book_drop(s->sessions, txn->head.session_id);
    }
    tree_apply(s->tree, txn, watches, sink);
}
