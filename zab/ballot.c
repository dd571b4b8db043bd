#include "zab/ballot.h"

#include <stdlib.h>
#include <string.h>

#include "util/check.h"

void ballot_done(struct ballot *b)
{
    zab_config_unref(b->cur);
    zab_config_unref(b->last_seen);
    free(b->voters);
    free(b->agreeing);
    *b = (struct ballot){ 0 };
}

static size_t add_voters(const struct zab_config *c, struct ballot_voter *to, size_t count)
{
    for (size_t i = 0; c != NULL && i < c->count; i++)
        if (c->members[i].is_voter)
            to[count++] = (struct ballot_voter){ .sid = c->members[i].sid };
    return count;
}

static int by_sid(const void *a, const void *b)
{
    zk_sid left = ((const struct ballot_voter *)a)->sid;
    zk_sid right = ((const struct ballot_voter *)b)->sid;

    return (left > right) - (left < right);
}

void ballot_configure(struct ballot *b, struct zab_config *cur, struct zab_config *last_seen)
{
    size_t most = cur->voters + (last_seen != NULL ? last_seen->voters : 0);
    struct ballot old = *b;
    size_t unique = 0;

    *b = (struct ballot){
        .cur = zab_config_ref(cur),
        .last_seen = last_seen != NULL ? zab_config_ref(last_seen) : NULL,
        .voters = zk_xcalloc(most + 1, sizeof *b->voters),
        .agreeing = zk_xcalloc(most + 1, sizeof *b->agreeing),
    };
    b->count = add_voters(cur, b->voters, 0);
    b->count = add_voters(last_seen, b->voters, b->count);
    zk_assert(b->count <= most);
    qsort(b->voters, b->count, sizeof *b->voters, by_sid);
    for (size_t i = 0; i < b->count; i++)
        if (i == 0 || b->voters[i].sid != b->voters[unique - 1].sid)
            b->voters[unique++] = b->voters[i];
    b->count = unique;
    for (size_t i = 0; i < b->count; i++) {
        const struct ballot_voter *known = ballot_find(&old, b->voters[i].sid);

        if (known != NULL)
            b->voters[i] = *known;
    }
    ballot_done(&old);
}

struct ballot_voter *ballot_find(const struct ballot *b, zk_sid sid)
{
    size_t low = 0;
    size_t high = b->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (b->voters[middle].sid < sid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < b->count && b->voters[low].sid == sid ? &b->voters[low] : NULL;
}

bool ballot_entry_is(const struct ballot_entry *a, const struct ballot_entry *b)
{
    return a->is_there && a->state == b->state && a->vote.leader == b->vote.leader &&
           a->vote.zxid == b->vote.zxid && a->vote.round == b->vote.round &&
           a->vote.epoch == b->vote.epoch;
}

void ballot_keep_early(struct ballot_voter *v, struct ballot_entry said, int64_t now_ms)
{
    v->early = said;
    v->early_ms = now_ms;
}

struct ballot_entry ballot_take_early(struct ballot_voter *v, int64_t since_ms)
{
    struct ballot_entry ret = v->early;

    ret.is_there = ret.is_there && v->early_ms >= since_ms;
    v->early.is_there = false;
    return ret;
}

void ballot_clear(struct ballot *b)
{
    for (size_t i = 0; i < b->count; i++)
        b->voters[i] = (struct ballot_voter){ .sid = b->voters[i].sid,
                                              .is_gone = b->voters[i].is_gone,
                                              .early = b->voters[i].early,
                                              .early_ms = b->voters[i].early_ms };
}

void ballot_clear_votes(struct ballot *b)
{
    for (size_t i = 0; i < b->count; i++)
        b->voters[i].box[BALLOT_VOTES].is_there = false;
}

/* Those that found their leader may have found it by different elections: neither round nor zxid
 * of what they say is compared (ZOOKEEPER-1805, 1732), nor, with one of them too old to know it,
 * the epoch. */
static bool agree(const struct ballot_entry *a, const struct ballot_entry *b)
{
    if (!a->is_there || a->vote.leader != b->vote.leader)
        return false;
    if (a->state == ZAB_STATE_LOOKING || b->state == ZAB_STATE_LOOKING)
        return a->vote.zxid == b->vote.zxid && a->vote.round == b->vote.round &&
               a->vote.epoch == b->vote.epoch;
    if ((a->version > 0) != (b->version > 0))
        return true;
    return a->vote.epoch == b->vote.epoch;
}

/* Who leads already was elected under what is in force; a configuration that is only proposed may
 * wait for nothing but our joining. */
static bool is_quorum(const struct ballot *b, enum ballot_box box, size_t count)
{
    if (b->cur == NULL || !zab_config_is_quorum(b->cur, b->agreeing, count))
        return false;
    return box == BALLOT_OUTSIDE || b->last_seen == NULL ||
           b->last_seen->version <= b->cur->version ||
           zab_config_is_quorum(b->last_seen, b->agreeing, count);
}

bool ballot_has_quorum(const struct ballot *b, enum ballot_box box,
                       const struct ballot_entry *entry)
{
    size_t count = 0;

    for (size_t i = 0; i < b->count; i++)
        if (agree(&b->voters[i].box[box], entry))
            b->agreeing[count++] = b->voters[i].sid;
    return is_quorum(b, box, count);
}

/* Who follows or leads has no better vote to come, and may know an epoch that we don't. */
static bool has_ended_alike(const struct ballot_entry *a, const struct ballot_entry *b)
{
    return a->is_there && a->state != ZAB_STATE_LOOKING && a->vote.leader == b->vote.leader;
}

bool ballot_is_unanimous(const struct ballot *b, const struct ballot_entry *entry)
{
    bool has_leader = false;
    size_t count = 0;

    for (size_t i = 0; i < b->count; i++) {
        const struct ballot_voter *v = &b->voters[i];

        if (v->is_gone)
            continue;
        if (!agree(&v->box[BALLOT_VOTES], entry) && !has_ended_alike(&v->box[BALLOT_VOTES], entry))
            return false;
        has_leader = has_leader || v->sid == entry->vote.leader;
        b->agreeing[count++] = v->sid;
    }
    return has_leader && is_quorum(b, BALLOT_VOTES, count);
}

bool ballot_says_it_leads(const struct ballot *b, enum ballot_box box, zk_sid leader)
{
    const struct ballot_voter *v = ballot_find(b, leader);

    return v != NULL && v->box[box].is_there && v->box[box].state == ZAB_STATE_LEADING;
}
