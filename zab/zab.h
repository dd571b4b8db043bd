/* The ZAB core: election, discovery, synchronisation, broadcast.
 *
 * A pure state machine: no socket, file, thread, clock or log line of its own. The
 * driver turns the outside world into events and carries out, in order, the actions
 * that zab_step() hands back. Equal events give equal actions.
 *
 * It knows txns by their zxids only; their bytes are the driver's (server/ensemble).
 *
 * Durability: ZAB_DO_SAVE_… are done when they return, before the action behind them; a log write
 * is asked for with one action and has happened when the event says so, and only then
 * comes what depends on it. A driver that only obeys can therefore not acknowledge too
 * early.
 *
 * A server of one is an ensemble of one: its quorum is itself. It takes the same road,
 * and in accordance with ZK it keeps the epoch that it finds on disk. */
#ifndef ZAB_ZAB_H
#define ZAB_ZAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/ids.h"
#include "zab/config.h"
#include "zab/packet.h"

struct zab; /* Opaque. */

enum zab_role { ZAB_LOOKING, ZAB_FOLLOWING, ZAB_LEADING, ZAB_OBSERVING };
/* Only in ZAB_BROADCAST are clients served. */
enum zab_phase { ZAB_ELECTION, ZAB_DISCOVERY, ZAB_SYNCHRONIZATION, ZAB_BROADCAST };

/* A connection to or from a quorum port. Each has a name that is used once in the life of the
 * process: of those that come in the driver gives it, of those that ZAB_DO_CONNECT asks for the
 * core does, with ZAB_LINK_OURS set. 0 is none. */
typedef uint64_t zab_link;
#define ZAB_LINK_OURS ((zab_link)1 << 63)
/* Set in the names of links, of both kinds, to an observerMasterPort instead of a quorum port. */
#define ZAB_LINK_MASTER ((zab_link)1 << 62)

struct zab_conf {
    zk_sid self;
    bool is_observer; /* Our role in the configuration we start with, or peerType. */
    bool is_alone;    /* A server of one without an ensemble: leads at once, in the epoch it has. */
    int64_t tick_ms;
    int32_t init_limit, sync_limit, connect_limit; /* Ticks; connect 0: init_limit. */
    uint32_t proposals_max;    /* Open proposals; beyond it zab_can_submit() is false. */
    uint32_t zxid_counter_max; /* Beyond it an epoch ends in good time; 0: the default. */
    int64_t resend_min_ms, resend_max_ms, finalize_ms; /* See zab/election.h. */
    int64_t max_wait_for_epoch_ms;                     /* leader.maxTimeToWaitForEpoch; -1: off. */
    /* Members may be changed here. What a leader that may has changed counts in any case: two
     * quorums that don't meet would be the end of all promises. */
    bool reconfig_enabled;
    bool zabd_hints; /* Say to peers, where Java ignores it, that we are zabd. */
    /* observerMasterPort: a follower serves observers, and an observer asks followers first. */
    bool observer_masters;
    /* An observer waits up to so long before it asks the leader, and before it looks for one (0:
     * the default; negative: not at all). */
    int64_t observer_reconnect_ms, observer_election_ms;
    struct zab_config_rules rules;
    uint64_t seed; /* Jitter of observers. */
};

/* What the disk says at start. */
struct zab_saved {
    zk_zxid logged;   /* Last txn in the log, all durable; 0 for none; -1: empty and not to vote. */
    int64_t accepted; /* acceptedEpoch. */
    int64_t current;  /* currentEpoch. */
    struct zab_config *config;    /* In force (curQV); NULL when is_alone. References are taken. */
    struct zab_config *last_seen; /* Proposed last; may be NULL: the same. */
};

