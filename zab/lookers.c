/* Voters that look elsewhere while we would lead (quorum-protocol 2.8). Without them no quorum will
 * come, and they can't follow us as long as others don't; so we don't wait until initLimit is over.
 */
#include "zab/core.h"

const char zab_why_disloyal[] = "a voter changed its mind";

static bool is_looker(const struct zab *z, zk_sid sid)
{
    for (size_t i = 0; i < z->looker_count; i++)
        if (z->lookers[i] == sid)
            return true;
    return false;
}

static bool has_come(const struct zab *z, zk_sid sid)
{
    for (size_t i = 0; i < z->learner_count; i++)
        if (z->learners[i].sid == sid)
            return true;
    return false;
}

/* leader.maxTimeToWaitForEpoch, as ZooKeeper has it: one word of one that elected us is enough,
 * whether it has come to us or not; but only as long as we wait for a quorum to say its epochs. */
static bool is_disloyal(const struct zab *z, zk_sid sid)
{
    return z->conf.max_wait_for_epoch_ms >= 0 && !z->lead.is_epoch_fixed &&
           z->now_ms - z->lead.begin_ms > z->conf.max_wait_for_epoch_ms &&
           election_was_elected_by(z->election, sid);
}

void lead_looker(struct zab *z, zk_sid sid)
{
    if (is_disloyal(z, sid)) {
        core_look(z, zab_why_disloyal);
        return;
    }
    if (!zab_config_is_voter(z->cur, sid) || has_come(z, sid))
        return;
    /* At first they may just not have heard enough to decide as we did. */
    if (z->now_ms - z->lead.begin_ms > 2 * z->conf.finalize_ms && !is_looker(z, sid) &&
        z->looker_count < ZAB_MEMBERS_MAX)
        z->lookers[z->looker_count++] = sid;
}

void lead_forget_looker(struct zab *z, zk_sid sid)
{
    for (size_t i = 0; i < z->looker_count; i++)
        if (z->lookers[i] == sid)
            z->lookers[i--] = z->lookers[--z->looker_count];
}

bool lead_is_given_up(const struct zab *z)
{
    zk_sid sids[ZAB_MEMBERS_MAX];
    size_t count = 0;

    if (z->looker_count == 0 || z->now_ms - z->lead.begin_ms < 4 * z->conf.finalize_ms)
        return false;
    for (size_t i = 0; i < z->cur->count; i++)
        if (!is_looker(z, z->cur->members[i].sid))
            sids[count++] = z->cur->members[i].sid;
    return !zab_config_is_quorum(z->cur, sids, count);
}
