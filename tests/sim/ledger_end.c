/* What clients were told, and whether the one history bears it out: at once, and when all is
 * quiet. */
#include <inttypes.h>
#include <stdlib.h>

#include "jute/opcodes.h"
#include "tests/sim/ledger_impl.h"
#include "util/check.h"

/* ---- What clients were told. */

zk_zxid ledger_find(const struct sim *s, zk_session_id session, int32_t xid)
{
    const struct ledger *l = s->ledger;

    for (size_t i = l->committed_count; i-- > 0;) {
        const struct note *note = ledger_find_note(l, l->committed[i]);

        if (note->session == session && note->xid == xid && note->type != ZK_OP_CREATE_SESSION)
            return l->committed[i];
    }
    return 0;
}

void ledger_acked(struct sim *s, zk_zxid zxid, zk_session_id session, int32_t xid)
{
    zk_zxid found = ledger_find(s, session, xid);

    s->seen[SEEN_ACKED_WRITES]++;
    if (found == 0)
        sim_fail(s, "session 0x%" PRIx64 " xid %d was acknowledged, but it is not committed",
                 (uint64_t)session, xid);
    else if (found > zxid)
        sim_fail(s,
                 "session 0x%" PRIx64 " xid %d was acknowledged as of 0x%" PRIx64
                 ", but is committed as 0x%" PRIx64,
                 (uint64_t)session, xid, (uint64_t)zxid, (uint64_t)found);
}

static bool is_closed(const struct ledger *l, zk_session_id session)
{
    for (size_t i = l->committed_count; i-- > 0;) {
        const struct note *note = ledger_find_note(l, l->committed[i]);

        if (note->session == session && note->type == ZK_OP_CLOSE_SESSION)
            return true;
    }
    return false;
}

/* As ZooKeeper does it, who comes back while its end is under way is sent off too; but then it must
 * come to that end. */
static bool is_closing(const struct ledger *l, zk_session_id session)
{
    for (size_t i = l->reign_count; i-- > 0;)
        for (size_t k = l->reigns[i].count; k-- > 0;) {
            const struct note *note = &l->reigns[i].notes[k];

            if (note->hash != 0 && note->session == session && note->type == ZK_OP_CLOSE_SESSION)
                return true;
        }
    return false;
}

void ledger_expired(struct sim *s, zk_session_id session)
{
    struct ledger *l = s->ledger;

    s->seen[SEEN_SESSIONS_EXPIRED]++;
    if (!is_closing(l, session))
        sim_fail(s, "session 0x%" PRIx64 " was called expired, but nobody closed it",
                 (uint64_t)session);
    l->expired = zk_xrealloc(l->expired, (l->expired_count + 1) * sizeof *l->expired);
    l->expired[l->expired_count++] = session;
}

/* ---- When all is quiet. */

static int compare_notes(const void *a, const void *b)
{
    const struct note *const *x = a;
    const struct note *const *y = b;

    if ((*x)->session != (*y)->session)
        return (*x)->session < (*y)->session ? -1 : 1;
    return (*x)->xid < (*y)->xid ? -1 : (*x)->xid > (*y)->xid ? 1 : 0;
}

/* No write happened twice. */
static void check_once(struct sim *s)
{
    const struct ledger *l = s->ledger;
    const struct note **notes = zk_xcalloc(l->committed_count + 1, sizeof(struct note *));
    size_t count = 0;

    for (size_t i = 0; i < l->committed_count; i++) {
        const struct note *note = ledger_find_note(l, l->committed[i]);

        if (note->xid > 0)
            notes[count++] = note;
    }
    qsort(notes, count, sizeof(struct note *), compare_notes);
    for (size_t i = 1; i < count; i++)
        if (compare_notes(&notes[i - 1], &notes[i]) == 0)
            sim_fail(s, "session 0x%" PRIx64 " xid %d was committed twice",
                     (uint64_t)notes[i]->session, notes[i]->xid);
    free(notes);
}

static void check_sessions(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    struct sim *s = ctx;

    (void)timeout_ms;
    if (is_closed(s->ledger, id))
        sim_fail(s, "session 0x%" PRIx64 " was closed and is still there", (uint64_t)id);
}

void ledger_check_end(struct sim *s)
{
    check_once(s);
    for (size_t i = 0; i < s->ledger->expired_count; i++)
        if (!is_closed(s->ledger, s->ledger->expired[i]))
            sim_fail(s, "session 0x%" PRIx64 " was called expired, but nobody closed it",
                     (uint64_t)s->ledger->expired[i]);
    for (size_t i = 0; i < s->member_count; i++) {
        struct member *n = s->members[i];

        if (!n->is_up || zab_config_find(s->ledger->config, n->sid) == NULL)
            continue;

        const struct tree *t = n->service.state.tree;

        session_book_each(n->service.state.sessions, check_sessions, s);
        for (zk_session_id id = tree_next_owner(t, 0); id != 0; id = tree_next_owner(t, id)) {
            int32_t timeout_ms;

            if (!session_book_get(n->service.state.sessions, id, &timeout_ms))
                sim_fail(
                    s, "session 0x%" PRIx64 " is over, but server %" PRId64 " has ephemerals of it",
                    (uint64_t)id, n->sid);
        }
    }
}
