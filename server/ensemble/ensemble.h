/* Our place in the ensemble: carries out what the ZAB core asks for, and does what the core
 * does not know of: the bytes of txns, what each learner is sent, requests and sessions of
 * learners.
 *
 * Deterministic, without sockets, files, threads or clock of its own: the outside is struct
 * ensemble_io, which the server's driver and the simulator each have their own of. A server of one
 * has one too; it merely has no peers.
 *
 *   request floor ─ ensemble_submit ─┬─ we lead:  order_submit ─ zab ─ log, feeds ─ zab ─┐
 *                                    └─ we learn: REQUEST ... PROPOSAL, COMMIT ──────────┴─ host */
#ifndef SERVER_ENSEMBLE_ENSEMBLE_H
#define SERVER_ENSEMBLE_ENSEMBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/ensemble/figures.h"
#include "server/order/order.h"
#include "server/session/session.h"
#include "server/state/recover.h"
#include "zab/zab.h"

struct ensemble;

/* Called only from inside ensemble_… calls. A function may not call back into the ensemble, but
 * where it says so. */
struct ensemble_io {
    void *ctx;
    /* ---- Peers. Nothing here blocks or fails: what goes wrong comes as an event, later. */
    void (*notify)(void *ctx, zk_sid to, const uint8_t *frame, size_t len);
    void (*call)(void *ctx, zk_sid to); /* Election port: connect unless connected. */
    /* Quorum port: under the name that the core gives (ZAB_LINK_OURS is set). */
    void (*connect)(void *ctx, zab_link link, zk_sid leader);
    /* Queues bytes on a link, to leave at the end of the turn. */
    void (*send)(void *ctx, zab_link link, const uint8_t *at, size_t len);
    size_t (*unsent)(
        void *ctx,
        zab_link link); /* Bytes queued there. Below LINK_LOW_BYTES again: ensemble_room(). */
    void (*close)(void *ctx, zab_link link, const char *why);
    /* Members' addresses: who may be called, and where; the union of both. */
    void (*members)(void *ctx, const struct zab_config *cur, const struct zab_config *last_seen);
    /* ---- Disk. Takes over a reference of the batch; ensemble_logged() tells when it is durable.
     */
    void (*append)(void *ctx, struct wal_batch *b);
    /* These are durable when they return, and don't return when they fail: the process ends. */
    void (*save_accepted)(void *ctx, int64_t epoch);
    void (*save_current)(void *ctx, int64_t epoch);
    void (*save_config)(void *ctx, const struct zab_config *cur,
                        const struct zab_config *last_seen);
    /* Log and snapshots forget all after zxid. reload NULL: memory has nothing of it; else *reload
     * becomes the state at zxid, read from disk, or -ENOENT when no snapshot reaches so far back.
     */
    int (*truncate)(void *ctx, zk_zxid zxid, struct state *reload);
    /* An empty state, to be filled by a snapshot stream. */
    void (*empty_state)(void *ctx, struct state *ret);
    /* Begins a snapshot of the state as it is, with everything in the log behind it dropped when it
     * is durable; then ensemble_snapshot_saved(). */
    void (*save_snapshot)(void *ctx);
    /* Txns after `after` from the log on disk, for a learner. 0 and *ret, or negative: can't be
     * used (gap, missing, more than `bytes_max` (0: no limit) in the files). next: 1, 0 at the end,
     * negative: failed. */
    int (*log_open)(void *ctx, zk_zxid after, void **ret);
    int (*log_next)(void *ctx, void *log, const uint8_t **ret, size_t *ret_len, zk_zxid *ret_zxid);
    void (*log_close)(void *ctx, void *log);
    /* ---- The rest. */
    void (*stop)(void *ctx,
                 const char *why); /* The process is to end: what can't be gone on with. */
    void (*log)(void *ctx, int level,
                const char *line); /* One event, one line: role changes, learners, refusals. */
};

/* Upwards, to the request floor. */
struct ensemble_host {
    void *ctx;
    struct order_sink sink; /* Events and applied txns. */
    /* We serve no more: role is ZAB_LOOKING or on its way. Writes under way (submitted or forwarded
     * and not yet applied) have an unknown end, unless they are applied later. */
    void (*pause)(void *ctx);
    /* We serve, as .role. state_is_new: the tree was replaced since (SNAP, or a reload after
     * TRUNC): watches and whatever points into it are void. */
    void (*serve)(void *ctx, enum zab_role role, bool state_is_new);
    void (*revalidated)(void *ctx, zk_session_id id, bool valid);
    /* The oldest ensemble_sync() or ensemble_read_index() ticket up to this one may be answered. */
    void (*synced)(void *ctx, uint64_t ticket, bool is_refused);
    /* ensemble_can_submit() may be true again. */
    void (*room)(void *ctx);
};