struct zab_event {
    enum {
        ZAB_EV_START,          /* The driver is ready to carry out actions. */
        ZAB_EV_TIME,           /* zab_deadline() has come. */
        ZAB_EV_NOTIFIED,       /* .notification came in from .peer. */
        ZAB_EV_PEER_REACHABLE, /* Election port: a connection with .peer is up. */
        ZAB_EV_PEER_GONE, /* The connection ended and .peer refuses another: its process is gone. */
        ZAB_EV_LINK_UP,   /* The link that ZAB_DO_CONNECT asked for is up: .link. */
        ZAB_EV_LINK_DOWN, /* .link is gone, or could not be made. Not after ZAB_DO_CLOSE.
                             .is_too_much: as a leader's txns were more than can be held, which
                             would be so again; a SNAP is asked for from now on. */
        ZAB_EV_PACKET,    /* .packet came in on .link. With a txn that reconfigures (PROPOSAL,
                             INFORM, INFORMANDACTIVATE) comes its .config. A LEADERINFO's event may
                             say .digest of our state at .digest_zxid, for the leader to compare. */
        ZAB_EV_PROGRESS,  /* Bytes of a snapshot stream, or of a feed that NEWLEADER waits behind,
                             moved on .link: its time limit begins anew. Once a second is enough.
                             While a SNAP is on its way the limit is initLimit since the last of
                             these. */
        ZAB_EV_SUBMIT,    /* Leader only: txns from zab_next_zxid() to .zxid are prepared. */
        ZAB_EV_LOGGED,    /* Every txn up to .zxid is on stable storage. */
        ZAB_EV_LOADED,    /* The stream behind SNAP was taken in whole; state is at .zxid. */
        ZAB_EV_SNAPSHOT_SAVED, /* ZAB_DO_SAVE_SNAPSHOT is done, durably. */
        ZAB_EV_DIVERGED, /* A digest was not the promised one after a txn: our state is wrong. */
        ZAB_EV_PROPOSED_CONFIG, /* Leader only, before the SUBMIT of its txn .zxid: .config was
                                   prepared. */
        ZAB_EV_STEP_DOWN,       /* Hand over: .why says why. Leads no more once all that is open is
                                   committed. */
    } kind;
    int64_t now_ms; /* Monotonic; in every event. */
    zk_sid peer;
    zab_link link;
    zk_zxid zxid;
    const struct zab_packet *packet;             /* Borrowed for the call, with all it points at. */
    const struct zab_notification *notification; /* The same. */
    struct zab_config *config;                   /* The core takes its own reference. */
    const char *why;                             /* Static text. */
    zk_zxid digest_zxid;                         /* 0: not known. */
    uint64_t digest;
    bool is_too_much;
};

