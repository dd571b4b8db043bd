/* Inside of the core: what zab.c, leader.c, broadcast.c, learner.c and reconfig.c share. No other
 * file may include it. */
#ifndef ZAB_CORE_H
#define ZAB_CORE_H

#include "util/bytes.h"
#include "util/rand.h"
#include "zab/election.h"
#include "zab/zab.h"

enum {
    LEARNERS_MAX = 512, /* Links that spoke to us. One more is closed. */
    PENDING_MAX = 64,   /* Runs of proposals without a gap that wait for their COMMITs. */
    CONNECT_TRIES = 5,
    CONNECT_PAUSE_MS = 100,
    OBSERVER_DELAY_MS = 200, /* observer_election_ms, when that is 0. */
    FAILURES_FREE = 2,       /* Syncs in a row that may fail before we pause. */
    EPOCH_LEAP_MAX = 65536,  /* Who says it promised an epoch that far ahead of ours, lies. */
    INFO_LEN = 20,           /* Bytes of a LearnerInfo. */
    HINT_LEN = 8,            /* "zabd" and 32 bits of features, where Java does not look. */
    ACKEPOCH_LEN = 4,
    ACKEPOCH_MORE_LEN = 28, /* Of a zabd server: hint, bits, digest. */
};
#define NOBODY INT64_MIN
#define NEVER  INT64_MAX

/* How far a learner's link has come. */
enum learner_stage {
    LEARNER_RIVAL,    /* It said that it is a server that follows us already, on another link. */
    LEARNER_HELD,     /* It said who it is; we are looking still. */
    LEARNER_WAITING,  /* For the epoch that we will propose. */
    LEARNER_ASKED,    /* LEADERINFO was sent. */
    LEARNER_PROMISED, /* Its ACKEPOCH came; a quorum of them is waited for. */
    LEARNER_FED,      /* NEWLEADER was sent. */
    LEARNER_SYNCED,   /* It acknowledged NEWLEADER. */
    LEARNER_UP,       /* UPTODATE was sent. */
};

struct learner {
    zab_link link;
    zk_sid sid;
    enum learner_stage stage;
    bool is_observer, is_zabd;
    bool is_counted;  /* Its ACKEPOCH was a fresh promise. */
    int64_t accepted; /* Epochs of the server. */
    int64_t current;
    zk_zxid last; /* Where its log ends. */
    bool wants_snapshot;
    zk_zxid digest_zxid;
    uint64_t digest;
    int64_t since_ms;        /* Begin of the wait that its stage is; in LEARNER_UP: last heard. */
    zk_zxid acked;           /* Last proposal of this epoch that it logged. */
    uint64_t pings, answers; /* Since UPTODATE, as only those are answered. */
    uint64_t round_ping;     /* The ping whose answer belongs to the round; 0: none. */
    uint64_t rival_ping;     /* Of a rival: the ping that shows that the other link lives. */
    uint64_t last_ping;      /* The one that ends a hand-over. */
    zk_zxid lag_zxid;        /* A proposal to be acknowledged; 0: none. */
    int64_t lag_ms;          /* Since when. */
};

