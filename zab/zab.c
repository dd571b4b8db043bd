/* The core's step: events to the role that we have, elections, what all roles share. */
#include "zab/zab.h"

#include <errno.h>
#include <stdlib.h>

#include "util/check.h"
#include "zab/core.h"
#include "zab/mutation.h"

const uint8_t core_hint[HINT_LEN] = { 'z', 'a', 'b', 'd', 0, 0, 0, 1 };

static bool is_sane(const struct zab_conf *conf, const struct zab_saved *saved)
{
    return saved->config != NULL && conf->tick_ms >= 2 && conf->init_limit > 0 &&
           conf->sync_limit > 0 && saved->current >= 0 && saved->accepted >= saved->current &&
           saved->accepted < INT32_MAX && saved->logged >= -1 &&
           (saved->logged <= 0 || zxid_epoch(saved->logged) <= saved->accepted);
}

static struct election *make_election(struct zab *z)
{
    struct election_conf conf = {
        .self = z->conf.self,
        .is_observer = z->is_observer,
        .resend_min_ms = z->conf.resend_min_ms,
        .resend_max_ms = z->conf.resend_max_ms,
        .finalize_ms = z->conf.finalize_ms,
        .reconfig_enabled = z->conf.reconfig_enabled,
        .rules = z->conf.rules,
    };
    struct election *e = election_new(&conf);

    election_configure(e, z->cur, z->seen);
    return e;
}

static void print_config(const struct zab_config *c, struct bytes *text, struct bytes *old)
{
    bytes_done(old);
    *old = *text;
    *text = (struct bytes){ 0 };
    zab_config_print(c, text);
}

static void print_configs(struct zab *z)
{
    print_config(z->cur, &z->cur_text, &z->old_cur_text);
    print_config(z->seen, &z->seen_text, &z->old_seen_text);
}

static void init_ensemble(struct zab *z, const struct zab_saved *saved)
{
    z->accepted = saved->accepted;
    z->current = saved->current;
    z->cur = zab_config_ref(saved->config);
    z->seen = zab_config_ref(saved->last_seen != NULL ? saved->last_seen : saved->config);
    z->is_observer = z->conf.is_observer;
    z->election = make_election(z);
    print_configs(z);
}

int zab_new(struct zab **ret, const struct zab_conf *conf, const struct zab_saved *saved)
{
    zk_assert(ret != NULL);
    if (conf->proposals_max == 0 || (conf->is_alone ? saved->logged < 0 : !is_sane(conf, saved)))
        return -EINVAL;

    struct zab *z = calloc(1, sizeof *z);
    if (z == NULL)
        return -ENOMEM;
    z->conf = *conf;
    if (conf->zxid_counter_max == 0)
        z->conf.zxid_counter_max = 0xfff00000;
    z->role = ZAB_LOOKING;
    z->leader = NOBODY;
    z->look_ms = NEVER;
    rand_seed(&z->rand, conf->seed);
    if (conf->observer_masters) /* Each observer begins with another. */
        z->master_turn = rand_next(&z->rand) >> 1;
    /* All that is in the log was applied by recovery. For a server of one it is decided, too:
     * nobody else can know better. */
    z->proposed = z->appended = z->logged = z->committed = saved->logged;
    if (!conf->is_alone)
        init_ensemble(z, saved);
    *ret = z;
    return 0;
}

static void release_actions(struct zab *z)
{
    for (size_t i = 0; i < z->action_count; i++)
        zab_config_unref(z->actions[i].config);
    z->action_count = 0;
}

struct zab *zab_free(struct zab *z)
{
    if (z == NULL)
        return NULL;
    release_actions(z);
    z->election = election_free(z->election);
    zab_config_unref(z->cur);
    zab_config_unref(z->seen);
    zab_config_unref(z->follow.config);
    bytes_done(&z->cur_text);
    bytes_done(&z->old_cur_text);
    bytes_done(&z->seen_text);
    bytes_done(&z->old_seen_text);
    free(z->learners);
    free(z->master.at);
    free(z->actions);
    free(z);
    return NULL;
}