struct zab_action {
    enum {
        /* Peers. */
        ZAB_DO_NOTIFY,  /* Election port: .notification to .peer; an older one that has not left is
                           replaced. */
        ZAB_DO_CONNECT, /* A link to the quorum port of .peer, under the name .link. */
        ZAB_DO_SEND,    /* .packet on .link, behind all that went there or was fed before. */
        ZAB_DO_CLOSE,   /* Close .link; .why. */
        ZAB_DO_CALL,    /* Open a connection to .peer's election port if there is none. */
        /* Disk. A failure of any of them ends the process. */
        ZAB_DO_SAVE_ACCEPTED, /* .epoch to acceptedEpoch, durably, before going on. */
        ZAB_DO_SAVE_CURRENT,  /* .epoch to currentEpoch, the same. */
        ZAB_DO_APPEND,   /* Log the txns up to .zxid that are held or submitted; then ZAB_EV_LOGGED.
                          */
        ZAB_DO_TRUNCATE, /* Forget every logged or held txn after .zxid, durably, before going on;
                            what of them is applied goes too: state is then at .zxid, or before it
                            if not all up to there is decided. .is_reload: state is not to be
                            trusted (a ZAB_DO_LOAD did not come to its ZAB_EV_SNAPSHOT_SAVED, or
                            ZAB_EV_DIVERGED) and is read from disk anew, with the whole log; empty
                            when .zxid is 0. */
        ZAB_DO_LOAD, /* A snapshot stream follows on .link: forget state and held txns, take it in;
                        .zxid is its place. Then ZAB_EV_LOADED. Packets go on behind it. */
        ZAB_DO_SAVE_SNAPSHOT, /* A durable snapshot of the state, logs beyond it gone; then
                                 ZAB_EV_SNAPSHOT_SAVED. */
        /* Order. */
        ZAB_DO_HOLD,   /* Learner: keep the txn of this event's packet, .zxid, to be appended or
                          forgotten. What is held and not appended is forgotten when we become
                          ZAB_LOOKING; what is appended and not committed stays. */
        ZAB_DO_COMMIT, /* Apply every txn up to and including .zxid that is not applied yet. */
        ZAB_DO_FEED,  /* Leader: begin with .link, a learner whose log ends at .zxid: DIFF, TRUNC or
                         SNAP, the history behind it, then all that is proposed and committed (an
                         .is_observer: INFORM instead, from where NEWLEADER stands in its queue),
                         until it closes. Up to .history, the end of the log that our epoch began
                         with, txns are sent as PROPOSAL and COMMIT, whether they are committed here
                         already or not. .wants_snapshot: SNAP whatever the history has.
                         .digest_zxid, .digest: of its state, when not 0: a zabd server says so. */
        ZAB_DO_SERVE, /* This event's packet is for the server behind: REQUEST, REVALIDATE, SYNC,
                         and the touched sessions in a PING's answer. */
        ZAB_DO_ANSWER_PING, /* Learner: PING with .zxid back on .link, with the sessions touched
                               since the last. */
        ZAB_DO_BECOME,      /* Role .role, phase .phase, leader .peer, epoch .epoch; .why. */
        /* .config is in force (activated), or .is_proposed: only seen. Both to be stored before
         * going on. The core's reference. In force with a .zxid: the txn that carries it; on a
         * leader its ZAB_DO_COMMIT comes next, and its feeds say COMMITANDACTIVATE or
         * INFORMANDACTIVATE for it, with .peer as the designated leader. Without a .zxid: the
         * config node is to be set to it. */
        ZAB_DO_CONFIG,
        ZAB_DO_CONFIRMED,    /* Every zab_confirm() up to .ticket: we lead still (or .is_refused: we
                                don't). */
        ZAB_DO_STOP,         /* What can't be gone on with; .why. The process ends. */
        ZAB_DO_STEPPED_DOWN, /* After ZAB_EV_STEP_DOWN: nothing is open any more, others may lead.
                              */
    } kind;
    enum zab_role role;
    enum zab_phase phase;
    zk_sid peer;
    zab_link link;
    zk_zxid zxid;
    int64_t epoch;
    bool is_observer, wants_snapshot, is_proposed, is_refused, is_reload;
    zk_zxid history;
    zk_zxid digest_zxid;
    uint64_t digest;
    uint64_t ticket;
    struct zab_packet packet;             /* Its data belongs to the core, until the next step. */
    struct zab_notification notification; /* The same. */
    struct zab_config *config;
    const char *why; /* Static text. */
};

struct zab_actions {
    const struct zab_action *at; /* The core's own, good until the next step. */
    size_t count;
};

/* 0, or -EINVAL on a configuration that cannot be. */
int zab_new(struct zab **ret, const struct zab_conf *conf, const struct zab_saved *saved);
struct zab *zab_free(struct zab *z); /* NULL is fine; returns NULL. */

struct zab_actions zab_step(struct zab *z, const struct zab_event *ev);
/* When ZAB_EV_TIME is due, ms; INT64_MAX: never. Ask after each step. */
int64_t zab_deadline(const struct zab *z);

/* .why of the ZAB_DO_BECOME with which leader.maxTimeToWaitForEpoch ends a leader. */
extern const char zab_why_disloyal[];