/* While we lead. */
struct leading {
    int64_t epoch;        /* Ours; before it is fixed: the candidate. */
    bool is_epoch_fixed;  /* A quorum was heard. */
    bool is_epoch_ours;   /* A quorum has promised it. */
    bool is_self_synced;  /* We have acknowledged our own NEWLEADER. */
    bool is_ending;       /* Nothing more is submitted. */
    bool is_handing_over; /* For good: ZAB_EV_STEP_DOWN. */
    bool is_last_ping_out;
    bool is_dirty;      /* Something was acknowledged. */
    bool has_lost_link; /* Since it was looked whether a quorum is connected. */
    bool has_rivals;    /* There may be a LEARNER_RIVAL. */
    bool is_muted;      /* Another was designated: nothing is committed any more. */
    int64_t muted_ms;   /* Since when. */
    int64_t current;    /* The currentEpoch we came with, and the end of our log: what */
    zk_zxid history;    /* a learner may not be ahead of. */
    int64_t begin_ms;
    int64_t since_ms;   /* Begin of the wait for a quorum. */
    int64_t half_ms;    /* Next half tick. */
    int64_t short_ms;   /* Since when there is no quorum of links; NEVER. */
    int64_t drained_ms; /* When the hand-over waits no longer. */
    int64_t settled_ms; /* When it ends: all was heard, or waited for; NEVER. */
    zk_zxid lag_zxid;   /* A proposal that our own log is to have; 0: none. */
    int64_t lag_ms;     /* Since when. */
    const char *end_why;
    /* Confirm rounds. Tickets up to `drawn` were given out, those up to `round` are in the one
     * under way, up to `confirmed` are answered. */
    uint64_t round, confirmed;
    zk_zxid drawn_zxid, round_zxid; /* Committed beyond: proposed after the last ticket. */
};

/* While we learn. */
enum follow_stage {
    FOLLOW_PAUSE,   /* Before the next try to connect. */
    FOLLOW_CONNECT, /* The link is being made. */
    FOLLOW_INFO,    /* We said who we are; LEADERINFO is waited for. */
    FOLLOW_DRAIN,   /* Our log is to be durable before ACKEPOCH. */
    FOLLOW_EPOCH,   /* ACKEPOCH was sent; DIFF, TRUNC or SNAP is waited for. */
    FOLLOW_SYNC,    /* Until NEWLEADER. */
    FOLLOW_STORE,   /* NEWLEADER came; what it stands for is not durable yet. */
    FOLLOW_ACKED,   /* Until UPTODATE. */
    FOLLOW_UP,
};
struct run {
    zk_zxid first, last;
};
struct following {
    enum follow_stage stage;
    zk_sid master; /* Whom we connect to: the leader, or who serves observers in its place. */
    zab_link link; /* 0: none. */
    int tries;
    int64_t retry_ms, connect_end_ms, heard_ms;
    int64_t epoch;
    bool is_leader_zabd, is_fresh;      /* is_fresh: E was above what we had promised. */
    bool asked_snapshot;                /* And nothing else will do. */
    bool is_snap, is_loaded, is_saving; /* SNAP; its stream is in; it is being stored. */
    bool is_appended;                   /* What NEWLEADER stands for is on its way to the log. */
    zk_zxid base;                       /* Where DIFF, TRUNC or SNAP put us. */
    zk_zxid proposed;                   /* Last one proposed on this link; 0: none. */
    zk_zxid held;                       /* Last one that is held. */
    zk_zxid told;                       /* Last COMMIT. */
    zk_zxid promise;                    /* Last one that NEWLEADER stands for. */
    zk_zxid acked;
    struct run pending[PENDING_MAX]; /* Proposed, not committed. */
    size_t pending_count;
    struct zab_config *config; /* Of NEWLEADER, to be activated at UPTODATE; or NULL. */
};

/* While we follow and serve observers. */
struct mastering {
    struct learner *at; /* In the order in which they came. */
    size_t count, cap;
    int64_t ping_ms; /* When they were pinged last. */
};

