#include "server/ensemble/ensemble.h"

#include <errno.h>
#include <stdlib.h>

#include "server/ensemble/ensemble_impl.h"
#include "util/check.h"

/* ---- Between order and the request floor. */

static void on_event(void *ctx, const struct tree_event *ev, const uint32_t *watchers, size_t count)
{
    const struct ensemble *e = ctx;

    e->host.sink.event(e->host.sink.ctx, ev, watchers, count);
}

static void on_applied(void *ctx, const struct applied *a)
{
    struct ensemble *e = ctx;

    figures_applied(e, a);
    if (e->forwarded_count > 0)
        forwarded_applied(e, a);
    e->host.sink.applied(e->host.sink.ctx, a);
}

int ensemble_new(struct ensemble **ret, const struct ensemble_conf *conf,
                 const struct ensemble_io *io, const struct ensemble_host *host,
                 struct state *state, struct session_table *sessions, struct watch_table *watches,
                 const struct zab_saved *saved)
{
    struct ensemble *e = zk_xcalloc(1, sizeof *e);

    e->conf = *conf;
    if (conf->learned_bytes == 0)
        e->conf.learned_bytes = LEARNED_BYTES_MAX;
    if (!conf->zab.is_alone) {
        e->conf.order.reconfig = prepare_config;
        e->conf.order.reconfig_ctx = e;
    }
    e->io = *io;
    e->host = *host;
    e->sink = (struct order_sink){ .ctx = e, .event = on_event, .applied = on_applied };
    if (conf->zab.is_alone)
        e->sink = host->sink;
    e->state = state;
    e->sessions = sessions;
    e->watches = watches;
    e->append_to = e->appended = e->logged = tree_zxid(state->tree);
    e->election_ms_last = -1;
    figures_forget(e);
    e->fuzzy_until = -1;
    list_init(&e->feeds);
    list_init(&e->parked);
    history_init(&e->history, e->appended);
    int r = zab_new(&e->zab, &conf->zab, saved);
    if (r == 0)
        r = order_new(&e->order, &e->conf.order, state);
    if (r < 0) {
        (void)ensemble_free(e);
        return r;
    }
    *ret = e;
    return 0;
}

struct ensemble *ensemble_free(struct ensemble *e)
{
    if (e == NULL)
        return NULL;
    feed_end_all(e);
    requests_done(e);
    load_abort(e);
    history_done(&e->history);
    zab_config_unref(e->proposed_config);
    e->order = order_free(e->order);
    e->zab = zab_free(e->zab);
    bytes_done(&e->scratch);
    bytes_done(&e->proposals.bytes);
    bytes_done(&e->commits.bytes);
    free(e->forwarded);
    free(e->touches);
    free(e->asked.at);
    free(e->barriers);
    free(e->downs);
    free(e);
    return NULL;
}

struct order *ensemble_order(struct ensemble *e)
{
    return e->order;
}

const struct zab *ensemble_zab(const struct ensemble *e)
{
    return e->zab;
}

/* ---- Time. */

void ensemble_tick(struct ensemble *e, int64_t now_ms, int64_t wall_ms)
{
    e->now_ms = now_ms;
    e->wall_ms = wall_ms;
}

void ensemble_start(struct ensemble *e)
{
    struct zab_event ev = ensemble_event(e, ZAB_EV_START);

    e->looking_since_ms = e->absent_since_ms = e->now_ms;
    e->figures.looking++;
    if (!e->conf.zab.is_alone)
        e->io.members(e->io.ctx, zab_config_in_force(e->zab), zab_config_last_seen(e->zab));
    ensemble_step(e, &ev);
}

void ensemble_suspect(struct ensemble *e)
{
    e->state_is_void = e->is_diverged = true;
}

int64_t ensemble_deadline(const struct ensemble *e)
{
    return zab_deadline(e->zab);
}

void ensemble_timer(struct ensemble *e)
{
    struct zab_event ev = ensemble_event(e, ZAB_EV_TIME);

    ensemble_step(e, &ev);
}

/* ---- The disk answers. */

void ensemble_logged(struct ensemble *e, zk_zxid zxid)
{
    struct zab_event ev = ensemble_event(e, ZAB_EV_LOGGED);

    /* A log that was cut off meanwhile may still tell of what it had. */
    if (zxid > e->appended)
        zxid = e->appended;
    e->logged = zxid;
    ev.zxid = zxid;
    ensemble_step(e, &ev);
}

