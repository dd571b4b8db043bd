/* The leader once it is established: what is acknowledged by a quorum is committed; pings, silent
 * and slow learners, confirm rounds, the end of an epoch (quorum-protocol 4.3, 4.5). */
#include "util/check.h"
#include "zab/core.h"
#include "zab/mutation.h"

enum {
    LAGGARDS_MS = 15, /* Of a hand-over: how long it waits for the last learners. */
    /* A learner of ZooKeeper says that it has heard of a txn while its threads still pass it on;
     * one whose leader goes at that moment may end itself (docs/differences.md). */
    ZOOKEEPER_MS = 50,
};

void broadcast_begin(struct zab *z)
{
    struct leading *l = &z->lead;

    z->phase = ZAB_BROADCAST;
    core_state_is_good(z);
    /* A quorum has all that was in our log: that decides it. */
    core_commit(z, l->history);
    z->proposed = zxid_make((uint32_t)l->epoch, 0);
    reconfig_establish(z);
    core_settle(z);
    core_become(z, "a quorum has what we have");
    for (size_t i = 0; i < z->learner_count; i++)
        if (z->learners[i].stage == LEARNER_SYNCED)
            lead_uptodate(z, &z->learners[i]);
}

static zk_zxid epoch_begin(const struct zab *z)
{
    return zxid_make((uint32_t)z->lead.epoch, 0);
}

/* ---- Proposals and what is decided of them. */

bool zab_can_submit(const struct zab *z)
{
    zk_zxid from = z->committed;

    if (z->role != ZAB_LEADING || z->phase != ZAB_BROADCAST)
        return false;
    if (!z->conf.is_alone) {
        if (z->lead.is_ending || z->lead.is_muted)
            return false;
        if (from < epoch_begin(z))
            from = epoch_begin(z);
    }
    return (uint64_t)(z->proposed - from) < z->conf.proposals_max;
}

void broadcast_submit(struct zab *z, zk_zxid zxid)
{
    zk_assert(z->role == ZAB_LEADING && z->phase == ZAB_BROADCAST);
    zk_assert(zxid > z->proposed && zxid_epoch(zxid) == zxid_epoch(z->proposed));
    z->proposed = z->appended = zxid;
    core_act(z, ZAB_DO_APPEND)->zxid = zxid;
}

static bool has_logged(const struct zab *z, const struct learner *l, zk_zxid zxid)
{
    (void)z;
    if (ZAB_MUTATED(COUNT_OBSERVER) && l->is_observer)
        return l->stage == LEARNER_UP;
    return l->stage == LEARNER_UP && l->acked >= zxid;
}

static bool is_decided(const struct zab *z, zk_zxid zxid, bool by_both)
{
    bool by_self = z->logged >= zxid;

    if (ZAB_MUTATED(COMMIT_BY_MINORITY))
        return by_self;
    return by_both ? lead_has_quorums(z, by_self, has_logged, zxid)
                   : lead_has_quorum(z, z->cur, by_self, has_logged, zxid);
}

/* The last proposal of this epoch that a quorum has, and our own log: a snapshot must never hold a
 * txn that the log behind it might lose. Acknowledgements are cumulative: who has logged one has
 * logged all before it. */
static zk_zxid last_decided(const struct zab *z, bool by_both)
{
    zk_zxid best = z->committed > epoch_begin(z) ? z->committed : epoch_begin(z);

    if (z->logged > best && is_decided(z, z->logged, by_both))
        best = z->logged;
    for (size_t i = 0; i < z->learner_count; i++) {
        zk_zxid acked = z->learners[i].acked < z->logged ? z->learners[i].acked : z->logged;
        if (acked > best && is_decided(z, acked, by_both))
            best = acked;
    }
    return best;
}

/* Whether a configuration is on its way, and zxid is it or behind it. */
static bool needs_both(const struct zab *z, zk_zxid zxid)
{
    return core_seen_is_newer(z) && zxid >= z->seen->version;
}

static void commit_decided(struct zab *z)
{
    while (z->lead.is_dirty && !z->lead.is_muted) {
        z->lead.is_dirty = false;
        zk_zxid zxid = last_decided(z, false);
        bool is_config = needs_both(z, zxid);

        if (is_config && last_decided(z, true) < z->seen->version) {
            is_config = false;
            zxid = z->seen->version - 1;
        } else if (is_config) {
            zxid = z->seen->version - 1;
        }
        if (zxid > epoch_begin(z))
            core_commit(z, zxid);
        if (is_config) {
            reconfig_decide(z);
            /* What is behind it needs the new ones only. */
            z->lead.is_dirty = true;
        }
    }
}