struct zab {
    struct zab_conf conf;
    int64_t now_ms;
    enum zab_role role;
    enum zab_phase phase;
    zk_sid leader;
    bool has_begun, is_retired; /* Retired: handed over for good. */
    bool is_observer;
    int64_t accepted, current;
    /* The latest epoch for which a voter refused to follow us. */
    int64_t promised_to_another;
    zk_zxid proposed;  /* Leader: last one submitted, or begin of the epoch. */
    zk_zxid appended;  /* In our log or on its way there. */
    zk_zxid logged;    /* Durable. */
    zk_zxid committed; /* What we were told to be decided, and applied. */
    bool is_void;      /* See zab_state_is_void(). */
    bool is_diverged;
    bool is_mended; /* It was read from disk anew, and has not served since. */
    bool is_lost;   /* What was read so was wrong, too: others should lead. */
    bool is_far;    /* Too far behind for all that is missing to be held. State and log are good. */
    bool is_disk_slow; /* So slow that another should lead, until it has caught up. */
    bool is_saving;    /* The snapshot of a sync that broke off is still being stored; */
    zk_zxid saving;    /* that is where our log will end. */
    unsigned failures;
    int64_t look_ms; /* The election begins then; NEVER: nothing is waited for. */
    struct zab_config *cur, *seen;
    /* Of both; and what they were before, for actions that still point there. */
    struct bytes cur_text, seen_text, old_cur_text, old_seen_text;
    struct election *election;
    struct zab_vote vote; /* Of the last election. */
    struct rand_state rand;
    struct learner *learners; /* In the order in which they came. */
    size_t learner_count, learner_cap;
    struct leading lead;
    zk_sid lookers[ZAB_MEMBERS_MAX]; /* Voters that look elsewhere, until they come to us. */
    size_t looker_count;
    struct following follow;
    struct mastering master;
    uint64_t master_turn;    /* Observer: whose turn it is among those that may serve us... */
    unsigned masters_failed; /* ...and how many of them did not, in a row. */
    zab_link next_link;
    uint64_t drawn; /* Tickets given out, ever. */
    uint8_t info[INFO_LEN + HINT_LEN], ackepoch[ACKEPOCH_MORE_LEN];
    struct zab_action *actions;
    size_t action_count, action_cap;
};

/* ---- zab.c */
struct zab_action *core_act(struct zab *z, int kind);
void core_send(struct zab *z, zab_link link, int32_t type, zk_zxid zxid, struct jute_bytes data);
void core_close(struct zab *z, zab_link link, const char *why);
void core_commit(struct zab *z, zk_zxid zxid); /* Nothing if it is not beyond. */
void core_save_current(struct zab *z, int64_t epoch);
void core_become(struct zab *z, const char *why);
/* Leaves whatever role we have and looks for a leader. */
void core_look(struct zab *z, const char *why);
/* Takes over references. Tells election and driver. */
void core_set_config(struct zab *z, struct zab_config *cur, struct zab_config *seen);
void core_call_members(struct zab *z, const struct zab_config *c);
void core_set_observer(struct zab *z, bool is_observer);
/* Without an election: the leader was designated with a configuration. */
void core_follow_designated(struct zab *z, zk_sid leader);
/* What others are told of us from now on. */
void core_settle(struct zab *z);
int64_t core_init_ms(const struct zab *z);
int64_t core_sync_ms(const struct zab *z);
static inline struct jute_bytes core_no_data(void)
{
    return (struct jute_bytes){ .len = -1 };
}
static inline bool core_seen_is_newer(const struct zab *z)
{
    return z->seen->version > z->cur->version;
}
extern const uint8_t core_hint[HINT_LEN];

/* ---- mend.c: when the state in memory is not that of the log. */
/* It is read from disk anew, if so. */
void core_mend_state(struct zab *z);
void core_state_is_good(struct zab *z); /* A SNAP is stored, or it serves. */
void core_diverged(struct zab *z);      /* It has not the digest it should have. */

/* ---- leader.c: links of learners, discovery, synchronisation. */
void lead_begin(struct zab *z, const char *why);
void lead_leave(struct zab *z, const char *why);
void lead_advance(struct zab *z);
/* First packets come to whoever looks or leads. */
void lead_packet(struct zab *z, const struct zab_event *ev);
void lead_link_down(struct zab *z, zab_link link);
void lead_progress(struct zab *z, zab_link link);
void lead_drop_all(struct zab *z, const char *why);
void lead_expire_held(struct zab *z);
/* Of two links of one server, once it shows which of them lives. */
void lead_settle_rivals(struct zab *z);
struct learner *lead_find(struct zab *z, zab_link link);
void lead_drop(struct zab *z, struct learner *l, const char *why);
void lead_uptodate(struct zab *z, struct learner *l);
/* Whether ourselves and the learners that pass are a quorum of c, or of all in force. */
typedef bool learner_test(const struct zab *z, const struct learner *l, zk_zxid zxid);
bool lead_has_quorum(const struct zab *z, const struct zab_config *c, bool with_self,
                     learner_test *passes, zk_zxid zxid);