/* ---- Actions. */

struct zab_action *core_act(struct zab *z, int kind)
{
    if (z->action_count == z->action_cap) {
        z->action_cap = z->action_cap * 2 + 16;
        z->actions = zk_xrealloc(z->actions, z->action_cap * sizeof *z->actions);
    }
    struct zab_action *a = &z->actions[z->action_count++];

    *a = (struct zab_action){ 0 };
    /* The enum has no name of its own. */
    a->kind = (__typeof__(a->kind))kind;
    return a;
}

void core_send(struct zab *z, zab_link link, int32_t type, zk_zxid zxid, struct jute_bytes data)
{
    struct zab_action *a = core_act(z, ZAB_DO_SEND);

    a->link = link;
    a->packet = (struct zab_packet){
        .type = type, .zxid = zxid, .data = data, .authinfo = { .count = -1 }
    };
}

void core_close(struct zab *z, zab_link link, const char *why)
{
    struct zab_action *a = core_act(z, ZAB_DO_CLOSE);

    a->link = link;
    a->why = why;
}

void core_commit(struct zab *z, zk_zxid zxid)
{
    if (zxid <= z->committed)
        return;
    z->committed = zxid;
    core_act(z, ZAB_DO_COMMIT)->zxid = zxid;
}

void core_save_current(struct zab *z, int64_t epoch)
{
    if (z->current == epoch)
        return;
    z->current = epoch;
    core_act(z, ZAB_DO_SAVE_CURRENT)->epoch = epoch;
}

void core_become(struct zab *z, const char *why)
{
    struct zab_action *a = core_act(z, ZAB_DO_BECOME);

    a->role = z->role;
    a->phase = z->phase;
    a->peer = z->leader;
    a->epoch = z->current;
    a->why = why;
}

int64_t core_init_ms(const struct zab *z)
{
    return z->conf.tick_ms * z->conf.init_limit;
}

int64_t core_sync_ms(const struct zab *z)
{
    return z->conf.tick_ms * z->conf.sync_limit;
}

/* ---- Elections. */

static void on_election(struct zab *z, const struct election_out *out);

/* Texts of an election that is made anew are gone with it. Nobody waits for what it had to say. */
static void forget_notifications(struct zab *z)
{
    size_t kept = 0;

    for (size_t i = 0; i < z->action_count; i++)
        if (z->actions[i].kind != ZAB_DO_NOTIFY)
            z->actions[kept++] = z->actions[i];
    z->action_count = kept;
}

static void begin_election(struct zab *z)
{
    struct election_out out = { 0 };
    zk_zxid zxid = z->is_disk_slow ? z->logged : z->appended;

    z->look_ms = NEVER;
    election_stand_late(z->election, z->is_lost);
    election_begin(z->election, z->now_ms, ZAB_MUTATED(FORGET_TAIL) ? z->committed : zxid,
                   z->current, &out);
    on_election(z, &out);
}

/* Leaves the role that we have. */
static void leave(struct zab *z, const char *why)
{
    if (z->role == ZAB_LEADING)
        lead_leave(z, why);
    else if (z->role != ZAB_LOOKING)
        follow_leave(z, why);
    z->role = ZAB_LOOKING;
    z->phase = ZAB_ELECTION;
    z->leader = NOBODY;
    z->look_ms = NEVER;
    core_become(z, why);
}

void core_look(struct zab *z, const char *why)
{
    bool was_observing = z->role == ZAB_OBSERVING && z->phase == ZAB_BROADCAST;

    leave(z, why);
    if (z->is_retired || z->is_saving)
        return;        /* Until ZAB_EV_SNAPSHOT_SAVED: only then is it known where our log ends. */
    if (was_observing) /* Not all of them at once. */
        z->look_ms = z->now_ms + follow_election_pause(z);
    else
        begin_election(z);
}

