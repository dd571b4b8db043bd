/* The leader until it is established: links of learners, discovery of an epoch that a quorum
 * promises, synchronisation (quorum-protocol 3.4). Links also come to a server that looks still: it
 * may be about to lead.
 *
 * A wait ends at the first half tick behind its limit. */
#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "zab/core.h"
#include "zab/mutation.h"

/* ---- Links. */

struct learner *lead_find(struct zab *z, zab_link link)
{
    for (size_t i = 0; i < z->learner_count; i++)
        if (z->learners[i].link == link)
            return &z->learners[i];
    return NULL;
}

static struct learner *find_sid(struct zab *z, zk_sid sid)
{
    for (size_t i = 0; i < z->learner_count; i++)
        if (z->learners[i].sid == sid && z->learners[i].stage != LEARNER_RIVAL)
            return &z->learners[i];
    return NULL;
}

static struct learner *find_rival(struct zab *z, zk_sid sid)
{
    for (size_t i = 0; i < z->learner_count; i++)
        if (z->learners[i].stage == LEARNER_RIVAL && (sid == NOBODY || z->learners[i].sid == sid))
            return &z->learners[i];
    return NULL;
}

/* Keeps the order of those that remain. */
static void forget(struct zab *z, struct learner *l)
{
    size_t index = (size_t)(l - z->learners);

    z->lead.has_lost_link = true;
    z->learner_count--;
    memmove(l, l + 1, (z->learner_count - index) * sizeof *l);
}

void lead_drop(struct zab *z, struct learner *l, const char *why)
{
    core_close(z, l->link, why);
    forget(z, l);
}

void lead_drop_all(struct zab *z, const char *why)
{
    for (size_t i = 0; i < z->learner_count; i++)
        core_close(z, z->learners[i].link, why);
    z->learner_count = 0;
}

void lead_link_down(struct zab *z, zab_link link)
{
    struct learner *l = lead_find(z, link);

    if (l != NULL)
        forget(z, l);
}

static bool is_past(const struct zab *z, const struct learner *l, int64_t limit_ms)
{
    return z->now_ms - l->since_ms >= limit_ms;
}

void lead_expire_held(struct zab *z)
{
    while (z->learner_count > 0 && is_past(z, &z->learners[0], core_init_ms(z)))
        lead_drop(z, &z->learners[0], "nobody was elected in time");
}

void lead_progress(struct zab *z, zab_link link)
{
    struct learner *l = lead_find(z, link);

    if (z->role != ZAB_LEADING || l == NULL)
        return;
    if (l->stage == LEARNER_FED)
        l->since_ms = z->now_ms;
    /* Who waits for a large snapshot to arrive waits for that learner. */
    if (!l->is_observer && z->phase == ZAB_SYNCHRONIZATION)
        z->lead.since_ms = z->now_ms;
}

/* ---- Quorums. */

bool lead_has_quorum(const struct zab *z, const struct zab_config *c, bool with_self,
                     learner_test *passes, zk_zxid zxid)
{
    zk_sid sids[LEARNERS_MAX + 1];
    size_t count = 0;

    if (with_self)
        sids[count++] = z->conf.self;
    for (size_t i = 0; i < z->learner_count; i++)
        if (passes(z, &z->learners[i], zxid))
            sids[count++] = z->learners[i].sid;
    if (ZAB_MUTATED(COUNT_OBSERVER) && count * 2 > c->voters)
        return true;
    return zab_config_is_quorum(c, sids, count);
}

bool lead_has_quorums(const struct zab *z, bool with_self, learner_test *passes, zk_zxid zxid)
{
    return lead_has_quorum(z, z->cur, with_self, passes, zxid) &&
           (!core_seen_is_newer(z) || lead_has_quorum(z, z->seen, with_self, passes, zxid));
}

static bool has_said_its_epoch(const struct zab *z, const struct learner *l, zk_zxid zxid)
{
    (void)z;
    (void)zxid;
    return l->stage >= LEARNER_WAITING;
}