/* Whether ZAB_EV_SUBMIT is allowed now: we lead, are established, and there is room. When it is
 * false the server does not queue more, it stops reading from clients. */
bool zab_can_submit(const struct zab *z);
/* The id that the next submitted txn gets. Those of one batch count up from it. */
zk_zxid zab_next_zxid(const struct zab *z);
/* Asks a quorum whether we lead still (a ReadIndex round; ZOOKEEPER-1675). Rounds are shared.
 * Returns its ticket; ZAB_DO_CONFIRMED comes out of a later step, or 0 when a quorum of one needs
 * no round. Leader only. The PINGs of the round are actions of the next step (or of ZAB_EV_TIME,
 * which is due at once). */
uint64_t zab_confirm(struct zab *z);

zk_zxid zab_committed(const struct zab *z); /* Last one that is decided, as far as we know. */
/* Learner: the last one that its leader says is decided; it is applied when our own log has it. */
zk_zxid zab_told(const struct zab *z);
zk_zxid zab_logged(const struct zab *z); /* Last one in our log, or on its way there. */
enum zab_role zab_role(const struct zab *z);
enum zab_phase zab_phase(const struct zab *z);
zk_sid zab_leader(const struct zab *z); /* INT64_MIN: nobody. */
/* Observer: who serves us, its leader or a follower; INT64_MIN: nobody yet. */
zk_sid zab_master(const struct zab *z);
int64_t zab_epoch(const struct zab *z); /* Established: currentEpoch. */
int64_t zab_accepted(const struct zab *z);
const struct zab_config *zab_config_in_force(const struct zab *z);
const struct zab_config *zab_config_last_seen(const struct zab *z);
/* Leader: whose acknowledgements of what is proposed now can be hoped for, itself among them. At
 * most cap; returns how many. */
size_t zab_voices(const struct zab *z, zk_sid *ret, size_t cap);
/* What mntr and stat tell of learners; sid of a link (INT64_MIN: unknown). */
struct zab_learner_view {
    zab_link link;
    zk_sid sid;
    bool is_observer, is_synced; /* Past its ACK of NEWLEADER. */
    bool is_zabd;
    zk_zxid acked;
};
size_t zab_learners(const struct zab *z, struct zab_learner_view *ret, size_t cap);
/* The state in memory is not that of our log: a SNAP broke off, or a digest was wrong. It is mended
 * by the next SNAP, or by ZAB_DO_TRUNCATE before we lead; nobody should read it. */
bool zab_state_is_void(const struct zab *z);

/* ---- sync.c: what a learner needs (quorum-protocol 3.5). Pure, for the driver that feeds it. */
struct zab_history {
    /* First and last txn that is kept in memory and is committed, or belongs to .history of
     * ZAB_DO_FEED; both `last` when none is. */
    zk_zxid min, max;
    zk_zxid last; /* Last txn that is applied: where a snapshot stands. */
    /* The last of them below `zxid`, or 0; and the first one that is not below, or 0. */
    zk_zxid (*before)(void *ctx, zk_zxid zxid);
    zk_zxid (*from)(void *ctx, zk_zxid zxid);
    void *ctx;
    bool has_log; /* The log on disk may be used for what is below min. */
};
struct zab_plan {
    enum { ZAB_PLAN_DIFF, ZAB_PLAN_TRUNC, ZAB_PLAN_SNAP, ZAB_PLAN_LOG } how;
    zk_zxid zxid;  /* Of the packet. */
    zk_zxid after; /* History goes on behind this txn. ZAB_PLAN_LOG: DIFF, and the log on disk up to
                      min first. It must hold the txn `after` itself (unless the counter of that is
                      0), and go on without a gap to min; else SNAP. */
};
struct zab_plan zab_plan(const struct zab_history *h, zk_zxid learner, bool wants_snapshot);

#endif