/* ---- Packets of learners. */

static void on_ack(struct zab *z, struct learner *l, zk_zxid zxid)
{
    /* The begin of an epoch is acknowledged twice, and means nothing the second time. */
    if (zxid_counter(zxid) == 0 || zxid < epoch_begin(z))
        return;
    if (zxid > z->proposed) {
        lead_drop(z, l, "it acknowledged what was never proposed");
        return;
    }
    if (l->is_observer) {
        lead_drop(z, l, "an observer acknowledged a proposal");
        return;
    }
    if (zxid > l->acked) {
        l->acked = zxid;
        z->lead.is_dirty = true;
    }
}

static void on_ping_answer(struct zab *z, struct learner *l)
{
    if (l->answers == l->pings) {
        lead_drop(z, l, "it answered a PING that was never sent");
        return;
    }
    l->answers++;
    /* With the sessions that were touched there. */
    core_act(z, ZAB_DO_SERVE)->link = l->link;
}

void broadcast_packet(struct zab *z, struct learner *l, const struct zab_event *ev)
{
    l->since_ms = z->now_ms;
    switch (ev->packet->type) {
    case ZAB_ACK:
        on_ack(z, l, ev->packet->zxid);
        break;
    case ZAB_PING:
        on_ping_answer(z, l);
        break;
    case ZAB_REQUEST:
    case ZAB_REVALIDATE:
        core_act(z, ZAB_DO_SERVE)->link = l->link;
        break;
    default:
        lead_drop(z, l, "it sent what no learner sends");
        break;
    }
}

/* ---- Pings, and who does not keep up. */

/* Learners answer from UPTODATE on. Before that it only tells them that we are there. */
void broadcast_ping(struct zab *z, struct learner *l)
{
    core_send(z, l->link, ZAB_PING, z->proposed, core_no_data());
    if (l->stage == LEARNER_UP)
        l->pings++;
}

/* Returns why it has to go, or NULL. */
static const char *is_too_late(const struct zab *z, struct learner *l)
{
    int64_t waited = z->now_ms - l->since_ms;

    if (l->stage == LEARNER_SYNCED)
        return NULL; /* It waits for us. */
    if (l->stage != LEARNER_UP)
        return waited >= core_init_ms(z) ? "it did not join within initLimit" : NULL;
    if (waited >= core_sync_ms(z))
        return "it was silent for syncLimit";
    if (l->is_observer || l->acked >= z->proposed || zxid_counter(z->proposed) == 0) {
        l->lag_zxid = 0;
    } else if (l->lag_zxid == 0 || l->acked >= l->lag_zxid) {
        l->lag_zxid = z->proposed;
        l->lag_ms = z->now_ms;
    } else if (z->now_ms - l->lag_ms > core_sync_ms(z)) {
        return "it did not log a proposal within syncLimit";
    }
    return NULL;
}

static bool is_linked(const struct zab *z, const struct learner *l, zk_zxid zxid)
{
    (void)z;
    (void)zxid;
    return l->stage >= LEARNER_WAITING;
}

static bool is_linked_follower(const struct zab *z, const struct learner *l, zk_zxid zxid)
{
    return is_linked(z, l, zxid) && !l->is_observer;
}

/* Whether those that are needed to decide anything are connected. Who is to vote under the next
 * configuration, but came as an observer, is sent no proposal: it can't help with that one. */
static bool has_links(const struct zab *z)
{
    return lead_has_quorum(z, z->cur, true, is_linked, 0) &&
           (!core_seen_is_newer(z) || lead_has_quorum(z, z->seen, true, is_linked_follower, 0));
}

/* A follower that only comes again must not topple us, so it has a quarter of a tick for that. */
static bool is_abandoned(struct zab *z)
{
    struct leading *l = &z->lead;

    if (has_links(z))
        return false;
    return l->short_ms != NEVER && z->now_ms - l->short_ms >= z->conf.tick_ms / 4;
}

