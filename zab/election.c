#include "zab/election.h"

#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "zab/ballot.h"
#include "zab/mutation.h"

static const int64_t NEVER = INT64_MAX;
static const zk_sid NOBODY = INT64_MIN;
/* The zxid of an empty database that may not vote (zookeeper.db.autocreate=false). */
static const zk_zxid NOT_TO_VOTE = -1;

enum {
    STRANGERS_MAX = 16,
    STANDS_AFTER = 10, /* Times finalize_ms. */
};

struct election {
    struct election_conf conf;
    struct ballot ballot;
    struct bytes text; /* Of the configuration in force, for each notification. */
    bool has_begun;    /* There is something to be told. */
    bool stands_late;
    enum zab_state state; /* Looking: between election_begin() and a decision. */
    int64_t round;        /* Logical clock. */
    struct zab_vote own;  /* What we propose while we hear of nobody better. */
    struct zab_vote vote; /* Looking: the proposal. Afterwards: what is told. */
    int64_t interval_ms;  /* Until the proposal is sent again; doubles. */
    int64_t resend_at;
    int64_t stands_at; /* When we propose ourselves after all: see stand(). */
    int64_t silent_at; /* A quorum agrees; if nothing happens until then it is decided. */
    struct election_send *sends;
    size_t count, cap;
    /* The last strangers that were ahead of our round. */
    struct stranger {
        zk_sid sid;
        int64_t round, told_at; /* NEVER: none. */
    } strangers[STRANGERS_MAX];
    size_t next_stranger;
};

struct election *election_new(const struct election_conf *conf)
{
    struct election *e = zk_xcalloc(1, sizeof *e);

    e->conf = *conf;
    e->vote.leader = NOBODY;
    e->resend_at = e->silent_at = NEVER;
    for (size_t i = 0; i < STRANGERS_MAX; i++)
        e->strangers[i].told_at = NEVER;
    return e;
}

struct election *election_free(struct election *e)
{
    if (e == NULL)
        return NULL;
    ballot_done(&e->ballot);
    bytes_done(&e->text);
    free(e->sends);
    free(e);
    return NULL;
}

void election_configure(struct election *e, struct zab_config *cur, struct zab_config *last_seen)
{
    ballot_configure(&e->ballot, cur, last_seen);
    e->text.len = 0;
    zab_config_print(cur, &e->text);
    /* What was a quorum may be none. */
    if (e->silent_at != NEVER)
        e->resend_at = INT64_MIN;
    e->silent_at = NEVER;
}

void election_forget(struct election *e)
{
    e->round = 0;
    e->silent_at = NEVER;
    ballot_clear(&e->ballot);
}

bool election_beats(const struct zab_config *c, const struct zab_vote *a, const struct zab_vote *b)
{
    /* Without groups all have a weight of 1, whoever they are. */
    if (c->has_groups && zab_config_weight(c, a->leader) == 0)
        return false;
    if (ZAB_MUTATED(IGNORE_HISTORY) && a->leader != NOBODY && b->leader != NOBODY)
        return a->leader > b->leader;
    if (a->epoch != b->epoch)
        return a->epoch > b->epoch;
    if (a->zxid != b->zxid)
        return a->zxid > b->zxid;
    return a->leader > b->leader;
}

const struct zab_vote *election_vote(const struct election *e)
{
    return &e->vote;
}

int64_t election_round(const struct election *e)
{
    return e->round;
}

static bool is_looking(const struct election *e)
{
    return e->has_begun && e->state == ZAB_STATE_LOOKING;
}

int64_t election_deadline(const struct election *e)
{
    if (!is_looking(e))
        return NEVER;
    return e->silent_at != NEVER ? e->silent_at : e->resend_at;
}

static bool is_voter(const struct election *e)
{
    return ballot_find(&e->ballot, e->conf.self) != NULL;
}

static bool beats(const struct election *e, const struct zab_vote *a, const struct zab_vote *b)
{
    return election_beats(e->ballot.cur, a, b);
}

/* The role that a configuration in force gives counts; the static file's is for who is in none. */
static bool is_observer(const struct election *e)
{
    const struct zab_member *m = zab_config_find(e->ballot.cur, e->conf.self);

    return m != NULL ? !m->is_voter : e->conf.is_observer;
}