void core_follow_designated(struct zab *z, zk_sid leader)
{
    static const char why[] = "designated with the configuration";
    bool is_self = leader == z->conf.self;

    if (is_self && !zab_config_is_voter(z->cur, leader)) {
        core_look(z, "designated, but no voter");
        return;
    }
    leave(z, why);
    z->vote = (struct zab_vote){ .leader = leader, .zxid = z->appended, .round = -1, .epoch = -1 };
    if (is_self)
        lead_begin(z, why);
    else
        follow_begin(z, leader, why);
}

void core_settle(struct zab *z)
{
    enum zab_state state = z->role == ZAB_LEADING   ? ZAB_STATE_LEADING
                           : z->role == ZAB_LOOKING ? ZAB_STATE_LOOKING
                           : z->is_observer         ? ZAB_STATE_OBSERVING
                                                    : ZAB_STATE_FOLLOWING;

    if (z->phase == ZAB_BROADCAST)
        z->vote.epoch = z->current;
    election_settle(z->election, state, &z->vote);
}

void core_call_members(struct zab *z, const struct zab_config *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->members[i].sid != z->conf.self)
            core_act(z, ZAB_DO_CALL)->peer = c->members[i].sid;
}

static void tell_config(struct zab *z, struct zab_config *c)
{
    core_act(z, ZAB_DO_CONFIG)->config = zab_config_ref(c);
}

void core_set_config(struct zab *z, struct zab_config *cur, struct zab_config *seen)
{
    zab_config_unref(z->cur);
    zab_config_unref(z->seen);
    z->cur = cur;
    z->seen = seen;
    print_configs(z);
    forget_notifications(z);
    election_configure(z->election, cur, seen);
}

void core_set_observer(struct zab *z, bool is_observer)
{
    if (z->is_observer == is_observer)
        return;
    z->is_observer = is_observer;
    forget_notifications(z);
    z->election = election_free(z->election);
    z->election = make_election(z);
    core_settle(z);
}

/* While looking, a newer configuration was heard of: it is ours, and all begins anew. */
static void adopt(struct zab *z, struct zab_config *newer)
{
    if (newer->version <= z->cur->version || !z->conf.reconfig_enabled) {
        zab_config_unref(newer);
        return;
    }
    struct zab_config *seen = newer->version > z->seen->version ? newer : z->seen;

    const struct zab_member *self = zab_config_find(newer, z->conf.self);

    core_set_config(z, newer, zab_config_ref(seen));
    core_set_observer(z, self != NULL && !self->is_voter);
    tell_config(z, newer);
    core_call_members(z, newer);
    election_forget(z->election);
    begin_election(z);
}

static void on_decided(struct zab *z, const struct election_out *out)
{
    z->vote = out->vote;
    if (z->vote.leader == z->conf.self) {
        lead_begin(z, out->why);
        return;
    }
    lead_drop_all(z, "we do not lead");
    follow_begin(z, z->vote.leader, out->why);
}

static void on_election(struct zab *z, const struct election_out *out)
{
    for (size_t i = 0; i < out->count; i++) {
        if (out->sends[i].to == z->conf.self)
            continue;
        struct zab_action *a = core_act(z, ZAB_DO_NOTIFY);
        a->peer = out->sends[i].to;
        a->notification = out->sends[i].n;
    }
    if (z->role != ZAB_LOOKING || z->look_ms != NEVER) {
        zab_config_unref(out->newer);
        return;
    }
    if (out->newer != NULL)
        adopt(z, out->newer);
    else if (out->is_decided)
        on_decided(z, out);
}

/* ---- Events. */