bool lead_has_quorums(const struct zab *z, bool with_self, learner_test *passes, zk_zxid zxid);

/* NULL, or why the packet of a learner cannot be. */
const char *lead_read_info(const struct zab *z, const struct zab_packet *p, struct learner *ret);
const char *lead_read_ackepoch(const struct zab_packet *p, struct learner *l);

/* ---- lookers.c */
/* A voter looks for a leader while nobody has established us. */
void lead_looker(struct zab *z, zk_sid sid);
void lead_forget_looker(struct zab *z, zk_sid sid); /* It has come to us. */
bool lead_is_given_up(const struct zab *z);

/* ---- broadcast.c: the leader once it is established. */
void broadcast_begin(struct zab *z);
void broadcast_packet(struct zab *z, struct learner *l, const struct zab_event *ev);
void broadcast_ping(struct zab *z, struct learner *l);
void broadcast_submit(struct zab *z, zk_zxid zxid);
void broadcast_end_epoch(struct zab *z, const char *why, bool for_good);
void broadcast_timer(struct zab *z);
/* At the end of each step while we lead: commits, rounds, the end of the epoch. */
void broadcast_settle(struct zab *z);
void broadcast_refuse_rounds(struct zab *z);
/* It is up: if a round is under way, it may answer, too. */
void broadcast_ask_too(struct zab *z, struct learner *l);
int64_t broadcast_deadline(const struct zab *z);

/* ---- reconfig.c */
void reconfig_propose(struct zab *z, struct zab_config *config);
/* Leader: the last seen configuration is decided, with its txn. */
void reconfig_decide(struct zab *z);
void reconfig_establish(struct zab *z);
/* Learner: a proposal with a configuration; may be NULL. */
void reconfig_see(struct zab *z, struct zab_config *config);
/* Learner: the one of NEWLEADER is in force. False: we can't go on with this leader, or in this
 * role. */
bool reconfig_uptodate(struct zab *z, struct zab_config *config, zk_zxid committed);
/* Learner: COMMITANDACTIVATE or INFORMANDACTIVATE. Returns whom we are to follow, or be, from here
 * on; NOBODY: nothing changes. */
zk_sid reconfig_activate(struct zab *z, const struct zab_event *ev);

/* ---- discovery.c: a learner until its ACKEPOCH. */
void follow_connect(struct zab *z);
void follow_notified(struct zab *z, zk_sid from, const struct zab_notification *n);
void follow_link_up(struct zab *z);
void follow_link_down(struct zab *z, const struct zab_event *ev);
void follow_leaderinfo(struct zab *z, const struct zab_event *ev);
void follow_send_ackepoch(struct zab *z);
void follow_fail(struct zab *z, const char *why); /* Looks for a leader. */
int64_t follow_election_pause(struct zab *z);     /* Of an observer that lost its leader, ms. */

/* ---- master.c: a follower that serves observers. */
/* What comes of a link of theirs. */
void master_link(struct zab *z, const struct zab_event *ev);
void master_ping(struct zab *z); /* The leader has. */
void master_expire(struct zab *z);
void master_settle(struct zab *z); /* At the end of each step. */
void master_drop_all(struct zab *z, const char *why);
int64_t master_deadline(const struct zab *z);

/* ---- learner.c */
void follow_begin(struct zab *z, zk_sid leader, const char *why);
void follow_leave(struct zab *z, const char *why);
void follow_event(struct zab *z, const struct zab_event *ev);
int64_t follow_deadline(const struct zab *z);
bool follow_is_link(const struct zab *z, zab_link link);

#endif
