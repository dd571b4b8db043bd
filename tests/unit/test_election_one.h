/* For the tests of zab/election: one server, and what the facts about it are told in. */
#ifndef TEST_ELECTION_ONE_H
#define TEST_ELECTION_ONE_H

#include "tests/unit/test_election_lib.h"

enum {
    LOOKING = ZAB_STATE_LOOKING,
    FOLLOWING = ZAB_STATE_FOLLOWING,
    LEADING = ZAB_STATE_LEADING,
    OBSERVING = ZAB_STATE_OBSERVING,
};

static struct election *e;
static struct election_out out;
static int64_t now_ms;

static inline void begin(zk_zxid zxid, int64_t epoch)
{
    election_begin(e, now_ms, zxid, epoch, &out);
}

static inline void make(zk_sid self, struct zab_config *cur, struct zab_config *last_seen)
{
    e = election_of(self, cur, last_seen);
    zab_config_unref(cur);
    zab_config_unref(last_seen);
    now_ms = 1000;
}

/* Server `self` of so many voters looks, with zxid 5 in epoch 1. */
static inline void looks(zk_sid self, int voters)
{
    make(self, config_of(1, voters, 0, "", 0), NULL);
    begin(5, 1);
}

static inline void hear_version(zk_sid from, int32_t state, struct zab_vote vote, int32_t version)
{
    struct zab_notification n = {
        .state = state, .vote = vote, .version = version, .config = { .len = -1 }
    };

    election_notified(e, now_ms, from, &n, &out);
}

static inline void hear(zk_sid from, int32_t state, struct zab_vote vote)
{
    hear_version(from, state, vote, 2);
}

static inline void hear_config(zk_sid from, struct zab_vote vote, const char *text)
{
    struct zab_notification n = {
        .state = LOOKING, .vote = vote, .version = 2, .config = jute_text(text)
    };

    election_notified(e, now_ms, from, &n, &out);
}

static inline void passes(int64_t ms)
{
    now_ms += ms;
    election_timer(e, now_ms, &out);
}

static inline const struct zab_notification *told(zk_sid to)
{
    const struct zab_notification *last = NULL;

    for (size_t i = 0; i < out.count; i++)
        if (out.sends[i].to == to)
            last = &out.sends[i].n;
    return last;
}

static inline void is_told(zk_sid to, int32_t state, struct zab_vote vote)
{
    const struct zab_notification *n = told(to);

    ck_assert_ptr_nonnull(n);
    ck_assert_int_eq(n->state, state);
    ck_assert_int_eq(n->vote.leader, vote.leader);
    ck_assert_int_eq(n->vote.zxid, vote.zxid);
    ck_assert_int_eq(n->vote.round, vote.round);
    ck_assert_int_eq(n->vote.epoch, vote.epoch);
    ck_assert_int_eq(n->version, 2);
}

static inline void proposes(struct zab_vote vote)
{
    ck_assert(!out.is_decided);
    ck_assert(votes_are_equal(election_vote(e), &vote));
}

static inline void is_decided(struct zab_vote vote)
{
    ck_assert(out.is_decided);
    ck_assert(votes_are_equal(&out.vote, &vote));
    ck_assert(votes_are_equal(election_vote(e), &vote));
    ck_assert_ptr_nonnull(out.why);
    ck_assert_int_eq(election_deadline(e), INT64_MAX);
}

static inline void is_open(void)
{
    ck_assert(!out.is_decided);
    ck_assert_int_lt(election_deadline(e), INT64_MAX);
}

static inline void over(void)
{
    e = election_free(e);
}

#endif