/* Nothing is committed before our own log has it, so who leads has to keep up as well. */
static bool is_own_log_late(struct zab *z)
{
    struct leading *l = &z->lead;

    if (z->logged >= z->appended) {
        l->lag_zxid = 0;
    } else if (l->lag_zxid == 0 || z->logged >= l->lag_zxid) {
        l->lag_zxid = z->appended;
        l->lag_ms = z->now_ms;
    }
    return l->lag_zxid != 0 && z->now_ms - l->lag_ms > core_sync_ms(z);
}

/* Another was designated. We go when the others have gone there; or in any case after a while, as
 * they may see no reason to go: ZooKeeper compares addresses where we compare names. */
static bool is_superseded(const struct zab *z)
{
    const struct leading *l = &z->lead;

    return l->is_muted && (l->short_ms != NEVER || z->now_ms - l->muted_ms >= z->conf.tick_ms);
}

/* Returns why we lead no longer, or NULL. */
static const char *is_over(struct zab *z)
{
    z->is_disk_slow = is_own_log_late(z);
    if (z->is_disk_slow)
        return "our own log did not take a proposal within syncLimit";
    if (is_superseded(z))
        return "another was designated";
    if (z->phase == ZAB_BROADCAST)
        return is_abandoned(z) ? "a quorum is not connected any more" : NULL;
    if (z->now_ms - z->lead.since_ms >= core_init_ms(z))
        return "no quorum joined within initLimit";
    return lead_is_given_up(z) ? "voters look elsewhere" : NULL;
}

static void half_tick(struct zab *z)
{
    struct leading *l = &z->lead;

    l->half_ms = z->now_ms + z->conf.tick_ms / 2;
    for (size_t i = z->learner_count; i-- > 0;) {
        const char *late = is_too_late(z, &z->learners[i]);
        if (late != NULL)
            lead_drop(z, &z->learners[i], late);
    }
    const char *why = is_over(z);

    if (why != NULL) {
        core_look(z, why);
        return;
    }
    for (size_t i = 0; i < z->learner_count; i++)
        if (z->learners[i].stage >= LEARNER_FED)
            broadcast_ping(z, &z->learners[i]);
}

void broadcast_timer(struct zab *z)
{
    if (z->now_ms >= z->lead.half_ms)
        half_tick(z);
}

int64_t broadcast_deadline(const struct zab *z)
{
    const struct leading *l = &z->lead;

    if (z->phase == ZAB_BROADCAST && l->round == l->confirmed && z->drawn > l->round)
        return z->now_ms;
    int64_t end_ms = l->settled_ms == NEVER ? l->drained_ms : l->settled_ms;
    return end_ms < l->half_ms ? end_ms : l->half_ms;
}

/* ---- Confirm rounds: do we lead still? One at a time; what is asked meanwhile shares the next. */

static bool is_nobody(const struct zab *z, const struct learner *l, zk_zxid zxid)
{
    (void)z;
    (void)l;
    (void)zxid;
    return false;
}

uint64_t zab_confirm(struct zab *z)
{
    zk_assert(z->role == ZAB_LEADING && z->phase == ZAB_BROADCAST);
    if (z->conf.is_alone || lead_has_quorums(z, true, is_nobody, 0) ||
        ZAB_MUTATED(SYNC_WITHOUT_ROUND))
        return 0;
    z->lead.drawn_zxid = z->proposed;
    return ++z->drawn;
}

static bool has_answered(const struct zab *z, const struct learner *l, zk_zxid zxid)
{
    (void)z;
    (void)zxid;
    return l->stage == LEARNER_UP && l->round_ping != 0 && l->answers >= l->round_ping;
}

static void confirmed(struct zab *z, uint64_t ticket)
{
    struct zab_action *a = core_act(z, ZAB_DO_CONFIRMED);

    a->ticket = ticket;
    z->lead.confirmed = ticket;
}

static void ask(struct zab *z, struct learner *l)
{
    if (l->stage != LEARNER_UP || l->is_observer)
        return;
    broadcast_ping(z, l);
    l->round_ping = l->pings;
}

/* Those that were asked may be gone before they answer, and no other round begins until then. */
void broadcast_ask_too(struct zab *z, struct learner *l)
{
    if (z->lead.round > z->lead.confirmed)
        ask(z, l);
}

static void begin_round(struct zab *z)
{
    struct leading *l = &z->lead;

    l->round = z->drawn;
    l->round_zxid = l->drawn_zxid;
    for (size_t i = 0; i < z->learner_count; i++) {
        z->learners[i].round_ping = 0;
        ask(z, &z->learners[i]);
    }
}

