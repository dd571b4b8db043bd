/* For test_election_net.c: servers of both kinds, the links between them, time that jumps from
 * event to event, all from a seed; and what comes after an election, in little: a leader that a
 * quorum reaches is established in a new epoch, all others look again after a while. */
#ifndef TEST_ELECTION_RIG_H
#define TEST_ELECTION_RIG_H

#include "tests/unit/test_election_java.h"
#include "util/rand.h"

enum { MESSAGES_MAX = 4096, TICK_MS = 10, PATIENCE_MS = 2000 };

enum phase { DOWN, LOOKS, TRIES, SERVES };

struct server {
    enum phase phase;
    bool is_java, is_observer;
    struct election *e; /* Of zabd. */
    struct java java;
    zk_zxid zxid;
    int64_t epoch;
    struct zab_vote vote; /* What was decided. */
    int64_t gives_up_at;
    int looks;                                      /* Elections since its start. */
    int life;                                       /* How often it was started. */
    struct zab_notification last[JAVA_SERVERS_MAX]; /* Java: sent again on a new connection. */
    bool has_last[JAVA_SERVERS_MAX];
};

enum kind { NOTIFICATION, IS_UP, IS_GONE };

struct message {
    enum kind kind;
    int64_t at;
    uint64_t serial;
    zk_sid from, to;
    int life; /* Of `to` when it left. */
    struct zab_notification n;
};

struct net {
    struct rand_state rand;
    int voters, count; /* Servers 1 to count; those above voters observe. */
    struct server servers[JAVA_SERVERS_MAX];
    bool cut[JAVA_SERVERS_MAX][JAVA_SERVERS_MAX];        /* From, to. */
    int64_t arrived[JAVA_SERVERS_MAX][JAVA_SERVERS_MAX]; /* What was sent first comes first. */
    struct message messages[MESSAGES_MAX];
    size_t message_count;
    uint64_t serial, sent;
    int64_t now_ms, tick_at, epoch;
    int64_t delay_max_ms;
    uint64_t lost_permille;
    struct zab_config *config;
};

static inline void net_post(struct net *n, enum kind kind, zk_sid from, zk_sid to,
                            const struct zab_notification *what)
{
    int64_t delay = from == to ? 0 : 1 + (int64_t)rand_below(&n->rand, (uint64_t)n->delay_max_ms);
    int64_t at = n->now_ms + delay;

    if (at < n->arrived[from][to])
        at = n->arrived[from][to];
    n->arrived[from][to] = at;
    ck_assert_uint_lt(n->message_count, MESSAGES_MAX); /* Nobody may flood. */
    n->messages[n->message_count++] = (struct message){
        .kind = kind,
        .at = at,
        .serial = n->serial++,
        .from = from,
        .to = to,
        .life = n->servers[to].life,
    };
    if (what != NULL)
        n->messages[n->message_count - 1].n = *what;
    n->messages[n->message_count - 1].n.config = (struct jute_bytes){ .len = -1 };
}

static inline void net_send(void *ctx, zk_sid from, zk_sid to, const struct zab_notification *what)
{
    struct net *n = ctx;

    n->sent++;
    n->servers[from].last[to] = *what;
    n->servers[from].has_last[to] = true;
    if (n->cut[from][to] || (from != to && rand_below(&n->rand, 1000) < n->lost_permille))
        return;
    net_post(n, NOTIFICATION, from, to, what);
}

static inline void net_decided(struct net *n, struct server *s, struct zab_vote vote)
{
    s->phase = TRIES;
    s->vote = vote;
    s->gives_up_at = n->now_ms + PATIENCE_MS;
}

static inline void net_obey(struct net *n, zk_sid sid, const struct election_out *out)
{
    for (size_t i = 0; i < out->count; i++)
        net_send(n, sid, out->sends[i].to, &out->sends[i].n);
    ck_assert_ptr_null(out->newer);
    if (out->is_decided)
        net_decided(n, &n->servers[sid], out->vote);
}

static inline void net_look(struct net *n, zk_sid sid)
{
    struct server *s = &n->servers[sid];
    struct election_out out;

    s->phase = LOOKS;
    s->looks++;
    if (s->is_java) {
        java_begin(&s->java, n->now_ms, s->zxid, s->epoch);
        return;
    }
    election_begin(s->e, n->now_ms, s->zxid, s->epoch, &out);
    net_obey(n, sid, &out);
}

static inline void net_start(struct net *n, zk_sid sid)
{
    struct server *s = &n->servers[sid];

    ck_assert_int_eq(s->phase, DOWN);
    s->life++;
    s->looks = 0;
    memset(s->has_last, 0, sizeof s->has_last);
    if (s->is_java)
        s->java = (struct java){ .self = sid, .voters = n->voters, .send = net_send, .ctx = n };
    else
        s->e = election_of(sid, n->config, NULL);
    for (zk_sid other = 1; other <= n->count; other++) {
        if (n->servers[other].phase == DOWN || n->cut[sid][other] || n->cut[other][sid])
            continue;
        net_post(n, IS_UP, sid, other, NULL);
        net_post(n, IS_UP, other, sid, NULL);
    }
    net_look(n, sid);
}

