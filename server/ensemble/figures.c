/* Counting, for mntr. Nothing here has an effect on anything else. */
#include <endian.h>

#include "server/ensemble/ensemble_impl.h"

enum { TXN_TIME_AT = 20 }; /* In a txn's header: when the leader prepared it. */

void figures_forget(struct ensemble *e)
{
    e->figures =
        (struct ensemble_figures){ .proposal_last = -1, .proposal_min = -1, .proposal_max = -1 };
}

const struct ensemble_figures *ensemble_figures(const struct ensemble *e)
{
    return &e->figures;
}

void ensemble_forget_figures(struct ensemble *e)
{
    figures_forget(e);
}

static uint64_t since(int64_t now, int64_t then)
{
    return now > then ? (uint64_t)now - (uint64_t)then : 0; /* then may be a stranger's. */
}

/* ---- Roles. */

void figures_role(struct ensemble *e, enum zab_role was, enum zab_phase phase_was)
{
    struct ensemble_figures *f = &e->figures;

    if (e->role == ZAB_LOOKING && was != ZAB_LOOKING)
        f->looking++;
    if (e->phase == ZAB_SYNCHRONIZATION && phase_was != ZAB_SYNCHRONIZATION)
        e->sync_since_ms = e->now_ms;
    if (e->phase != ZAB_BROADCAST || phase_was == ZAB_BROADCAST)
        return;
    if (e->role == ZAB_FOLLOWING)
        summary_add(&f->follower_sync, since(e->now_ms, e->sync_since_ms));
    else if (e->role == ZAB_OBSERVING)
        summary_add(&f->observer_sync, since(e->now_ms, e->sync_since_ms));
}

void figures_serves(struct ensemble *e)
{
    uint64_t ms = since(e->now_ms, e->absent_since_ms);

    summary_add(&e->figures.unavailable, ms);
    if (e->role == ZAB_LEADING)
        summary_add(&e->figures.leader_unavailable, ms);
}

/* ---- The leader. */

void figures_feed(struct ensemble *e, const struct feed *begun)
{
    uint64_t snaps = 0, diffs = 0;

    list_each(it, &e->feeds)
    {
        const struct feed *f = list_entry(it, struct feed, in_all);
        snaps += f->stage == FEED_SNAP;
        diffs += f->stage != FEED_SNAP && !f->is_greeted;
    }
    if (begun->stage == FEED_SNAP) {
        e->figures.snaps++;
        summary_add(&e->figures.snaps_in_flight, snaps);
    } else {
        e->figures.diffs++;
        summary_add(&e->figures.diffs_in_flight, diffs);
    }
}

void figures_proposed(struct ensemble *e, const struct wal_batch *b)
{
    struct ensemble_figures *f = &e->figures;

    f->proposals += b->count;
    for (uint32_t i = 0; i < b->count; i++) {
        int64_t len = b->txns[i].len;
        f->proposal_last = len;
        if (f->proposal_min < 0 || len < f->proposal_min)
            f->proposal_min = len;
        if (len > f->proposal_max)
            f->proposal_max = len;
    }
}

void figures_applied(struct ensemble *e, const struct applied *a)
{
    uint64_t ms = since(e->wall_ms, a->time_ms);

    if (e->role == ZAB_LEADING) {
        e->figures.commits++;
        histogram_add(&e->figures.quorum_ack, ms);
    } else {
        histogram_add(&e->figures.commit_latency, ms);
    }
}

/* ---- A learner. */

void figures_received(struct ensemble *e, const struct zab_packet *p, struct jute_bytes txn)
{
    struct ensemble_figures *f = &e->figures;
    uint64_t prepared;

    switch (p->type) {
    case ZAB_PROPOSAL:
        f->proposals_received++;
        if (txn.len < TXN_TIME_AT + 8)
            break;
        memcpy(&prepared, txn.at + TXN_TIME_AT, sizeof prepared);
        histogram_add(&f->proposal_latency, since(e->wall_ms, (int64_t)be64toh(prepared)));
        break;
    case ZAB_COMMIT:
    case ZAB_COMMITANDACTIVATE:
    case ZAB_INFORM:
    case ZAB_INFORMANDACTIVATE:
        f->commits_received++;
        break;
    default:
        break;
    }
}