static bool has_promised(const struct zab *z, const struct learner *l, zk_zxid zxid)
{
    (void)z;
    (void)zxid;
    return l->stage >= LEARNER_PROMISED && l->is_counted;
}

static bool has_synced(const struct zab *z, const struct learner *l, zk_zxid zxid)
{
    (void)z;
    (void)zxid;
    return l->stage >= LEARNER_SYNCED;
}

/* ---- Discovery. */

/* Everybody raises the candidate, also who does not vote: else it could never join us. */
static void raise_candidate(struct zab *z, const struct learner *l)
{
    if (ZAB_MUTATED(SKIP_EPOCH_CHECK))
        return;
    if (ZAB_MUTATED(REUSE_EPOCH) && l->accepted > 0)
        z->lead.epoch = l->accepted > z->lead.epoch ? l->accepted : z->lead.epoch;
    else if (l->accepted >= z->lead.epoch)
        z->lead.epoch = l->accepted + 1;
}

static void send_leaderinfo(struct zab *z, struct learner *l)
{
    static const uint8_t data[4 + HINT_LEN] = { 0, 1, 0, 0, 'z', 'a', 'b', 'd', 0, 0, 0, 1 };

    core_send(
        z, l->link, ZAB_LEADERINFO, zxid_make((uint32_t)z->lead.epoch, 0),
        (struct jute_bytes){ .at = data, .len = z->conf.zabd_hints ? (int32_t)sizeof data : 4 });
    l->stage = LEARNER_ASKED;
    l->since_ms = z->now_ms;
}

/* The link of a learner whose FOLLOWERINFO came, now that we lead. */
static void admit(struct zab *z, struct learner *l)
{
    l->stage = LEARNER_WAITING;
    if (!z->lead.is_epoch_fixed) {
        raise_candidate(z, l);
    } else if (l->accepted <= z->lead.epoch || ZAB_MUTATED(SKIP_EPOCH_CHECK)) {
        send_leaderinfo(z, l);
    } else {
        bool is_voter = zab_config_is_voter(z->cur, l->sid);
        if (is_voter && l->accepted > z->promised_to_another)
            z->promised_to_another = l->accepted;
        lead_drop(z, l, "it has promised a later epoch than ours");
        /* It would stay outside until another leads; so we make that soon, with a higher epoch. But
         * not again and again: anybody could say so. */
        if (is_voter && z->phase == ZAB_BROADCAST &&
            z->now_ms - z->lead.begin_ms >= core_sync_ms(z))
            broadcast_end_epoch(z, "a voter has promised a later epoch", false);
    }
}

static int64_t first_candidate(const struct zab *z)
{
    if (ZAB_MUTATED(REUSE_EPOCH) && z->accepted > 0)
        return z->accepted;
    return (ZAB_MUTATED(SKIP_EPOCH_CHECK) ? z->current : z->accepted) + 1;
}

void lead_begin(struct zab *z, const char *why)
{
    struct leading *l = &z->lead;

    z->role = ZAB_LEADING;
    z->phase = ZAB_DISCOVERY;
    z->leader = z->conf.self;
    *l = (struct leading){ .epoch = first_candidate(z),
                           .current = z->current,
                           .history = z->appended,
                           .begin_ms = z->now_ms,
                           .since_ms = z->now_ms,
                           .half_ms = z->now_ms + z->conf.tick_ms / 2,
                           .short_ms = NEVER,
                           .drained_ms = NEVER,
                           .settled_ms = NEVER,
                           .confirmed = z->drawn,
                           .round = z->drawn };
    /* Whoever of them says first where it stands, this epoch is for that voter, too. */
    if (z->promised_to_another >= l->epoch && !ZAB_MUTATED(REUSE_EPOCH))
        l->epoch = z->promised_to_another + 1;
    z->looker_count = 0;
    core_mend_state(z);
    core_settle(z);
    core_become(z, why);
    for (size_t i = 0; i < z->learner_count; i++)
        admit(z, &z->learners[i]);
    lead_advance(z);
}