/* ---- Sending. */

static void tell(struct election *e, zk_sid to, struct zab_vote vote)
{
    if (e->count == e->cap) {
        e->cap = e->cap * 2 + 8;
        e->sends = zk_xrealloc(e->sends, e->cap * sizeof *e->sends);
    }
    e->sends[e->count++] = (struct election_send){
        .to = to,
        .n = { .state = (int32_t)e->state,
               .vote = vote,
               .version = 2,
               .config = { .at = e->text.at, .len = (int32_t)e->text.len } },
    };
}

/* Who doesn't vote is told our clock, whatever the round of what we tell; who votes, the round
 * of the vote. While we look that is our own round anyway.
 *
 * ZooKeeper tells an asking stranger the vote of the last election for as long as it looks: an
 * observer then runs after the leader that was lost. We tell what we propose. */
static void tell_stranger(struct election *e, zk_sid to)
{
    struct zab_vote vote = e->vote;

    vote.round = e->round;
    tell(e, to, vote);
}

static void begin_call(struct election *e, struct election_out *ret)
{
    e->count = 0;
    *ret = (struct election_out){ 0 };
}

static void end_call(const struct election *e, struct election_out *ret)
{
    ret->sends = e->sends;
    ret->count = e->count;
}

/* ---- The round, and how it ends. */

static struct ballot_entry looks_for(struct zab_vote vote)
{
    return (struct ballot_entry){ .is_there = true, .state = ZAB_STATE_LOOKING, .vote = vote };
}

/* What we propose goes to all that vote, ourselves among them. */
static void propose(struct election *e, int64_t now_ms)
{
    struct ballot_voter *self = ballot_find(&e->ballot, e->conf.self);

    e->vote.round = e->round;
    e->silent_at = NEVER;
    e->resend_at = now_ms + e->interval_ms;
    for (size_t i = 0; i < e->ballot.count; i++) {
        e->ballot.voters[i].is_unanswered = false;
        if (&e->ballot.voters[i] != self)
            tell(e, e->ballot.voters[i].sid, e->vote);
    }
    if (self != NULL && e->own.zxid != NOT_TO_VOTE)
        self->box[BALLOT_VOTES] = looks_for(e->vote);
}

static void decide(struct election *e, struct zab_vote vote, const char *why,
                   struct election_out *ret)
{
    if (vote.leader == e->conf.self)
        e->state = ZAB_STATE_LEADING;
    else
        e->state = is_observer(e) ? ZAB_STATE_OBSERVING : ZAB_STATE_FOLLOWING;
    e->vote = vote;
    e->silent_at = e->resend_at = NEVER;
    ret->is_decided = true;
    ret->vote = vote;
    ret->why = why;
    /* Whom we passed over in the silence would find out only when it asks again, which may be a
     * minute later. */
    for (size_t i = 0; i < e->ballot.count; i++) {
        struct ballot_voter *v = &e->ballot.voters[i];

        if (v->is_unanswered)
            tell(e, v->sid, vote);
        v->is_unanswered = false;
    }
}

/* After each change of the votes, of the proposal, or of who is gone: silence begins when a
 * quorum is for our proposal, and ends when it no longer is. There is nobody to be waited for
 * when all have said the same. Those that don't vote wait in any case: a ZooKeeper that looks
 * tells them the leader that it had before. */
static void count_votes(struct election *e, int64_t now_ms, struct election_out *ret)
{
    struct ballot_entry mine = looks_for(e->vote);

    if (e->vote.leader == NOBODY || !ballot_has_quorum(&e->ballot, BALLOT_VOTES, &mine)) {
        e->silent_at = NEVER;
        return;
    }
    if (e->silent_at == NEVER)
        e->silent_at = now_ms + e->conf.finalize_ms;
    if (is_voter(e) && ballot_is_unanimous(&e->ballot, &mine))
        decide(e, e->vote, "every voter agrees", ret);
}

/* ---- What is heard while looking. */

static void adopt(struct election *e, int64_t now_ms, struct zab_vote vote)
{
    e->vote = vote;
    propose(e, now_ms);
}