static inline void net_kill(struct net *n, zk_sid sid)
{
    struct server *s = &n->servers[sid];

    s->phase = DOWN;
    s->e = election_free(s->e);
    for (zk_sid other = 1; other <= n->count; other++)
        if (n->servers[other].phase != DOWN && !n->cut[sid][other] && !n->cut[other][sid])
            net_post(n, IS_GONE, sid, other, NULL);
}

static inline void net_deliver(struct net *n, const struct message *m)
{
    struct server *s = &n->servers[m->to];
    struct election_out out;

    if (s->phase == DOWN || s->life != m->life)
        return;
    if (s->is_java) {
        if (m->kind == NOTIFICATION)
            java_notified(&s->java, n->now_ms, m->from, &m->n);
        else if (m->kind == IS_UP && s->has_last[m->from])
            net_send(n, m->to, m->from, &s->last[m->from]);
        if (s->phase == LOOKS && s->java.is_decided)
            net_decided(n, s, s->java.current);
        return;
    }
    if (m->kind == NOTIFICATION)
        election_notified(s->e, n->now_ms, m->from, &m->n, &out);
    else
        election_reachable(s->e, n->now_ms, m->from, m->kind == IS_UP, &out);
    net_obey(n, m->to, &out);
}

static inline int64_t net_deadline(const struct server *s)
{
    if (s->phase != LOOKS)
        return INT64_MAX;
    return s->is_java ? s->java.wakes_at : election_deadline(s->e);
}

static inline void net_timer(struct net *n, zk_sid sid)
{
    struct server *s = &n->servers[sid];
    struct election_out out;

    if (!s->is_java) {
        election_timer(s->e, n->now_ms, &out);
        net_obey(n, sid, &out);
        return;
    }
    java_timer(&s->java, n->now_ms);
    if (s->java.is_decided)
        net_decided(n, s, s->java.current);
}

/* ---- After an election. */

static inline bool net_reach(const struct net *n, zk_sid a, zk_sid b)
{
    return n->servers[a].phase != DOWN && n->servers[b].phase != DOWN && !n->cut[a][b] &&
           !n->cut[b][a];
}

static inline int net_followers(const struct net *n, zk_sid leader)
{
    int count = 0;

    for (zk_sid sid = 1; sid <= n->voters; sid++)
        count += n->servers[sid].phase >= TRIES && n->servers[sid].vote.leader == leader &&
                 net_reach(n, sid, leader);
    return count;
}

static inline void net_serve(struct net *n, zk_sid sid, int64_t epoch)
{
    struct server *s = &n->servers[sid];

    s->phase = SERVES;
    s->epoch = s->vote.epoch = epoch;
    s->zxid = epoch << 32;
    if (s->is_java)
        s->java.current.epoch = epoch;
    else
        election_settle(s->e,
                        s->vote.leader == sid ? ZAB_STATE_LEADING
                        : s->is_observer      ? ZAB_STATE_OBSERVING
                                              : ZAB_STATE_FOLLOWING,
                        &s->vote);
}

static inline void net_tick_leader(struct net *n, zk_sid sid)
{
    struct server *s = &n->servers[sid];
    bool has_quorum = net_followers(n, sid) > n->voters / 2;

    if (has_quorum && s->phase == TRIES)
        net_serve(n, sid, ++n->epoch);
    else if (!has_quorum && (s->phase == SERVES || n->now_ms >= s->gives_up_at))
        net_look(n, sid);
}

static inline void net_tick_learner(struct net *n, zk_sid sid)
{
    struct server *s = &n->servers[sid];
    const struct server *leader = &n->servers[s->vote.leader];
    bool follows_another = leader->phase >= TRIES && leader->vote.leader != s->vote.leader;
    bool is_served = leader->phase == SERVES && !follows_another;
    bool is_lost = !net_reach(n, sid, s->vote.leader) || follows_another;

    if (is_lost || (!is_served && (s->phase == SERVES || n->now_ms >= s->gives_up_at)))
        net_look(n, sid);
    else if (is_served && (s->phase == TRIES || s->epoch != leader->epoch))
        net_serve(n, sid, leader->epoch);
}

static inline void net_tick_server(struct net *n, zk_sid sid)
{
    const struct server *s = &n->servers[sid];

    if (s->phase != TRIES && s->phase != SERVES)
        return;
    if (s->vote.leader == sid)
        net_tick_leader(n, sid);
    else
        net_tick_learner(n, sid);
}

/* ---- Time. */

static inline size_t net_next_message(const struct net *n)
{
    size_t next = 0;

    for (size_t i = 1; i < n->message_count; i++)
        if (n->messages[i].at < n->messages[next].at ||
            (n->messages[i].at == n->messages[next].at &&
             n->messages[i].serial < n->messages[next].serial))
            next = i;
    return next;
}

