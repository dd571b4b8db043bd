/* Carries out what the core asks for, in order. */
#include <errno.h>

#include "server/ensemble/ensemble_impl.h"
#include "util/check.h"
#include "util/log.h"

struct zab_event ensemble_event(const struct ensemble *e, unsigned kind)
{
    struct zab_event ev = { .now_ms = e->now_ms };

    ev.kind = kind; /* The enum has no name of its own. */
    return ev;
}

/* ---- Disk. */

void append_now(struct ensemble *e)
{
    struct wal_batch *b = order_take_batch(e->order, e->append_to);

    if (b == NULL)
        return;
    e->appended = b->txns[b->count - 1].zxid;
    if (e->conf.history_bytes > 0)
        history_add(&e->history, b);
    if (e->role == ZAB_LEADING)
        figures_proposed(e, b);
    e->last_batch = b;
    e->io.append(e->io.ctx, b);
}

void take_state(struct ensemble *e, struct state *from)
{
    feed_end_all(e); /* They may be walking through the old one. */
    state_done(e->state);
    *e->state = *from;
    *from = (struct state){ 0 };
    order_reset(e->order, e->state->is_fuzzy);
    e->fuzzy_until = -1;
    e->state_is_new = true;
}

static void truncate_to(struct ensemble *e, zk_zxid zxid)
{
    bool is_reloaded = zxid < order_last_applied(e->order) || e->state_is_void;
    struct state state = { 0 };

    /* What stays must be in the log before its end is cut off. */
    if (e->append_to > zxid)
        e->append_to = zxid;
    append_now(e);
    order_forget_after(e->order, zxid);
    history_cut(&e->history, zxid);
    if (e->appended > zxid)
        e->appended = zxid;
    int r = e->io.truncate(e->io.ctx, zxid, is_reloaded ? &state : NULL);
    say(e, LOG_LEVEL_INFO, "sync: our log ends at zxid=0x%llx state='%s'", (unsigned long long)zxid,
        is_reloaded ? "read from disk" : "as it was");
    if (!is_reloaded) {
        if (r < 0)
            e->io.stop(e->io.ctx, "the end of the log cannot be cut off");
        return;
    }
    if (r < 0) { /* No snapshot of ours is that old: a leader's must do. */
        e->state_is_void = e->is_diverged = true;
        return;
    }
    take_state(e, &state);
    e->state_is_void = false;
    /* A SNAP that broke off has left the history where that snapshot was, not where our log ends.
     */
    if (history_last(&e->history) != zxid)
        history_clear(&e->history, zxid);
    e->append_to = e->appended = zxid;
}

/* What came behind SNAP and is applied already goes to the snapshot instead of the log. */
static void save_snapshot(struct ensemble *e, zk_zxid zxid)
{
    struct wal_batch *b = order_take_batch(e->order, zxid);

    if (b != NULL && e->conf.history_bytes > 0)
        history_add(&e->history, b);
    wal_batch_unref(b);
    e->append_to = e->appended = zxid;
    if (e->load_is_exact)
        order_is_exact(e->order);
    e->io.save_snapshot(e->io.ctx);
}

static void save_config(struct ensemble *e)
{
    const struct zab_config *cur = zab_config_in_force(e->zab);
    const struct zab_config *seen = zab_config_last_seen(e->zab);

    e->io.members(e->io.ctx, cur, seen);
    e->io.save_config(e->io.ctx, cur, seen);
}

static void take_config(struct ensemble *e, const struct zab_action *a)
{
    save_config(e);
    if (a->is_proposed)
        return;
    say(e, LOG_LEVEL_INFO, "config: in force version=0x%llx members=%zu voters=%zu",
        (unsigned long long)a->config->version, a->config->count, a->config->voters);
    if (a->zxid == 0) {
        set_config_node(e, a->config);
        return;
    }
    if (e->activation_count == ACTIVATIONS_MAX) {
        e->activation_count--;
        memmove(e->activations, e->activations + 1, e->activation_count * sizeof *e->activations);
    }
    e->activations[e->activation_count++] =
        (struct activation){ .zxid = a->zxid, .designated = a->peer };
}

/* ---- Order. */

static void hold(struct ensemble *e, const struct zab_event *ev, zk_zxid zxid)
{
    struct jute_bytes payload = packet_txn(ev->packet);

    if (payload.len <= 0 || !order_learn(e->order, zxid, payload.at, (size_t)payload.len))
        close_link(e, ev->link, "a txn that it proposed can't be read");
    else if (order_waiting_bytes(e->order) > e->conf.learned_bytes) {
        e->overrun = ev->link;
        close_link(e, ev->link, "too much of what it proposed is not decided");
    }
}

static void look_at_digests(struct ensemble *e)
{
    uint64_t mismatches = order_digest_mismatches(e->order);

    if (e->fuzzy_until >= 0 && order_last_applied(e->order) >= e->fuzzy_until)
        order_is_exact(e->order);
    if (mismatches == e->mismatches)
        return;
    e->mismatches = mismatches;
    if ((mismatches & (mismatches - 1)) == 0) /* Not a line for each of very many. */
        say(e, LOG_LEVEL_ERROR,
            "digest: the state is not what its txn promised zxid=0x%llx digest=0x%llx count=%llu",
            (unsigned long long)order_last_applied(e->order),
            (unsigned long long)tree_digest(e->state->tree), (unsigned long long)mismatches);
    if (e->role == ZAB_FOLLOWING || e->role == ZAB_OBSERVING)
        e->state_is_void = e->is_diverged = true;
}

static void no_event(void *ctx, const struct tree_event *ev, const uint32_t *watchers, size_t count)
{
    (void)ctx;
    (void)ev;
    (void)watchers;
    (void)count;
}