static void hear_looking(struct election *e, int64_t now_ms, struct ballot_voter *from,
                         const struct zab_vote *vote, struct election_out *ret)
{
    bool is_better = beats(e, vote, &e->vote);

    if (e->own.zxid == NOT_TO_VOTE || vote->zxid == NOT_TO_VOTE || vote->round < e->round)
        return;
    if (vote->round > e->round) {
        if (e->silent_at != NEVER && !is_better) {
            /* A quorum agrees already: who is ahead by rounds alone doesn't undo it. */
            from->is_unanswered = true;
            return;
        }
        e->round = vote->round;
        ballot_clear_votes(&e->ballot);
        adopt(e, now_ms, beats(e, vote, &e->own) ? *vote : e->own);
    } else if (is_better) {
        adopt(e, now_ms, *vote);
    }
    from->box[BALLOT_VOTES] = looks_for(*vote);
    count_votes(e, now_ms, ret);
}

/* From a voter that proposes nobody we know, as it does not know yet that it votes. It hears us
 * only in its own round. */
static void hear_round(struct election *e, int64_t now_ms, const struct zab_vote *vote)
{
    if (e->own.zxid == NOT_TO_VOTE || vote->round <= e->round || e->silent_at != NEVER)
        return;
    e->round = vote->round;
    ballot_clear_votes(&e->ballot);
    adopt(e, now_ms, e->own);
}

/* Whether the leader that `said` names leads: it says so itself, or it is us, in this round. */
static bool leads(const struct election *e, enum ballot_box box, const struct ballot_entry *said)
{
    if (said->vote.leader == e->conf.self)
        return said->vote.round == e->round;
    return ballot_says_it_leads(&e->ballot, box, said->vote.leader);
}

static bool settles(struct election *e, enum ballot_box box, const struct ballot_entry *said)
{
    return ballot_has_quorum(&e->ballot, box, said) && leads(e, box, said);
}

/* From one that follows or leads: 2.7. */
static void hear_settled(struct election *e, int64_t now_ms, struct ballot_voter *from,
                         const struct ballot_entry *said, struct election_out *ret)
{
    if (said->vote.round == e->round) {
        from->box[BALLOT_VOTES] = *said;
        from->box[BALLOT_VOTES].version = 0;
        if (settles(e, BALLOT_VOTES, said)) {
            decide(e, said->vote, "it leads in this round", ret);
            return;
        }
    }
    from->box[BALLOT_OUTSIDE] = *said;
    if (settles(e, BALLOT_OUTSIDE, said)) {
        e->round = said->vote.round;
        decide(e, said->vote, "it leads already", ret);
        return;
    }
    count_votes(e, now_ms, ret);
}

/* In an earlier round; or in ours, with a vote that ours beats: our word may have reached it before
 * it looked, and was lost. Two that see the end of one leader at nearly the same time would wait
 * for somebody to say it again. */
static bool is_behind(const struct election *e, const struct zab_vote *vote)
{
    return vote->round < e->round || (vote->round == e->round && beats(e, &e->vote, vote));
}

/* Tells it what we propose. Not when we don't vote: it would do nothing with that, only answer; nor
 * soon again after the same word: it may take us for one that doesn't vote. */
static void catch_up(struct election *e, int64_t now_ms, struct ballot_voter *voter, bool is_news)
{
    if (!is_voter(e) || (!is_news && now_ms - voter->told_ms < e->conf.resend_min_ms))
        return;
    voter->told_ms = now_ms;
    tell(e, voter->sid, e->vote);
}

static void hear(struct election *e, int64_t now_ms, struct ballot_voter *from,
                 const struct zab_notification *n, struct election_out *ret)
{
    enum zab_state state = (enum zab_state)n->state;
    struct ballot_entry said = {
        .is_there = true, .state = state, .vote = n->vote, .version = n->version
    };

    /* What was said before doesn't break the silence: otherwise one that chatters keeps all
     * others from a decision. */
    if (e->silent_at != NEVER && !ballot_entry_is(&from->heard, &said))
        e->silent_at = now_ms + e->conf.finalize_ms;
    if (state == ZAB_STATE_LOOKING && is_behind(e, &n->vote))
        catch_up(e, now_ms, from, !ballot_entry_is(&from->heard, &said));
    from->heard = said;
    if (ballot_find(&e->ballot, n->vote.leader) == NULL) {
        if (state == ZAB_STATE_LOOKING)
            hear_round(e, now_ms, &n->vote);
        return;
    }

    switch (state) {
    case ZAB_STATE_LOOKING:
        hear_looking(e, now_ms, from, &n->vote, ret);
        return;
    case ZAB_STATE_FOLLOWING:
    case ZAB_STATE_LEADING:
        hear_settled(e, now_ms, from, &said, ret);
        return;
    case ZAB_STATE_OBSERVING:
        return;
    }
}