static inline void net_step(struct net *n)
{
    size_t message = net_next_message(n);
    int64_t next = n->tick_at;
    zk_sid due = 0;

    if (n->message_count > 0 && n->messages[message].at <= next)
        next = n->messages[message].at;
    for (zk_sid sid = 1; sid <= n->count; sid++)
        if (net_deadline(&n->servers[sid]) < next) {
            next = net_deadline(&n->servers[sid]);
            due = sid;
        }
    if (next > n->now_ms)
        n->now_ms = next;
    if (due != 0) {
        net_timer(n, due);
    } else if (n->message_count > 0 && n->messages[message].at <= next) {
        struct message m = n->messages[message];

        n->messages[message] = n->messages[--n->message_count];
        net_deliver(n, &m);
    } else {
        n->tick_at += TICK_MS;
        for (zk_sid sid = 1; sid <= n->count; sid++)
            net_tick_server(n, sid);
    }
}

static inline void net_run(struct net *n, int64_t ms)
{
    for (int64_t end = n->now_ms + ms; n->now_ms < end;)
        net_step(n);
}

/* The leader of all servers of `sids` (a bit each), when all of them serve under one that does so
 * itself, else 0. */
static inline zk_sid net_leader(const struct net *n, uint32_t sids)
{
    zk_sid leader = 0;

    for (zk_sid sid = 1; sid <= n->count; sid++) {
        const struct server *s = &n->servers[sid];

        if ((sids >> sid & 1) == 0)
            continue;
        if (s->phase != SERVES || (leader != 0 && s->vote.leader != leader))
            return 0;
        leader = s->vote.leader;
    }
    return n->servers[leader].phase == SERVES ? leader : 0;
}

/* Runs until they have one, at most that long. */
static inline zk_sid net_settle(struct net *n, uint32_t sids, int64_t ms)
{
    for (int64_t end = n->now_ms + ms; n->now_ms < end && net_leader(n, sids) == 0;)
        net_step(n);
    return net_leader(n, sids);
}

static inline uint32_t net_all(const struct net *n)
{
    return (2u << n->count) - 2;
}

/* javas: a bit for each server that is a ZooKeeper. */
static inline struct net *net_new(uint64_t seed, int voters, int observers, uint32_t javas)
{
    struct net *n = calloc(1, sizeof *n);

    ck_assert_ptr_nonnull(n);
    rand_seed(&n->rand, seed);
    n->voters = voters;
    n->count = voters + observers;
    n->now_ms = 1000;
    n->tick_at = n->now_ms + TICK_MS;
    n->epoch = 10;
    n->delay_max_ms = 20;
    n->config = config_of(1, voters, observers, "", 0);
    for (zk_sid sid = 1; sid <= n->count; sid++) {
        struct server *s = &n->servers[sid];

        s->is_java = (javas >> sid & 1) != 0;
        s->is_observer = sid > voters;
        s->epoch = 1 + (int64_t)rand_below(&n->rand, 2);
        s->zxid = (s->epoch << 32) + (int64_t)rand_below(&n->rand, 3);
    }
    return n;
}

static inline void net_free(struct net *n)
{
    for (zk_sid sid = 1; sid <= n->count; sid++)
        n->servers[sid].e = election_free(n->servers[sid].e);
    zab_config_unref(n->config);
    free(n);
}

/* Starts those of `sids` that are down, within 100 ms. */
static inline void net_start_all(struct net *n, uint32_t sids)
{
    while (sids != 0) {
        zk_sid sid = 1 + (zk_sid)rand_below(&n->rand, (uint64_t)n->count);

        if ((sids >> sid & 1) == 0)
            continue;
        sids &= ~(1u << sid);
        if (n->servers[sid].phase == DOWN)
            net_start(n, sid);
        net_run(n, (int64_t)rand_below(&n->rand, 20));
    }
}

/* The best of the voters in `sids`. */
static inline zk_sid net_best(const struct net *n, uint32_t sids)
{
    zk_sid best = 0;

    for (zk_sid sid = 1; sid <= n->voters; sid++) {
        struct zab_vote vote = vote_for(sid, n->servers[sid].zxid, 0, n->servers[sid].epoch);
        struct zab_vote other = vote_for(best, n->servers[best].zxid, 0, n->servers[best].epoch);

        if ((sids >> sid & 1) != 0 && (best == 0 || java_beats(&vote, &other)))
            best = sid;
    }
    return best;
}

static inline void net_cut(struct net *n, zk_sid from, zk_sid to)
{
    n->cut[from][to] = true;
}

/* All can talk again. */
static inline void net_heal(struct net *n)
{
    for (zk_sid a = 1; a <= n->count; a++)
        for (zk_sid b = 1; b <= n->count; b++) {
            bool was_cut = n->cut[a][b];

            n->cut[a][b] = false;
            if (was_cut && !n->cut[b][a] && net_reach(n, a, b)) {
                net_post(n, IS_UP, a, b, NULL);
                net_post(n, IS_UP, b, a, NULL);
            }
        }
}

#endif