static void nobody_waits(void *ctx, const struct applied *a)
{
    (void)ctx;
    (void)a;
}

static void commit(struct ensemble *e, zk_zxid zxid)
{
    /* Behind a SNAP txns are applied before a quorum has them: nobody may hear of that yet. Who
     * watches or waits is told, or closed, when we serve again. */
    static const struct order_sink silence = { .event = no_event, .applied = nobody_waits };
    bool is_silent = e->state_is_void;

    order_commit(e->order, zxid, is_silent ? NULL : e->watches, is_silent ? &silence : &e->sink);
    if (e->conf.zab.is_alone)
        return;
    look_at_digests(e);
    barriers_look(e);
}

/* ---- Peers. */

static void notify(struct ensemble *e, const struct zab_action *a)
{
    e->scratch.len = 0;
    zab_notification_write(&a->notification, &e->scratch);
    e->io.notify(e->io.ctx, a->peer, e->scratch.at, e->scratch.len);
}

static void call_leader(struct ensemble *e, const struct zab_action *a)
{
    e->leader_link = a->link;
    e->leader_is_up = false;
    if ((a->link & ZAB_LINK_MASTER) != 0)
        say(e, LOG_LEVEL_INFO, "observer: asks another than its leader peer=%lld",
            (long long)a->peer);
    e->io.connect(e->io.ctx, a->link, a->peer);
}

static void serve(struct ensemble *e, const struct zab_event *ev)
{
    if (e->role == ZAB_LEADING)
        serve_learner(e, ev->link, ev->packet);
    else if (ev->link == e->leader_link)
        serve_from_leader(e, ev->packet);
    else
        serve_observer(e, ev->link, ev->packet);
}

static void confirmed(struct ensemble *e, const struct zab_action *a)
{
    if (a->is_refused) {
        barriers_refuse(e);
        return;
    }
    e->confirmed = a->ticket;
    barriers_look(e);
}

/* ---- All of them. */

static void disk_action(struct ensemble *e, const struct zab_action *a, const struct zab_event *ev)
{
    if (a->kind == ZAB_DO_SAVE_ACCEPTED)
        e->io.save_accepted(e->io.ctx, a->epoch);
    else if (a->kind == ZAB_DO_SAVE_CURRENT)
        e->io.save_current(e->io.ctx, a->epoch);
    else if (a->kind == ZAB_DO_APPEND)
        e->append_to = a->zxid;
    else if (a->kind == ZAB_DO_TRUNCATE)
        truncate_to(e, a->zxid);
    else if (a->kind == ZAB_DO_LOAD)
        load_begin(e, a->link, ev->packet);
    else
        save_snapshot(e, a->zxid);
}

static void peer_action(struct ensemble *e, const struct zab_action *a)
{
    if (a->kind == ZAB_DO_NOTIFY)
        notify(e, a);
    else if (a->kind == ZAB_DO_CONNECT)
        call_leader(e, a);
    else if (a->kind == ZAB_DO_SEND)
        send_packet(e, a->link, &a->packet);
    else if (a->kind == ZAB_DO_CLOSE)
        link_closed(e, a);
    else if (a->kind == ZAB_DO_CALL)
        e->io.call(e->io.ctx, a->peer);
    else
        feed_begin(e, a);
}

static void carry_out(struct ensemble *e, const struct zab_action *a, const struct zab_event *ev)
{
    switch (a->kind) {
    case ZAB_DO_NOTIFY:
    case ZAB_DO_CONNECT:
    case ZAB_DO_SEND:
    case ZAB_DO_CLOSE:
    case ZAB_DO_CALL:
    case ZAB_DO_FEED:
        peer_action(e, a);
        break;
    case ZAB_DO_SAVE_ACCEPTED:
    case ZAB_DO_SAVE_CURRENT:
    case ZAB_DO_APPEND:
    case ZAB_DO_TRUNCATE:
    case ZAB_DO_LOAD:
    case ZAB_DO_SAVE_SNAPSHOT:
        disk_action(e, a, ev);
        break;
    case ZAB_DO_HOLD:
        hold(e, ev, a->zxid);
        break;
    case ZAB_DO_COMMIT:
        commit(e, a->zxid);
        break;
    case ZAB_DO_SERVE:
        serve(e, ev);
        break;
    case ZAB_DO_ANSWER_PING:
        answer_ping(e, a->link, a->zxid);
        break;
    case ZAB_DO_BECOME:
        become(e, a);
        break;
    case ZAB_DO_CONFIG:
        take_config(e, a);
        break;
    case ZAB_DO_CONFIRMED:
        confirmed(e, a);
        break;
    case ZAB_DO_STOP:
        e->io.stop(e->io.ctx, a->why);
        break;
    case ZAB_DO_STEPPED_DOWN:
        e->has_stepped_down = true;
        break;
    }
}

static void step_once(struct ensemble *e, const struct zab_event *ev)
{
    struct zab_actions actions = zab_step(e->zab, ev);

    e->is_stepping = true;
    for (size_t i = 0; i < actions.count; i++)
        carry_out(e, &actions.at[i], ev);
    e->is_stepping = false;
}

void ensemble_step(struct ensemble *e, const struct zab_event *ev)
{
    zk_assert(!e->is_stepping);
    step_once(e, ev);
    while (e->is_diverged || e->down_count > 0) {
        struct zab_event next = ensemble_event(e, ZAB_EV_DIVERGED);

        if (!e->is_diverged) {
            next.kind = ZAB_EV_LINK_DOWN;
            next.link = e->downs[--e->down_count];
            next.is_too_much = next.link == e->overrun;
            forget_link(e, next.link);
        }
        e->is_diverged = false;
        step_once(e, &next);
    }
}