static void on_notified(struct zab *z, const struct zab_event *ev)
{
    struct election_out out = { 0 };

    election_notified(z->election, z->now_ms, ev->peer, ev->notification, &out);
    on_election(z, &out);
    if (z->role == ZAB_LEADING && z->phase != ZAB_BROADCAST &&
        ev->notification->state == ZAB_STATE_LOOKING)
        lead_looker(z, ev->peer);
    if (z->role == ZAB_FOLLOWING || z->role == ZAB_OBSERVING)
        follow_notified(z, ev->peer, ev->notification);
}

static void on_reachable(struct zab *z, const struct zab_event *ev)
{
    struct election_out out = { 0 };

    election_reachable(z->election, z->now_ms, ev->peer, ev->kind == ZAB_EV_PEER_REACHABLE, &out);
    on_election(z, &out);
}

static void on_time(struct zab *z, const struct zab_event *ev)
{
    if (z->look_ms <= z->now_ms) {
        begin_election(z);
        return;
    }
    if (election_deadline(z->election) <= z->now_ms) {
        struct election_out out = { 0 };
        election_timer(z->election, z->now_ms, &out);
        on_election(z, &out);
    }
    if (z->role == ZAB_LEADING)
        broadcast_timer(z);
    else if (z->role == ZAB_LOOKING)
        lead_expire_held(z);
    else
        follow_event(z, ev);
    master_expire(z);
}

/* The snapshot of a sync that broke off is stored: our log ends there, whatever it held. */
static void on_late_snapshot(struct zab *z)
{
    if (!z->is_saving)
        return;
    z->is_saving = false;
    core_state_is_good(z);
    z->appended = z->logged = z->committed = z->saving;
    if (!z->is_retired)
        begin_election(z);
}

static void on_logged(struct zab *z, const struct zab_event *ev)
{
    if (ev->zxid > z->logged)
        z->logged = ev->zxid < z->appended ? ev->zxid : z->appended;
    z->lead.is_dirty = true;
    z->is_disk_slow &= z->logged < z->appended;
    if (z->role == ZAB_LEADING)
        lead_advance(z);
    else if (z->role != ZAB_LOOKING)
        follow_event(z, ev);
}

static void on_step_down(struct zab *z, const struct zab_event *ev)
{
    if (z->role == ZAB_LEADING && z->phase == ZAB_BROADCAST) {
        broadcast_end_epoch(z, ev->why, true);
        return;
    }
    if (z->is_retired)
        return;
    z->is_retired = true;
    core_look(z, ev->why);
    lead_drop_all(z, ev->why);
    core_act(z, ZAB_DO_STEPPED_DOWN)->why = ev->why;
}

static void on_link(struct zab *z, const struct zab_event *ev)
{
    if (follow_is_link(z, ev->link))
        follow_event(z, ev);
    else if ((ev->link & ZAB_LINK_MASTER) != 0)
        master_link(z, ev);
    else if (ev->kind == ZAB_EV_PACKET)
        lead_packet(z, ev);
    else if (ev->kind == ZAB_EV_LINK_DOWN)
        lead_link_down(z, ev->link);
    else if (ev->kind == ZAB_EV_PROGRESS)
        lead_progress(z, ev->link);
}

static void begin(struct zab *z)
{
    zk_assert(!z->has_begun);
    z->has_begun = true;
    /* A crash between the history of an epoch and its currentEpoch: nothing of an epoch is ever
     * logged before all its initial history (quorum-protocol 1.6). */
    if (z->appended > 0 && zxid_epoch(z->appended) > z->current)
        core_save_current(z, zxid_epoch(z->appended));
    core_look(z, "start");
}

