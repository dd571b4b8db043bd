/* What the files of this floor share.
 *
 *   ensemble.c   its life, turns, the words of the request floor
 *   actions.c    carries out what the core asks for
 *   roles.c      what comes and goes with a role; sessions
 *   links.c      bytes of links into packets
 *   history.c    the end of our log in memory
 *   feed.c       what a learner is sent; feed_begin.c: before it is up to date
 *   requests.c   the leader's side of what learners ask for
 *   learner.c    a learner's side of the same
 *   master.c     a follower's side of it, for the observers that it serves
 *   barrier.c    who waits for a quorum's word and a zxid: sync, linearizable reads
 *   reconfig.c   a change of the membership
 *   figures.c    what mntr tells of all that */
#ifndef SERVER_ENSEMBLE_ENSEMBLE_IMPL_H
#define SERVER_ENSEMBLE_ENSEMBLE_IMPL_H

#include "jute/records.h"
#include "server/ensemble/ensemble.h"
#include "server/ensemble/feed.h"
#include "server/ensemble/history.h"
#include "server/ensemble/limits.h"
#include "server/state/load_stream.h"
#include "util/bytes.h"
#include "util/list.h"

/* Of struct session: it is one of our own clients that writes. */
#define SESSION_OWNER_HERE UINT64_MAX

/* Who waits until a quorum has said that we lead and a txn is applied. */
struct barrier {
    uint64_t confirm; /* zab_confirm()'s ticket; 0: none is needed. */
    uint64_t ticket;  /* Of our own request floor; 0: a learner's, who gets SYNC. */
    zab_link link;
    zk_zxid zxid;
    bool has_sync; /* On a learner: the leader's SYNC for it came. */
    /* Who asks whether this session lives, with link 0 ourselves; 0: it is something else. */
    zk_session_id session;
    int32_t timeout_ms;
};

/* A write on its way to the leader and back. */
struct forwarded {
    zk_session_id session;
    int32_t xid;
    uint32_t len;
};

/* A session that the leader was asked about: for an observer of ours, or (0) for a client. */
struct asked {
    zk_session_id session;
    zab_link link;
};

struct asked_line {
    struct asked *at;
    size_t first, count, cap;
};

/* A request of a learner that there is no room for yet. */
struct parked {
    struct list in_all;
    zab_link link;
    zk_session_id session;
    int32_t xid, op;
    struct idset *ids; /* NULL: too many. */
    size_t len;
    uint8_t body[];
};

/* A reconfiguration that was decided under us: who leads from then on. */
struct activation {
    zk_zxid zxid;
    zk_sid designated;
};

struct ensemble {
    struct ensemble_conf conf;
    struct ensemble_io io;
    struct ensemble_host host;
    struct order_sink sink; /* Between order and the host's. */
    struct state *state;
    struct session_table *sessions;
    struct watch_table *watches;
    struct zab *zab;
    struct order *order;
    int64_t now_ms, wall_ms;

    enum zab_role role;
    enum zab_phase phase;
    bool serves, could_submit;
    bool is_stepping_down, has_stepped_down;
    zk_zxid append_to;            /* What may go to the log: up to here. */
    zk_zxid appended;             /* What the log has. */
    struct wal_batch *last_batch; /* Of this turn; not a reference. */
    struct bytes scratch;

    /* A step is being carried out: what it leads to comes after it. */
    bool is_stepping;
    zab_link *downs; /* Links that we closed meanwhile. */
    size_t down_count, down_cap;

    /* State that is not our log's: from the begin of a SNAP to its snapshot, or a wrong digest. */
    bool state_is_void, state_is_new;
    bool is_diverged; /* To be told to the core. */
    uint64_t mismatches;
    zk_zxid fuzzy_until; /* If the state is fuzzy: up to where at most; -1: not known yet. */

    /* As leader. */
    struct history history;
    struct list feeds;
    struct encoded proposals, commits;
    struct list parked; /* In order of arrival. */
    struct idset *ids;  /* Of the last request of a learner, whose bytes are: */
    struct bytes ids_bytes;
    int32_t ids_count;
    struct activation activations[ACTIVATIONS_MAX];
    size_t activation_count;
    struct zab_config *proposed_config; /* Prepared in this turn; a reference. */
    zk_zxid proposed_zxid;
    bool has_work;
    zk_zxid logged; /* Durable. */

    /* As learner. */
    zab_link leader_link; /* 0: none. */
    bool leader_is_up;
    zab_link overrun;         /* It brought more than we hold; 0: none. */
    struct load_stream *load; /* NULL: packets. */
    zk_zxid load_zxid;
    bool load_is_exact; /* By the time of NEWLEADER. */
    int64_t progress_ms;
    struct forwarded *forwarded; /* A ring. */
    uint32_t forwarded_first, forwarded_count;
    size_t forwarded_bytes;
    struct session_touch *touches; /* To be told with PINGs, oldest first; numbered from 1. */
    size_t touch_count, touch_cap;
    uint64_t touches_gone; /* The number of the last one that is not there any more. */
    struct asked_line asked;
    zab_link receiving;   /* Whose bytes are being looked at... */
    bool receiving_ended; /* ...and that it was closed meanwhile. */

    /* Barriers, in order; a ring. On a learner those that SYNC answers. */
    struct barrier *barriers;
    size_t barrier_first, barrier_count, barrier_cap;
    uint64_t last_ticket; /* Handed out. */
    uint64_t read_ticket; /* Shared by the linearizable reads of this turn; 0: none yet. */
    uint64_t confirmed;   /* By a quorum. */
    bool wants_pings;     /* zab_confirm() was called in this turn. */

