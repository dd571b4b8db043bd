/* For test_election_net.c: a server that elects as ZooKeeper 3.9.5 does, to the letter of
 * quorum-protocol 2.5 to 2.7 with a majority of voters 1 to n: a queue, a loop that waits with a
 * timeout, and 200 ms in which it throws away all that isn't better. */
#ifndef TEST_ELECTION_JAVA_H
#define TEST_ELECTION_JAVA_H

#include "tests/unit/test_election_lib.h"

enum { JAVA_SERVERS_MAX = 8 };

struct java_entry {
    bool is_there;
    int32_t state, version;
    struct zab_vote vote;
};

struct java {
    zk_sid self;
    int voters;
    int32_t state;
    int64_t round, timeout_ms, wakes_at;
    bool is_in_silence;
    struct zab_vote own, proposal, current;
    struct java_entry votes[JAVA_SERVERS_MAX], outside[JAVA_SERVERS_MAX];
    void (*send)(void *ctx, zk_sid from, zk_sid to, const struct zab_notification *n);
    void *ctx;
    bool is_decided; /* Since java_begin(). */
};

static inline bool java_is_voter(const struct java *j, zk_sid sid)
{
    return sid >= 1 && sid <= j->voters;
}

static inline void java_tell(struct java *j, zk_sid to, struct zab_vote vote, int64_t round)
{
    struct zab_notification n = { .state = j->state, .vote = vote, .version = 2 };

    n.vote.round = round;
    n.config = jute_text("version=0");
    j->send(j->ctx, j->self, to, &n);
}

static inline bool java_beats(const struct zab_vote *a, const struct zab_vote *b)
{
    if (a->epoch != b->epoch)
        return a->epoch > b->epoch;
    return a->zxid != b->zxid ? a->zxid > b->zxid : a->leader > b->leader;
}

static inline bool java_agree(const struct java_entry *a, const struct java_entry *b)
{
    if (a->state == ZAB_STATE_LOOKING || b->state == ZAB_STATE_LOOKING)
        return votes_are_equal(&a->vote, &b->vote);
    return a->vote.leader == b->vote.leader &&
           ((a->version > 0) != (b->version > 0) || a->vote.epoch == b->vote.epoch);
}

static inline bool java_has_quorum(const struct java *j, const struct java_entry *box,
                                   const struct java_entry *entry)
{
    int count = 0;

    for (zk_sid sid = 1; sid <= j->voters; sid++)
        count += box[sid].is_there && java_agree(&box[sid], entry);
    return count > j->voters / 2;
}

static inline void java_send_all(struct java *j)
{
    for (zk_sid sid = 1; sid <= j->voters; sid++)
        java_tell(j, sid, j->proposal, j->round); /* To itself too. */
}

static inline void java_begin(struct java *j, int64_t now_ms, zk_zxid zxid, int64_t epoch)
{
    j->state = ZAB_STATE_LOOKING;
    j->is_in_silence = j->is_decided = false;
    memset(j->votes, 0, sizeof j->votes);
    memset(j->outside, 0, sizeof j->outside);
    j->round++;
    j->own = j->proposal = vote_for(j->self, zxid, 0, epoch);
    j->timeout_ms = RESEND_MIN_MS;
    j->wakes_at = now_ms + j->timeout_ms;
    java_send_all(j);
}

static inline void java_decide(struct java *j, struct zab_vote vote)
{
    j->state = vote.leader == j->self ? ZAB_STATE_LEADING : ZAB_STATE_FOLLOWING;
    j->current = vote;
    j->is_decided = true;
    j->wakes_at = INT64_MAX;
}

static inline void java_looking(struct java *j, int64_t now_ms, zk_sid from,
                                const struct zab_notification *n)
{
    if (n->vote.round > j->round) {
        j->round = n->vote.round;
        memset(j->votes, 0, sizeof j->votes);
        j->proposal = java_beats(&n->vote, &j->own) ? n->vote : j->own;
        java_send_all(j);
    } else if (n->vote.round < j->round) {
        return;
    } else if (java_beats(&n->vote, &j->proposal)) {
        j->proposal = n->vote;
        java_send_all(j);
    }
    j->votes[from] = (struct java_entry){ .is_there = true, .vote = n->vote };

    struct java_entry mine = { .vote = j->proposal };

    mine.vote.round = j->round;
    if (java_has_quorum(j, j->votes, &mine)) {
        j->is_in_silence = true;
        j->wakes_at = now_ms + 200;
    }
}

static inline bool java_leads(const struct java *j, const struct java_entry *box,
                              const struct zab_vote *vote)
{
    if (vote->leader == j->self)
        return vote->round == j->round;
    return box[vote->leader].is_there && box[vote->leader].state == ZAB_STATE_LEADING;
}

static inline void java_settled(struct java *j, zk_sid from, const struct zab_notification *n)
{
    struct java_entry said = {
        .is_there = true, .state = n->state, .version = n->version, .vote = n->vote
    };

    if (n->vote.round == j->round) {
        j->votes[from] = said;
        j->votes[from].version = 0;
        if (java_has_quorum(j, j->votes, &said) && java_leads(j, j->votes, &n->vote)) {
            java_decide(j, n->vote);
            return;
        }
    }
    j->outside[from] = said;
    if (java_has_quorum(j, j->outside, &said) && java_leads(j, j->outside, &n->vote)) {
        j->round = n->vote.round;
        java_decide(j, n->vote);
    }
}

/* What the loop does with one notification; that which is put back at the queue's end comes right
 * again, as nothing else is in it. */
static inline void java_loop(struct java *j, int64_t now_ms, zk_sid from,
                             const struct zab_notification *n)
{
    if (j->is_in_silence && !java_beats(&n->vote, &j->proposal)) {
        j->wakes_at = now_ms + 200;
        return;
    }
    j->is_in_silence = false;
    j->wakes_at = now_ms + j->timeout_ms;
    if (!java_is_voter(j, n->vote.leader))
        return;
    if (n->state == ZAB_STATE_LOOKING)
        java_looking(j, now_ms, from, n);
    else if (n->state != ZAB_STATE_OBSERVING)
        java_settled(j, from, n);
}

static inline void java_notified(struct java *j, int64_t now_ms, zk_sid from,
                                 const struct zab_notification *n)
{
    struct zab_vote current =
        j->state == ZAB_STATE_LOOKING && j->current.leader == 0 ? j->own : j->current;

    if (!java_is_voter(j, from)) {
        java_tell(j, from, current, j->round);
    } else if (j->state == ZAB_STATE_LOOKING) {
        if (n->state == ZAB_STATE_LOOKING && n->vote.round < j->round)
            java_tell(j, from, j->proposal, j->round);
        java_loop(j, now_ms, from, n);
    } else if (n->state == ZAB_STATE_LOOKING && from != j->self) {
        java_tell(j, from, j->current, j->current.round);
    }
}

static inline void java_timer(struct java *j, int64_t now_ms)
{
    if (j->state != ZAB_STATE_LOOKING || j->wakes_at > now_ms)
        return;
    if (j->is_in_silence) {
        struct zab_vote vote = j->proposal;

        vote.round = j->round;
        java_decide(j, vote);
        return;
    }
    java_send_all(j);
    j->timeout_ms = j->timeout_ms * 2 < RESEND_MAX_MS ? j->timeout_ms * 2 : RESEND_MAX_MS;
    j->wakes_at = now_ms + j->timeout_ms;
}

#endif
