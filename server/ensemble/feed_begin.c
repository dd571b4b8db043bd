/* How a learner's history becomes ours: the first packet of its feed, and the stages before the
 * history in memory takes over (quorum-protocol 3.5, 3.6). */
#include <stdlib.h>

#include "server/ensemble/ensemble_impl.h"
#include "util/check.h"
#include "util/log.h"

/* ---- The plan. */

struct looking {
    const struct ensemble *e;
    zk_zxid max; /* Committed, or in the history that our epoch began with. */
};

static zk_zxid zxid_at(const struct history *h, struct history_place at)
{
    const uint8_t *payload;

    return history_at(h, at, &payload)->zxid;
}

static zk_zxid before(void *ctx, zk_zxid zxid)
{
    const struct looking *l = ctx;
    struct history_place at;

    if (zxid > l->max + 1)
        zxid = l->max + 1;
    return history_before(&l->e->history, zxid, &at) ? zxid_at(&l->e->history, at) : 0;
}

static zk_zxid from(void *ctx, zk_zxid zxid)
{
    const struct looking *l = ctx;
    struct history_place at;

    if (!history_after(&l->e->history, zxid - 1, &at))
        return 0;
    zxid = zxid_at(&l->e->history, at);
    return zxid <= l->max ? zxid : 0;
}

static struct zab_plan plan_of(struct ensemble *e, const struct zab_action *a, bool has_log)
{
    const struct history *h = &e->history;
    zk_zxid applied = order_last_applied(e->order);
    zk_zxid decided = zab_committed(e->zab) > a->history ? zab_committed(e->zab) : a->history;
    struct looking l = { .e = e, .max = decided };
    struct zab_history view = { .last = applied,
                                .before = before,
                                .from = from,
                                .ctx = &l,
                                .has_log = has_log && e->conf.log_sync && e->io.log_open != NULL };
    zk_zxid first = from(&l, h->floor + 1);

    view.min = first != 0 ? first : applied;
    view.max = first != 0 ? before(&l, decided + 1) : applied;
    return zab_plan(&view, a->zxid, a->wants_snapshot || e->conf.force_snapshot_sync);
}

/* ---- Digests. */

/* What the tree's digest was to be after a txn: 0 when we don't know. */
static uint64_t digest_at(const struct ensemble *e, zk_zxid zxid)
{
    struct history_place at;
    const uint8_t *payload;
    struct txn txn;

    if (zxid == tree_zxid(e->state->tree))
        return tree_digest(e->state->tree);
    if (!history_after(&e->history, zxid - 1, &at))
        return 0;
    const struct wal_txn *t = history_at(&e->history, at, &payload);
    if (t->zxid != zxid || !txn_parse(&txn, payload, t->len) || !txn.has_digest)
        return 0;
    return txn.digest;
}

static bool differs(struct ensemble *e, const struct zab_action *a)
{
    if (a->digest_zxid == 0 || a->digest == 0 || !e->conf.order.digest)
        return false;
    uint64_t ours = digest_at(e, a->digest_zxid);
    if (ours == 0 || ours == a->digest)
        return false;
    say(e, LOG_LEVEL_ERROR,
        "feed: a learner's state differs, it gets a snapshot peer=%lld zxid=0x%llx "
        "digest=0x%llx ours=0x%llx",
        (long long)a->peer, (unsigned long long)a->digest_zxid, (unsigned long long)a->digest,
        (unsigned long long)ours);
    return true;
}

/* ---- The first packet. */

static void send_first(struct ensemble *e, struct feed *f, int32_t type, zk_zxid zxid)
{
    e->scratch.len = 0;
    put_bare(&e->scratch, type, zxid);
    f->sent_bytes += e->scratch.len;
    e->io.send(e->io.ctx, f->link, e->scratch.at, e->scratch.len);
}

/* Another zabd is told when it is for its digest, so that it can say so itself, and whether ours
 * can be had from it. */
static void begin_snap(struct ensemble *e, struct feed *f)
{
    int32_t flags =
        (f->differs ? FEED_SNAP_DIFFERS : 0) | (e->state->is_fuzzy ? 0 : FEED_SNAP_EXACT);

    f->dump = dump_stream_begin(e->state);
    f->stage = FEED_SNAP;
    f->proposed = f->committed = dump_stream_zxid(f->dump);
    if (!f->is_zabd || flags == 0) {
        send_first(e, f, ZAB_SNAP, f->proposed);
        return;
    }
    struct bytes *out = &e->scratch;

    out->len = 0;
    jute_write_i32(out, ZAB_SNAP);
    jute_write_i64(out, f->proposed);
    jute_write_i32(out, 4);
    jute_write_i32(out, flags);
    jute_write_i32(out, -1);
    f->sent_bytes += out->len;
    e->io.send(e->io.ctx, f->link, out->at, out->len);
}

static bool begin_log(struct ensemble *e, struct feed *f, zk_zxid after)
{
    if (e->io.log_open(e->io.ctx, after, &f->log) < 0) {
        f->log = NULL;
        return false;
    }
    f->stage = FEED_LOG;
    return true;
}

/* DIFF says where the learner will be with all that is committed (quorum-protocol 3.2). */
static const char *begin(struct ensemble *e, struct feed *f, const struct zab_plan *plan)
{
    f->proposed = f->committed = plan->after;
    switch (plan->how) {
    case ZAB_PLAN_DIFF:
        send_first(e, f, ZAB_DIFF, plan->zxid);
        return "DIFF";
    case ZAB_PLAN_TRUNC:
        send_first(e, f, ZAB_TRUNC, plan->zxid);
        return "TRUNC";
    case ZAB_PLAN_LOG:
        if (begin_log(e, f, plan->after)) {
            send_first(e, f, ZAB_DIFF, plan->zxid);
            return "DIFF from the log";
        }
        break;
    case ZAB_PLAN_SNAP:
        break;
    }
    begin_snap(e, f);
    return "SNAP";
}