    int64_t looking_since_ms, election_ms_last;
    uint64_t elections, proposals_sent;
    struct ensemble_figures figures;
    int64_t sync_since_ms, absent_since_ms; /* Since when we are brought level; serve nobody. */
    zk_sid leader_said;                     /* In the last line about our role. */
};

/* ---- figures.c */
void figures_forget(struct ensemble *e);
/* The role or the phase has changed from these; and: it serves from now on. */
void figures_role(struct ensemble *e, enum zab_role was, enum zab_phase phase_was);
void figures_serves(struct ensemble *e);
void figures_feed(struct ensemble *e, const struct feed *begun);
void figures_proposed(struct ensemble *e, const struct wal_batch *b);
void figures_applied(struct ensemble *e, const struct applied *a);
/* From our leader, while we serve. txn: of a proposal. */
void figures_received(struct ensemble *e, const struct zab_packet *p, struct jute_bytes txn);

/* ---- actions.c */
void ensemble_step(struct ensemble *e, const struct zab_event *ev);
struct zab_event ensemble_event(const struct ensemble *e, unsigned kind);
/* Hands to the log what may go there. */
void append_now(struct ensemble *e);
/* The state is replaced by *from, which is taken over. */
void take_state(struct ensemble *e, struct state *from);
/* Where the txns end that we have, in flight or applied. */
static inline zk_zxid order_end(const struct ensemble *e)
{
    return order_outstanding(e->order) > 0 ? order_last_prepared(e->order)
                                           : order_last_applied(e->order);
}

/* ---- roles.c */
void become(struct ensemble *e, const struct zab_action *a);
/* The config node says c. */
void set_config_node(struct ensemble *e, const struct zab_config *c);
__attribute__((format(printf, 3, 4))) void say(struct ensemble *e, int level, const char *format,
                                               ...);

/* ---- links.c */
void close_link(struct ensemble *e, zab_link link, const char *why);
void link_closed(struct ensemble *e, const struct zab_action *a); /* ZAB_DO_CLOSE. */
void forget_link(struct ensemble *e, zab_link link);
void send_packet(struct ensemble *e, zab_link link, const struct zab_packet *p);
/* The txn in a packet; len -1: none. */
struct jute_bytes packet_txn(const struct zab_packet *p);

/* ---- requests.c */
/* ZAB_DO_SERVE as leader. */
void serve_learner(struct ensemble *e, zab_link link, const struct zab_packet *p);
void parked_run(struct ensemble *e);
void parked_forget(struct ensemble *e, zab_link link);
void parked_forget_all(struct ensemble *e);
void requests_done(struct ensemble *e);
/* Whether the session may write from there: ZK_OK, or what its txn says instead. */
enum zk_err session_may_write(struct ensemble *e, zk_session_id id, uint64_t from);
/* Whether ephemerals may be its own: ZK_OK, or what making one comes to. Nobody would ever delete
 * those of a session that only a learner knows. */
enum zk_err session_may_own(const struct ensemble *e, zk_session_id id);
/* We lead: whether the session of b lives, to who has asked. */
void session_answer(struct ensemble *e, const struct barrier *b);
void note_session(struct ensemble *e, const struct write_request *req, uint64_t from,
                  enum zk_err err);

/* ---- learner.c */
void serve_from_leader(struct ensemble *e, const struct zab_packet *p);
void forward_write(struct ensemble *e, const struct write_request *req);
bool forward_has_room(const struct ensemble *e);
void forwarded_applied(struct ensemble *e, const struct applied *a);
void queue_touch(struct ensemble *e, zk_session_id id, int32_t timeout_ms);
void answer_ping(struct ensemble *e, zab_link link, zk_zxid zxid);
void learner_reset(struct ensemble *e);
void load_begin(struct ensemble *e, zab_link link, const struct zab_packet *snap);
/* Bytes taken, or -EBADMSG. */
int64_t load_feed(struct ensemble *e, const uint8_t *at, size_t len);
void load_abort(struct ensemble *e);

/* ---- barrier.c */
void barrier_add(struct ensemble *e, const struct barrier *b);
void barriers_look(struct ensemble *e); /* Something was confirmed or applied. */
void barriers_forget(struct ensemble *e, zab_link link);
/* Where the oldest sync of this learner stands that is not answered; INT64_MAX: there is none. */
zk_zxid barrier_owed(const struct ensemble *e, zab_link link);
void barriers_refuse(struct ensemble *e);
/* A SYNC came: for the oldest. zxid: what there was when the leader was asked; 0: it didn't say. */
void barrier_answered(struct ensemble *e, zk_zxid zxid);

/* ---- master.c */
/* ZAB_DO_SERVE as follower, of an observer. */
void serve_observer(struct ensemble *e, zab_link link, const struct zab_packet *p);
/* The leader's answer is an observer's. */
bool relay_validity(struct ensemble *e, zk_session_id session, const struct zab_packet *p);
/* False: there are too many. */
bool asked_add(struct ensemble *e, zk_session_id session, zab_link link);
/* Who asked first; 0: a client of ours. */
zab_link asked_take(struct ensemble *e, zk_session_id session);
void asked_forget(struct ensemble *e);

/* ---- reconfig.c */
enum { TXN_HEAD_BYTES = 32, TXN_TYPE_AT = 28 }; /* Of a txn entry. */
/* The configuration in a txn that reconfigures, a reference; NULL: it does not, or no good one. */
struct zab_config *config_of_txn(struct ensemble *e, const uint8_t *payload, size_t len,
                                 bool *ret_is_unreadable);
/* Of struct order_conf. The configuration is proposed with the batch of its txn. */
enum zk_err prepare_config(void *ctx, const struct reconfig_request *r, zk_zxid zxid,
                           bool may_write, struct bytes *ret_text);

#endif
