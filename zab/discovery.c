/* A follower or observer until it has promised its leader's epoch: finds it, says who it is, where
 * its log ends (quorum-protocol 3.4). */
#include <string.h>

#include "zab/core.h"
#include "zab/mutation.h"

void follow_fail(struct zab *z, const char *why)
{
    if (z->phase != ZAB_BROADCAST)
        z->failures++;
    core_look(z, why);
}

bool follow_is_link(const struct zab *z, zab_link link)
{
    return (z->role == ZAB_FOLLOWING || z->role == ZAB_OBSERVING) && z->follow.link == link;
}

/* ---- Connecting. */

/* An observer's way to its leader's txns. Others that vote can bring them as well, by turns; when
 * none of them does, the leader itself must. Each is asked twice before: the first time it may only
 * have been about to follow. */
static zk_sid next_master(struct zab *z, zk_sid leader)
{
    zk_sid sids[ZAB_MEMBERS_MAX];
    unsigned count = 0;

    for (size_t i = 0; i < z->cur->count; i++) {
        const struct zab_member *m = &z->cur->members[i];
        if (m->is_voter && m->sid != leader && m->sid != z->conf.self)
            sids[count++] = m->sid;
    }
    if (!z->is_observer || !z->conf.observer_masters || z->masters_failed >= 2 * count) {
        z->masters_failed = 0;
        return leader;
    }
    z->masters_failed++; /* Until it has served us. */
    return sids[z->master_turn++ % count];
}

void follow_connect(struct zab *z)
{
    struct following *f = &z->follow;
    struct zab_action *a = core_act(z, ZAB_DO_CONNECT);

    f->stage = FOLLOW_CONNECT;
    f->tries++;
    f->link = ZAB_LINK_OURS | ++z->next_link;
    if (f->master != z->leader)
        f->link |= ZAB_LINK_MASTER;
    a->link = f->link;
    a->peer = f->master;
}

static void pause_connecting(struct zab *z, int64_t pause_ms)
{
    z->follow.stage = FOLLOW_PAUSE;
    z->follow.link = 0;
    z->follow.retry_ms = z->now_ms + pause_ms;
}

/* Observers may be many: not all of them come to the leader at once. */
static int64_t observer_pause(struct zab *z)
{
    if (!z->is_observer || z->follow.master != z->leader || z->conf.observer_reconnect_ms <= 0)
        return 0;
    return (int64_t)rand_below(&z->rand, (uint64_t)z->conf.observer_reconnect_ms);
}

int64_t follow_election_pause(struct zab *z)
{
    int64_t most_ms = z->conf.observer_election_ms;

    if (most_ms == 0)
        most_ms = OBSERVER_DELAY_MS;
    return most_ms > 0 ? (int64_t)rand_below(&z->rand, (uint64_t)most_ms) : 0;
}

void follow_begin(struct zab *z, zk_sid leader, const char *why)
{
    struct following *f = &z->follow;
    int64_t limit = z->conf.connect_limit > 0 ? z->conf.connect_limit : z->conf.init_limit;

    z->role = z->is_observer ? ZAB_OBSERVING : ZAB_FOLLOWING;
    z->phase = ZAB_DISCOVERY;
    z->leader = leader;
    *f = (struct following){ .master = next_master(z, leader) };
    int64_t pause_ms = observer_pause(z);
    f->connect_end_ms = z->now_ms + z->conf.tick_ms * limit + pause_ms;
    core_settle(z);
    core_become(z, why);
    bool is_member =
        zab_config_find(z->cur, leader) != NULL || zab_config_find(z->seen, leader) != NULL;

    /* Whoever is no member will not lead for long. */
    if (!is_member || z->failures > FAILURES_FREE)
        pause_connecting(z, pause_ms > CONNECT_PAUSE_MS ? pause_ms : CONNECT_PAUSE_MS);
    else if (pause_ms > 0)
        pause_connecting(z, pause_ms);
    else
        follow_connect(z);
}

void follow_leave(struct zab *z, const char *why)
{
    struct following *f = &z->follow;

    if (f->link != 0)
        core_close(z, f->link, why);
    master_drop_all(z, why);
    if (f->is_saving) {
        z->is_saving = true;
        z->saving = f->base;
    } else if (f->is_snap) {
        z->is_void = true;
    }
    zab_config_unref(f->config);
    *f = (struct following){ 0 };
}

void follow_link_up(struct zab *z)
{
    struct following *f = &z->follow;
    uint8_t *at = z->info;

    if (f->stage != FOLLOW_CONNECT)
        return;
    at = jute_store64(at, (uint64_t)z->conf.self);
    at = jute_store32(at, ZAB_PROTOCOL_VERSION);
    at = jute_store64(at, (uint64_t)z->cur->version);
    memcpy(at, core_hint, HINT_LEN);
    core_send(z, f->link, z->is_observer ? ZAB_OBSERVERINFO : ZAB_FOLLOWERINFO,
              zxid_make((uint32_t)z->accepted, 0),
              (struct jute_bytes){ .at = z->info,
                                   .len = INFO_LEN + (z->conf.zabd_hints ? HINT_LEN : 0) });
    f->stage = FOLLOW_INFO;
    f->heard_ms = z->now_ms;
}