/* ---- What is heard in any state. */

static bool is_state(int32_t state)
{
    return state >= ZAB_STATE_LOOKING && state <= ZAB_STATE_OBSERVING;
}

/* A text that can't be understood is no reason to leave the vote unheard. */
static struct zab_config *newer_config(const struct election *e, const struct zab_notification *n)
{
    struct jute_bytes ours = { .at = e->text.at, .len = (int32_t)e->text.len };
    char why[ZAB_CONFIG_WHY_MAX];
    struct zab_config *c = NULL;

    if (!e->conf.reconfig_enabled || n->config.len <= 0 || jute_bytes_equal(n->config, ours))
        return NULL;
    if (zab_config_parse(&c, (const char *)n->config.at, (size_t)n->config.len, &e->conf.rules,
                         why) < 0)
        return NULL;
    if (c->version > e->ballot.cur->version)
        return c;
    zab_config_unref(c);
    return NULL;
}

/* One that looks and is ahead of our round answers our answer, if it is a ZooKeeper, to tell us
 * its round; which does not concern us, as it doesn't vote. The answer to that would go on
 * for as long as we both look. True: it was told, and asks again sooner than it would by itself. */
static bool is_echo(struct election *e, int64_t now_ms, zk_sid from,
                    const struct zab_notification *n)
{
    if (!is_looking(e) || n->vote.round < e->round)
        return false;
    for (size_t i = 0; i < STRANGERS_MAX; i++) {
        struct stranger *s = &e->strangers[i];

        if (s->told_at != NEVER && s->sid == from && s->round == n->vote.round &&
            now_ms - s->told_at < e->conf.resend_min_ms)
            return true;
    }
    e->strangers[e->next_stranger++ % STRANGERS_MAX] =
        (struct stranger){ .sid = from, .round = n->vote.round, .told_at = now_ms };
    return false;
}

/* One that has found its leader does not ask: it answers something that we said, and two that
 * know nothing of each other would go on forever. */
static void hear_stranger(struct election *e, int64_t now_ms, zk_sid from,
                          const struct zab_notification *n)
{
    bool asks = n->state == ZAB_STATE_LOOKING || !is_state(n->state);

    if (asks && !is_echo(e, now_ms, from, n))
        tell_stranger(e, from);
}

/* What was proposed in this call is out of date: the first `count` that are to be sent. */
static void take_back(struct election *e, size_t count)
{
    e->count -= count;
    memmove(e->sends, e->sends + count, e->count * sizeof *e->sends);
}

static void hear_early(struct election *e, int64_t now_ms, struct election_out *ret)
{
    for (size_t i = 0; i < e->ballot.count; i++) {
        struct ballot_voter *v = &e->ballot.voters[i];
        struct ballot_entry said = ballot_take_early(v, now_ms - e->conf.finalize_ms);

        if (!said.is_there || v->is_gone || !is_looking(e) || said.vote.round < e->round ||
            ballot_find(&e->ballot, said.vote.leader) == NULL)
            continue;

        struct ballot_entry proposed = looks_for(e->vote);
        size_t count = e->count;

        v->heard = said;
        hear_looking(e, now_ms, v, &said.vote, ret);

        struct ballot_entry proposes = looks_for(e->vote);

        if (!ballot_entry_is(&proposed, &proposes))
            take_back(e, count);
    }
}