struct ensemble_conf {
    struct order_conf order;
    struct zab_conf zab;
    bool local_sessions, local_upgrading;
    bool linearizable_reads;
    uint64_t history_bytes;  /* Committed txns kept for learners; 0 on a server of one. */
    uint32_t history_count;  /* At least so many of them: commitLogCount. */
    uint64_t learned_bytes;  /* LEARNED_BYTES_MAX, or fewer; 0: as many. */
    uint64_t feed_bytes_max; /* Unsent to one learner, beyond which its feed waits. */
    uint64_t observer_bytes; /* As a follower: of history_bytes what is kept for slow observers. */
    uint32_t frame_max;      /* jute.maxbuffer + extra: of a packet's data. */
    bool force_snapshot_sync;
    bool log_sync; /* snapshotSizeFactor >= 0. */
};

/* state, sessions, watches stay the caller's; the first is replaced in place by a SNAP. Returns 0
 * or negative errno. */
int ensemble_new(struct ensemble **ret, const struct ensemble_conf *conf,
                 const struct ensemble_io *io, const struct ensemble_host *host,
                 struct state *state, struct session_table *sessions, struct watch_table *watches,
                 const struct zab_saved *saved);
struct ensemble *ensemble_free(struct ensemble *e);
struct order *
ensemble_order(struct ensemble *e); /* For figures: what is prepared, applied, outstanding. */
const struct zab *ensemble_zab(const struct ensemble *e);

/* ---- The outside comes in. now in ms, monotonic; wall since 1970. */
void ensemble_tick(struct ensemble *e, int64_t now_ms,
                   int64_t wall_ms); /* The clocks of this turn; first of all. */
void ensemble_start(struct ensemble *e);
/* Before the start: what recovery made of our files has not the digest that they promise. A
 * leader's snapshot shall replace it; only if we are to lead ourselves it must do. */
void ensemble_suspect(struct ensemble *e);
int64_t ensemble_deadline(const struct ensemble *e);
void ensemble_timer(struct ensemble *e); /* It has come. */
/* Election port: the body of a frame. */
void ensemble_notified(struct ensemble *e, zk_sid from, const uint8_t *body, size_t len);
void ensemble_reachable(struct ensemble *e, zk_sid peer, bool is_reachable);
void ensemble_link_up(struct ensemble *e, zab_link link);   /* That io->connect asked for. */
void ensemble_link_down(struct ensemble *e, zab_link link); /* Either side's. */
/* Bytes of a link, ours or an incoming one (known from its first bytes on). Returns how many were
 * taken (the rest comes again with more), or -EBADMSG: it was told to close. */
int64_t ensemble_received(struct ensemble *e, zab_link link, const uint8_t *at, size_t len);
void ensemble_room(struct ensemble *e, zab_link link);
void ensemble_logged(struct ensemble *e, zk_zxid zxid);
void ensemble_snapshot_saved(struct ensemble *e);
/* The end of a turn: seals the batch that was prepared, hands it to the log and to the learners,
 * tops up feeds. Returns the batch that went to the log, for the snapshot's count, or NULL. */
struct wal_batch *ensemble_turn_end(struct ensemble *e);
/* Learners wait for more than one turn may give them: the loop should not sleep. */
bool ensemble_has_work(const struct ensemble *e);
void ensemble_step_down(struct ensemble *e, const char *why); /* Planned stop. */
bool ensemble_has_stepped_down(const struct ensemble *e);

/* ---- The request floor. */
bool ensemble_serves(const struct ensemble *e);
bool ensemble_leads(const struct ensemble *e); /* Serves, as leader (or alone). */
bool ensemble_can_submit(const struct ensemble *e);
/* A client's write, or our own createSession, closeSession. We lead: as order_submit(). We learn:
 * it is sent to the leader; ORDER_SUBMITTED with *ret_zxid 0, and host.sink.applied tells of it
 * with origin NULL: the request floor finds whose it is by session and xid, the oldest of that
 * session. */
enum order_verdict ensemble_submit(struct ensemble *e, struct write_request *req,
                                   enum zk_err *ret_err, zk_zxid *ret_zxid);
/* sync: the ticket to wait for, or 0: it may be answered when all that is prepared is applied
 * (server of one). */
uint64_t ensemble_sync(struct ensemble *e, const struct write_request *req);
/* A linearizable read's ticket; shared by all of a turn. 0: read at once. */
uint64_t ensemble_read_index(struct ensemble *e);
/* A client came back to its session. 1: it lives; 0: it is over; -1: host.revalidated() answers,
 * as the leader is asked, or, where we lead, a quorum whether we do. -EBUSY: too many wait for
 * that; nothing may be said of it. */
int ensemble_revalidate(struct ensemble *e, zk_session_id id, int32_t timeout_ms);
/* A client of ours was heard: on a learner its leader must know, with the next PING. Cheap when it
 * is to be told already. */
void ensemble_touch(struct ensemble *e, struct session *s);
/* What the words tell. */
struct ensemble_view {
    size_t learners, synced_followers, synced_observers, synced_non_voting;
    uint64_t pending_syncs, proposals_sent;
    int64_t election_ms_last; /* How long the last one took; -1: none yet. */
    uint64_t elections;
};
void ensemble_view(const struct ensemble *e, struct ensemble_view *ret);
const struct ensemble_figures *ensemble_figures(const struct ensemble *e);
void ensemble_forget_figures(struct ensemble *e);

#endif