static bool is_zabd(const struct ensemble *e, zab_link link)
{
    struct zab_learner_view views[FEEDS_MAX];
    size_t count = zab_learners(e->zab, views, FEEDS_MAX);

    for (size_t i = 0; i < count && i < FEEDS_MAX; i++)
        if (views[i].link == link)
            return views[i].is_zabd;
    return false;
}

void feed_begin(struct ensemble *e, const struct zab_action *a)
{
    struct feed *f = zk_xcalloc(1, sizeof *f);
    struct zab_action request = *a;

    zk_assert(feed_find(e, a->link) == NULL);
    f->link = a->link;
    f->is_observer = a->is_observer;
    f->is_zabd = is_zabd(e, a->link);
    f->history = a->history;
    f->stage = FEED_TXNS;
    f->progress_ms = e->now_ms;
    list_append(&e->feeds, &f->in_all);
    f->differs = differs(e, a);
    request.wants_snapshot = a->wants_snapshot || f->differs;
    struct zab_plan plan = plan_of(e, &request, true);
    const char *how = begin(e, f, &plan);

    figures_feed(e, f);

    say(e, LOG_LEVEL_INFO, "feed: begun peer=%lld its_zxid=0x%llx how='%s' after=0x%llx",
        (long long)a->peer, (unsigned long long)a->zxid, how, (unsigned long long)f->proposed);
}

/* ---- A snapshot. */

/* What was applied while it went out has left its traces in it. Told of all that before NEWLEADER,
 * the learner has the exact state of a zxid by then, and its own snapshot of it needs no log to be
 * mended by. */
static void put_off(struct feed *f, zk_zxid zxid)
{
    for (struct control *c = f->first; c != NULL; c = c->next) {
        if (c->proposed < zxid)
            c->proposed = zxid;
        if (c->committed < zxid)
            c->committed = zxid;
    }
}

/* The txns behind it come from the history; or from the log, when there were more meanwhile than
 * the history may keep: another snapshot would take as long, and end the same way. */
static void end_snap(struct ensemble *e, struct feed *f)
{
    f->dump = dump_stream_free(f->dump, e->state);
    f->stage = FEED_TXNS;
    put_off(f, order_last_applied(e->order));
    if (f->proposed >= e->history.floor || !e->conf.log_sync || e->io.log_open == NULL ||
        !begin_log(e, f, f->proposed))
        return;
    say(e, LOG_LEVEL_INFO, "feed: goes on from the log after=0x%llx",
        (unsigned long long)f->proposed);
}

bool feed_run_snap(struct ensemble *e, struct feed *f, size_t *slice)
{
    struct bytes *out = &e->scratch;
    size_t want = *slice < FEED_CHUNK_BYTES ? *slice : FEED_CHUNK_BYTES;

    if (want == 0)
        return false;
    out->len = 0;
    int r = dump_stream_step(f->dump, e->state, want, out);
    if (r < 0) {
        close_link(e, f->link, "the snapshot can't go on");
        return false;
    }
    f->sent_bytes += out->len;
    e->io.send(e->io.ctx, f->link, out->at, out->len);
    *slice -= out->len < *slice ? out->len : *slice;
    if (r > 0)
        end_snap(e, f);
    return true;
}

/* ---- The log. */

static bool end_log(struct ensemble *e, struct feed *f)
{
    e->io.log_close(e->io.ctx, f->log);
    f->log = NULL;
    f->stage = FEED_TXNS;
    return true;
}

/* The begin of an epoch, where a snapshot may stand, is no txn. */
static bool is_behind_floor(const struct ensemble *e, int r, zk_zxid zxid)
{
    if (r > 0)
        return zxid > e->history.floor;
    return r == 0 && zxid_counter(e->history.floor) == 0;
}

/* Each as PROPOSAL and COMMIT: what is that old is decided. The history takes over as soon as it
 * reaches back so far. */
bool feed_run_log(struct ensemble *e, struct feed *f, size_t *slice)
{
    struct bytes *out = &e->scratch;
    size_t want = *slice < FEED_CHUNK_BYTES ? *slice : FEED_CHUNK_BYTES;
    int r = 1;

    if (want == 0)
        return false;
    out->len = 0;
    while (out->len < want && r > 0 && f->proposed < e->history.floor) {
        const uint8_t *payload;
        size_t len;
        zk_zxid zxid = 0;

        r = e->io.log_next(e->io.ctx, f->log, &payload, &len, &zxid);
        if (is_behind_floor(e, r, zxid)) {
            f->proposed = f->committed = e->history.floor;
            break;
        }
        if (r <= 0)
            break;
        if (zxid <= f->proposed)
            continue;
        put_proposal(out, ZAB_PROPOSAL, zxid, payload, (uint32_t)len);
        put_bare(out, ZAB_COMMIT, zxid);
        f->proposed = f->committed = zxid;
    }
    if (out->len > 0) {
        f->sent_bytes += out->len;
        e->io.send(e->io.ctx, f->link, out->at, out->len);
        *slice -= out->len < *slice ? out->len : *slice;
    }
    if (f->proposed >= e->history.floor)
        return end_log(e, f);
    if (r <= 0) {
        /* DIFF has been said: another try begins with a new link. */
        close_link(e, f->link, "our log has a gap");
        return false;
    }
    return true;
}
