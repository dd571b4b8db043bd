/* A follower or observer: finds its leader, is brought to where that is, follows
 * (quorum-protocol 3.4, 3.7).
 *
 * What the leader proposes is held. What it committed before NEWLEADER is logged before NEWLEADER
 * is acknowledged: the log, then currentEpoch, then the ACK. Nothing is applied before UPTODATE, as
 * until then none of it need be decided. */
#include <string.h>

#include "util/check.h"
#include "zab/core.h"
#include "zab/mutation.h"

/* ---- Synchronisation. */

static bool follows(zk_zxid before, zk_zxid zxid)
{
    return zxid == before + 1 || (zxid_epoch(zxid) > zxid_epoch(before) && zxid_counter(zxid) == 1);
}

static void on_trunc(struct zab *z, zk_zxid zxid)
{
    struct following *f = &z->follow;

    if (zxid < 0 || zxid > z->appended || f->asked_snapshot) {
        follow_fail(z, "TRUNC to where our log does not reach");
        return;
    }
    f->stage = FOLLOW_SYNC;
    f->base = zxid;
    if (zxid == z->appended)
        return;
    z->appended = z->logged = zxid;
    if (z->committed > zxid)
        z->committed = zxid;
    if (!ZAB_MUTATED(FORGET_TRUNCATION))
        core_act(z, ZAB_DO_TRUNCATE)->zxid = zxid;
}

static void on_snap(struct zab *z, zk_zxid zxid)
{
    struct following *f = &z->follow;
    struct zab_action *a;

    if (zxid < 0) {
        follow_fail(z, "SNAP without a place");
        return;
    }
    f->stage = FOLLOW_SYNC;
    f->base = zxid;
    f->is_snap = true;
    a = core_act(z, ZAB_DO_LOAD);
    a->link = f->link;
    a->zxid = zxid;
}

/* We showed an empty log and are brought on from there. A quorum has promised the epoch without us,
 * so nothing is lost with ours. */
static void start_from_empty(struct zab *z)
{
    z->follow.stage = FOLLOW_SYNC;
    z->follow.base = 0;
    z->appended = z->logged = 0;
    core_mend_state(z);
    core_state_is_good(z);
}

/* The first packet after ACKEPOCH says how we get there. */
static void on_plan(struct zab *z, const struct zab_packet *p)
{
    struct following *f = &z->follow;

    if (p->type == ZAB_TRUNC) {
        on_trunc(z, p->zxid);
    } else if (p->type == ZAB_SNAP) {
        on_snap(z, p->zxid);
    } else if (p->type == ZAB_DIFF && !f->asked_snapshot) {
        f->stage = FOLLOW_SYNC;
        if (z->appended < 0) /* Empty, and from now on allowed to vote. */
            z->appended = z->logged = z->committed = 0;
        f->base = z->appended;
    } else if (p->type == ZAB_DIFF && !f->is_leader_zabd) {
        start_from_empty(z);
    } else if (p->type == ZAB_DIFF) {
        follow_fail(z, "DIFF, but our state needs a SNAP");
    } else {
        follow_fail(z, "neither DIFF nor TRUNC nor SNAP");
    }
    if (f->stage == FOLLOW_SYNC) {
        z->phase = ZAB_SYNCHRONIZATION;
        core_become(z, zab_packet_name(p->type));
        f->held = f->told = f->base;
    }
}

/* Remembers a proposal until its COMMIT. False: too many gaps to be true. */
static bool add_pending(struct following *f, zk_zxid zxid)
{
    struct run *last = f->pending_count > 0 ? &f->pending[f->pending_count - 1] : NULL;

    if (last != NULL && zxid == last->last + 1) {
        last->last = zxid;
        return true;
    }
    if (f->pending_count == PENDING_MAX)
        return false;
    f->pending[f->pending_count++] = (struct run){ .first = zxid, .last = zxid };
    return true;
}

/* Takes the oldest proposal. False: zxid is another. */
static bool take_pending(struct following *f, zk_zxid zxid)
{
    struct run *first = &f->pending[0];

    if (f->pending_count == 0 || first->first != zxid)
        return false;
    if (first->first++ == first->last) {
        f->pending_count--;
        memmove(first, first + 1, f->pending_count * sizeof *first);
    }
    return true;
}

