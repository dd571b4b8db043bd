/* Changes of the membership (quorum-protocol 5.2, 5.3). From its proposal to its activation a
 * configuration is `seen`: quorums of both are needed for what is proposed behind it. */
#include "util/check.h"
#include "zab/core.h"

/* Whether `leader` can go on leading under `to`: it votes there, and listens where it did. */
static bool keeps_leader(const struct zab_config *from, const struct zab_config *to, zk_sid leader)
{
    const struct zab_member *old = zab_config_find(from, leader);
    const struct zab_member *new = zab_config_find(to, leader);

    return old != NULL && new != NULL &&new->is_voter &&zab_member_same_quorum_address(old, new);
}

/* Takes over a reference. */
static void see(struct zab *z, struct zab_config *config)
{
    struct zab_action *a = core_act(z, ZAB_DO_CONFIG);

    a->config = zab_config_ref(config);
    a->is_proposed = true;
    core_set_config(z, zab_config_ref(z->cur), config);
    core_call_members(z, config);
}

void reconfig_propose(struct zab *z, struct zab_config *config)
{
    zk_assert(z->role == ZAB_LEADING && z->phase == ZAB_BROADCAST && !core_seen_is_newer(z));
    zk_assert(config->version > z->proposed);
    see(z, zab_config_ref(config));
}

void reconfig_see(struct zab *z, struct zab_config *config)
{
    if (config != NULL && config->version > z->seen->version)
        see(z, zab_config_ref(config));
}

/* Who observes is sent nothing before it is decided, so it can't help to decide. Nor can who is
 * made an observer and has not left as a follower yet: it comes again as what it is. */
static bool can_acknowledge(const struct zab *z, const struct learner *l)
{
    const struct zab_member *m = zab_config_find(z->cur, l->sid);

    return l->stage >= LEARNER_SYNCED && !l->is_observer && (m == NULL || m->is_voter);
}

size_t zab_voices(const struct zab *z, zk_sid *ret, size_t cap)
{
    size_t count = 0;

    if (z->role != ZAB_LEADING || cap == 0)
        return 0;
    ret[count++] = z->conf.self;
    for (size_t i = 0; i < z->learner_count && count < cap; i++)
        if (can_acknowledge(z, &z->learners[i]))
            ret[count++] = z->learners[i].sid;
    return count;
}

/* Who is to lead: we if we can, else who has most of what we proposed. */
static zk_sid designate(const struct zab *z)
{
    const struct learner *best = NULL;

    if (keeps_leader(z->cur, z->seen, z->conf.self))
        return z->conf.self;
    for (size_t i = 0; i < z->learner_count; i++) {
        const struct learner *l = &z->learners[i];
        if (l->stage == LEARNER_UP && zab_config_is_voter(z->seen, l->sid) &&
            (best == NULL || l->acked > best->acked))
            best = l;
    }
    return best != NULL ? best->sid : z->conf.self;
}

/* config, which need not be our last seen, is in force from now on. zxid: of its txn, or 0. */
static void put_in_force(struct zab *z, struct zab_config *config, zk_zxid zxid, zk_sid designated)
{
    const struct zab_member *self = zab_config_find(config, z->conf.self);
    struct zab_config *seen = config->version > z->seen->version ? config : z->seen;
    struct zab_action *a = core_act(z, ZAB_DO_CONFIG);

    a->config = zab_config_ref(config);
    a->zxid = zxid;
    a->peer = designated;
    core_set_config(z, zab_config_ref(config), zab_config_ref(seen));
    /* Who is no member follows and does not vote. */
    core_set_observer(z, self != NULL && !self->is_voter);
}

/* Another leads from here on: what is behind the configuration is for that one to commit. */
static void mute(struct zab *z, bool is_muted)
{
    z->lead.is_muted = is_muted;
    z->lead.muted_ms = z->now_ms;
    z->lead.has_lost_link = true;
}

void reconfig_decide(struct zab *z)
{
    zk_zxid zxid = z->seen->version;
    zk_sid designated = designate(z);

    put_in_force(z, z->seen, zxid, designated);
    core_commit(z, zxid);
    mute(z, designated != z->conf.self);
}

void reconfig_establish(struct zab *z)
{
    if (!core_seen_is_newer(z))
        return;
    mute(z, !keeps_leader(z->cur, z->seen, z->conf.self));
    put_in_force(z, z->seen, 0, NOBODY);
}

/* ZooKeeper takes what NEWLEADER brings, be it only proposed in this epoch. */
static bool is_decided(const struct zab *z, const struct zab_config *c, zk_zxid committed)
{
    return c->version <= committed || c->version >> 32 < z->follow.epoch ||
           zxid_counter(c->version) == 0;
}

bool reconfig_uptodate(struct zab *z, struct zab_config *config, zk_zxid committed)
{
    bool was_observer = z->is_observer;
    bool keeps = true;

    if (config == NULL)
        return true;
    /* One that was activated since NEWLEADER. */
    if (z->seen->version > config->version && z->seen->version >> 32 == z->follow.epoch &&
        z->seen->version <= committed)
        config = z->seen;
    if (config->version > z->cur->version && is_decided(z, config, committed)) {
        keeps = keeps_leader(z->cur, config, z->leader);
        put_in_force(z, config, 0, NOBODY);
    }
    /* One that the leader does not know of: its txn is no part of history. */
    if (core_seen_is_newer(z) && z->seen->version >> 32 < z->follow.epoch)
        see(z, zab_config_ref(z->cur));
    return keeps && z->is_observer == was_observer;
}

/* The configuration of the txn that is committed with this packet. */
static struct zab_config *committed_config(const struct zab *z, const struct zab_event *ev)
{
    return z->seen->version == ev->packet->zxid ? z->seen : NULL;
}

zk_sid reconfig_activate(struct zab *z, const struct zab_event *ev)
{
    struct zab_config *config = committed_config(z, ev);
    struct jute_in in = jute_inside(ev->packet->data);
    bool was_observer = z->is_observer;
    int64_t designated;

    jute_read_i64(&in, &designated);
    if (config == NULL || in.bad)
        return NOBODY;
    put_in_force(z, config, ev->packet->zxid, designated);
    return designated != z->leader || z->is_observer != was_observer ? designated : NOBODY;
}