void lead_leave(struct zab *z, const char *why)
{
    bool was_handing_over = z->lead.is_handing_over;

    broadcast_refuse_rounds(z);
    lead_drop_all(z, why);
    z->lead = (struct leading){ 0 };
    if (was_handing_over) {
        z->is_retired = true;
        core_act(z, ZAB_DO_STEPPED_DOWN)->why = why;
    }
}

/* Once the quorum is there: the epoch is ours to propose, and promised by ourselves first. */
static void fix_epoch(struct zab *z)
{
    struct leading *l = &z->lead;

    if (!lead_has_quorum(z, z->cur, true, has_said_its_epoch, 0))
        return;
    l->is_epoch_fixed = true;
    l->since_ms = z->now_ms;
    z->accepted = l->epoch;
    core_act(z, ZAB_DO_SAVE_ACCEPTED)->epoch = l->epoch;
    for (size_t i = 0; i < z->learner_count; i++)
        send_leaderinfo(z, &z->learners[i]);
}

/* An ensemble that never had a versioned configuration gets one (ZOOKEEPER-1783). */
static void give_version(struct zab *z)
{
    if (!z->conf.reconfig_enabled || z->cur->version != 0 || z->seen->version != 0)
        return;
    struct zab_config *c = zab_config_with_version(z->seen, zxid_make((uint32_t)z->lead.epoch, 0));
    struct zab_action *a = core_act(z, ZAB_DO_CONFIG);

    a->config = zab_config_ref(c);
    a->is_proposed = true;
    core_set_config(z, zab_config_ref(z->cur), c);
}

/* Begins to bring a learner to where we are. */
static void feed(struct zab *z, struct learner *l)
{
    struct zab_action *a = core_act(z, ZAB_DO_FEED);
    /* What is only proposed comes as a proposal. ZooKeeper would put it in force with UPTODATE;
     * which is right only while we are about to finish what is in our log. */
    const struct bytes *text = z->phase == ZAB_BROADCAST ? &z->cur_text : &z->seen_text;

    a->link = l->link;
    a->peer = l->sid;
    a->zxid = l->last;
    a->history = z->lead.history;
    a->is_observer = l->is_observer;
    a->wants_snapshot = l->wants_snapshot;
    a->digest_zxid = l->digest_zxid;
    a->digest = l->digest;
    core_send(z, l->link, ZAB_NEWLEADER, zxid_make((uint32_t)z->lead.epoch, 0),
              (struct jute_bytes){ .at = text->at, .len = (int32_t)text->len });
    l->stage = LEARNER_FED;
    l->since_ms = z->now_ms;
}

static void begin_synchronization(struct zab *z)
{
    struct leading *l = &z->lead;

    /* Who has an empty database that is not to vote isn't counted, be it ourselves. */
    if (!lead_has_quorum(z, z->cur, z->appended >= 0, has_promised, 0))
        return;
    l->is_epoch_ours = true;
    l->since_ms = z->now_ms;
    z->phase = ZAB_SYNCHRONIZATION;
    give_version(z);
    core_become(z, "a quorum promised the epoch");
    for (size_t i = 0; i < z->learner_count; i++)
        if (z->learners[i].stage == LEARNER_PROMISED)
            feed(z, &z->learners[i]);
}

void lead_uptodate(struct zab *z, struct learner *l)
{
    core_send(z, l->link, ZAB_UPTODATE, -1, core_no_data());
    l->stage = LEARNER_UP;
    l->since_ms = z->now_ms;
    /* What is committed by now is never waited for; not all of it will be acknowledged. */
    l->acked = z->committed;
    broadcast_ask_too(z, l);
}

void lead_advance(struct zab *z)
{
    struct leading *l = &z->lead;

    if (!l->is_epoch_fixed)
        fix_epoch(z);
    if (l->is_epoch_fixed && !l->is_epoch_ours)
        begin_synchronization(z);
    /* Our own NEWLEADER: the whole log, then the epoch. */
    if (l->is_epoch_ours && !l->is_self_synced && z->logged >= l->history) {
        core_save_current(z, l->epoch);
        l->is_self_synced = true;
    }
    if (l->is_epoch_ours && z->phase == ZAB_SYNCHRONIZATION &&
        lead_has_quorums(z, l->is_self_synced, has_synced, 0) && l->is_self_synced)
        broadcast_begin(z);
}

