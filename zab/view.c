/* What the core tells of itself. */
#include "zab/core.h"

zk_zxid zab_next_zxid(const struct zab *z)
{
    return z->proposed + 1;
}

zk_zxid zab_committed(const struct zab *z)
{
    return z->committed;
}

zk_zxid zab_told(const struct zab *z)
{
    bool is_learning = z->role == ZAB_FOLLOWING || z->role == ZAB_OBSERVING;

    return is_learning && z->follow.told > z->committed ? z->follow.told : z->committed;
}

zk_zxid zab_logged(const struct zab *z)
{
    return z->appended;
}

enum zab_role zab_role(const struct zab *z)
{
    return z->role;
}

enum zab_phase zab_phase(const struct zab *z)
{
    return z->phase;
}

zk_sid zab_leader(const struct zab *z)
{
    return z->leader;
}

zk_sid zab_master(const struct zab *z)
{
    return z->role == ZAB_OBSERVING && z->phase == ZAB_BROADCAST ? z->follow.master : NOBODY;
}

int64_t zab_epoch(const struct zab *z)
{
    return z->current;
}

int64_t zab_accepted(const struct zab *z)
{
    return z->accepted;
}

const struct zab_config *zab_config_in_force(const struct zab *z)
{
    return z->cur;
}

const struct zab_config *zab_config_last_seen(const struct zab *z)
{
    return z->seen;
}

bool zab_state_is_void(const struct zab *z)
{
    return z->is_void || z->is_diverged;
}

/* ---- What is told of learners. */

size_t zab_learners(const struct zab *z, struct zab_learner_view *ret, size_t cap)
{
    bool leads = z->role == ZAB_LEADING;
    const struct learner *all = leads ? z->learners : z->master.at;
    size_t have = leads ? z->learner_count : z->master.count;
    size_t count = 0;

    for (size_t i = 0; i < have && count < cap; i++) {
        const struct learner *l = &all[i];
        if (l->stage != LEARNER_RIVAL)
            ret[count++] = (struct zab_learner_view){ .link = l->link,
                                                      .sid = l->sid,
                                                      .is_observer = l->is_observer,
                                                      .is_synced = l->stage >= LEARNER_SYNCED,
                                                      .is_zabd = l->is_zabd,
                                                      .acked = l->acked };
    }
    return count;
}