void follow_link_down(struct zab *z, const struct zab_event *ev)
{
    struct following *f = &z->follow;

    f->link = 0;
    z->is_far = z->is_far || (ev->is_too_much && f->stage < FOLLOW_UP);
    if (f->stage != FOLLOW_CONNECT)
        follow_fail(z, f->master == z->leader ? "the leader's link ended"
                                              : "the observer master's link ended");
    else if (f->master != z->leader) /* Another is as good. */
        follow_fail(z, "the observer master cannot be reached");
    else if (f->tries >= CONNECT_TRIES || z->now_ms >= f->connect_end_ms)
        follow_fail(z, "the leader cannot be reached");
    else
        pause_connecting(z, CONNECT_PAUSE_MS);
}

/* Whom we chose looks for a leader in a later round, so in this one it will not lead. It may have
 * given up before our link came, and would keep that until the link has waited for initLimit. */
void follow_notified(struct zab *z, zk_sid from, const struct zab_notification *n)
{
    if (from == z->leader && n->state == ZAB_STATE_LOOKING && z->follow.stage <= FOLLOW_INFO &&
        n->vote.round > election_round(z->election))
        follow_fail(z, "the leader looks for another");
}

/* ---- Discovery. */

void follow_send_ackepoch(struct zab *z)
{
    struct following *f = &z->follow;
    int64_t current = f->is_fresh ? z->current : -1;
    zk_zxid zxid = z->appended;
    size_t len = ACKEPOCH_LEN;

    f->asked_snapshot = z->is_void || z->is_diverged;
    if (f->asked_snapshot && !f->is_leader_zabd) {
        /* Who isn't zabd sends a SNAP to who has nothing. That is not true of our log, so this may
         * not count as a promise: another's txns are safe in it. */
        current = -1;
        zxid = 0;
    }
    (void)jute_store32(z->ackepoch, (uint32_t)current);
    if (f->is_leader_zabd && z->conf.zabd_hints)
        len = ACKEPOCH_MORE_LEN;
    core_send(z, f->link, ZAB_ACKEPOCH, zxid,
              (struct jute_bytes){ .at = z->ackepoch, .len = (int32_t)len });
    f->stage = FOLLOW_EPOCH;
    f->heard_ms = z->now_ms;
}

static void prepare_hints(struct zab *z, const struct zab_event *ev)
{
    uint8_t *at = z->ackepoch + ACKEPOCH_LEN;
    bool is_wrong = z->is_void || z->is_diverged;
    /* An observer master may be behind what we have. */
    bool wants_snapshot = is_wrong || (z->is_far && z->follow.master == z->leader);

    memcpy(at, core_hint, 4);
    at = jute_store32(at + 4, wants_snapshot ? 1 : 0);
    at = jute_store64(at, is_wrong ? 0 : (uint64_t)ev->digest_zxid);
    (void)jute_store64(at, ev->digest);
}

void follow_leaderinfo(struct zab *z, const struct zab_event *ev)
{
    struct following *f = &z->follow;
    const struct zab_packet *p = ev->packet;
    int64_t epoch = p->zxid >> 32;
    struct jute_in in = jute_inside(p->data);
    int32_t version;

    jute_read_i32(&in, &version);
    if (p->type != ZAB_LEADERINFO || in.bad || version < ZAB_PROTOCOL_VERSION || epoch <= 0 ||
        epoch >= INT32_MAX) {
        follow_fail(z, "the leader did not say its epoch");
        return;
    }
    if (epoch < z->accepted && !ZAB_MUTATED(SKIP_EPOCH_CHECK)) {
        follow_fail(z, "the leader is of an epoch before the one we promised");
        return;
    }
    f->is_leader_zabd =
        z->conf.zabd_hints && jute_left(&in) >= HINT_LEN && memcmp(in.at, core_hint, 4) == 0;
    f->epoch = epoch;
    f->is_fresh = epoch > z->accepted || ZAB_MUTATED(SKIP_EPOCH_CHECK);
    if (f->is_fresh) {
        z->accepted = epoch;
        if (!ZAB_MUTATED(FORGET_PROMISE))
            core_act(z, ZAB_DO_SAVE_ACCEPTED)->epoch = epoch;
    }
    /* A SNAP that broke off took our state, not our log: it is as good as it was. So may the log be
     * of a state that diverged; it is worth a try when no leader gets along without our promise. */
    if (!f->is_leader_zabd && (!z->is_diverged || z->failures >= FAILURES_FREE))
        core_mend_state(z);
    prepare_hints(z, ev);
    /* What is on its way to the log would be mixed up with what the leader makes of it. */
    if (z->logged < z->appended)
        f->stage = FOLLOW_DRAIN;
    else
        follow_send_ackepoch(z);
}