/* ---- Packets. */

static void refuse(struct zab *z, zab_link link, const char *why)
{
    core_close(z, link, why);
}

static struct learner *add(struct zab *z, const struct learner *l)
{
    if (z->learner_count == z->learner_cap) {
        z->learner_cap = z->learner_cap * 2 + 8;
        z->learners = zk_xrealloc(z->learners, z->learner_cap * sizeof *z->learners);
    }
    z->learners[z->learner_count] = *l;
    return &z->learners[z->learner_count++];
}

/* Returns NULL, or why the LearnerInfo cannot be. */
const char *lead_read_info(const struct zab *z, const struct zab_packet *p, struct learner *ret)
{
    struct jute_in in = jute_inside(p->data);
    int32_t version;
    int64_t config;

    if (p->type != ZAB_FOLLOWERINFO && p->type != ZAB_OBSERVERINFO)
        return "its first packet does not say who it is";
    jute_read_i64(&in, &ret->sid);
    jute_read_i32(&in, &version);
    jute_read_i64(&in, &config);
    const uint8_t *hint = jute_left(&in) >= HINT_LEN ? jute_take(&in, HINT_LEN) : NULL;

    ret->accepted = p->zxid >> 32;
    ret->is_observer = p->type == ZAB_OBSERVERINFO;
    ret->is_zabd = hint != NULL && memcmp(hint, core_hint, 4) == 0;
    if (in.bad || version < ZAB_PROTOCOL_VERSION)
        return "its protocol is too old";
    if (ret->sid < 0 || ret->sid == z->conf.self)
        return "its id cannot be";
    if (ret->accepted < 0 || ret->accepted >= INT32_MAX - 1)
        return "its epoch cannot be";
    /* Ours is beyond all that we hear of, so a few lies would use up all epochs there are. */
    if (ret->accepted - (z->accepted > z->lead.epoch ? z->accepted : z->lead.epoch) >
        EPOCH_LEAP_MAX)
        return "its epoch is too far ahead to be true";
    if (config > z->cur->version)
        return "it has a later configuration";
    return NULL;
}

/* Who comes again has most often lost its old link, whether we know that yet or not. But anybody
 * can say that he is a server of ours, and the one that is must not suffer by it. A ping tells: if
 * the old link answers it, it lives. */
static void add_rival(struct zab *z, struct learner *l, struct learner *old)
{
    struct learner *other = find_rival(z, l->sid);

    broadcast_ping(z, old);
    l->stage = LEARNER_RIVAL;
    l->rival_ping = old->pings;
    z->lead.has_rivals = true;
    if (other != NULL)
        lead_drop(z, other, "the server has come again");
    (void)add(z, l);
}

/* Whether it is settled who is who. */
static bool settle_rival(struct zab *z, struct learner *rival)
{
    struct learner *old = find_sid(z, rival->sid);
    zab_link link = rival->link;

    if (old != NULL && old->answers >= rival->rival_ping) {
        lead_drop(z, rival, "its server has another link, which lives");
        return true;
    }
    if (old != NULL && !is_past(z, rival, z->conf.tick_ms))
        return false;
    if (old != NULL)
        lead_drop(z, old, "the server has come again");
    admit(z, lead_find(z, link));
    return true;
}

void lead_settle_rivals(struct zab *z)
{
    if (!z->lead.has_rivals)
        return;
    for (size_t i = 0; i < z->learner_count; i++)
        if (z->learners[i].stage == LEARNER_RIVAL && settle_rival(z, &z->learners[i]))
            i = SIZE_MAX; /* The list is another now. */
    z->lead.has_rivals = find_rival(z, NOBODY) != NULL;
    lead_advance(z);
}