static void ensemble_step(struct zab *z, const struct zab_event *ev)
{
    switch (ev->kind) {
    case ZAB_EV_START:
        begin(z);
        break;
    case ZAB_EV_TIME:
        on_time(z, ev);
        break;
    case ZAB_EV_NOTIFIED:
        on_notified(z, ev);
        break;
    case ZAB_EV_PEER_REACHABLE:
    case ZAB_EV_PEER_GONE:
        on_reachable(z, ev);
        break;
    case ZAB_EV_LINK_UP:
    case ZAB_EV_LINK_DOWN:
    case ZAB_EV_PACKET:
    case ZAB_EV_PROGRESS:
        on_link(z, ev);
        break;
    case ZAB_EV_SUBMIT:
        broadcast_submit(z, ev->zxid);
        break;
    case ZAB_EV_LOGGED:
        on_logged(z, ev);
        break;
    case ZAB_EV_LOADED:
        if (z->role == ZAB_FOLLOWING || z->role == ZAB_OBSERVING)
            follow_event(z, ev);
        break;
    case ZAB_EV_SNAPSHOT_SAVED:
        if (z->role == ZAB_FOLLOWING || z->role == ZAB_OBSERVING)
            follow_event(z, ev);
        else
            on_late_snapshot(z);
        break;
    case ZAB_EV_DIVERGED:
        core_diverged(z);
        break;
    case ZAB_EV_PROPOSED_CONFIG:
        reconfig_propose(z, ev->config);
        break;
    case ZAB_EV_STEP_DOWN:
        on_step_down(z, ev);
        break;
    }
    if (ZAB_MUTATED(ACK_BEFORE_FSYNC) && z->logged < z->appended)
        on_logged(z, &(struct zab_event){ .kind = ZAB_EV_LOGGED, .zxid = z->appended });
    if (z->role == ZAB_LEADING)
        lead_settle_rivals(z);
    if (z->role == ZAB_LEADING)
        broadcast_settle(z);
    if (z->master.count > 0)
        master_settle(z);
}

/* ---- A server of one. */

static void alone_step(struct zab *z, const struct zab_event *ev)
{
    if (ev->kind == ZAB_EV_START) {
        zk_assert(z->role == ZAB_LOOKING);
        /* The quorum of one is the server itself: there is nobody to ask. The epoch stays, as with
         * a ZK that runs alone (storage-format 11.24). */
        z->role = ZAB_LEADING;
        z->phase = ZAB_BROADCAST;
        z->leader = z->conf.self;
        core_become(z, "a server of one");
    } else if (ev->kind == ZAB_EV_SUBMIT) {
        zk_assert(z->role == ZAB_LEADING && ev->zxid > z->proposed);
        z->proposed = z->appended = ev->zxid;
        core_act(z, ZAB_DO_APPEND)->zxid = ev->zxid;
    } else if (ev->kind == ZAB_EV_LOGGED) {
        /* The quorum is reached where our own log is. */
        zk_assert(ev->zxid <= z->appended);
        if (ev->zxid > z->logged)
            z->logged = ev->zxid;
        core_commit(z, z->logged);
    } else if (ev->kind == ZAB_EV_STEP_DOWN) {
        core_act(z, ZAB_DO_STEPPED_DOWN)->why = ev->why;
    }
}

struct zab_actions zab_step(struct zab *z, const struct zab_event *ev)
{
    release_actions(z);
    if (ev->now_ms > z->now_ms)
        z->now_ms = ev->now_ms;
    if (z->conf.is_alone)
        alone_step(z, ev);
    else
        ensemble_step(z, ev);
    return (struct zab_actions){ .at = z->actions, .count = z->action_count };
}

int64_t zab_deadline(const struct zab *z)
{
    if (z->conf.is_alone || !z->has_begun)
        return NEVER;
    int64_t at = election_deadline(z->election);
    int64_t mine = NEVER;

    if (z->look_ms < at)
        at = z->look_ms;
    if (z->role == ZAB_LEADING)
        mine = broadcast_deadline(z);
    else if (z->role == ZAB_LOOKING && z->learner_count > 0)
        mine = z->learners[0].since_ms + core_init_ms(z);
    else if (z->role != ZAB_LOOKING)
        mine = follow_deadline(z);
    if (master_deadline(z) < mine)
        mine = master_deadline(z);
    return mine < at ? mine : at;
}