void election_notified(struct election *e, int64_t now_ms, zk_sid from,
                       const struct zab_notification *n, struct election_out *ret)
{
    begin_call(e, ret);
    if (!e->has_begun || from == e->conf.self)
        return;
    if (is_looking(e)) {
        ret->newer = newer_config(e, n);
        if (ret->newer != NULL)
            return;
    }

    struct ballot_voter *voter = ballot_find(&e->ballot, from);

    if (voter == NULL) {
        hear_stranger(e, now_ms, from, n);
    } else if (is_state(n->state)) {
        voter->is_gone = false;
        if (is_looking(e)) {
            hear(e, now_ms, voter, n, ret);
        } else if (n->state == ZAB_STATE_LOOKING) {
            ballot_keep_early(voter, looks_for(n->vote), now_ms);
            tell(e, from, e->vote);
        }
    }
    end_call(e, ret);
}

/* ---- What the caller says. */

void election_stand_late(struct election *e, bool stands_late)
{
    e->stands_late = stands_late;
}

void election_begin(struct election *e, int64_t now_ms, zk_zxid zxid, int64_t epoch,
                    struct election_out *ret)
{
    zk_assert(e->ballot.cur != NULL);
    begin_call(e, ret);
    e->has_begun = true;
    e->state = ZAB_STATE_LOOKING;
    e->round = (int64_t)((uint64_t)e->round + 1); /* Rounds of liars may be at the end. */
    ballot_clear(&e->ballot);
    e->own = (struct zab_vote){ .leader = NOBODY, .zxid = zxid, .epoch = epoch };
    e->stands_at = NEVER;
    if (is_observer(e))
        e->own.zxid = e->own.epoch = INT64_MIN;
    else if (zab_config_is_voter(e->ballot.cur, e->conf.self) && !e->stands_late)
        e->own.leader = e->conf.self;
    else if (is_voter(e))
        e->stands_at = now_ms + STANDS_AFTER * e->conf.finalize_ms;
    e->interval_ms = e->conf.resend_min_ms > 0 ? e->conf.resend_min_ms : 1;
    adopt(e, now_ms, e->own);
    count_votes(e, now_ms, ret);
    hear_early(e, now_ms, ret);
    end_call(e, ret);
}

void election_reachable(struct election *e, int64_t now_ms, zk_sid peer, bool is_reachable,
                        struct election_out *ret)
{
    struct ballot_voter *v = ballot_find(&e->ballot, peer);

    begin_call(e, ret);
    if (v == NULL || peer == e->conf.self)
        return;
    v->is_gone = !is_reachable;
    if (!is_looking(e))
        return;
    if (is_reachable)
        tell(e, peer, e->vote);
    else
        count_votes(e, now_ms, ret);
    end_call(e, ret);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Others should lead: we vote in the configuration that is on its way, not in the one in force, or
 * have no state to lead with. But we may have logged what no one else has; then nobody can be
 * elected against our vote, and it has to be us (a ZooKeeper would wait for ever). */
static void stand(struct election *e)
{
    e->stands_at = NEVER;
    e->own.leader = e->conf.self;
    if (e->vote.leader == NOBODY)
        e->vote = e->own;
}

void election_timer(struct election *e, int64_t now_ms, struct election_out *ret)
{
    begin_call(e, ret);
    if (election_deadline(e) > now_ms)
        return;
    if (e->silent_at != NEVER) {
        decide(e, e->vote, "a quorum and silence", ret);
    } else {
        if (e->interval_ms < e->conf.resend_max_ms)
            e->interval_ms = least(e->interval_ms * 2, e->conf.resend_max_ms);
        if (now_ms >= e->stands_at)
            stand(e);
        propose(e, now_ms);
        count_votes(e, now_ms, ret);
    }
    end_call(e, ret);
}

bool election_was_elected_by(const struct election *e, zk_sid sid)
{
    const struct ballot_voter *v = ballot_find(&e->ballot, sid);

    for (int box = 0; v != NULL && box < BALLOT_BOXES; box++)
        if (v->box[box].is_there && v->box[box].vote.leader == e->vote.leader &&
            v->box[box].vote.round == e->vote.round)
            return true;
    return false;
}

void election_settle(struct election *e, enum zab_state state, const struct zab_vote *vote)
{
    e->has_begun = state != ZAB_STATE_LOOKING;
    e->state = state;
    e->vote = *vote;
    e->silent_at = e->resend_at = NEVER;
}