/* Returns false when the link had to end. */
static bool on_proposal(struct zab *z, const struct zab_event *ev)
{
    struct following *f = &z->follow;
    zk_zxid zxid = ev->packet->zxid;
    /* What a SNAP already has may come again, from anywhere on (3.5). */
    bool overlaps = f->proposed == 0 && zxid <= f->base;

    if (zxid_counter(zxid) == 0 || zxid_epoch(zxid) > f->epoch || zxid <= 0 ||
        (!overlaps && !follows(f->proposed != 0 ? f->proposed : f->base, zxid))) {
        follow_fail(z, "a proposal that does not follow the last one");
        return false;
    }
    if (!add_pending(f, zxid)) {
        follow_fail(z, "too many proposals without a COMMIT");
        return false;
    }
    f->proposed = zxid;
    if (zxid > f->base) {
        f->held = zxid;
        reconfig_see(z, ev->config);
        core_act(z, ZAB_DO_HOLD)->zxid = zxid;
    }
    if (f->stage == FOLLOW_UP && f->held > z->appended) {
        z->appended = f->held;
        core_act(z, ZAB_DO_APPEND)->zxid = f->held;
        if (ZAB_MUTATED(APPLY_UNDECIDED))
            core_commit(z, f->held);
    }
    return true;
}

/* What is decided is applied when our own log has it, too: a snapshot must never hold a txn that
 * the log behind it might lose. */
static void commit_durable(struct zab *z)
{
    core_commit(z, z->follow.told < z->logged ? z->follow.told : z->logged);
}

static void on_commit(struct zab *z, const struct zab_event *ev)
{
    struct following *f = &z->follow;
    zk_zxid zxid = ev->packet->zxid;
    bool activates =
        ev->packet->type == ZAB_COMMITANDACTIVATE || ev->packet->type == ZAB_INFORMANDACTIVATE;

    if (!take_pending(f, zxid)) {
        follow_fail(z, "COMMIT of another txn than the next one");
        return;
    }
    if (zxid > f->told)
        f->told = zxid;
    if (f->stage != FOLLOW_UP)
        return;
    zk_sid designated = activates ? reconfig_activate(z, ev) : NOBODY;

    commit_durable(z);
    if (designated != NOBODY)
        core_follow_designated(z, designated);
}

/* Goes on with what NEWLEADER asks for, as far as the disk has come. */
static void store(struct zab *z)
{
    struct following *f = &z->follow;

    if (f->stage != FOLLOW_STORE)
        return;
    if (f->is_snap) {
        if (!f->is_loaded)
            return;
        if (!f->is_saving) {
            f->is_saving = true;
            /* The snapshot takes the place of our log. There may be txns in that which others count
             * on, so it has to hold all that NEWLEADER stands for. */
            if (f->promise > f->base)
                core_act(z, ZAB_DO_COMMIT)->zxid = f->promise;
            f->base = f->promise;
            core_act(z, ZAB_DO_SAVE_SNAPSHOT)->zxid = f->base;
        }
        return; /* ZAB_EV_SNAPSHOT_SAVED clears is_snap. */
    }
    if (!f->is_appended) {
        f->is_appended = true;
        if (f->promise > z->appended) {
            z->appended = f->promise;
            core_act(z, ZAB_DO_APPEND)->zxid = f->promise;
        }
    }
    if (z->logged < z->appended && !ZAB_MUTATED(ACK_NEWLEADER_EARLY))
        return;
    core_save_current(z, f->epoch);
    core_send(z, f->link, ZAB_ACK, zxid_make((uint32_t)f->epoch, 0), core_no_data());
    f->stage = FOLLOW_ACKED;
    f->heard_ms = z->now_ms;
}

static void on_saved(struct zab *z)
{
    struct following *f = &z->follow;

    if (!f->is_saving)
        return;
    f->is_snap = f->is_saving = false;
    core_state_is_good(z);
    z->appended = z->logged = z->committed = f->base;
    store(z);
}

