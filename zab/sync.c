/* What a learner needs to get to where its leader is (quorum-protocol 3.5). */
#include "zab/zab.h"

static struct zab_plan snap(const struct zab_history *h)
{
    return (struct zab_plan){ .how = ZAB_PLAN_SNAP, .zxid = h->last, .after = h->last };
}

/* TRUNC goes to a txn that the learner surely has. All that it has of an epoch is what the leader
 * of that epoch proposed, from the first on: so one of the same epoch as its last. */
static struct zab_plan trunc_to(const struct zab_history *h, zk_zxid zxid, zk_zxid learner)
{
    if (zxid <= 0 || zxid_epoch(zxid) != zxid_epoch(learner))
        return snap(h);
    return (struct zab_plan){ .how = ZAB_PLAN_TRUNC, .zxid = zxid, .after = zxid };
}

struct zab_plan zab_plan(const struct zab_history *h, zk_zxid learner, bool wants_snapshot)
{
    bool is_begin = zxid_counter(learner) == 0; /* Of an epoch; no txn has that id. */
    zk_zxid end = h->max > h->last ? h->max : h->last;
    struct zab_plan diff = { .how = ZAB_PLAN_DIFF, .zxid = end, .after = learner };

    if (wants_snapshot)
        return snap(h);
    if (learner == end || (learner == h->last && learner < h->min))
        return diff; /* All that follows is in memory. */
    /* Who has nothing at all: whether we have all there ever was can't be known. */
    if (learner <= 0)
        return snap(h);
    if (learner > h->max)
        return is_begin ? snap(h) : trunc_to(h, h->max, learner);
    if (learner < h->min) {
        diff.how = ZAB_PLAN_LOG;
        return h->has_log ? diff : snap(h);
    }
    if (h->from(h->ctx, learner) == learner || is_begin)
        return diff;
    return trunc_to(h, h->before(h->ctx, learner), learner);
}