static void on_new_link(struct zab *z, const struct zab_event *ev)
{
    struct learner l = { .link = ev->link, .stage = LEARNER_HELD, .since_ms = z->now_ms };
    const char *why = lead_read_info(z, ev->packet, &l);

    if (why == NULL && z->is_retired)
        why = "we are going";
    else if (why == NULL && z->role != ZAB_LOOKING && z->role != ZAB_LEADING)
        why = "we do not lead";
    if (why != NULL) {
        refuse(z, ev->link, why);
        return;
    }
    struct learner *old = find_sid(z, l.sid);

    if (old != NULL && old->stage != LEARNER_UP) {
        lead_drop(z, old, "the server has come again");
        old = NULL;
    }
    if (z->learner_count == LEARNERS_MAX) {
        refuse(z, ev->link, "too many learners");
        return;
    }
    if (old != NULL) {
        add_rival(z, &l, old);
        return;
    }
    struct learner *added = add(z, &l);

    lead_forget_looker(z, l.sid);
    if (z->role == ZAB_LEADING) {
        admit(z, added);
        lead_advance(z);
    }
}

const char *lead_read_ackepoch(const struct zab_packet *p, struct learner *l)
{
    struct jute_in in = jute_inside(p->data);
    int32_t current, flags;
    int64_t zxid, digest;

    jute_read_i32(&in, &current);
    if (in.bad || current < -1 || p->zxid < -1)
        return "its ACKEPOCH cannot be";
    l->current = current;
    l->last = p->zxid;
    if (!l->is_zabd || jute_left(&in) < ACKEPOCH_MORE_LEN - ACKEPOCH_LEN ||
        memcmp(in.at, core_hint, 4) != 0)
        return NULL;
    (void)jute_take(&in, 4);
    jute_read_i32(&in, &flags);
    jute_read_i64(&in, &zxid);
    jute_read_i64(&in, &digest);
    l->wants_snapshot = (flags & 1) != 0;
    l->digest_zxid = zxid;
    l->digest = (uint64_t)digest;
    return NULL;
}

/* Its log may have what ours has not (7.2: the vote is only a hint, this is the check). An epoch's
 * begin is no txn: who is there has what we have, if it synced in the epoch that we did. */
static bool is_ahead(const struct zab *z, const struct learner *l)
{
    if (l->current != z->lead.current)
        return l->current > z->lead.current;
    return l->last > z->lead.history &&
           !(zxid_counter(l->last) == 0 && l->last >> 32 == z->lead.current);
}

static void on_ackepoch(struct zab *z, struct learner *l, const struct zab_packet *p)
{
    const char *why = lead_read_ackepoch(p, l);

    if (why == NULL && !z->lead.is_epoch_ours && l->current != -1 && is_ahead(z, l) &&
        !ZAB_MUTATED(IGNORE_HISTORY) && !ZAB_MUTATED(FORGET_TAIL))
        why = "it is ahead of us";
    if (why != NULL) {
        lead_drop(z, l, why);
        return;
    }
    l->is_counted = l->current != -1 && l->last != -1;
    l->stage = LEARNER_PROMISED;
    l->since_ms = z->now_ms;
    if (z->lead.is_epoch_ours)
        feed(z, l);
    else
        lead_advance(z);
}

static void on_ack_of_newleader(struct zab *z, struct learner *l, const struct zab_packet *p)
{
    if (p->zxid != zxid_make((uint32_t)z->lead.epoch, 0)) {
        lead_drop(z, l, "it acknowledged something else than NEWLEADER");
        return;
    }
    l->stage = LEARNER_SYNCED;
    l->since_ms = z->now_ms;
    if (z->phase == ZAB_BROADCAST)
        lead_uptodate(z, l);
    else
        lead_advance(z);
}

void lead_packet(struct zab *z, const struct zab_event *ev)
{
    struct learner *l = lead_find(z, ev->link);

    if (l == NULL)
        on_new_link(z, ev);
    else if (l->stage == LEARNER_ASKED && ev->packet->type == ZAB_ACKEPOCH)
        on_ackepoch(z, l, ev->packet);
    else if (l->stage == LEARNER_FED && ev->packet->type == ZAB_ACK)
        on_ack_of_newleader(z, l, ev->packet);
    else if (l->stage == LEARNER_UP)
        broadcast_packet(z, l, ev);
    else
        lead_drop(z, l, "it sent what it should not at this point");
}