void ensemble_snapshot_saved(struct ensemble *e)
{
    struct zab_event ev = ensemble_event(e, ZAB_EV_SNAPSHOT_SAVED);

    e->state_is_void = false;
    ensemble_step(e, &ev);
}

/* ---- Turns. */

static void submit_prepared(struct ensemble *e)
{
    struct zab_event ev = ensemble_event(e, ZAB_EV_SUBMIT);
    zk_zxid prepared = order_last_prepared(e->order);

    if (!e->serves || e->role != ZAB_LEADING || prepared < zab_next_zxid(e->zab))
        return;
    if (e->proposed_config != NULL) {
        struct zab_event config = ensemble_event(e, ZAB_EV_PROPOSED_CONFIG);

        config.config = e->proposed_config;
        config.zxid = e->proposed_zxid;
        ensemble_step(e, &config);
        zab_config_unref(e->proposed_config);
        e->proposed_config = NULL;
    }
    ev.zxid = prepared;
    ensemble_step(e, &ev);
}

/* Old txns go, but for those that a learner which is on its way will ask for. */
static void trim_history(struct ensemble *e)
{
    zk_zxid until =
        e->logged < order_last_applied(e->order) ? e->logged : order_last_applied(e->order);
    uint64_t most = e->conf.history_bytes;
    uint64_t patience = most * HISTORY_PATIENCE;

    if (e->role != ZAB_LEADING)
        patience = most > e->conf.observer_bytes ? most : e->conf.observer_bytes;
    history_trim(&e->history, until, patience, e->conf.history_count);
    zk_zxid lowest = feed_lowest(e);
    history_trim(&e->history, until < lowest ? until : lowest, most, e->conf.history_count);
}

static void run_peers(struct ensemble *e)
{
    if (e->wants_pings) {
        e->wants_pings = false;
        ensemble_timer(e);
    }
    feed_run_all(e);
    trim_history(e);
    e->read_ticket = 0;
    bool can_submit = ensemble_can_submit(e);
    if (can_submit && !e->could_submit && e->host.room != NULL)
        e->host.room(e->host.ctx);
    e->could_submit = can_submit;
}

struct wal_batch *ensemble_turn_end(struct ensemble *e)
{
    e->last_batch = NULL;
    parked_run(e);
    submit_prepared(e);
    append_now(e);
    if (!e->conf.zab.is_alone)
        run_peers(e);
    return e->last_batch;
}

bool ensemble_has_work(const struct ensemble *e)
{
    return feed_has_work(e);
}

/* ---- The planned end. */

void ensemble_step_down(struct ensemble *e, const char *why)
{
    struct zab_event ev = ensemble_event(e, ZAB_EV_STEP_DOWN);

    if (e->is_stepping_down)
        return;
    e->is_stepping_down = true;
    ev.why = why;
    ensemble_step(e, &ev);
}

bool ensemble_has_stepped_down(const struct ensemble *e)
{
    return e->has_stepped_down;
}

/* ---- The request floor. */

bool ensemble_serves(const struct ensemble *e)
{
    return e->serves;
}

bool ensemble_leads(const struct ensemble *e)
{
    return e->serves && e->role == ZAB_LEADING;
}

bool ensemble_can_submit(const struct ensemble *e)
{
    if (!e->serves)
        return false;
    if (e->role != ZAB_LEADING)
        return forward_has_room(e);
    return zab_can_submit(e->zab) && order_can_submit(e->order);
}

/* ---- What the words tell. */

void ensemble_view(const struct ensemble *e, struct ensemble_view *ret)
{
    struct zab_learner_view views[FEEDS_MAX];

    *ret = (struct ensemble_view){ .pending_syncs = e->barrier_count,
                                   .proposals_sent = e->proposals_sent,
                                   .election_ms_last = e->election_ms_last,
                                   .elections = e->elections };
    if (e->conf.zab.is_alone)
        return;
    const struct zab_config *config = zab_config_in_force(e->zab);
    size_t count = zab_learners(e->zab, views, FEEDS_MAX);
    ret->learners = count;
    for (size_t i = 0; i < count && i < FEEDS_MAX; i++) {
        if (!views[i].is_synced)
            continue;
        if (views[i].is_observer)
            ret->synced_observers++;
        else if (zab_config_is_voter(config, views[i].sid))
            ret->synced_followers++;
        else
            ret->synced_non_voting++;
    }
}