/* The members that the leader names, or none. False: we should understand them. */
static bool take_config(struct zab *z, struct jute_bytes text)
{
    struct following *f = &z->follow;
    char why[ZAB_CONFIG_WHY_MAX];

    if (zab_config_parse(&f->config, (const char *)text.at, (size_t)text.len, &z->conf.rules,
                         why) == 0)
        return true;
    f->config = NULL;
    return !z->conf.reconfig_enabled;
}

static void on_newleader(struct zab *z, const struct zab_packet *p)
{
    struct following *f = &z->follow;

    if (p->zxid != zxid_make((uint32_t)f->epoch, 0)) {
        follow_fail(z, "NEWLEADER of another epoch");
        return;
    }
    if (p->data.len > 1) {
        if (!take_config(z, p->data)) {
            follow_fail(z, "a configuration that cannot be read");
            return;
        }
        reconfig_see(z, f->config);
    }
    f->promise = f->told > f->base ? f->told : f->base;
    f->stage = FOLLOW_STORE;
    store(z);
}

/* The epoch is established: what it began with is decided, and we serve. */
static void on_uptodate(struct zab *z)
{
    struct following *f = &z->follow;

    core_send(z, f->link, ZAB_ACK, zxid_make((uint32_t)f->epoch, 0), core_no_data());
    f->stage = FOLLOW_UP;
    f->acked = f->promise > zxid_make((uint32_t)f->epoch, 0) ? f->promise
                                                             : zxid_make((uint32_t)f->epoch, 0);
    z->failures = z->masters_failed = 0;
    core_state_is_good(z);
    z->phase = ZAB_BROADCAST;
    if (f->held > z->appended) {
        z->appended = f->held;
        core_act(z, ZAB_DO_APPEND)->zxid = f->held;
    }
    commit_durable(z);
    bool goes_on = reconfig_uptodate(z, f->config, f->told);

    core_settle(z);
    core_become(z, "up to date");
    if (!goes_on)
        core_look(z, "the configuration changed our role or our leader");
}

/* Proposals and what is decided of them, at any time behind DIFF, TRUNC or SNAP. False: it is
 * something else. */
static bool on_txn_packet(struct zab *z, const struct zab_event *ev)
{
    switch (ev->packet->type) {
    case ZAB_PROPOSAL:
        (void)on_proposal(z, ev);
        return true;
    case ZAB_INFORM:
    case ZAB_INFORMANDACTIVATE:
        if (on_proposal(z, ev))
            on_commit(z, ev);
        return true;
    case ZAB_COMMIT:
    case ZAB_COMMITANDACTIVATE: /* Before UPTODATE: in force with that. */
        on_commit(z, ev);
        return true;
    default:
        return false;
    }
}

static void on_sync_packet(struct zab *z, const struct zab_event *ev)
{
    struct following *f = &z->follow;

    if (on_txn_packet(z, ev))
        return;
    switch (ev->packet->type) {
    case ZAB_NEWLEADER:
        if (f->stage == FOLLOW_SYNC)
            on_newleader(z, ev->packet);
        else
            follow_fail(z, "NEWLEADER twice");
        break;
    case ZAB_UPTODATE:
        if (f->stage == FOLLOW_ACKED)
            on_uptodate(z);
        else
            follow_fail(z, "UPTODATE before we acknowledged NEWLEADER");
        break;
    case ZAB_PING:
    case ZAB_SYNC:
    case ZAB_REVALIDATE:
        break; /* Nobody is served yet, and no PING is answered (Trap 16). */
    default:
        follow_fail(z, "the leader sent what it should not at this point");
        break;
    }
}

/* ---- Broadcast. */

static void on_ping(struct zab *z, zk_zxid zxid)
{
    struct zab_action *a = core_act(z, ZAB_DO_ANSWER_PING);

    a->link = z->follow.link;
    a->zxid = zxid;
    master_ping(z);
}

static void on_broadcast_packet(struct zab *z, const struct zab_event *ev)
{
    const struct zab_packet *p = ev->packet;

    if (on_txn_packet(z, ev))
        return;
    switch (p->type) {
    case ZAB_PING:
        on_ping(z, p->zxid);
        break;
    case ZAB_REVALIDATE:
    case ZAB_SYNC:
        core_act(z, ZAB_DO_SERVE)->link = z->follow.link;
        break;
    default:
        follow_fail(z, "the leader sent what it should not at this point");
        break;
    }
}

