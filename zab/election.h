/* Leader election: FastLeaderElection's votes, rounds and notifications (quorum-protocol 2.4
 * to 2.9). Internal to the floor; part of the core, hence as pure as it.
 *
 * Outside an election it still answers those who look (2.5). */
#ifndef ZAB_ELECTION_H
#define ZAB_ELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zab/config.h"
#include "zab/packet.h"

struct election;

struct election_conf {
    zk_sid self;
    /* Of learner type observer: its own vote never wins. For who is in no configuration; otherwise
     * the role is the one that it has there. */
    bool is_observer;
    int64_t resend_min_ms;         /* fastleader.minNotificationInterval. */
    int64_t resend_max_ms;         /* fastleader.maxNotificationInterval. */
    int64_t finalize_ms;           /* The silence that decides: 200 as ZooKeeper has it. */
    bool reconfig_enabled;         /* A newer configuration heard of is adopted. */
    struct zab_config_rules rules; /* For the texts that peers send. */
};

/* What one call asks for. */
struct election_send {
    zk_sid to;
    struct zab_notification n; /* n.config points at the election's own text. */
};
struct election_out {
    const struct election_send *sends; /* Good until the next call. */
    size_t count;
    bool is_decided; /* The election is over; vote tells who leads. */
    struct zab_vote vote;
    const char *why; /* "a quorum and silence", "every voter agrees", "it leads already" ... */
    /* Config gossip (2.4): a newer configuration was heard of while looking. The caller adopts it
     * and begins anew, round 0, with election_forget(). Not NULL: a reference that the caller takes
     * over, and nothing else is asked for. Only when reconfig is enabled: otherwise texts are not
     * looked at, where ZooKeeper starts anew with each. */
    struct zab_config *newer;
};

struct election *election_new(const struct election_conf *conf);
struct election *election_free(struct election *e);

/* Who votes: last_seen may equal cur, or be NULL. References are taken. Also while looking: votes
 * are then counted anew when election_deadline() comes. */
void election_configure(struct election *e, struct zab_config *cur, struct zab_config *last_seen);
/* The round goes back to 0 and all that was heard is forgotten (a new election object in
 * ZooKeeper). */
void election_forget(struct election *e);

/* From the next look on: whether we propose ourselves only when nobody else is elected for a while.
 */
void election_stand_late(struct election *e, bool stands_late);
/* Begins to look: the next round. zxid: last logged, committed or not; epoch: currentEpoch. */
void election_begin(struct election *e, int64_t now_ms, zk_zxid zxid, int64_t epoch,
                    struct election_out *ret);
/* A peer's notification. In any state. */
void election_notified(struct election *e, int64_t now_ms, zk_sid from,
                       const struct zab_notification *n, struct election_out *ret);
/* The election port of a peer: false when its connection ended and it could not be called again
 * (its process is gone), true when a connection is up. Unknown at first. Who is known to be gone
 * isn't waited for: where every voter that is not gone has voted alike in this round, the silence
 * of finalize_ms is cut short (design.md, Failover). A leader given up for its silence may be
 * said to be gone too: whatever is heard of a peer takes that back. */
void election_reachable(struct election *e, int64_t now_ms, zk_sid peer, bool is_reachable,
                        struct election_out *ret);
/* election_deadline() has come. */
void election_timer(struct election *e, int64_t now_ms, struct election_out *ret);
int64_t election_deadline(const struct election *e); /* INT64_MAX: none. */

/* What is told to those who ask once it is over: the role taken, and the vote with the epoch that
 * was established (ZOOKEEPER-1732). A decision has settled its own vote already; this is for the
 * epoch, and for a leader that came without an election. Ends one that is on.
 * ZAB_STATE_LOOKING: there is nothing to be told until election_begin(). */
void election_settle(struct election *e, enum zab_state state, const struct zab_vote *vote);
/* What was settled, from the decision on; the proposal while looking. */
const struct zab_vote *election_vote(const struct election *e);
int64_t election_round(const struct election *e);

/* Once we were elected: whether that voter was for us when it was decided. */
bool election_was_elected_by(const struct election *e, zk_sid sid);

/* Whether a is better: by epoch, then zxid, then leader, all signed; with groups in c a leader of
 * weight 0 never is. */
bool election_beats(const struct zab_config *c, const struct zab_vote *a, const struct zab_vote *b);

#endif