/* The commit of a proposal that is younger than the question answers it, too: a quorum that logged
 * it had not turned to another leader. */
static void settle_rounds(struct zab *z)
{
    struct leading *l = &z->lead;

    if (z->drawn > l->confirmed && z->committed > l->drawn_zxid) {
        l->round = z->drawn;
        confirmed(z, z->drawn);
    } else if (l->round > l->confirmed &&
               (z->committed > l->round_zxid || lead_has_quorums(z, true, has_answered, 0))) {
        confirmed(z, l->round);
    }
    if (l->round == l->confirmed && z->drawn > l->round)
        begin_round(z);
}

void broadcast_refuse_rounds(struct zab *z)
{
    if (z->drawn <= z->lead.confirmed)
        return;
    confirmed(z, z->drawn);
    z->actions[z->action_count - 1].is_refused = true;
}

/* ---- The end of an epoch: all that is open is committed, and every learner knows it. */

void broadcast_end_epoch(struct zab *z, const char *why, bool for_good)
{
    struct leading *l = &z->lead;

    l->is_handing_over |= for_good;
    if (l->is_ending)
        return;
    l->is_ending = true;
    l->end_why = why;
}

static bool has_heard(const struct zab *z, const struct learner *l, zk_zxid zxid)
{
    (void)z;
    (void)zxid;
    return l->stage == LEARNER_UP && l->answers >= l->last_ping;
}

static bool is_drained(const struct zab *z)
{
    if (z->now_ms >= z->lead.drained_ms)
        return true;
    for (size_t i = 0; i < z->learner_count; i++) {
        const struct learner *l = &z->learners[i];
        if (l->stage == LEARNER_UP && !has_heard(z, l, 0))
            return false;
    }
    return true;
}

/* A quorum knows, and elects as soon as we are gone. One that hangs does not hold that up: what it
 * has logged it will hear of from the next leader. */
static void wait_less(struct zab *z)
{
    int64_t end_ms = z->now_ms + LAGGARDS_MS;

    if (z->lead.drained_ms > end_ms && lead_has_quorums(z, true, has_heard, 0))
        z->lead.drained_ms = end_ms;
}

static bool has_zookeepers(const struct zab *z)
{
    for (size_t i = 0; i < z->learner_count; i++)
        if (z->learners[i].stage == LEARNER_UP && !z->learners[i].is_zabd)
            return true;
    return false;
}

/* An answer to a PING behind the last COMMIT says that the COMMIT has arrived. */
static void drain(struct zab *z)
{
    struct leading *l = &z->lead;

    if (z->committed < z->appended)
        return;
    if (!l->is_last_ping_out) {
        l->is_last_ping_out = true;
        l->drained_ms = z->now_ms + z->conf.tick_ms / 2;
        for (size_t i = 0; i < z->learner_count; i++)
            if (z->learners[i].stage == LEARNER_UP) {
                broadcast_ping(z, &z->learners[i]);
                z->learners[i].last_ping = z->learners[i].pings;
            }
    }
    wait_less(z);
    if (!is_drained(z))
        return;
    if (l->settled_ms == NEVER)
        l->settled_ms = z->now_ms + (has_zookeepers(z) ? ZOOKEEPER_MS : 0);
    if (z->now_ms >= l->settled_ms)
        core_look(z, l->end_why);
}

static void watch_links(struct zab *z)
{
    struct leading *l = &z->lead;

    if (!l->has_lost_link && l->short_ms == NEVER)
        return;
    l->has_lost_link = false;
    if (has_links(z))
        l->short_ms = NEVER;
    else if (l->short_ms == NEVER)
        l->short_ms = z->now_ms;
}

void broadcast_settle(struct zab *z)
{
    struct leading *l = &z->lead;

    if (z->phase != ZAB_BROADCAST)
        return;
    commit_decided(z);
    settle_rounds(z);
    watch_links(z);
    if (is_superseded(z)) {
        core_look(z, "another was designated");
        return;
    }
    if (!l->is_ending && zxid_counter(z->proposed) >= z->conf.zxid_counter_max)
        broadcast_end_epoch(z, "the counter of the epoch nears its end", false);
    if (l->is_ending)
        drain(z);
}