/* Every proposal is acknowledged on its own, in order, after it is durable; but another zabd takes
 * the last for all. An observer has no say. */
static void acknowledge(struct zab *z)
{
    struct following *f = &z->follow;

    if (z->role != ZAB_FOLLOWING || z->logged <= f->acked)
        return;
    if (f->is_leader_zabd)
        f->acked = z->logged - 1;
    while (f->acked < z->logged)
        core_send(z, f->link, ZAB_ACK, ++f->acked, core_no_data());
}

/* ---- Events. */

static void on_packet(struct zab *z, const struct zab_event *ev)
{
    struct following *f = &z->follow;

    f->heard_ms = z->now_ms;
    switch (f->stage) {
    case FOLLOW_INFO:
        follow_leaderinfo(z, ev);
        break;
    case FOLLOW_EPOCH:
        on_plan(z, ev->packet);
        break;
    case FOLLOW_SYNC:
    case FOLLOW_STORE:
    case FOLLOW_ACKED:
        on_sync_packet(z, ev);
        break;
    case FOLLOW_UP:
        on_broadcast_packet(z, ev);
        break;
    case FOLLOW_PAUSE:
    case FOLLOW_CONNECT:
    case FOLLOW_DRAIN:
        follow_fail(z, "the leader spoke before it was asked");
        break;
    }
}

static void on_logged(struct zab *z)
{
    struct following *f = &z->follow;

    if (f->stage == FOLLOW_UP) {
        acknowledge(z);
        commit_durable(z);
    } else if (f->stage == FOLLOW_STORE) {
        store(z);
    } else if (f->stage == FOLLOW_DRAIN && z->logged >= z->appended) {
        follow_send_ackepoch(z);
    }
}

int64_t follow_deadline(const struct zab *z)
{
    const struct following *f = &z->follow;

    if (f->stage == FOLLOW_PAUSE)
        return f->retry_ms;
    if (f->stage == FOLLOW_CONNECT)
        return f->connect_end_ms;
    return f->heard_ms + (f->stage >= FOLLOW_ACKED ? core_sync_ms(z) : core_init_ms(z));
}

/* Nobody waits for the vote of who has said nothing for so long; its next word makes up for it. */
static void leave_silent_leader(struct zab *z)
{
    struct election_out out = { 0 };

    if (z->follow.master != z->leader) {
        follow_fail(z, "the observer master is silent");
        return;
    }
    election_reachable(z->election, z->now_ms, z->leader, false, &out);
    follow_fail(z, "the leader is silent");
}

static void on_time(struct zab *z)
{
    struct following *f = &z->follow;

    if (z->now_ms < follow_deadline(z))
        return;
    if (f->stage != FOLLOW_CONNECT && f->stage != FOLLOW_PAUSE)
        leave_silent_leader(z);
    else if (f->stage == FOLLOW_PAUSE && zab_config_find(z->cur, z->leader) == NULL &&
             zab_config_find(z->seen, z->leader) == NULL)
        follow_fail(z, "the leader is no member");
    else if (f->stage == FOLLOW_CONNECT || f->tries >= CONNECT_TRIES ||
             z->now_ms >= f->connect_end_ms)
        follow_fail(z, "the leader cannot be reached");
    else
        follow_connect(z);
}

void follow_event(struct zab *z, const struct zab_event *ev)
{
    if (ev->kind == ZAB_EV_LINK_UP)
        follow_link_up(z);
    else if (ev->kind == ZAB_EV_LINK_DOWN)
        follow_link_down(z, ev);
    else if (ev->kind == ZAB_EV_PACKET)
        on_packet(z, ev);
    else if (ev->kind == ZAB_EV_PROGRESS)
        z->follow.heard_ms = z->now_ms;
    else if (ev->kind == ZAB_EV_TIME)
        on_time(z);
    else if (ev->kind == ZAB_EV_LOGGED)
        on_logged(z);
    else if (ev->kind == ZAB_EV_SNAPSHOT_SAVED)
        on_saved(z);
    else if (ev->kind == ZAB_EV_LOADED && z->follow.is_snap) {
        z->follow.is_loaded = true;
        z->follow.heard_ms = z->now_ms;
        store(z);
    }
}
